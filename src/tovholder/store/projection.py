"""What stands beside the record for deciding who may see what: each resource's rows in the access context's tables.

Relations, blocks, powers of attorney, relatives and units are made from resources in the transaction that stores them,
and by a rebuild from the record alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tovholder import database
from tovholder.access import blocks, generation, persons, representation, units
from tovholder.access import relations as relation_table
from tovholder.access.representation import Kind, RelativeRow
from tovholder.access.units import UnitRow
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference, patient_of
from tovholder.store import consents, relations

Resource = dict[str, Any]
Rows = dict[str, list[tuple[Any, ...]]]

# Every table, with its columns; each has the source its rows came from.
TABLES: dict[str, tuple[str, ...]] = {
    relation_table.TABLE: relation_table.COLUMNS,
    blocks.TABLE: blocks.COLUMNS,
    units.TABLE: units.COLUMNS,
    representation.RELATIVES: representation.RELATIVE_COLUMNS,
    representation.TABLE: representation.COLUMNS,
}
# Which of them each type gives rows of.
TABLES_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(relations.SOURCES, (relation_table.TABLE,)),
    "Consent": (relation_table.TABLE, blocks.TABLE, representation.TABLE),
    "RelatedPerson": (representation.RELATIVES,),
    "Organization": (units.TABLE,),
}
SOURCES = frozenset(TABLES_OF)
# Those whose rows hang on when they were stored.
DATED = relations.DATED
# What a token or session stands for is remembered with these in it, and the types they are made from.
_REMEMBERED = frozenset({units.TABLE, representation.RELATIVES, representation.TABLE})
REMEMBERED = frozenset(kind for kind, tables in TABLES_OF.items() if _REMEMBERED.intersection(tables))
_PERSONAL = ("birthDate", "deceasedBoolean", "deceasedDateTime")
_RELATIONSHIPS = {
    "PARAUTH": Kind.CUSTODY,
    "GUARD": Kind.GUARDIAN,
    "FTH": Kind.PARENT,
    "MTH": Kind.PARENT,
    "PRN": Kind.PARENT,
}
_RELATIONSHIP_SYSTEMS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
        "http://hl7.dk/fhir/core/CodeSystem/dk-relatedperson-relationshipcodes",
    }
)
_STRONGEST = (Kind.GUARDIAN, Kind.CUSTODY, Kind.PARENT)


def rows_of(resource: Resource) -> Rows:
    """The rows one current resource gives, by table; none where it gives none."""
    kind = resource["resourceType"]
    found: Rows = {}
    if kind in relations.SOURCES:
        _add(found, relation_table.TABLE, relation_table.rows(relations.relations_of(resource)))
    if kind == "Consent":
        told = consents.told(resource)
        _add(found, blocks.TABLE, [block.values() for block in told.blocks])
        _add(found, representation.TABLE, [given.values() for given in told.given])
    elif kind == "RelatedPerson":
        _add(found, representation.RELATIVES, [row.values() for row in relatives(resource)])
    elif kind == "Organization":
        _add(found, units.TABLE, units.rows(_units(resource)))
    return found


def _add(found: Rows, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        found[table] = list(rows)


def merge(into: Rows, more: Rows) -> None:
    """Add rows to those of other resources."""
    for table, rows in more.items():
        into.setdefault(table, []).extend(rows)


def batches(rows: Rows) -> list[tuple[str, Sequence[str], Sequence[tuple[Any, ...]]]]:
    """As ``database.insert_all`` takes them."""
    return [(table, TABLES[table], some) for table, some in rows.items()]


def remove(sources: Iterable[str], *, prefix: str = "") -> None:
    """Take away all rows that came from the sources (``Type/id``); inside the caller's transaction."""
    gone: dict[str, list[tuple[str]]] = {}
    for source in sources:
        for table in TABLES_OF[source.partition("/")[0]]:
            gone.setdefault(table, []).append((source,))
    for table, some in gone.items():
        database.bulk_delete(prefix + table, ("source",), some)


def note_changed(before: Rows, after: Rows) -> None:
    """Have what is remembered of people's rights forgotten, where these rows were part of it and changed."""
    if any(before.get(table, []) != after.get(table, []) for table in _REMEMBERED):
        generation.bump()


def note_person(before: Resource | None, after: Resource | None) -> None:
    """Have it forgotten, too, where a patient's age or death changed, on which hangs who may stand in for them."""
    if before is not None and any(before.get(name) != (after or {}).get(name) for name in _PERSONAL):
        generation.bump()


def relatives(person: Resource) -> list[RelativeRow]:
    """Who a RelatedPerson is to the patient; nobody without a CPR number to know them by."""
    patient = patient_of(person)
    numbers = [item.get("value") for item in person.get("identifier") or () if item.get("system") == systems.CPR]
    key = next((found for number in numbers if number and (found := persons.person_of(str(number)))), "")
    if patient is None or not key or person.get("active") is False:
        return []
    codes = [
        coding.get("code")
        for concept in person.get("relationship") or ()
        for coding in concept.get("coding") or ()
        if coding.get("system") in _RELATIONSHIP_SYSTEMS
    ]
    kinds = {_RELATIONSHIPS[code] for code in codes if code in _RELATIONSHIPS}
    kind = next((one for one in _STRONGEST if one in kinds), Kind.RELATIVE)
    period = person.get("period") or {}
    first, last = days.parse_day(period.get("start")), days.parse_day(period.get("end"))
    return [RelativeRow(str(person["id"]), patient, key, kind, first or 0, last)]


def _units(organization: Resource) -> list[UnitRow]:
    ref = parse_reference((organization.get("partOf") or {}).get("reference", ""))
    identity = str(organization["id"])
    if ref is None or ref.base or ref.type != "Organization" or ref.id == identity:
        return []
    return [UnitRow(identity, ref.id, f"Organization/{identity}")]
