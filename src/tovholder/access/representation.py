"""Who may stand in for a patient: parents of the young, guardians, and relatives with a power of attorney.

From RelatedPerson comes who somebody is to the patient, from Consent what the patient gave or took from them. Custody
(``PARAUTH``) is what lets a parent act; where nobody tells of a child's custody, its parents (``FTH``, ``MTH``, ``PRN``)
do. A child's parents act until the age of TOVHOLDER_MINOR_AGE. Whoever is somebody else needs a power of attorney, which
has a period and areas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings

from tovholder import database
from tovholder.access.blocks import ALWAYS
from tovholder.access.domain import Right
from tovholder.base import days

RELATIVES = "access_relative"
RELATIVE_COLUMNS = ("related_id", "patient_id", "person", "kind", "source", "from_day", "to_day")
TABLE = "access_representation"
COLUMNS = ("related_id", "patient_id", "areas", "denied", "source", "from_ms", "until_ms")
# What may be given: see the plan, see what it rests on, act in the patient's stead. Parents and guardians have all.
AREAS = (str(Right.PLAN), str(Right.RECORD), str(Right.ACT))


class Kind(StrEnum):
    """Who somebody is to the patient."""

    CUSTODY = "custody"
    PARENT = "parent"
    GUARDIAN = "guardian"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class RelativeRow:
    """A person is somebody to a patient, from a day to a day (None: open). person: keyed hash of the CPR number."""

    related_id: str
    patient_id: str
    person: str
    kind: Kind
    from_day: int = 0
    to_day: int | None = None

    def values(self) -> tuple[Any, ...]:
        """As the table has it (``RELATIVE_COLUMNS``)."""
        source = f"RelatedPerson/{self.related_id}"
        return (self.related_id, self.patient_id, self.person, str(self.kind), source, self.from_day, self.to_day)


@dataclass(frozen=True, slots=True)
class Given:
    """A patient gave a relative areas, or took everything from them (denied); half open, epoch milliseconds."""

    related_id: str
    patient_id: str
    areas: tuple[str, ...]
    denied: bool
    source: str
    from_ms: int = 0
    until_ms: int = ALWAYS

    def values(self) -> tuple[Any, ...]:
        """As the table has it (``COLUMNS``)."""
        return (
            self.related_id,
            self.patient_id,
            " ".join(self.areas),
            self.denied,
            self.source,
            self.from_ms,
            self.until_ms,
        )


@dataclass(frozen=True, slots=True)
class Represented:
    """A patient somebody may stand in for, from a day to a day (None: open). why: parent, guardian or poa."""

    patient_id: str
    related_id: str
    why: str
    areas: frozenset[str]
    from_day: int
    to_day: int | None

    def holds(self, today: int) -> bool:
        """Whether it holds today."""
        return self.from_day <= today and (self.to_day is None or today <= self.to_day)


_RELATIVES = f"""
SELECT {", ".join(f"rel.{name}" for name in RELATIVE_COLUMNS if name != "source")}, own.birth_day,
  own.deceased, EXISTS (SELECT 1 FROM access_relative AS told WHERE told.patient_id = rel.patient_id AND told.kind = 'custody')
FROM access_relative AS rel LEFT JOIN fact_patient AS own ON own.patient_id = rel.patient_id
WHERE rel.person = %s ORDER BY rel.patient_id, rel.related_id
"""


def of_person(person: str) -> list[Represented]:
    """Whom somebody (``persons.person_of`` their CPR number) may stand in for, now or on other days.

    A patient may stand there more than once: as their child until an age, and by a power of attorney. What the patient
    has taken from a relative is left out, or ends the day before; for the dead nobody acts.
    """
    if not person:
        return []
    rows = database.rows(_RELATIVES, [person])
    given = _given({str(row[0]) for row in rows})
    found: list[Represented] = []
    for related, patient, _person, kind, first, last, birth, dead, told in rows:
        if dead:
            continue
        mine = [one for one in given.get(related, ()) if one.patient_id == patient]
        taken = min((days.day_of_millis(one.from_ms) for one in mine if one.denied), default=None)
        span: tuple[int, int | None] = (first, last)
        if kind == Kind.GUARDIAN:
            found.append(Represented(patient, related, "guardian", frozenset(AREAS), *_until(span, taken)))
        elif (kind == Kind.CUSTODY or (kind == Kind.PARENT and not told)) and birth is not None:
            grown = days.add_months(birth, 12 * settings.ENV.minor_age)
            child = _until(_until(span, grown), taken)
            found.append(Represented(patient, related, "parent", frozenset(AREAS), *child))
        for one in mine:
            if not one.denied:
                begin = max(first, days.day_of_millis(one.from_ms))
                end = None if one.until_ms >= ALWAYS else days.day_of_millis(one.until_ms - 1) + 1
                found.append(
                    Represented(
                        patient, related, "poa", frozenset(one.areas), *_until(_until((begin, last), end), taken)
                    )
                )
    return [one for one in found if one.to_day is None or one.from_day <= one.to_day]


def _until(span: tuple[int, int | None], end: int | None) -> tuple[int, int | None]:
    """A span of days that ends the day before another at the latest."""
    first, last = span
    if end is None:
        return span
    return first, end - 1 if last is None else min(last, end - 1)


def _given(related: Iterable[str]) -> dict[str, list[Given]]:
    term, values = database.in_list("related_id", sorted(related))
    found: dict[str, list[Given]] = {}
    for row in database.rows(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE {term} ORDER BY id", values):
        one = Given(row[0], row[1], tuple(row[2].split()), bool(row[3]), row[4], row[5], row[6])
        found.setdefault(one.related_id, []).append(one)
    return found
