"""FHIR URLs to interactions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tovholder.api import capabilities, create, delete, patch, read, search, transaction, update
from tovholder.api import history as versions
from tovholder.api.http import fhir_view
from tovholder.api.smart import wellknown


@fhir_view("GET", "POST")
def system(request: HttpRequest) -> HttpResponse:
    """[base]: Bundles, and search over several types."""
    return transaction.bundle(request) if request.method == "POST" else search.of_types(request)


@fhir_view("GET")
def metadata(request: HttpRequest) -> HttpResponse:
    """[base]/metadata: the CapabilityStatement."""
    return capabilities.capabilities(request)


@fhir_view("GET")
def system_history(request: HttpRequest) -> HttpResponse:
    """[base]/_history: versions of everything."""
    return versions.history(request)


@fhir_view("GET", "POST", "PUT", "PATCH", "DELETE")
def by_type(request: HttpRequest, kind: str) -> HttpResponse:
    """[base]/[type]: search and create; update, patch and delete by criteria."""
    interactions = {
        "GET": search.search,
        "POST": create.create,
        "PUT": update.conditional_update,
        "PATCH": patch.conditional_patch,
        "DELETE": delete.conditional_delete,
    }
    return interactions[_method(request)](request, kind)


@fhir_view("POST")
def search_by_post(request: HttpRequest, kind: str) -> HttpResponse:
    """[base]/[type]/_search: search by a form."""
    return search.search(request, kind)


@fhir_view("POST")
def types_by_post(request: HttpRequest) -> HttpResponse:
    """[base]/_search: search over several types, by a form."""
    return search.of_types(request)


@fhir_view("GET")
def compartment(request: HttpRequest, rid: str, kind: str) -> HttpResponse:
    """[base]/Patient/[id]/[type]: what is in a patient's compartment; ``*`` for every type (R4 §3.1.1.1)."""
    return search.in_compartment(request, rid, kind)


@fhir_view("POST")
def compartment_by_post(request: HttpRequest, rid: str, kind: str) -> HttpResponse:
    """[base]/Patient/[id]/[type]/_search: the same by a form."""
    return search.in_compartment(request, rid, kind)


@fhir_view("GET")
def type_history(request: HttpRequest, kind: str) -> HttpResponse:
    """[base]/[type]/_history: versions of a type."""
    return versions.history(request, kind)


@fhir_view("GET", "PUT", "PATCH", "DELETE")
def by_id(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """[base]/[type]/[id]: read, update, patch, delete."""
    interactions = {"GET": read.read, "PUT": update.update, "PATCH": patch.patch, "DELETE": delete.delete}
    return interactions[_method(request)](request, kind, rid)


@fhir_view("GET")
def instance_history(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """[base]/[type]/[id]/_history: versions of a resource."""
    return versions.history(request, kind, rid)


@fhir_view("GET")
def by_version(request: HttpRequest, kind: str, rid: str, version: str) -> HttpResponse:
    """[base]/[type]/[id]/_history/[vid]: vread."""
    return read.vread(request, kind, rid, version)


def _method(request: HttpRequest) -> str:
    return "GET" if request.method == "HEAD" else str(request.method)


urlpatterns = [
    path("", system),
    path("/", system),
    path("/metadata", metadata),
    path("/.well-known/smart-configuration", wellknown.smart_configuration),
    path("/_history", system_history),
    path("/_search", types_by_post),
    path("", include("tovholder.api.operations.urls")),
    path("/<str:kind>", by_type),
    path("/<str:kind>/_search", search_by_post),
    path("/<str:kind>/_history", type_history),
    path("/<str:kind>/<str:rid>", by_id),
    path("/<str:kind>/<str:rid>/_history", instance_history),
    path("/Patient/<str:rid>/<str:kind>", compartment),
    path("/Patient/<str:rid>/<str:kind>/_search", compartment_by_post),
    path("/<str:kind>/<str:rid>/_history/<str:version>", by_version),
]
