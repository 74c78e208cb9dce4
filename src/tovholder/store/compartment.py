"""Which resources name a patient beside the one they are filed under, and whom: a group's appointment is about several."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from tovholder import database
from tovholder.fhir import definitions, search_tables, searchparams
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.references import subjects_of
from tovholder.store.rows import Stored


def kinds() -> frozenset[str]:
    """The types that may be about a patient, ``Patient`` itself among them (R4 patient compartment)."""
    return frozenset({"Patient", *search_tables.patient_compartment()})


def naming(patients: Iterable[str], kind: str | None = None) -> tuple[str, list[Any]]:
    """A WHERE term on ``r``, true for resources (of a type) in which some element names one of the patients.

    Which element that is, and so whether the resource is about them, is seen in the resource
    (``references.subjects_of``).
    """
    params, numbers = database.in_list("i.param", _params() if kind is None else _params_of(kind))
    people, ids = database.in_list("i.rid", patients)
    inner = f"SELECT i.key FROM store_reference AS i WHERE {params} AND {people} AND i.type = 'Patient'"
    return f"r.key IN ({inner})", [*numbers, *ids]


@cache
def _params() -> tuple[int, ...]:
    return tuple(number for kind in sorted(search_tables.patient_compartment()) for number in _params_of(kind))


@cache
def _params_of(kind: str) -> tuple[int, ...]:
    return tuple(
        param_id(f"{kind}.{item.name}")
        for item in searchparams.parameters_of(kind)
        if item.kind == "reference" and (not item.target or "Patient" in item.target)
    )


def about(stored: Stored, patient: str | None) -> frozenset[str]:
    """Everybody a resource is about, whom its reader is shown. patient: the one it is filed under.

    Only what may be about several, or is about several equally and so filed under nobody, need be read for it.
    """
    filed = frozenset({patient}) if patient is not None else frozenset[str]()
    return filed | subjects_of(stored.resource) if may_name_others(stored.type, patient) else filed


def may_name_others(kind: str, patient: str | None) -> bool:
    """Whether a resource must be read to tell everybody it is about. patient: the one it is filed under."""
    return kind in shared() or (patient is None and kind in search_tables.patient_compartment())


@cache
def shared() -> frozenset[str]:
    """The types with a subject that is a list."""
    compartment = search_tables.patient_compartment()
    return frozenset(kind for kind, held in compartment.items() if any(_is_list(kind, path) for path in held["about"]))


def _is_list(kind: str, path: str) -> bool:
    at = kind
    for name in path.split("."):
        element = definitions.find(at, name)
        if element is None or element.is_list:
            return True
        at = definitions.child_path(at, name)
    return False
