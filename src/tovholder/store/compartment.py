"""Which resources name a patient beside the one they are filed under: a group's appointment is about several."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from tovholder import database
from tovholder.fhir import search_tables, searchparams
from tovholder.fhir.index_tables import param_id


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
