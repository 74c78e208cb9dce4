"""FHIR URLs to interactions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path, register_converter

from tovholder.api import capabilities, create, delete, operations, read, search, transaction, update
from tovholder.api.http import fhir_view


@fhir_view("POST")
def system(request: HttpRequest) -> HttpResponse:
    """[base]: Bundles."""
    return transaction.bundle(request)


@fhir_view("GET")
def metadata(request: HttpRequest) -> HttpResponse:
    """[base]/metadata."""
    return capabilities.capabilities(request)


@fhir_view("GET", "POST")
def by_type(request: HttpRequest, kind: str) -> HttpResponse:
    """[base]/[type]: search and create."""
    return create.create(request, kind) if request.method == "POST" else search.search(request, kind)


@fhir_view("POST")
def search_by_post(request: HttpRequest, kind: str) -> HttpResponse:
    """[base]/[type]/_search."""
    return search.search(request, kind)


@fhir_view("GET", "PUT", "DELETE")
def by_id(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """[base]/[type]/[id]: read, update, delete."""
    if request.method == "PUT":
        return update.update(request, kind, rid)
    if request.method == "DELETE":
        return delete.delete(request, kind, rid)
    return read.read(request, kind, rid)


@fhir_view("GET")
def by_version(request: HttpRequest, kind: str, rid: str, version: str) -> HttpResponse:
    """[base]/[type]/[id]/_history/[vid]: vread."""
    return read.vread(request, kind, rid, version)


@fhir_view("GET", "POST")
def operation(request: HttpRequest, name: str, kind: str = "", rid: str = "") -> HttpResponse:
    """[base]/$name, [base]/[type]/$name, [base]/[type]/[id]/$name (R4 §3.2)."""
    return operations.run(request, name, kind, rid)


class OperationName:
    """``$name`` in a path."""

    regex = r"\$[^/]+"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    to_url = to_python


register_converter(OperationName, "operation")

urlpatterns = [
    path("", system),
    path("/", system),
    path("/metadata", metadata),
    path("/<operation:name>", operation),
    path("/<str:kind>/<operation:name>", operation),
    path("/<str:kind>/<str:rid>/<operation:name>", operation),
    path("/<str:kind>", by_type),
    path("/<str:kind>/_search", search_by_post),
    path("/<str:kind>/<str:rid>", by_id),
    path("/<str:kind>/<str:rid>/_history/<str:version>", by_version),
]
