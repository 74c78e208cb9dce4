"""Owns what the clinic did with its list lately: times booked for today, calls made, flags put off, courses handed over.

The people are those of the population, picked from the clinic's own list; each act is the one its button does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from itertools import zip_longest

from tovholder import store
from tovholder.access import Context, Role
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.cockpit import handling, views
from tovholder.cockpit.queries import ClinicRow, clinic_list
from tovholder.demo.synth.organisations import Clinic
from tovholder.plan.domain import Phase

# When people come today, and what for when they are in no package.
TIMES = ((8, 20), (8, 40), (9, 0), (9, 40), (10, 0), (11, 20), (13, 0), (13, 20), (14, 40))
MATTERS = ("Konsultation: ondt i halsen", "Blodtryksmåling", "Konsultation: kørekort")
PER_DAY_AHEAD = 4
DAYS_AHEAD = 4
SNOOZES = (
    ("Er indlagt til en planlagt operation; ring, når han er hjemme.", 21),
    ("Kommer til influenzavaccination om to uger; tages op der.", 16),
    ("Datteren ringer selv, når ferien er slut.", 30),
)
ASSIGNS = (
    "Kender dig bedst fra rygestop. Vil du ringe?",
    "Har brug for en lang tid. Finder du en i næste uge?",
    "Vil du spørge, om hun har fået svar fra hospitalet?",
    "Tages op på torsdagsmødet; du har overblikket.",
)
# What the nurse wrote back when she handed the patient to the doctor again.
ANSWERS = {
    "Vil du spørge, om hun har fået svar fra hospitalet?": "Hun har ikke hørt noget. Vil du rykke afdelingen?",
}
CALLS = (
    ("no-answer", "Ringet to gange."),
    ("no-answer", ""),
    ("left-message", "Lagt besked om at ringe til os."),
    ("reached", "Vil gerne have en tid om eftermiddagen; ringer selv i morgen."),
    ("no-answer", "Telefonen er slukket."),
)
MESSAGES = (
    "Kære patient. Vi kan se, at du mangler din årlige kontrol. Bestil gerne tid hos sygeplejersken på vores hjemmeside.",
    "Kære patient. Du nåede ikke din sidste aftale hos os. Ring gerne mellem 8 og 9, så finder vi en ny tid.",
)
VIEWS = (("Niveau 3, alle pakker", "niveau=3"), ("KOL i dag", "pakke=kol"))


@dataclass(frozen=True, slots=True)
class Desk:
    """The clinic's doctor and nurse at work, some days before now."""

    clinic: Clinic
    now: datetime

    def doctor(self, ago: int, hour: int = 12) -> Context:
        """The doctor, then."""
        return self._worker(Role.GP, "gp", ago, hour)

    def nurse(self, ago: int, hour: int = 12) -> Context:
        """The nurse, then."""
        return self._worker(Role.STAFF, "nurse", ago, hour)

    def ahead(self, after: int, hour: int) -> datetime:
        """A time so many days after now; one in a weekend is the Monday after."""
        date = days.date_of(days.day_of(self.now) + after)
        date += timedelta(days=7 - date.weekday() if date.weekday() > 4 else 0)
        return datetime.combine(date, time(hour), days.COPENHAGEN)

    def _worker(self, role: Role, work: str, ago: int, hour: int) -> Context:
        place = self.clinic.place
        date = days.date_of(days.day_of(self.now) - ago)
        date -= timedelta(days=max(0, date.weekday() - 4)) if ago else timedelta()
        then = datetime.combine(date, time(hour), days.COPENHAGEN)
        return Context(actor=place.worker(work).reference, role=role, organization=place.id, now=min(then, self.now))


def tell(clinic: Clinic, now: datetime, *, without: Collection[str]) -> None:
    """Let the clinic have done some of its work. without: patients who have a story of their own."""
    desk = Desk(clinic, now)
    rows = [row for row in clinic_list(desk.nurse(0)) if row.patient_id not in without]
    rows.sort(key=lambda row: row.episode_id)
    _handled(desk, [row for row in rows if row.flags and row.phase != Phase.DECLINED])
    _coming(desk, rows, without)
    _views(desk)


def _handled(desk: Desk, flagged: Sequence[ClinicRow]) -> None:
    """Each of the ways to handle a flag, in turn, on rows of their own: however few there are, each way is seen."""
    acts = (
        [partial(_called, outcome=outcome, note=note) for outcome, note in CALLS],
        [partial(_assigned, note=note) for note in ASSIGNS],
        [partial(_put_off, reason=reason, ahead=ahead) for reason, ahead in SNOOZES],
        [partial(_written_to, text=text) for text in MESSAGES],
    )
    in_turn = [act for turn in zip_longest(*acts) for act in turn if act is not None]
    for number, (act, row) in enumerate(zip(in_turn, _one_per_patient(flagged), strict=False)):
        act(desk, row, number % 5)


def _called(desk: Desk, row: ClinicRow, ago: int, *, outcome: str, note: str) -> None:
    for then in (ago + 7, ago) if ago == 0 else (ago,):
        ctx = desk.nurse(then, 11)
        handling.record_attempt(
            ctx, **_about(row), flag_rule=row.flags[0].rule_id, by="phone", outcome=outcome, note=note,
            known=_known(ctx, row),
        )  # fmt: skip


def _assigned(desk: Desk, row: ClinicRow, ago: int, *, note: str) -> None:
    ctx = desk.doctor(ago, 8)
    nurse = desk.clinic.place.worker("nurse").reference
    handling.assign(ctx, **_about(row), to=nurse, note=note, known=_known(ctx, row))
    answer = ANSWERS.get(note)
    if answer is not None:
        back, doctor = desk.nurse(ago, 13), desk.clinic.place.worker("gp").reference
        handling.assign(back, **_about(row), to=doctor, note=answer, known=_known(back, row))


def _put_off(desk: Desk, row: ClinicRow, ago: int, *, reason: str, ahead: int) -> None:
    ctx = desk.doctor(ago, 9)
    handling.snooze(
        ctx, **_about(row), flag=row.flags[0], level=row.level, until_day=ctx.today + ahead, reason=reason,
        known=_known(ctx, row),
    )  # fmt: skip


def _written_to(desk: Desk, row: ClinicRow, ago: int, *, text: str) -> None:
    ctx = desk.nurse(ago, 14)
    handling.send_message(ctx, **_about(row), flag_rule=row.flags[0].rule_id, text=text, known=_known(ctx, row))


def _one_per_patient(rows: Sequence[ClinicRow]) -> list[ClinicRow]:
    """One row for each patient, packages in turn, so that each way of handling is seen in more than one."""
    by_package: dict[str, list[ClinicRow]] = {}
    seen: set[str] = set()
    for row in rows:
        if row.patient_id not in seen:
            seen.add(row.patient_id)
            by_package.setdefault(row.package, []).append(row)
    found: list[ClinicRow] = []
    while any(by_package.values()):
        found += [held.pop(0) for _, held in sorted(by_package.items()) if held]
    return found


def _about(row: ClinicRow) -> dict[str, str]:
    return {"patient_id": row.patient_id, "episode_id": row.episode_id}


def _known(ctx: Context, row: ClinicRow) -> str:
    return handling.seen(handling.history(handling.communications(ctx, row.patient_id), row.episode_id))


def _coming(desk: Desk, rows: Sequence[ClinicRow], without: Collection[str]) -> None:
    """Who has a time today and the next days, for their package or for anything else."""
    started = [row for row in rows if row.phase in (Phase.FURTHER, Phase.CONTINUING) and row.next_control_day is None]
    people = _one_per_patient(started)
    others = _nobody_of(desk, rows, without)
    today = days.date_of(days.day_of(desk.now))
    times = iter(TIMES)
    for title, patient in zip(MATTERS, others, strict=False):
        _book(desk, patient, datetime.combine(today, time(*next(times)), days.COPENHAGEN), title)
    for start, row in zip(times, people, strict=False):
        kind = f"{row.package}-kontrol"
        at = datetime.combine(today, time(*start), days.COPENHAGEN)
        _book(desk, row.patient_id, at, "", kind, row.episode_id)
    rest = people[len(TIMES) - len(MATTERS) :]
    date = today
    for _ in range(DAYS_AHEAD):
        date += timedelta(days=1 if date.weekday() < 4 else 7 - date.weekday())
        for start in TIMES[:PER_DAY_AHEAD]:
            if not rest:
                return
            row = rest.pop(0)
            at = datetime.combine(date, time(*start), days.COPENHAGEN)
            _book(desk, row.patient_id, at, "", f"{row.package}-kontrol", row.episode_id)


def _nobody_of(desk: Desk, rows: Sequence[ClinicRow], without: Collection[str]) -> list[str]:
    """Patients of the clinic who are in no package."""
    taken = {row.patient_id for row in rows} | set(without)
    found = store.facts(desk.nurse(0), "SELECT p.patient_id FROM patient AS p WHERE p.deceased = 0", name="demo")
    return [one for one in sorted(row["patient_id"] for row in found) if one not in taken][: len(MATTERS)]


def _book(
    desk: Desk, patient: str, at: datetime, title: str, kind: str = "konsultation", episode: str | None = None
) -> None:
    ctx = desk.nurse(6, 13)
    appointments.book(ctx, patient_id=patient, kind=kind, start=at, minutes=20, title=title, episode_id=episode)


def _views(desk: Desk) -> None:
    """The nurse's own ways to look at the list."""
    for name, query in VIEWS:
        views.save(desk.nurse(20), name=name, query=query, shared=True, now=desk.now)
