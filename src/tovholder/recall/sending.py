"""What leaves the house: a round sent by a job, failures tried again by hand, and what was sent withdrawn with a word.

The job may be killed at any moment and is then run again: with the outbox each person's message and its note stand in one
transaction. A way out of the house is first noted as on its way, then handed the parcel, then noted as sent. What was on
its way when a run died is handed over again under the same key where the carrier sends once for a key; where it cannot
promise that, the invitation has failed and a person decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cockpit import channel
from tovholder.fhir import systems
from tovholder.jobs import queue
from tovholder.jobs.queue import Run
from tovholder.plan import course
from tovholder.recall import carriers, record, texts
from tovholder.recall.carriers import Carrier, NotSent, Parcel
from tovholder.recall.domain import UNSENT, Standing, Way
from tovholder.recall.gathering import reach_of
from tovholder.recall.record import Invitation
from tovholder.recall.rounds import Pick, checked, clinic_of, in_round, lay, may, people_of
from tovholder.store import UnitOfWork

UNSURE = "Ingen ved, om beskeden nåede frem. Spørg udbyderen, eller ring til patienten, før den sendes igen."
UNSURE_WORD = "Ingen ved, om rettelsen nåede frem. Ring til patienten."
NO_WORD = "Rettelsen kunne ikke sendes: {} Prøv igen, eller ring til patienten."
_ON_ITS_WAY = "in-progress"
log = structlog.get_logger(__name__)
_BY_HAND = frozenset({Way.LETTER, Way.TELEPHONE})
_SENT = frozenset({Standing.SENT, Standing.READ, Standing.REACHED, Standing.NO_ANSWER})


def lay_long(ctx: Context, *, round_id: str, picks: Sequence[Pick], within: int) -> str:
    """Put the laying ready of a long round in line; the job's id. Raises Problem(RULE) as ``rounds.lay`` does, at once."""
    wanted = checked(ctx, round_id, picks)
    told = [[pick.patient_id, str(pick.way), pick.number] for pick in wanted.values()]
    return queue.enqueue(
        prepare, owner=_owner(ctx, round_id), who=_told(ctx), round_id=round_id, picks=told, within=within
    )


@queue.job
def prepare(context: Run, who: Mapping[str, Any], round_id: str, picks: list[Any], within: int) -> dict[str, Any]:
    """The job: a round laid ready person by person. Run again after its worker died, it goes on with the rest."""
    laid = lay(
        _as(who),
        round_id=round_id,
        picks=[Pick(patient_id, Way(way), number) for patient_id, way, number in picks],
        within=within,
        tell=lambda number, total: context.tell(f"{number}/{total}"),
    )
    return {"ready": len(laid.ready), "left_out": dict(Counter(laid.left_out.values()))}


def send(ctx: Context, *, round_id: str) -> str:
    """Put the round in line to be sent; the job's id. Pressed twice, the second job finds nothing to do."""
    may(ctx)
    return queue.enqueue(deliver, owner=_owner(ctx, round_id), who=_told(ctx), round_id=round_id)


def withdraw(ctx: Context, *, round_id: str) -> str:
    """Put in line a word of correction to everybody of a round whose invitation left; the job's id."""
    may(ctx)
    return queue.enqueue(correct, owner=_owner(ctx, round_id), who=_told(ctx), round_id=round_id)


def retry(ctx: Context, *, patient_id: str, round_id: str, way: Way) -> str:
    """Try again what failed, by the same way or another; the job's id. Raises Problem(CONFLICT) when it has not failed."""
    may(ctx)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        if held.standing is not Standing.FAILED:
            raise Problem(
                Category.CONFLICT,
                "The invitation has not failed",
                [Issue("standing", f"the invitation is {held.standing}", "one that failed", "stale")],
                kept="the invitation as it was",
            )
        uow.update(record.moved(resource, Standing.LAID, way=way))
    return send(ctx, round_id=round_id)


def progress(ctx: Context, round_id: str) -> queue.Status | None:
    """The round's newest job; None when there is none any more."""
    return next((one for one in queue.jobs() if one.owner == _owner(ctx, round_id)), None)


@queue.job
def deliver(context: Run, who: Mapping[str, Any], round_id: str) -> dict[str, int]:
    """The job: everybody in the round whose invitation lies ready, or was on its way when a run died."""
    ctx = _as(who)
    people = people_of(ctx, round_id)
    counts = {"sent": 0, "failed": 0}
    for number, patient_id in enumerate(people, 1):
        came = deliver_one(ctx.at(system_clock()), patient_id, round_id)
        if came is not None:
            counts["failed" if came is Standing.FAILED else "sent"] += 1
        context.tell(f"{number}/{len(people)}")
    return counts


def deliver_one(ctx: Context, patient_id: str, round_id: str) -> Standing | None:
    """Send one invitation of a round; how it stands afterwards, None when there was nothing to do."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        if held.standing in UNSENT and channel.is_dead(uow.read("Patient", patient_id)):
            uow.update(record.moved(resource, Standing.TAKEN_BACK))
            return None
        carrier = carriers.bound(held.way)
        now = days.instant_text(uow.ctx.now)
        if held.standing is Standing.SENDING and held.way not in _BY_HAND:  # on its way when a run died
            if carrier is None or not carrier.once:
                uow.update(record.moved(resource, Standing.FAILED, told=UNSURE))
                return Standing.FAILED
        elif held.standing is not Standing.LAID:
            return None
        elif held.way in _BY_HAND:
            uow.update(record.moved(resource, Standing.SENDING))
            return Standing.SENDING
        if carrier is None:
            uow.create(record.sent(held, now=now))
            uow.update(record.moved(resource, Standing.SENT, now=now))
            return Standing.SENT
        uow.update(record.moved(resource, Standing.SENDING))
        parcel = _parcel(uow, held, held.text, held.id)
    told = _handed_over(carrier, parcel)
    came = Standing.SENT if told is None else Standing.FAILED
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        if held.standing not in (Standing.SENDING, Standing.FAILED):
            return None  # another run was quicker
        now = days.instant_text(uow.ctx.now)
        if came is Standing.SENT:
            uow.create(record.sent(held, now=now))
        uow.update(record.moved(resource, came, told=told or "", now=now if came is Standing.SENT else ""))
    return came


@queue.job
def correct(context: Run, who: Mapping[str, Any], round_id: str) -> dict[str, int]:
    """The job: a word of correction to everybody in the round whose invitation left and who has not booked since."""
    ctx = _as(who)
    people = people_of(ctx, round_id)
    counts = {"withdrawn": 0, "left": 0, "failed": 0}
    for number, patient_id in enumerate(people, 1):
        came = _correct_one(ctx.at(system_clock()), patient_id, round_id)
        if came:
            counts[came] += 1
        context.tell(f"{number}/{len(people)}")
    return counts


def _correct_one(ctx: Context, patient_id: str, round_id: str) -> str:
    """One word of correction: written down as on its way before it is handed over, so that a run that dies leaves it."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        if held.standing not in _SENT:
            return "left" if held.standing in (Standing.BOOKED, Standing.DECLINED) else ""
        under_way = _under_way(uow, held)
        if channel.is_dead(uow.read("Patient", patient_id)) or (under_way is None and booked(ctx, held)):
            return "left"
        text = texts.correction(_name(uow, patient_id), clinic_of(ctx), () if held.day is None else (held.day,))
        carrier = carriers.bound(held.way)
        if carrier is None:
            return _withdrawn(uow, held, resource, text)
        if under_way is None:
            now = days.instant_text(uow.ctx.now)
            uow.create(record.sent(held, now=now, status=_ON_ITS_WAY, kind=record.CORRECTION, text=text))
        elif not carrier.once:  # on its way when a run died, and nobody promises that a second one is not sent
            uow.update({**under_way, "status": "unknown"})
            uow.update(record.moved(resource, Standing.WITHDRAWN, told=UNSURE_WORD))
            return "failed"
        else:
            text = str(under_way["payload"][0]["contentString"])
        parcel = _parcel(uow, held, text, f"{held.id}-ret")
    told = _handed_over(carrier, parcel)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held, resource = in_round(uow, patient_id, round_id)
        word = _under_way(uow, held)
        if word is None or held.standing not in _SENT:
            return ""  # another run was quicker
        if told is None:
            uow.update({**word, "status": "completed", "sent": days.instant_text(uow.ctx.now)})
            uow.update(record.moved(resource, Standing.WITHDRAWN))
            return "withdrawn"
        if told == UNSURE and not carrier.once:
            uow.update({**word, "status": "unknown"})
            uow.update(record.moved(resource, Standing.WITHDRAWN, told=UNSURE_WORD))
        elif told != UNSURE:  # refused: the next try writes it anew
            uow.update({**word, "status": "not-done"})
            uow.update(record.moved(resource, held.standing, told=NO_WORD.format(told)))
    return "failed"


def _under_way(uow: UnitOfWork, held: Invitation) -> dict[str, Any] | None:
    """The word of correction that was handed over, or was about to be, and of which nobody knows yet."""
    asked = {"reference": f"CommunicationRequest/{held.id}"}
    for item in course.about(uow, "Communication", held.patient_id):
        ours = item.get("status") == _ON_ITS_WAY and record.is_of(item, record.CORRECTION)
        if ours and asked in item.get("basedOn", ()):
            return item
    return None


def _handed_over(carrier: Carrier, parcel: Parcel) -> str | None:
    """None when the carrier took it; else why not, and UNSURE when it broke down and nobody knows."""
    try:
        carrier.hand_over(parcel)
    except NotSent as refused:
        return str(refused)
    except Exception as error:  # a line that breaks for one must not leave all the others without theirs
        log.warning("carrier broke down", kind=type(error).__name__)
        return UNSURE
    return None


def _withdrawn(uow: UnitOfWork, held: Invitation, resource: Mapping[str, Any], text: str) -> str:
    now = days.instant_text(uow.ctx.now)
    uow.create(record.sent(held, now=now, kind=record.CORRECTION, text=text))
    uow.update(record.moved(resource, Standing.WITHDRAWN))
    return "withdrawn"


BOOKED = """
SELECT DISTINCT a.patient_id, a.activity_id
FROM appointment AS a
WHERE a.activity_id IS NOT NULL AND a.created_day >= :since
  AND a.status IN ('booked', 'arrived', 'checked-in', 'proposed', 'pending', 'fulfilled')
"""


def booked(ctx: Context, held: Invitation) -> bool:
    """Whether a time for one of its steps was agreed since it was sent."""
    rows = store.facts(ctx, BOOKED, {"since": held.day or ctx.today}, patient=held.patient_id, name="recall")
    return any(row["activity_id"] in held.activities for row in rows)


def _name(uow: UnitOfWork, patient_id: str) -> str:
    from_record = uow.read("Patient", patient_id)
    name: Mapping[str, Any] = next(iter(from_record.get("name", ())), {})
    return str(name.get("text") or " ".join([*name.get("given", ()), name.get("family", "")]).strip())


def _parcel(uow: UnitOfWork, held: Invitation, text: str, key: str) -> Parcel:
    patient = uow.read("Patient", held.patient_id)
    organization = uow.read("Organization", uow.ctx.organization or "")

    def identifier(resource: Mapping[str, Any], system: str) -> str:
        held_ = (item for item in resource.get("identifier", ()) if str(item.get("system", "")).endswith(system))
        return next((str(item.get("value", "")) for item in held_), "")

    return Parcel(
        key=key,
        text=text,
        sender=str(organization.get("name", "")),
        sender_id=identifier(organization, systems.CVR),
        cpr=identifier(patient, systems.CPR),
        mobile=reach_of(patient).mobile,
        made=uow.ctx.today,
    )


def _owner(ctx: Context, round_id: str) -> str:
    return f"recall {ctx.organization} {round_id}"


def _told(ctx: Context) -> dict[str, Any]:
    if ctx.grants is not None:
        raise Problem(Category.FORBIDDEN, "Rounds are sent by people, not by apps in their name")
    return {
        "actor": ctx.actor,
        "role": str(ctx.role),
        "organization": ctx.organization,
        "purpose": ctx.purpose,
        "request_id": ctx.request_id,
        "person": ctx.person,
        "units": list(ctx.units),
        "rights": sorted(ctx.rights),
    }


def _as(who: Mapping[str, Any]) -> Context:
    """Whoever pressed, with what the role may do today."""
    told = {**who, "role": Role(who["role"]), "units": tuple(who["units"]), "rights": frozenset(who["rights"])}
    return Context(**told, now=system_clock(), live=True)
