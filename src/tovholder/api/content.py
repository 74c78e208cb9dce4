"""What a request carries: its JSON, the resource in it, a patch; within the limits, own addresses made relative."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tovholder.api import limits, negotiate
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import references
from tovholder.fhir.validate import resource_types


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON object. Raises Problem for another media type, broken JSON, or something that is no object."""
    _require_type(negotiate.sent_type(request), negotiate.JSON_TYPES, negotiate.FHIR_JSON)
    return _object(request.body)


def _object(raw: bytes) -> dict[str, Any]:
    value = limits.read_json(raw)
    if not isinstance(value, dict):
        raise Problem(
            Category.MALFORMED,
            "The content is not a FHIR resource",
            [Issue("$this", "not a JSON object", "an object with resourceType", "structure")],
        )
    return value


def resource(request: HttpRequest, kind: str, base: str) -> dict[str, Any]:
    """The request's resource, of the type the URL names, references to this very server made relative. Raises Problem."""
    found = json_object(request)
    limits.check_alone(found, request.body)
    require_kind(found, kind)
    make_relative(found, request.body, base)
    return found


def require_kind(found: dict[str, Any], kind: str) -> None:
    """Raise Problem(INVALID) when the resource is of another type than the URL."""
    told = found.get("resourceType")
    if told != kind:
        raise Problem(
            Category.INVALID,
            "The resource is of another type than the URL",
            [Issue("resourceType", _found(told), kind, "invalid")],
        )


def require_id(found: dict[str, Any], kind: str, rid: str) -> None:
    """Raise Problem(INVALID) when the resource has not the URL's id (R4 §3.1.0.4)."""
    if found.get("id") != rid:
        raise Problem(
            Category.INVALID,
            "The resource's id is not the URL's",
            [Issue(f"{kind}.id", "missing or different", "the id in the URL", "value")],
        )


def patch(request: HttpRequest) -> Any:
    """A JSON Patch document, unchecked. Raises Problem (415) for other kinds of patches, saying what is taken."""
    kind = negotiate.sent_type(request)
    if kind in negotiate.JSON_TYPES:
        raise Problem(
            Category.UNSUPPORTED,
            "FHIRPath Patch is not supported",
            [Issue("Content-Type", "no JSON Patch", negotiate.PATCH_JSON, "not-supported")],
        )
    _require_type(kind, (negotiate.PATCH_JSON,), negotiate.PATCH_JSON)
    return limits.read_json(request.body)


def make_relative(found: dict[str, Any], raw: bytes, base: str) -> None:
    """References that name this server by the address the client knows it under become relative (R4 §2.3.0.1).

    They mean the same, and only so a search, an access check and another address of ours find them.
    """
    prefix = f"{base}/"
    if prefix.encode() not in raw and b"\\/" not in raw:
        return
    own = {text for _, text in references.references(found) if text.startswith(prefix)}
    relative = {text: text.removeprefix(prefix) for text in own}
    references.rewrite(found, {text: short for text, short in relative.items() if references.parse_reference(short)})


def _require_type(kind: str, accepted: tuple[str, ...], expected: str) -> None:
    if kind and kind not in accepted:
        raise Problem(
            Category.UNSUPPORTED,
            "The content is in a form we do not read",
            [Issue("Content-Type", "unsupported media type", expected, "not-supported")],
        )


def _found(kind: object) -> str:
    # Only a name of FHIR's own is told back; anything else may be anybody's name.
    if not kind:
        return "missing"
    return f"found {kind}" if isinstance(kind, str) and kind in resource_types() else "found no resource type"
