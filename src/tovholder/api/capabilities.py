"""capabilities: GET [base]/metadata, made from what the code does (R4 §3.1.0.9)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tovholder import __version__
from tovholder.api import http, negotiate
from tovholder.api.operations import OPERATIONS
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import search_tables, searchparams
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store import audit_search
from tovholder.store.params.special import EVERYWHERE

INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
READ_ONLY = ("read", "search-type")
SYSTEM = ("transaction", "batch", "history-system", "search-system")
FORMATS = (negotiate.FHIR_JSON, "application/json", "json")
PATCH_FORMATS = (negotiate.PATCH_JSON,)
# Released with the version: the statement's own date changes only when the statement does.
DATE = "2026-11-23"
DK_SMART = "http://hl7.dk/fhir/smart/CapabilityStatement/dk-smart-server"
SMART = "http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_MODES = ("full", "normative", "terminology")


def capabilities(request: HttpRequest) -> HttpResponse:
    """The CapabilityStatement. Raises Problem for a mode there is not."""
    if request.GET.get("mode", "full") not in _MODES:
        raise Problem(
            Category.INVALID,
            "There is no such statement",
            [Issue("mode", "unknown", f"one of: {', '.join(_MODES)}", "value")],
            kept="nothing was read",
        )
    return http.answer(None, raw=_written(http.base_url(request), settings.ENV.delete_many))


@lru_cache(16)  # one for each name we are known under
def _written(base: str, delete_many: bool) -> bytes:
    return json.dumps(statement(base, delete_many=delete_many))


def statement(base: str, *, delete_many: bool) -> dict[str, Any]:
    """What this server does, as a resource."""
    limits = settings.ENV.limits
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "patchFormat": list(PATCH_FORMATS),
        "software": {"name": "Tovholder", "version": __version__},
        "instantiates": [DK_SMART],
        "implementationGuide": [SMART],
        "implementation": {"description": "Tovholder FHIR R4", "url": base},
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    f"At most: {limits.body} bytes in a body, {limits.resource} bytes and {limits.values} values in a"
                    f" resource, {limits.entries} entries in a Bundle, {limits.count} resources on a page,"
                    f" {limits.search_values} values in a search, {limits.url} bytes in an address."
                ),
                "security": _security(base.removesuffix("/fhir")),
                "resource": [_resource(kind, delete_many=delete_many) for kind in sorted(resource_types())],
                "interaction": [{"code": code} for code in SYSTEM],
                "searchParam": [_parameter("", item) for item in EVERYWHERE.values()],
                "operation": _operations("system", "*"),
                "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            }
        ],
    }


def _security(root: str) -> dict[str, Any]:
    """How one comes to a token (SMART App Launch 1.0 §capability statement; DK SMART 1.0.0 names it so, too)."""
    ends = {"authorize": "authorize", "token": "token", "introspect": "introspect", "revoke": "revoke"}
    if settings.ENV.registration:
        ends["register"] = "register"
    return {
        "extension": [
            {
                "url": OAUTH_URIS,
                "extension": [{"url": name, "valueUri": f"{root}/smart/{end}"} for name, end in ends.items()],
            }
        ],
        "cors": True,
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}], "text": "SMART on FHIR"}],
        "description": (
            "Bearer token, from the authorization server in /.well-known/smart-configuration. What an app or system may"
            " do is what its scopes, its registration and its user's rights all allow."
        ),
    }


def _resource(kind: str, *, delete_many: bool) -> dict[str, Any]:
    if kind in http.READ_ONLY:
        return {
            "type": kind,
            "documentation": "Written by the record itself.",
            "interaction": [{"code": code} for code in READ_ONLY],
            "versioning": "no-version",
            "readHistory": False,
            "updateCreate": False,
            "conditionalCreate": False,
            "conditionalRead": "full-support",
            "conditionalUpdate": False,
            "conditionalDelete": "not-supported",
            "searchParam": [_audit_parameter(name) for name in audit_search.parameters()],
        }
    parameters = searchparams.parameters_of(kind)
    found: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple" if delete_many else "single",
        "referencePolicy": ["literal", "local"],
        "searchInclude": ["*", *(f"{kind}:{item.name}" for item in parameters if item.kind == "reference")],
        "searchRevInclude": list(_pointing_at(kind)),
        "searchParam": [_parameter(kind, item) for item in (*EVERYWHERE.values(), *parameters)],
    }
    found["operation"] = _operations("type", kind, "instance")
    return {name: value for name, value in found.items() if value != []}


def _parameter(kind: str, item: SearchParameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": item.name}
    # What a type R4 gives no such parameter is asked by ours.
    if item.name.startswith("_") or kind in search_tables.parameters():
        found["definition"] = search_tables.definition_of(kind, item.name)
    return found | {"type": item.kind, "documentation": item.documentation}


def _audit_parameter(name: str) -> dict[str, Any]:
    found = EVERYWHERE.get(name) or searchparams.search_parameter("AuditEvent", name)
    if found is not None:
        return _parameter("AuditEvent", found)
    return {"name": name, "type": "token"}


@lru_cache(256)
def _pointing_at(kind: str) -> tuple[str, ...]:
    return tuple(
        f"{source}:{item.name}"
        for source in sorted(resource_types() - http.READ_ONLY)
        for item in searchparams.parameters_of(source)
        if item.kind == "reference" and (kind in item.target or not item.target)
    )


def _operations(level: str, kind: str, *more: str) -> list[dict[str, str]]:
    found = {
        name.removeprefix("$"): operation.definition
        for (at, of, name), operation in OPERATIONS.items()
        if at in (level, *more) and of in ("*", kind)
    }
    return [{"name": name, "definition": definition} for name, definition in sorted(found.items())]
