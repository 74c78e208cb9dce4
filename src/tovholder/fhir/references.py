"""What resources point at: reading references, whom a resource is about, rewriting (R4 §2.3, §2.37)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from tovholder.fhir import search_tables
from tovholder.fhir.systems import BASE

Resource = dict[str, Any]
_LITERAL = re.compile(
    r"(?:(https?://[^?#\s]+)/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?"
)
_OWN_PATIENT = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})")
# Types outside the compartment definition (Device, GuidanceResponse …) that still say whom they are about.
_USUAL = (("patient",), ("subject",))
# A Binary follows the access rules of what it is content of (R4 §2.31.3).
_OTHER = {"Binary": (("securityContext",),)}


class Ref(NamedTuple):
    """A literal reference. ``base`` is empty for a reference within this server."""

    type: str
    id: str
    version: str | None = None
    base: str = ""


def parse_reference(text: str | None) -> Ref | None:
    """A literal reference ("Patient/1", "https://…/Patient/1/_history/2"); None for "#id", "urn:…" and searches."""
    match = _LITERAL.fullmatch(text) if text else None
    if match is None:
        return None
    base = match[1] or ""
    return Ref(match[2], match[3], match[4], "" if base == BASE else base)


def references(resource: Resource) -> list[tuple[str, str]]:
    """Every ``Reference.reference`` in the resource with the FHIRPath location of its Reference."""
    return list(_walk(resource, str(resource.get("resourceType", ""))))


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str):
            yield path, reference
        for name, child in value.items():
            if isinstance(child, dict | list):
                yield from _walk(child, f"{path}.{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, dict | list):
                yield from _walk(child, f"{path}[{index}]")


def rewrite(resource: Resource, mapping: Mapping[str, str]) -> None:
    """Replace, in place, each ``reference`` that is a key of the mapping (transaction Bundles, R4 §3.1.0.11.2).

    A ``urn:uuid:`` in a uri value of an extension is left: it may be an identifier in its own right.
    """
    stack: list[Any] = [resource]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str) and reference in mapping:
                value["reference"] = mapping[reference]
            stack.extend(child for child in value.values() if isinstance(child, dict | list))
        else:
            stack.extend(child for child in value if isinstance(child, dict | list))


def patient_of(resource: Resource) -> str | None:
    """The id of the patient the resource is about.

    The subject elements decide. Only where none names a patient do the other compartment elements (author,
    performer …) count, and then only when they name exactly one.
    """
    kind = resource.get("resourceType", "")
    if kind == "Patient":
        return resource.get("id")
    about, party = _paths(kind)
    for path in about:
        if len(path) == 1:  # by far the most common; spares a generator
            subject = resource.get(path[0])
            text = subject.get("reference") if isinstance(subject, dict) else None
            match = _OWN_PATIENT.fullmatch(text) if isinstance(text, str) else None
            if match:
                return match[1]
        for found in _patients(resource, path):
            return found
    if not party:
        return None
    others = {found for path in party for found in _patients(resource, path)}
    return others.pop() if len(others) == 1 else None


def patients_of(resource: Resource) -> frozenset[str]:
    """The ids of all patients whose compartment holds the resource (a group appointment has several)."""
    kind = resource.get("resourceType", "")
    if kind == "Patient":
        return frozenset(filter(None, [resource.get("id")]))
    about, party = _paths(kind)
    return frozenset(found for path in about + party for found in _patients(resource, path))


def subjects_of(resource: Resource) -> frozenset[str]:
    """The ids of all patients the resource is about: whom the subject elements name, else whom the others name."""
    kind = resource.get("resourceType", "")
    if kind == "Patient":
        return patients_of(resource)
    about, party = _paths(kind)
    named = frozenset(found for path in about for found in _patients(resource, path))
    return named or frozenset(found for path in party for found in _patients(resource, path))


@cache
def _paths(kind: str) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    entry = search_tables.patient_compartment().get(kind)
    if entry is None:
        return _OTHER.get(kind, _USUAL), ()
    about, party = (tuple(tuple(path.split(".")) for path in entry[role]) for role in ("about", "party"))
    return about, party


def _patients(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Patient ids of the references at the path, lists and choice elements (``occurrenceReference``) included."""
    for at, name in enumerate(path):
        if isinstance(value, list):
            for item in value:
                yield from _patients(item, path[at:])
            return
        if not isinstance(value, dict):
            return
        child = value.get(name)
        value = value.get(f"{name}Reference") if child is None else child
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            text = item.get("reference")
            if isinstance(text, str) and "Patient/" in text:
                found = parse_reference(text)
                # A patient of another server is not ours, whatever id it has there.
                if found is not None and found.type == "Patient" and not found.base:
                    yield found.id
