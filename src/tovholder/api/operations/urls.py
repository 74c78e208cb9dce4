"""Addresses of operations, and of what a Bulk Data export is asked about and fetched by."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, register_converter

from tovholder.api import operations
from tovholder.api.http import fhir_view
from tovholder.api.operations import export


@fhir_view("GET", "POST")
def operation(request: HttpRequest, name: str, kind: str = "", rid: str = "") -> HttpResponse:
    """[base]/$name, [base]/[type]/$name, [base]/[type]/[id]/$name (R4 §3.2)."""
    return operations.run(request, name, kind, rid)


@fhir_view("GET", "DELETE")
def export_status(request: HttpRequest, export_id: str) -> HttpResponse:
    """Where a client asks how far its export is, or ends it."""
    return export.status(request, export_id)


@fhir_view("GET", also=export.NDJSON)
def export_file(request: HttpRequest, export_id: str, name: str) -> Any:
    """One file of an export, streamed."""
    return export.file(request, export_id, name)


class OperationName:
    """``$name`` in a path."""

    regex = r"\$[^/]+"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    to_url = to_python


register_converter(OperationName, "operation")

urlpatterns = [
    path("/$export-status/<str:export_id>", export_status),
    path("/$export-file/<str:export_id>/<str:name>", export_file),
    path("/<operation:name>", operation),
    path("/<str:kind>/<operation:name>", operation),
    path("/<str:kind>/<str:rid>/<operation:name>", operation),
]
