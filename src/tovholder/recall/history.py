"""What was sent: the clinic's rounds, one round person by person, and the invitation as its patient has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.cockpit.queries import full_name
from tovholder.plan import course
from tovholder.recall import record
from tovholder.recall.domain import UNSENT, Earlier, Standing, Way
from tovholder.recall.gathering import INVITED, invitations, patients, reach_of
from tovholder.recall.letters import Letter
from tovholder.recall.record import Invitation

OF_ROUND = INVITED + "  AND i.round_id = :round\n"
BOOKED = """
SELECT a.patient_id, a.activity_id, MAX(a.created_day) AS created_day
FROM appointment AS a
WHERE a.activity_id IS NOT NULL AND a.created_day IS NOT NULL
  AND a.status IN ('booked', 'arrived', 'checked-in', 'proposed', 'pending', 'fulfilled')
GROUP BY a.patient_id, a.activity_id
"""
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Round:
    """One round: when, which, and how many stand how (those who booked since count as booked)."""

    id: str
    day: int
    numbers: tuple[int, ...]
    counts: Mapping[Standing, int]

    @property
    def people(self) -> int:
        """How many it is."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a round."""

    name: str
    invitation: Invitation
    standing: Standing
    phone: str
    letter: Letter


def rounds(ctx: Context) -> list[Round]:
    """The clinic's rounds, the newest first; two queries."""
    booked = _booked(ctx)
    found: dict[str, list[tuple[str, Earlier]]] = {}
    for patient_id, held in invitations(store.facts(ctx, INVITED, name="recall")).items():
        for one in held:
            found.setdefault(one.round_id, []).append((patient_id, one))
    made = [
        Round(
            round_id,
            min(one.day for _, one in held),
            tuple(sorted({one.number for _, one in held})),
            Counter(_now(one.standing, one.day, one.activities, booked) for _, one in held),
        )
        for round_id, held in found.items()
    ]
    return sorted(made, key=lambda one: (one.day, one.id), reverse=True)


def people(ctx: Context, round_id: str) -> list[Person]:
    """Everybody in a round whom the caller may see, by name. Raises Problem(NOT_FOUND) for a round with nobody."""
    rows = store.facts(ctx, OF_ROUND, {"round": round_id}, name="recall")
    wanted = sorted({row["invitation_id"] for row in rows})
    if not wanted:
        raise not_found("The round")
    booked = _booked(ctx)
    found: list[Invitation] = []
    for start in range(0, len(wanted), _CHUNK):
        asked = ",".join(wanted[start : start + _CHUNK])
        entries = store.search_all(ctx, "CommunicationRequest", [("_id", asked)])
        found += [held for entry in entries if (held := record.read(entry.resource)) is not None]
    known = patients(ctx, [held.patient_id for held in found])
    made = [_person(known[held.patient_id], held, booked) for held in found if held.patient_id in known]
    return sorted(made, key=lambda one: (one.name.casefold(), one.invitation.id))


def _person(patient: Mapping[str, Any], held: Invitation, booked: Mapping[str, int]) -> Person:
    reach, name = reach_of(patient), full_name(patient)
    standing = _now(held.standing, held.day or 0, held.activities, booked)
    return Person(name, held, standing, reach.phone, Letter(name, reach.address, held.text))


def corrections(ctx: Context, round_id: str) -> dict[str, str]:
    """The words of correction of a round, by patient."""
    found = {}
    for one in people(ctx, round_id):
        if one.standing is not Standing.WITHDRAWN:
            continue
        asked = [("patient", f"Patient/{one.invitation.patient_id}")]
        for entry in store.search_all(ctx, "Communication", asked):
            ours = {"reference": f"CommunicationRequest/{one.invitation.id}"} in entry.resource.get("basedOn", ())
            if ours and record.is_of(entry.resource, record.CORRECTION):
                found[one.invitation.patient_id] = str(entry.resource["payload"][0]["contentString"])
    return found


def _booked(ctx: Context) -> dict[str, int]:
    return {row["activity_id"]: row["created_day"] for row in store.facts(ctx, BOOKED, name="recall")}


def _now(standing: Standing, day: int, activities: frozenset[str], booked: Mapping[str, int]) -> Standing:
    """How an invitation stands, with what was booked since it was sent."""
    if standing in UNSENT or standing in (Standing.TAKEN_BACK, Standing.WITHDRAWN, Standing.DECLINED):
        return standing
    return Standing.BOOKED if any(booked.get(step, -1) >= day for step in activities) else standing


# The patient


def for_patient(ctx: Context, patient_id: str, *, opened: bool = False) -> Invitation | None:
    """The newest invitation that waits for the patient's answer; opened by the patient, it is noted as read.

    None where there is none, for who may not read it, and once a time for one of its steps was agreed.
    """
    try:
        held = _waiting(ctx, patient_id)
    except Problem as problem:
        if problem.category is not Category.FORBIDDEN:
            raise
        return None
    if (
        opened
        and held is not None
        and held.standing is Standing.SENT
        and ctx.role is Role.CITIZEN
        and ctx.grants is None
    ):
        _note_read(ctx, held)
    return held


def _waiting(ctx: Context, patient_id: str) -> Invitation | None:
    asked = [("patient", f"Patient/{patient_id}")]
    found = [record.read(entry.resource) for entry in store.search_all(ctx, "CommunicationRequest", asked)]
    open_ones = [
        held
        for held in found
        if held is not None and held.standing in (Standing.SENT, Standing.READ, Standing.NO_ANSWER)
    ]
    if not open_ones:
        return None
    booked = {
        row["activity_id"]: row["created_day"] for row in store.facts(ctx, BOOKED, patient=patient_id, name="recall")
    }
    last = max(open_ones, key=lambda held: (held.sent, held.id))
    return None if _now(last.standing, last.day or 0, last.activities, booked) is Standing.BOOKED else last


def _note_read(ctx: Context, held: Invitation) -> None:
    """A patient may not write what a clinic sent; that it was opened is ours to note, as the system."""
    with store.unit_of_work(ctx, patients=[held.patient_id]) as uow:
        hand = uow.as_system("recall")
        resource = hand.read("CommunicationRequest", held.id)
        now = record.read(resource)
        if now is None or now.standing is not Standing.SENT:
            return
        hand.update(record.moved(resource, Standing.READ))
        reference = {"reference": f"CommunicationRequest/{held.id}"}
        for item in course.about(hand, "Communication", held.patient_id):
            if reference in item.get("basedOn", ()) and record.is_of(item, record.INVITATION):
                hand.update({**item, "received": days.instant_text(ctx.now)})


def letters(found: list[Person]) -> list[Letter]:
    """The letters of a round that are to be posted or were."""
    return [
        one.letter
        for one in found
        if one.invitation.way is Way.LETTER and one.standing not in (Standing.TAKEN_BACK, Standing.WITHDRAWN)
    ]
