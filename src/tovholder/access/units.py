"""Organisations that are part of others: a block of the whole reaches every part, down to the last unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tovholder import database

TABLE = "access_unit"
COLUMNS = ("organization_id", "part_of", "source")


@dataclass(frozen=True, slots=True)
class UnitRow:
    """An organisation is part of another, as it says itself (Organization.partOf)."""

    organization_id: str
    part_of: str
    source: str


def rows(units: Iterable[UnitRow]) -> list[tuple[str, str, str]]:
    """As the table has them (``COLUMNS``)."""
    return [(unit.organization_id, unit.part_of, unit.source) for unit in units]


def of(organization: str | None) -> tuple[str, ...]:
    """The organisation and all it is part of, itself first; none for nobody's."""
    return _walked(organization, "organization_id", "part_of")


def under(organization: str | None) -> tuple[str, ...]:
    """The organisation and all that are part of it, itself first."""
    return _walked(organization, "part_of", "organization_id")


def _walked(organization: str | None, here: str, there: str) -> tuple[str, ...]:
    """The organisation first, and all that are reached from it by going from one column to the other."""
    if not organization:
        return ()
    # UNION, not UNION ALL: two that say they are part of each other come up once each.
    sql = (
        f"WITH RECURSIVE reached (id) AS (SELECT {there} FROM access_unit WHERE {here} = %s"
        f" UNION SELECT unit.{there} FROM access_unit AS unit JOIN reached ON unit.{here} = reached.id)"
        " SELECT id FROM reached"
    )
    found = {str(row[0]) for row in database.rows(sql, [organization])}
    return (organization, *sorted(found - {organization}))
