"""Rounds of invitations: laid ready, sent by a job, taken back, answered. Each person in a unit of their own.

Whoever acts, the patient is locked first and everything asked anew inside, so that of two colleagues, two windows or two
runs of a job one invites and the other is told; nobody gets two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base import days, ids
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.fhir import systems
from tovholder.plan import course
from tovholder.plan.merge import merged
from tovholder.plan.merge.domain import Merged
from tovholder.recall import record, texts
from tovholder.recall.domain import MOST, OUTCOMES, WITHIN, Left, Standing, Way
from tovholder.recall.gathering import Row, gather
from tovholder.recall.record import Invitation
from tovholder.recall.texts import Clinic, Visit
from tovholder.store import UnitOfWork

MOST_EXEMPT = 730  # days somebody may be kept from invitations at a time


@dataclass(frozen=True, slots=True)
class Pick:
    """One person somebody ticked, as the list showed them."""

    patient_id: str
    way: Way
    number: int


@dataclass(slots=True)
class Laid:
    """What came of laying a round ready. left_out: those who were not, by why (``changed``: the list was old)."""

    round_id: str
    ready: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def new_round() -> str:
    """What a round is known by. Made with the form, so that a form sent twice is one round."""
    return ids.random_ids()


def lay(
    ctx: Context,
    *,
    round_id: str,
    picks: Sequence[Pick],
    within: int = WITHIN,
    tell: Callable[[int, int], None] | None = None,
) -> Laid:
    """Write the invitations of a round, each with the very words that will be sent; nothing leaves yet.

    Raises Problem(RULE) for nobody or too many, before anything is written. Somebody who was invited, booked or kept out
    meanwhile is left out and told. tell: how many of how many are done.
    """
    wanted = checked(ctx, round_id, picks)
    inviting = clinic_of(ctx)
    laid = Laid(round_id)
    for number, (patient_id, pick) in enumerate(wanted.items(), 1):
        try:
            why = _lay_one(ctx, laid, pick, inviting, within)
        except Problem as problem:
            if problem.category not in (Category.NOT_FOUND, Category.FORBIDDEN, Category.GONE):
                raise
            why = "changed"
        if why:
            laid.left_out[patient_id] = why
        if tell is not None:
            tell(number, len(wanted))
    return laid


def checked(ctx: Context, round_id: str, picks: Sequence[Pick]) -> dict[str, Pick]:
    """Who is to be invited, by patient. Raises Problem(RULE) for nobody, too many, or what is no round."""
    may(ctx)
    if not ids.is_fhir_id(round_id):
        raise rule("round", "that is no round", "the form as it was sent out")
    wanted = {pick.patient_id: pick for pick in picks}
    if not wanted:
        raise rule("patients", "nobody is chosen", "at least one person")
    if len(wanted) > MOST:
        raise rule("patients", "too many people for one round", f"at most {MOST}")
    return wanted


def _lay_one(ctx: Context, laid: Laid, pick: Pick, inviting: Clinic, within: int) -> str:
    with store.unit_of_work(ctx, patients=[pick.patient_id]) as uow:
        for held in of_patient(uow, pick.patient_id):
            if held.round_id == laid.round_id:  # the form was sent twice
                laid.ready.append(held.id)
                return ""
        found = gather(uow.ctx, within=within, patient=pick.patient_id)
        if not found.rows:
            return str(found.left_out[0].why) if found.left_out else "changed"
        row = found.rows[0]
        if row.number != pick.number:
            return "changed"
        if pick.way not in row.ways:
            return "no-way"
        visit = visit_of(merged(uow.ctx, pick.patient_id), row, ctx.today)
        courses = {step.id: step.episode_id for step in row.steps}
        now = days.instant_text(uow.ctx.now)
        written = Invitation(
            id="",
            patient_id=pick.patient_id,
            round_id=laid.round_id,
            number=row.number,
            way=pick.way,
            standing=Standing.LAID,
            text=texts.invitation(row.name, visit, inviting, number=row.number, today=ctx.today),
            sent=now,
            steps=tuple((step, courses[step]) for step in visit.activities),
            by=ctx.actor,
        )
        laid.ready.append(uow.create(record.made(written, organization=ctx.organization or "", now=now)).id)
        return ""


def preview(ctx: Context, patient_id: str, *, within: int = WITHIN) -> tuple[Row, str]:
    """A person as the list has them, and the words they would get now. Raises Problem(NOT_FOUND) for nobody to invite."""
    may(ctx)
    found = gather(ctx, within=within, patient=patient_id)
    if not found.rows:
        raise not_found("Somebody to invite")
    row = found.rows[0]
    visit = visit_of(merged(ctx, patient_id), row, ctx.today)
    return row, texts.invitation(row.name, visit, clinic_of(ctx), number=row.number, today=ctx.today)


def visit_of(plan: Merged, row: Row, today: int) -> Visit:
    """One visit and what it covers: all the steps, called as their packages call them, on the days that suit them all.

    Where no day suits all, the visit is as soon as the first of them asks for.
    """
    wanted = {step.id for step in row.steps}
    known = {origin.id: origin for step in plan.steps for origin in step.origins if origin.id in wanted}
    titles, windows = [], []
    for step in row.steps:
        origin = known.get(step.id)
        titles.append(origin.title.da if origin else packages.get(step.package).kind_title(step.kind, "da"))
        windows.append(origin.window if origin and origin.window else (step.opens, step.due_day))
    first, last = max(one[0] for one in windows), min(one[1] for one in windows)
    if first > last:
        first = min(one[0] for one in windows)
    return Visit(
        tuple(dict.fromkeys(titles)), tuple(step.id for step in row.steps), max(first, today), max(last, today)
    )


# Taking back, answers, exemptions


def take_back(ctx: Context, *, round_id: str) -> tuple[int, int]:
    """Take back all of a round that has not left: how many, and how many had left already (see sending.withdraw)."""
    may(ctx)
    back = gone = 0
    for patient_id in people_of(ctx, round_id):
        with store.unit_of_work(ctx, patients=[patient_id]) as uow:
            held, resource = in_round(uow, patient_id, round_id)
            if held.standing in (Standing.LAID, Standing.FAILED) or waits_for_person(held):
                uow.update(record.moved(resource, Standing.TAKEN_BACK))
                back += 1
            elif held.standing in (Standing.SENT, Standing.READ, Standing.SENDING):
                gone += 1
    return back, gone


def waits_for_person(held: Invitation) -> bool:
    """A letter that is to be posted, or a call that is to be made: nothing has left."""
    return held.standing is Standing.SENDING and held.way in (Way.LETTER, Way.TELEPHONE)


def posted(ctx: Context, *, round_id: str) -> int:
    """Somebody posted the round's letters: how many."""
    may(ctx)
    count = 0
    for patient_id in people_of(ctx, round_id):
        with store.unit_of_work(ctx, patients=[patient_id]) as uow:
            held, resource = in_round(uow, patient_id, round_id)
            if held.way is Way.LETTER and held.standing is Standing.SENDING:
                now = days.instant_text(uow.ctx.now)
                uow.create(record.sent(held, now=now))
                uow.update(record.moved(resource, Standing.SENT, now=now))
                count += 1
    return count


def answer(ctx: Context, *, patient_id: str, round_id: str, outcome: Standing, note: str = "") -> None:
    """What came of an invitation or a call: booked, reached, no answer, or no thanks."""
    may(ctx)
    if outcome not in OUTCOMES:
        raise rule("outcome", "an invitation has no such outcome", ", ".join(sorted(OUTCOMES)))
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        called = held.way is Way.TELEPHONE and held.standing is Standing.SENDING
        if held.standing is outcome:
            return  # pressed twice
        if not called and held.standing not in {Standing.SENT, Standing.READ, Standing.NO_ANSWER, Standing.REACHED}:
            raise Problem(
                Category.CONFLICT,
                "The invitation stands otherwise now",
                [Issue("outcome", f"the invitation is {held.standing}", "one that was sent, or a call", "stale")],
                kept="the invitation as it was",
            )
        now = days.instant_text(uow.ctx.now)
        said = record.sent(held, now=now, note=note.strip()[:2000])
        said["category"] = record.category("invitation-answer")
        del said["payload"], said["recipient"]
        told = {Standing.NO_ANSWER: "no-answer", Standing.DECLINED: "declined"}.get(outcome, "reached")
        said["extension"][-1] = {**said["extension"][-1], "valueCode": told}
        said["medium"] = [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": str(Way.TELEPHONE)}]}]
        if ctx.actor.startswith("Practitioner/"):
            said["sender"] = {"reference": ctx.actor}
        uow.create(said)
        uow.update(record.moved(resource, outcome, now=now if called else ""))


def exempt(ctx: Context, *, patient_id: str, until_day: int, reason: str) -> None:
    """Keep somebody from invitations until a day, with the reason."""
    may(ctx)
    if not ctx.today < until_day <= ctx.today + MOST_EXEMPT:
        raise rule("until", "somebody is exempt until a day to come", f"within {MOST_EXEMPT} days from today")
    if not reason.strip():
        raise rule("reason", "somebody is exempt for a reason", "why nobody is to invite")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        made = {
            "resourceType": "CommunicationRequest",
            "status": "active",
            "doNotPerform": True,
            "category": record.category(record.EXEMPTION),
            "subject": {"reference": f"Patient/{patient_id}"},
            "occurrencePeriod": {"start": days.iso(ctx.today), "end": days.iso(until_day)},
            "authoredOn": days.instant_text(uow.ctx.now),
            "note": [{"text": reason.strip()[:2000]}],
        }
        if ctx.actor.startswith("Practitioner/"):
            made["requester"] = {"reference": ctx.actor}
        uow.create(made)


def invite_again(ctx: Context, *, patient_id: str) -> None:
    """Somebody who was kept from invitations may be invited again."""
    may(ctx)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        for item in course.about(uow, "CommunicationRequest", patient_id):
            if record.is_of(item, record.EXEMPTION) and item.get("status") == "active":
                uow.update({**item, "status": "revoked"})


# Finding


def may(ctx: Context) -> None:
    """Refuse whoever invites nobody."""
    course.require(ctx, course.CLINIC, "CommunicationRequest", "this role invites nobody", "the clinic")


def of_patient(uow: UnitOfWork, patient_id: str) -> list[Invitation]:
    """The patient's invitations that count."""
    found = (record.read(item) for item in course.about(uow, "CommunicationRequest", patient_id))
    return [
        held for held in found if held is not None and held.standing not in (Standing.TAKEN_BACK, Standing.WITHDRAWN)
    ]


def in_round(uow: UnitOfWork, patient_id: str, round_id: str) -> tuple[Invitation, dict[str, Any]]:
    """The patient's invitation of a round, read and as stored. Raises Problem(NOT_FOUND)."""
    for item in course.about(uow, "CommunicationRequest", patient_id):
        held = record.read(item)
        if held is not None and held.round_id == round_id:
            return held, item
    raise not_found("The invitation")


PEOPLE = """
SELECT DISTINCT i.patient_id FROM invitation AS i WHERE i.round_id = :round
"""


def people_of(ctx: Context, round_id: str) -> list[str]:
    """The people of a round the caller may see."""
    return sorted(row["patient_id"] for row in store.facts(ctx, PEOPLE, {"round": round_id}, name="recall"))


def clinic_of(ctx: Context) -> Clinic:
    """The clinic that invites, as its Organization tells it."""
    if not ctx.organization:
        raise rule("clinic", "nobody invites but a clinic", "one who works at a clinic")
    held = store.read(ctx, "Organization", ctx.organization).resource

    def told(system: str) -> str:
        return next((str(one.get("value", "")) for one in held.get("telecom", ()) if one.get("system") == system), "")

    address: dict[str, Any] = next(iter(held.get("address", ())), {})
    town = " ".join(filter(None, [address.get("postalCode"), address.get("city")]))
    lines: Iterable[str] = (*address.get("line", ()), town)
    return Clinic(str(held.get("name", "")), told("phone"), told("url"), tuple(line for line in lines if line))


__all__ = ["Laid", "Left", "Pick", "answer", "exempt", "invite_again", "lay", "posted", "preview", "take_back"]
