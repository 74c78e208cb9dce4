"""Relation rows: why an organisation may see a patient. Store projects resources into them; policy conditions read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tovholder import database


@dataclass(frozen=True, slots=True)
class RelationRow:
    """A patient is related to an organisation from a day to a day (None: open), because of a resource."""

    patient_id: str
    organization_id: str
    kind: str  # own-list, care-team, referral, appointment, contact, own-act, stated
    source: str  # Type/id
    from_day: int = 0
    to_day: int | None = None


TABLE = "access_relation"
COLUMNS = ("patient_id", "organization_id", "kind", "source", "from_day", "to_day")


def rows(relations: Iterable[RelationRow]) -> list[tuple[str | int | None, ...]]:
    """As the table has them (``COLUMNS``)."""
    return [(r.patient_id, r.organization_id, r.kind, r.source, r.from_day, r.to_day) for r in relations]


def remove(sources: Iterable[str]) -> None:
    """Take away all rows that came from the sources; inside the caller's transaction."""
    database.bulk_delete(TABLE, ("source",), [(source,) for source in sources])


def holds_rope(patient: str, organization: str, today: int) -> tuple[str, list[str | int]]:
    """A WHERE term (with its values): the organisation holds the rope of whom the column ``patient`` names, or is
    their own clinic."""
    term = (
        f"EXISTS (SELECT 1 FROM access_relation AS rope WHERE rope.patient_id = {patient} AND rope.organization_id = %s"
        " AND rope.from_day <= %s AND (rope.to_day IS NULL OR rope.to_day >= %s)"
        " AND (rope.kind = 'own-list' OR (rope.kind = 'care-team' AND substr(rope.source, 1, 14) = 'EpisodeOfCare/')))"
    )
    return term, [organization, today, today]
