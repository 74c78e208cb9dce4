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


# UNION, not UNION ALL: two that say they are part of each other come up once each.
_ABOVE = """
WITH RECURSIVE above (id) AS (
  SELECT part_of FROM access_unit WHERE organization_id = %s
  UNION
  SELECT unit.part_of FROM access_unit AS unit JOIN above ON unit.organization_id = above.id
) SELECT id FROM above
"""
_BELOW = """
WITH RECURSIVE below (id) AS (
  SELECT organization_id FROM access_unit WHERE part_of = %s
  UNION
  SELECT unit.organization_id FROM access_unit AS unit JOIN below ON unit.part_of = below.id
) SELECT id FROM below
"""


def of(organization: str | None) -> tuple[str, ...]:
    """The organisation and all it is part of, itself first; none for nobody's."""
    return _walked(_ABOVE, organization)


def under(organization: str | None) -> tuple[str, ...]:
    """The organisation and all that are part of it, itself first."""
    return _walked(_BELOW, organization)


def _walked(sql: str, organization: str | None) -> tuple[str, ...]:
    if not organization:
        return ()
    found = {str(row[0]) for row in database.rows(sql, [organization])}
    return (organization, *sorted(found - {organization}))
