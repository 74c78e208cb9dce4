"""capabilities: GET [base]/metadata, made from what the code does (R4 §3.1.0.9)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from tovholder import __version__
from tovholder.api import http
from tovholder.fhir import searchparams
from tovholder.fhir.validate import resource_types

INTERACTIONS = ("read", "vread", "update", "delete", "create", "search-type")
# Released with the version: the statement's own date changes only when the statement does.
DATE = "2026-11-23"


def capabilities(request: HttpRequest) -> HttpResponse:
    """The CapabilityStatement."""
    return http.answer(statement(http.base_url(request)))


def statement(base: str) -> dict[str, Any]:
    """What this server does, as a resource."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "software": {"name": "Tovholder", "version": __version__},
        "implementation": {"description": "Tovholder FHIR R4", "url": base},
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Bearer token; what a role may see stands in the access policy."},
                "resource": [_resource(kind) for kind in sorted(resource_types()) if kind != "AuditEvent"],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": [
            {"name": "_id", "type": "token"},
            {"name": "_lastUpdated", "type": "date"},
            *({"name": item.name, "type": item.kind} for item in searchparams.parameters_of(kind)),
        ],
    }
    return found
