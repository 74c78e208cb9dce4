"""R4 search parameters: what can be asked of each type, of what kind it is and what it is compared by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tovholder.fhir import definitions, search_tables
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.search_paths import Path, paths
from tovholder.fhir.search_rows import Asked, Rows, share
from tovholder.fhir.search_values import fold, sounds


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: the parameter it stands for, and its path from each element of the composite's."""

    name: str
    kind: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One parameter of one type. ``kind`` is a FHIR search-param-type; ``target`` is empty unless a reference.

    components: of a composite its two parts, a token first. canonical: a reference by address, which no type and id
    answer. single: a resource has at most one value.

    is_patient: a patient of this server found under it is always store_resource.patient_id, so that a search may look
    there first. patient_alone: and no other element makes somebody the resource's patient, so that patient_id is the
    whole answer. Of a type that is not indexed ``patient`` is such a parameter and has no rows.

    rows: the parameters of the type under whose numbers its rows stand (``numbers``), since what several share is
    stored once; only: the type of reference that counts of those rows, empty for any.

    systems: the code systems of codes that are written without (gender): a token asked for with one of them is the
    one without. phonetic: compared by likeness of sound.
    """

    name: str
    kind: str
    expression: str
    target: tuple[str, ...]
    documentation: str
    components: tuple[Component, ...] = ()
    canonical: bool = False
    single: bool = False
    is_patient: bool = False
    patient_alone: bool = False
    systems: tuple[str, ...] = ()
    phonetic: bool = False
    rows: tuple[str, ...] = ()
    only: str = ""

    def folded(self, text: str) -> str:
        """A text as the parameter's index rows have it (not yet cut by ``search_values.bounded``)."""
        return sounds(text) if self.phonetic else fold(text)


# What every type has beside its own.
_EVERYWHERE = ("_profile", "_security", "_source", "_tag")
_SUBJECTS = ("patient", "subject")


@cache
def _table(resource_type: str) -> dict[str, SearchParameter]:
    shared = row_plan(resource_type)
    table = {
        name: _parameter(resource_type, name, entry, shared[name]) for name, entry in _entries(resource_type).items()
    }
    if "patient" not in table and resource_type not in search_tables.parameters() and _has_patient(resource_type):
        told = "Who the resource is about"
        table["patient"] = SearchParameter(
            "patient", "reference", "", ("Patient",), told, single=True, is_patient=True, patient_alone=True
        )
    return dict(sorted(table.items()))


def _entries(resource_type: str) -> dict[str, dict[str, Any]]:
    """The definitions of a type's parameters; of a type without a table those that every type has."""
    entries = search_tables.parameters().get(resource_type)
    if entries is None and resource_type in definitions.resource_types():
        model = search_tables.parameters()["Binary"]
        entries = {name: model[name] for name in _EVERYWHERE}
    return entries or {}


@cache
def row_plan(resource_type: str) -> dict[str, Rows]:
    """Under which numbers the rows of each parameter stand, and which of its ways make rows of its own."""
    return share({name: _asked(resource_type, name, entry) for name, entry in _entries(resource_type).items()})


def _asked(resource_type: str, name: str, entry: dict[str, Any]) -> Asked:
    parts = [part[key] for part in entry.get("components", ()) for key in ("kind", "expression")]
    signature = (entry["kind"], name if name == "phonetic" else "", *parts)
    return Asked(signature, _ways(resource_type, entry))


def _ways(resource_type: str, entry: dict[str, Any]) -> tuple[Path, ...]:
    found = paths(resource_type, entry["expression"], entry["kind"])
    # A whole resource within (the Composition a document Bundle begins with) counts by its type.
    return tuple(replace(way, target=entry["target"][0]) if way.type == "Resource" else way for way in found)


def _parameter(resource_type: str, name: str, entry: dict[str, Any], shared: Rows) -> SearchParameter:
    kind, expression = entry["kind"], entry["expression"]
    components = tuple(Component(**part) for part in entry.get("components", ()))
    ways = _ways(resource_type, entry)
    codes = [definitions.codes(way.binding) or {} for way in ways if way.type == "code" and way.binding]
    about, party = _patient_paths(resource_type)
    is_patient = kind == "reference" and len(ways) == 1 and [".".join(ways[0].names)] == about[:1] and ways[0].single
    return SearchParameter(
        name=name,
        kind=kind,
        expression=expression,
        target=tuple(entry["target"]),
        documentation=entry["documentation"],
        components=components,
        canonical=bool(ways) and all(way.type in ("canonical", "uri") for way in ways),
        single=len(ways) == 1 and ways[0].single,
        is_patient=is_patient,
        patient_alone=is_patient and len(about) == 1 and not party,
        systems=tuple(dict.fromkeys(system for listed in codes for system in listed)),
        phonetic=name == "phonetic",
        rows=shared.names,
        only=shared.only,
    )


def _patient_paths(resource_type: str) -> tuple[list[str], list[str]]:
    entry = search_tables.patient_compartment().get(resource_type)
    return (entry["about"], entry["party"]) if entry is not None else ([], [])


def _has_patient(resource_type: str) -> bool:
    """Whether ``references.patient_of`` can name somebody."""
    if any(_patient_paths(resource_type)):
        return True
    elements = (definitions.find(resource_type, name) for name in _SUBJECTS)
    return any(
        element is not None and "Reference" in element.types and (not element.targets or "Patient" in element.targets)
        for element in elements
    )


def ways(resource_type: str, name: str) -> tuple[Path, ...]:
    """Where the values of a parameter stand; of a composite the elements its parts stand on."""
    entry = _entries(resource_type).get(name)
    return _ways(resource_type, entry) if entry is not None else ()


def indexed_types() -> tuple[str, ...]:
    """The types with all their R4 parameters; the others have what every type has, and their patient."""
    return tuple(sorted(search_tables.parameters()))


def parameters_of(resource_type: str) -> tuple[SearchParameter, ...]:
    """The parameters of a type by name, without ``_id`` and ``_lastUpdated``; none for what is no R4 type."""
    return tuple(_table(resource_type).values())


def search_parameter(resource_type: str, name: str) -> SearchParameter | None:
    """One parameter of a type, without modifier or prefix; None when there is none."""
    return _table(resource_type).get(name)


@cache
def numbers(resource_type: str, name: str, suffix: str = "") -> tuple[int, ...]:
    """The numbers a parameter's rows stand under in the index; suffix ``:text`` or ``:identifier``. None has none.

    Of a parameter with ``only`` the rows of other types are not its own.
    """
    found = search_parameter(resource_type, name)
    return tuple(param_id(f"{resource_type}.{owner}{suffix}") for owner in found.rows) if found is not None else ()


# The date a timeline is sorted by, where the parameter is not called ``date``.
_MAIN_DATES = {
    "CarePlan": "date",
    "Communication": "sent",
    "Condition": "onset-date",
    "Goal": "start-date",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "QuestionnaireResponse": "authored",
    "ServiceRequest": "authored",
    "Task": "authored-on",
    "Patient": "birthdate",
    "ImagingStudy": "started",
    "Provenance": "recorded",
    "Slot": "start",
}


@cache
def main_date(resource_type: str) -> int | None:
    """The number of the date parameter that says when such a resource happened; None where there is none."""
    name = _MAIN_DATES.get(resource_type, "date")
    found = search_parameter(resource_type, name)
    return numbers(resource_type, name)[0] if found is not None and found.kind == "date" else None


# Where another parameter tells when what began on the main date was over.
_ENDS = {"Condition": "abatement-date", "Goal": "target-date"}


@cache
def spans() -> frozenset[int]:
    """The numbers of every type's main date, and of what ends it: the dates that say how long something lasted."""
    found = {number for kind in indexed_types() if (number := main_date(kind)) is not None}
    return frozenset(found | {number for kind, name in _ENDS.items() for number in numbers(kind, name)})
