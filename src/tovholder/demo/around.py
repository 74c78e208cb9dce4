"""Owns what reaches beyond one patient's story: a round of invitations, patients who changed clinic, apps and systems.

Each act is the one its button does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice

from tovholder.access import Role
from tovholder.access.smart import clients
from tovholder.access.smart.domain import Client, Method, Use
from tovholder.appointments import actions as appointments
from tovholder.base.ids import seeded_ids
from tovholder.cockpit import handover
from tovholder.cockpit.queries import clinic_list
from tovholder.demo.everyday_work import Desk
from tovholder.demo.synth.organisations import Clinic
from tovholder.plan.domain import Phase
from tovholder.recall import rounds, sending
from tovholder.recall.domain import Standing, Way
from tovholder.recall.gathering import Row, gather

SENT = 6  # days before now the round left
BY_POST, BY_PHONE, BY_LETTER = 6, 2, 2  # how many by each way
APPS = (
    Client(
        id="luftdagbogen",
        name="Luftdagbogen",
        use=Use.APP,
        method=Method.PUBLIC,
        roles=(Role.CITIZEN, Role.REPRESENTATIVE),
        redirects=("https://luftdagbogen.example/retur",),
        origins=("https://luftdagbogen.example",),
        scopes="openid fhirUser launch/patient patient/Observation.rs patient/CarePlan.rs",
        about="En opdigtet app, hvor patienter med KOL skriver, hvordan det går.",
    ),
    Client(
        id="klinikkens-system",
        name="Klinikkens journalsystem",
        use=Use.SYSTEM,
        method=Method.PRIVATE_KEY,
        roles=(Role.SYSTEM,),
        scopes="system/Patient.rs system/Condition.cruds system/Observation.cruds",
        jwks_uri="https://journal.example/jwks.json",
        about="Et opdigtet system, der sender diagnoser og målinger hertil.",
    ),
)


def tell(clinics: Sequence[Clinic], now: datetime, *, invited: str, without: Collection[str]) -> None:
    """Let it have happened. invited: a patient who is in the round where there is something to invite to; without:
    those with a story of their own, who are in nothing else."""
    here, there = Desk(clinics[0], now), Desk(clinics[1], now)
    _round(here, invited, without)
    _moved(there, here, 4, without)
    _moved(here, there, 2, without)
    for app in APPS:
        clients.add(app, now, id_is_given=True)


def _round(desk: Desk, invited: str, without: Collection[str]) -> None:
    """The nurse's round a week ago: most by Digital Post, some rung, letters still to be posted; two have booked."""
    ctx = desk.nurse(SENT, 10)
    rows = [row for row in gather(ctx).rows if row.patient_id == invited or row.patient_id not in without]
    easy = sorted((row for row in rows if not row.reasons), key=lambda row: row.patient_id != invited)
    hard = [row for row in rows if row.reasons]
    picks = [
        *_by(Way.DIGITAL_POST, easy[:BY_POST]),
        *_by(Way.LETTER, easy[BY_POST : BY_POST + BY_LETTER]),
        *_by(Way.TELEPHONE, islice((row for row in hard if Way.TELEPHONE in row.ways), BY_PHONE)),
    ]
    if not picks:
        return
    laid = rounds.lay(ctx, round_id=seeded_ids(SENT)(), picks=picks)
    kept = [pick for pick in picks if pick.patient_id not in laid.left_out]
    for pick in kept:
        sending.deliver_one(ctx, pick.patient_id, laid.round_id)
    rung = [pick for pick in kept if pick.way is Way.TELEPHONE]
    for pick, (outcome, note) in zip(
        rung, ((Standing.NO_ANSWER, ""), (Standing.REACHED, "Vil tale med sin datter om en tid.")), strict=False
    ):
        rounds.answer(
            desk.nurse(SENT - 1, 11), patient_id=pick.patient_id, round_id=laid.round_id, outcome=outcome, note=note
        )
    told = {row.patient_id: row for row in rows}
    posted = [pick.patient_id for pick in kept if pick.way is Way.DIGITAL_POST and pick.patient_id != invited]
    for number, patient_id in enumerate(posted[:2]):
        step = told[patient_id].steps[0]
        appointments.book(
            desk.nurse(SENT - 3, 14),
            patient_id=patient_id,
            kind=step.kind,
            start=desk.ahead(9 + number, 9 + number),
            minutes=20,
            episode_id=step.episode_id,
            activity_id=step.id,
        )


def _by(way: Way, rows: Sequence[Row] | islice[Row]) -> list[rounds.Pick]:
    return [rounds.Pick(row.patient_id, way, row.number) for row in rows if way in row.ways]


def _moved(old: Desk, new: Desk, ago: int, without: Collection[str]) -> None:
    """A patient under way has moved from one clinic's list to the other's, who has not taken over yet."""
    ctx = old.doctor(ago, 9)
    under_way = [
        row
        for row in clinic_list(ctx)
        if row.patient_id not in without and row.phase in (Phase.STARTUP, Phase.FURTHER, Phase.CONTINUING)
    ]
    for row in sorted(under_way, key=lambda one: (not one.flags, one.phase != Phase.STARTUP, one.episode_id))[:1]:
        known = handover.whole(ctx, row.patient_id).known
        handover.has_moved(ctx, row.patient_id, to=new.clinic.place.id, known=known)
