"""Whom a patient may want to keep something from or let in: places with a relation, and people who have looked."""

from __future__ import annotations

from dataclasses import dataclass

from tovholder import database
from tovholder.access import Context, units
from tovholder.base.errors import not_found
from tovholder.fhir.search_values import fold
from tovholder.store.search import run

MOST = 30  # people who looked most recently; places found by name


@dataclass(frozen=True, slots=True)
class Involved:
    """Ids: organisations the patient is related to now, those they are part of, and practitioners who looked."""

    organizations: tuple[str, ...]
    above: tuple[str, ...]
    practitioners: tuple[str, ...]


_RELATED = (
    "SELECT DISTINCT rel.organization_id FROM access_relation AS rel WHERE rel.patient_id = %s AND rel.from_day <= %s"
    " AND (rel.to_day IS NULL OR rel.to_day >= %s)"
)
_LOOKED = (
    "SELECT eve.actor, eve.organization_id, MAX(eve.id) AS latest FROM access_auditpatient AS pat"
    " JOIN access_auditevent AS eve ON eve.id = pat.event_id WHERE pat.patient_id = %s"
    " AND substr(eve.actor, 1, 13) = 'Practitioner/' AND eve.outcome = 'ok'"
    " GROUP BY eve.actor, eve.organization_id ORDER BY latest DESC LIMIT %s"
)


def of_patient(ctx: Context, *, looked: bool = True) -> Involved:
    """Of the citizen who asks, or of whom they stand for. looked: also those who stand in the log."""
    if ctx.patient is None:
        raise not_found("The patient")
    related = {row[0] for row in database.rows(_RELATED, [ctx.patient, ctx.today, ctx.today])}
    seen = database.rows(_LOOKED, [ctx.patient, MOST]) if looked else []
    related |= {row[1] for row in seen if row[1]}
    above = {unit for organization in related for unit in units.of(organization)} - related
    people = dict.fromkeys(str(row[0]).partition("/")[2] for row in seen)
    return Involved(tuple(sorted(related)), tuple(sorted(above)), tuple(people))


def found_by_name(ctx: Context, text: str) -> list[tuple[str, dict[str, object]]]:
    """Organisations and people of the directory whose name begins so, as references with their resources."""
    if len(fold(text)) < 2:
        return []
    found: list[tuple[str, dict[str, object]]] = []
    for kind in ("Organization", "Practitioner"):
        page = run.search(ctx, kind, [("name", text.replace(",", " ")), ("_count", str(MOST))])
        found += [(entry.reference, entry.resource) for entry in page.entries]
    return found
