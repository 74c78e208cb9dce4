"""Who is to be invited, once for all packages, and everybody left out with why: a bounded number of queries for a clinic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.cockpit.queries import full_name
from tovholder.fhir import systems
from tovholder.plan.domain import Phase
from tovholder.recall.domain import (
    LIVE,
    NOSHOW_DAYS,
    ROUNDS,
    UNSENT,
    WAIT,
    WITHIN,
    Earlier,
    Left,
    Reach,
    Reason,
    Standing,
    Way,
    Why,
    apart,
    next_round,
    proposed,
    ways,
)

EXEMPT = systems.extension_url("digital-post-exempt")
STEPS = """
SELECT a.patient_id, a.episode_id, a.activity_id, a.package, a.kind, a.due_day, a.window_start_day, a.window_end_day,
       e.phase, e.pause_open_day, p.deceased, p.active
FROM activity AS a
JOIN episode AS e ON e.episode_id = a.episode_id
JOIN patient AS p ON p.patient_id = a.patient_id
WHERE a.status IN ('active', 'on-hold') AND a.due_day IS NOT NULL AND a.performer_kind IN ('gp', 'nurse')
  AND COALESCE(a.window_start_day, a.due_day) <= :today + :within
"""
GONE = """
SELECT e.patient_id, e.episode_id, e.package, e.phase, e.declined_day, e.ended_day
FROM episode AS e
JOIN patient AS p ON p.patient_id = e.patient_id
WHERE p.deceased = 0 AND (e.phase = 'declined' OR e.phase = 'ended')
  AND COALESCE(e.declined_day, e.ended_day, 0) > :today - 365
"""
AHEAD = """
SELECT a.patient_id, a.activity_id, MIN(a.start_day) AS start_day
FROM appointment AS a
WHERE a.activity_id IS NOT NULL AND a.start_day >= :today
  AND a.status IN ('booked', 'arrived', 'checked-in', 'proposed', 'pending')
GROUP BY a.patient_id, a.activity_id
"""
LEVELS = """
SELECT l.patient_id, l.episode_id, l.level, l.decided_day, l.level_id
FROM level AS l
WHERE l.level IS NOT NULL AND l.status IN ('final', 'amended', 'corrected')
"""
NOSHOWS = """
SELECT a.patient_id, COUNT(DISTINCT a.appointment_id) AS times
FROM appointment AS a
WHERE a.status = 'noshow' AND a.start_day > :today - :back
GROUP BY a.patient_id
"""
PUT_OFF = """
SELECT h.patient_id, h.episode_id, h.handling_id, h.kind, h.flag_rule, h.until_day, h.sent, h.day
FROM handling AS h
WHERE h.episode_id IS NOT NULL AND h.day > :today - 800 AND h.kind IN ('snooze', 'resume')
"""
EXEMPTED = """
SELECT x.patient_id, MAX(x.until_day) AS until_day
FROM exemption AS x
WHERE x.until_day > :today
GROUP BY x.patient_id
"""
INVITED = """
SELECT i.patient_id, i.invitation_id, i.round_id, i.number, i.channel, i.standing, i.sent, i.day, i.activity_id
FROM invitation AS i
WHERE i.day > :today - 800
"""
_CHUNK = 200
_PSYCHOSOCIAL = ("psykisk", "social")


@dataclass(frozen=True, slots=True)
class Step:
    """An open step of a plan at the clinic. opens: the first day it may be done."""

    id: str
    episode_id: str
    package: str
    kind: str
    due_day: int
    opens: int


@dataclass(frozen=True, slots=True)
class Row:
    """One patient to invite, once for all packages. number: the round; last: the invitation before."""

    patient_id: str
    name: str
    steps: tuple[Step, ...]
    level: int | None
    number: int
    reach: Reach
    reasons: tuple[Reason, ...]
    way: Way | None
    why: Why
    noshows: int = 0
    last: Earlier | None = None

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that are open."""
        return ways(self.reach)

    @property
    def due_day(self) -> int:
        """The first day anything is due."""
        return min(step.due_day for step in self.steps)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One patient who is not proposed. day: until when, or since when; round_id: of the invitation that says so."""

    patient_id: str
    name: str
    packages: tuple[str, ...]
    why: Left
    day: int | None = None
    round_id: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """rows: who is proposed, most overdue first, those who are called apart among them (``Row.reasons``)."""

    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]


def due_rounds(ctx: Context) -> int:
    """How many patients are due for a reminder or a call today, as ``gather`` has them: one query where nobody can be."""
    held = invitations(store.facts(ctx, INVITED, name="recall"))
    waited = any(
        one.standing in LIVE - UNSENT - {Standing.DECLINED}
        and one.number < ROUNDS
        and ctx.today >= one.day + WAIT[min(one.number, ROUNDS)]
        for found in held.values()
        for one in found
    )
    return sum(row.number > 1 for row in gather(ctx).rows) if waited else 0


def gather(ctx: Context, *, within: int = WITHIN, patient: str | None = None) -> Found:
    """Everybody the clinic should invite now, and everybody it should not, with why; or one patient alone."""

    def asked(sql: str, **params: int) -> list[dict[str, Any]]:
        return store.facts(ctx, sql, params, patient=patient, name="recall")

    steps: dict[str, list[Step]] = {}
    about: dict[str, dict[str, Any]] = {}
    paused: set[str] = set()
    for row in asked(STEPS, within=within):
        if row["package"] not in packages.builtin() or row["phase"] in (Phase.ENDED, Phase.DECLINED):
            continue
        opens = row["window_start_day"] if row["window_start_day"] is not None else row["due_day"]
        steps.setdefault(row["patient_id"], []).append(
            Step(row["activity_id"], row["episode_id"], row["package"], row["kind"] or "", row["due_day"], opens)
        )
        about[row["patient_id"]] = row
        if row["pause_open_day"] is not None:
            paused.add(row["episode_id"])
    booked: dict[str, int] = {row["activity_id"]: row["start_day"] for row in asked(AHEAD)}
    put_off = _put_off(asked(PUT_OFF), ctx.today)
    exempted = {row["patient_id"]: row["until_day"] for row in asked(EXEMPTED)}
    earlier = invitations(asked(INVITED))
    levels: dict[str, tuple[int, str, int]] = {}
    for row in asked(LEVELS):
        held = (row["decided_day"] or 0, row["level_id"], row["level"])
        levels[row["episode_id"] or ""] = max(levels.get(row["episode_id"] or "", held), held)
    noshows = {row["patient_id"]: row["times"] for row in asked(NOSHOWS, back=NOSHOW_DAYS)}

    out: list[tuple[str, tuple[str, ...], Left, int | None, str]] = []
    kept: dict[str, tuple[list[Step], int, Earlier | None]] = {}
    for patient_id, held_steps in steps.items():
        names = tuple(sorted({step.package for step in held_steps}))
        person = about[patient_id]
        if person["deceased"] or person["active"] == 0:
            out.append((patient_id, names, Left.DEAD if person["deceased"] else Left.INACTIVE, None, ""))
            continue
        if patient_id in exempted:
            out.append((patient_id, names, Left.EXEMPT, exempted[patient_id], ""))
            continue
        left = [step for step in held_steps if step.episode_id not in paused]
        if not left:
            out.append((patient_id, names, Left.PAUSED, None, ""))
            continue
        unbooked = [step for step in left if step.id not in booked]
        if not unbooked:
            out.append((patient_id, names, Left.BOOKED, min(booked[step.id] for step in left), ""))
            continue
        awake = [step for step in unbooked if step.episode_id not in put_off]
        if not awake:
            out.append((patient_id, names, Left.PUT_OFF, min(put_off[step.episode_id] for step in unbooked), ""))
            continue
        number, why, last = next_round(earlier.get(patient_id, ()), (step.id for step in awake), ctx.today)
        if why is not None:
            out.append((patient_id, names, why, last.day if last else None, last.round_id if last else ""))
            continue
        kept[patient_id] = (awake, number, last)
    with_steps = set(steps)
    for row in asked(GONE):
        if row["patient_id"] not in with_steps:
            kind = Left.DECLINED if row["phase"] == "declined" else Left.LEFT
            out.append((row["patient_id"], (row["package"],), kind, row["declined_day"] or row["ended_day"], ""))
    people = patients(ctx, [*kept, *(one[0] for one in out)])
    troubled = psychosocial(ctx, list(kept))
    rows = [
        _row(patient_id, people[patient_id], held, levels, noshows.get(patient_id, 0), patient_id in troubled)
        for patient_id, held in kept.items()
        if patient_id in people
    ]
    left_out = [
        LeftOut(patient_id, full_name(people[patient_id]), names, kind, day, round_id)
        for patient_id, names, kind, day, round_id in out
        if patient_id in people
    ]
    return Found(
        tuple(sorted(rows, key=lambda row: (row.due_day, row.name.casefold(), row.patient_id))),
        tuple(sorted(left_out, key=lambda one: (list(Left).index(one.why), one.name.casefold(), one.patient_id))),
    )


def _row(
    patient_id: str,
    patient: Mapping[str, Any],
    held: tuple[list[Step], int, Earlier | None],
    levels: Mapping[str, tuple[int, str, int]],
    noshows: int,
    troubled: bool,
) -> Row:
    steps, number, last = held
    level = max((levels[step.episode_id][2] for step in steps if step.episode_id in levels), default=None)
    reach = reach_of(patient)
    reasons = apart(level=level, psychosocial=troubled, noshows=noshows, reach=reach)
    way, why = proposed(reach, reasons, number)
    ordered = tuple(sorted(steps, key=lambda step: (step.due_day, step.package, step.id)))
    return Row(patient_id, full_name(patient), ordered, level, number, reach, reasons, way, why, noshows, last)


def _put_off(rows: Iterable[Mapping[str, Any]], today: int) -> dict[str, int]:
    """Courses a colleague put off, until when: the newest word of each flag counts."""
    newest: dict[tuple[str, str], tuple[tuple[str, str], int | None]] = {}
    for row in rows:
        key, order = (row["episode_id"], row["flag_rule"] or ""), (row["sent"] or "", row["handling_id"])
        until = row["until_day"] if row["kind"] == "snooze" else None
        if key not in newest or newest[key][0] < order:
            newest[key] = (order, until)
    found: dict[str, int] = {}
    for (episode_id, _), (_, until) in newest.items():
        if until is not None and until > today:
            found[episode_id] = max(found.get(episode_id, until), until)
    return found


def invitations(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Earlier]]:
    """Invitations by patient, from rows of the fact (one per step)."""
    gathered: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        gathered.setdefault(row["patient_id"], {}).setdefault(row["invitation_id"], []).append(row)
    return {
        patient_id: [earlier_of(held) for held in by_id.values() if held[0]["standing"] in set(Standing)]
        for patient_id, by_id in gathered.items()
    }


def earlier_of(rows: Sequence[Mapping[str, Any]]) -> Earlier:
    """One invitation from its rows."""
    one = rows[0]
    steps = frozenset(row["activity_id"] for row in rows if row["activity_id"])
    number = one["number"] or 1
    return Earlier(
        one["invitation_id"], one["round_id"] or "", number, Standing(one["standing"]), one["day"] or 0, steps
    )


def patients(ctx: Context, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The patients themselves, those the caller may see."""
    found: dict[str, Mapping[str, Any]] = {}
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _CHUNK):
        asked = ",".join(wanted[start : start + _CHUNK])
        found |= {entry.id: entry.resource for entry in store.search_all(ctx, "Patient", [("_id", asked)])}
    return found


def reach_of(patient: Mapping[str, Any]) -> Reach:
    """The ways to a person, as the Patient resource tells them."""
    numbers = [
        (item.get("use", ""), str(item.get("value", "")))
        for item in patient.get("telecom", ())
        if item.get("system") in ("phone", "sms") and item.get("use") != "old" and item.get("value")
    ]
    address: Mapping[str, Any] = next((item for item in patient.get("address", ()) if item.get("use") != "old"), {})
    town = " ".join(filter(None, [address.get("postalCode"), address.get("city")]))
    lines = tuple(str(line) for line in (*address.get("line", ()), town) if line)
    exempt = next(
        (item.get("valueBoolean") for item in patient.get("extension", ()) if item.get("url") == EXEMPT), None
    )
    return Reach(
        phone=next((value for _, value in numbers), ""),
        mobile=next((value for use, value in numbers if use == "mobile"), ""),
        address=lines if address.get("line") and town else (),
        exempt=exempt,
    )


def psychosocial(ctx: Context, ids: Sequence[str]) -> set[str]:
    """Those whose newest needs assessment has a 3 for the psychological or the social part."""
    forms = {held.level.base.form for held in packages.builtin().values()}
    newest: dict[tuple[str, str], tuple[str, bool]] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _CHUNK):
        asked = ",".join(f"Patient/{one}" for one in wanted[start : start + _CHUNK])
        for entry in store.search_all(ctx, "QuestionnaireResponse", [("patient", asked)], limit=20_000):
            form = str(entry.resource.get("questionnaire", "")).partition("|")[0].rpartition("/")[2]
            if form not in forms or entry.resource.get("status") not in ("completed", "amended"):
                continue
            patient_id = str(entry.resource.get("subject", {}).get("reference", "")).rpartition("/")[2]
            held = (str(entry.resource.get("authored", "")), _troubled(entry.resource.get("item", ())))
            newest[patient_id, form] = max(newest.get((patient_id, form), held), held)
    return {patient_id for (patient_id, _), (_, troubled) in newest.items() if troubled}


def _troubled(items: Iterable[Mapping[str, Any]]) -> bool:
    for item in items:
        if item.get("linkId") in _PSYCHOSOCIAL:
            for answer in item.get("answer", ()):
                value = answer.get("valueCoding", {}).get("code", answer.get("valueInteger"))
                if str(value) == "3":
                    return True
        if _troubled(item.get("item", ())):
            return True
    return False
