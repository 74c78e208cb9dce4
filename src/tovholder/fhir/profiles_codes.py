"""Codes against the value set an element is bound to (R4 §4.1.3): required, extensible, preferred."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tovholder.fhir.terminology import Membership, Terminology

_TEXT = frozenset({"code", "string", "uri", "url", "canonical", "id", "oid", "uuid", "markdown"})
SEVERITY = {"required": "error", "extensible": "warning", "preferred": "information"}


def codings(value: Any, kind: str) -> Iterator[tuple[str | None, str]] | None:
    """(system, code) of each code in a value; None when values of the type carry none."""
    if kind in _TEXT:
        return iter([(None, value)] if isinstance(value, str) else [])
    if kind in ("Coding", "Quantity"):
        return _coded([value])
    if kind == "CodeableConcept":
        return _coded(value.get("coding") or ()) if isinstance(value, dict) else None
    return None


def _coded(items: Any) -> Iterator[tuple[str | None, str]]:
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("code"), str):
            # A code without a system is in no value set; None would mean "of any system".
            yield item.get("system", ""), item["code"]


def membership(terminology: Terminology, value: Any, kind: str, value_set: str) -> Membership | None:
    """Whether one of the value's codes is in the value set; None when it carries no code at all."""
    found = codings(value, kind)
    answers = [terminology.contains(value_set, code, system) for system, code in found] if found is not None else []
    if not answers:
        return None
    for wanted in (True, None):
        for answer in answers:
            if answer.result is wanted:
                return answer
    return answers[0]


def kind_of(value: Any) -> str:
    """The coded type JSON looks like, where FHIRPath does not tell it."""
    if isinstance(value, str):
        return "code"
    if isinstance(value, dict):
        if "value" in value:
            return "Quantity"
        return "Coding" if "code" in value or "system" in value else "CodeableConcept"
    return ""
