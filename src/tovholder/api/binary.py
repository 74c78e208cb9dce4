"""Binary: its content itself in and out where no FHIR format is asked or sent (R4 §2.31)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from django.http import HttpRequest, HttpResponse

from tovholder.api import http, limits, negotiate
from tovholder.api.response import Response
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import parse_reference
from tovholder.store import Stored

# What may stand in a header as it is: a stored text could hold line ends (R4 code allows one between words).
_PLAIN = re.compile(r"[\x20-\x7e]{1,1000}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)


def is_raw(request: HttpRequest) -> bool:
    """Whether the body is content itself and no FHIR resource."""
    kind = (request.META.get("CONTENT_TYPE", "").partition(";")[0]).strip().lower()
    return bool(kind) and kind not in negotiate.JSON_TYPES and not kind.endswith("fhir+xml")


def of_content(request: HttpRequest) -> dict[str, Any]:
    """A Binary that holds the body. X-Security-Context says whose access rules it follows. Raises Problem."""
    header = request.META.get("CONTENT_TYPE", "").strip()
    if not _MEDIA_TYPE.fullmatch(header.partition(";")[0].strip().lower()):
        raise Problem(
            Category.UNSUPPORTED,
            "The content has no media type",
            [Issue("Content-Type", "no media type", "type/subtype", "not-supported")],
        )
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        negotiate.sent_type(request)
    made: dict[str, Any] = {"resourceType": "Binary", "contentType": header}
    context = request.headers.get("X-Security-Context")
    if context is not None:
        text = context.strip().removeprefix(f"{http.base_url(request)}/")
        if parse_reference(text) is None:
            raise Problem(
                Category.INVALID,
                "The security context is no reference",
                [Issue("X-Security-Context", "no reference", "Patient/<id>", "value")],
            )
        made["securityContext"] = {"reference": text}
    if request.body:
        if len(request.body) * 4 // 3 > limits.current().resource:
            raise limits.too_large("body", "the content is too large", f"{limits.current().resource} bytes in base64")
        made["data"] = base64.b64encode(request.body).decode()
    return made


def wants_resource(request: HttpRequest) -> bool:
    """Whether the client names a FHIR format; else it is given the content."""
    return negotiate.wants_fhir(request)


def answer(request: HttpRequest, stored: Stored) -> HttpResponse:
    """The content as it was sent; nothing in it may run in a browser as if it were ours."""
    resource = stored.resource
    try:
        raw = base64.b64decode(resource.get("data", ""))
    except (binascii.Error, ValueError):
        raise Problem(
            Category.UNSUPPORTED,
            "The content of this Binary is not base64",
            [Issue("Accept", "unreadable as content", negotiate.FHIR_JSON, "not-supported")],
            kept="nothing was changed",
        ) from None
    kind = resource.get("contentType")
    if not (isinstance(kind, str) and _PLAIN.fullmatch(kind)):
        kind = "application/octet-stream"
    response = Response(raw, content_type=kind)
    response.headers["Content-Disposition"] = "attachment"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    context = resource.get("securityContext")
    reference = context.get("reference") if isinstance(context, dict) else None
    if isinstance(reference, str) and _PLAIN.fullmatch(reference):
        response.headers["X-Security-Context"] = reference
    return http.with_version(request, response, stored)
