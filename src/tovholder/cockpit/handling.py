"""What a clinic does about a flag: reach the patient, give the course to a colleague, put the flag off and take it up.

Each of these is a Communication of its own, so nothing is ever overwritten and the history is all there is. What holds
now is the newest. Two who act at once are told of each other: an act names the last thing its form knew of (``known``),
and when something has been done since, it is refused with CONFLICT and can be sent again knowingly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tovholder import store
from tovholder.access import Context, audit_names
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.cockpit import channel
from tovholder.cockpit.ranking import SEVERITY, OpenFlag
from tovholder.fhir import systems
from tovholder.plan import course
from tovholder.store import UnitOfWork

MOST_DAYS = 365  # a flag may be put off
_WORDS = 2000
_LEVEL = re.compile(r"[0-9]{1,2}")


class Outcome(StrEnum):
    """What came of an attempt to reach the patient."""

    REACHED = "reached"
    NO_ANSWER = "no-answer"
    LEFT_MESSAGE = "left-message"
    DECLINED = "declined"


class Kind(StrEnum):
    """How a flag or course is handled."""

    ASSIGN = "assign"
    SNOOZE = "snooze"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Snooze:
    """A flag put off. stood: how the flag stood then. sent_ms: when."""

    until_day: int
    stood: str
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to reach the patient."""

    channel: str
    outcome: str
    day: int | None


@dataclass(slots=True)
class Standing:
    """How one course is handled now. snoozes: by rule. attempts: how many there were in the last half year."""

    assigned_to: str = ""
    snoozes: dict[str, Snooze] = field(default_factory=dict)
    last_attempt: Attempt | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done, as the history tells it: kind is ``attempt``, ``message`` or one of Kind."""

    id: str
    kind: str
    sent: str
    by: str
    rule_id: str = ""
    channel: str = ""
    outcome: str = ""
    until_day: int | None = None
    assigned_to: str = ""
    text: str = ""

    @property
    def day(self) -> int | None:
        """The day it was done."""
        return days.parse_day(self.sent)


HANDLINGS = """
SELECT h.patient_id, h.episode_id, h.handling_id, h.kind, h.flag_rule, h.until_day, h.stood, h.assigned_to, h.sent, h.day
FROM handling AS h
WHERE h.episode_id IS NOT NULL AND h.day BETWEEN :today - 800 AND :today
"""
ATTEMPTS = """
SELECT a.patient_id, a.episode_id, a.attempt_id, a.channel, a.outcome, a.day
FROM attempt AS a
WHERE a.episode_id IS NOT NULL AND a.day BETWEEN :today - 183 AND :today
"""


def standing(ctx: Context, patient: str | None = None) -> dict[str, Standing]:
    """How each course the actor may see (or one patient's) is handled; those nobody did anything about are left out."""
    found: dict[str, Standing] = {}
    rows = store.facts(ctx, HANDLINGS, patient=patient, name="cockpit")
    for row in sorted(rows, key=lambda row: (channel.moment(row["sent"]), row["handling_id"])):
        one = found.setdefault(row["episode_id"], Standing())
        if row["kind"] == Kind.ASSIGN:
            one.assigned_to = f"Practitioner/{row['assigned_to']}" if row["assigned_to"] else ""
        elif row["kind"] == Kind.RESUME:
            one.snoozes.pop(row["flag_rule"] or "", None)
        elif row["until_day"] is not None:
            until = min(row["until_day"], row["day"] + MOST_DAYS)
            one.snoozes[row["flag_rule"] or ""] = Snooze(until, row["stood"] or "", channel.moment(row["sent"]))
    rows = store.facts(ctx, ATTEMPTS, patient=patient, name="cockpit")
    for row in sorted(rows, key=lambda row: (row["day"], row["attempt_id"])):
        one = found.setdefault(row["episode_id"], Standing())
        one.attempts += 1
        one.last_attempt = Attempt(row["channel"] or "", row["outcome"] or "", row["day"])
    return found


def as_it_stands(flag: OpenFlag, level: int | None) -> str:
    """What a flag that is put off is held against later."""
    return f"{flag.severity}|{'' if flag.since_day is None else flag.since_day}|{level or 0}"


def sleeping(
    flags: Iterable[OpenFlag], snoozes: Mapping[str, Snooze], level: int | None, today: int
) -> dict[str, Snooze]:
    """The flags of a course that are put off and stay so today, by rule.

    One comes back by itself on its day. It comes back at once when things are worse than they were: the flag is more
    severe, its facts are other ones (another day it stands since), the level is higher, or another flag at least as
    severe has been raised in the course since.
    """
    held = list(flags)
    return {
        flag.rule_id: snooze
        for flag in held
        if (snooze := snoozes.get(flag.rule_id)) is not None
        and today < snooze.until_day
        and not _worse(flag, snooze, level)
        and not any(
            other.rule_id != flag.rule_id
            and other.raised_ms > snooze.sent_ms
            and SEVERITY[other.severity] <= SEVERITY[flag.severity]
            for other in held
        )
    }


def _worse(flag: OpenFlag, snooze: Snooze, level: int | None) -> bool:
    severity, _, rest = snooze.stood.partition("|")
    since, _, before = rest.partition("|")
    if severity not in SEVERITY or not _LEVEL.fullmatch(before):
        return True  # told by another system: not known to be the same
    now = "" if flag.since_day is None else str(flag.since_day)
    return SEVERITY[flag.severity] < SEVERITY[severity] or since != now or (level or 0) > int(before)


# The history of one course


def history(resources: Iterable[Mapping[str, Any]], episode_id: str) -> list[Event]:
    """What was done about a course, newest first, from the patient's Communications."""
    found = [event for resource in resources if (event := _event(resource, episode_id)) is not None]
    return sorted(found, key=lambda event: (channel.moment(event.sent), event.id), reverse=True)


def seen(events: Iterable[Event]) -> str:
    """What names the state a form was made in."""
    held = list(events)
    return f"{len(held)}-{held[0].id if held else ''}"


def communications(ctx: Context, patient_id: str) -> list[dict[str, Any]]:
    """The patient's Communications the actor may see."""
    return [entry.resource for entry in store.search_all(ctx, "Communication", [("patient", f"Patient/{patient_id}")])]


def _event(resource: Mapping[str, Any], episode_id: str) -> Event | None:
    if resource.get("status") == "entered-in-error":
        return None
    said = {item.get("url"): item for item in resource.get("extension", ())}

    def value(name: str) -> str:
        item = said.get(systems.extension_url(name), {})
        return next((str(held) for key, held in item.items() if key.startswith("value")), "")

    of = said.get(systems.EPISODE_OF_CARE_EXTENSION, {}).get("valueReference", {}).get("reference", "")
    outcome, kind = value("outcome"), value("flag-handling")
    if of != f"EpisodeOfCare/{episode_id}" or not (outcome or kind):
        return None
    payload = [item["contentString"] for item in resource.get("payload", ()) if item.get("contentString")]
    notes = [item["text"] for item in resource.get("note", ()) if item.get("text")]
    recipients = [item.get("reference", "") for item in resource.get("recipient", ())]
    codes = [code for item in resource.get("medium", ()) for one in item.get("coding", ()) if (code := one.get("code"))]
    told = kind or ("message" if payload else "attempt")
    return Event(
        id=str(resource.get("id", "")),
        kind=told,
        sent=str(resource.get("sent", "")),
        by=resource.get("sender", {}).get("reference", ""),
        rule_id=value("flag-rule"),
        channel=codes[0] if codes else "",
        outcome=outcome,
        until_day=days.parse_day(value("snoozed-until")),
        assigned_to=next((item for item in recipients if item.startswith("Practitioner/")), ""),
        text=" ".join([*payload, *notes]),
    )


# Acts


def record_attempt(
    ctx: Context, *, patient_id: str, episode_id: str, flag_rule: str, by: str, outcome: str, note: str, known: str
) -> None:
    """Keep an attempt to reach the patient, by telephone or otherwise. ``by``: a code of CodeSystem/channel."""
    if outcome not in set(Outcome):
        raise rule("outcome", "an attempt has no such outcome", ", ".join(Outcome))
    with _unit(ctx, patient_id, episode_id, known) as uow:
        resource = _communication(ctx, uow, patient_id, episode_id, flag_rule, note)
        resource["medium"] = [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": by}]}]
        resource["extension"].append({"url": systems.extension_url("outcome"), "valueCode": outcome})
        uow.create(resource)


def send_message(ctx: Context, *, patient_id: str, episode_id: str, flag_rule: str, text: str, known: str) -> None:
    """Send the patient a message by the channel that is bound."""
    if not text.strip() or len(text) > _WORDS:
        raise rule("text", "a message has words", f"between 1 and {_WORDS} characters")
    with _unit(ctx, patient_id, episode_id, known) as uow:
        channel.send(uow, channel.Message(patient_id, episode_id, flag_rule, text.strip(), ctx.actor))


def assign(ctx: Context, *, patient_id: str, episode_id: str, to: str, note: str, known: str) -> None:
    """Give the course to a colleague (``Practitioner/<id>``), or to nobody ("")."""
    if to and to not in colleagues(ctx):
        raise rule("to", "that is nobody who works at the clinic", "one of the clinic's own")
    with _unit(ctx, patient_id, episode_id, known) as uow:
        resource = _handled(ctx, uow, patient_id, episode_id, "", note, Kind.ASSIGN)
        if to:
            resource["recipient"] = [{"reference": to}]
        uow.create(resource)


def snooze(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    flag: OpenFlag,
    level: int | None,
    until_day: int,
    reason: str,
    known: str,
) -> None:
    """Put a flag off until a day, with the reason."""
    if not ctx.today < until_day <= ctx.today + MOST_DAYS:
        raise rule("until", "a flag is put off to a day to come", f"within {MOST_DAYS} days from today")
    if not reason.strip():
        raise rule("reason", "a flag is put off for a reason", "why it can wait")
    with _unit(ctx, patient_id, episode_id, known) as uow:
        resource = _handled(ctx, uow, patient_id, episode_id, flag.rule_id, reason, Kind.SNOOZE)
        resource["extension"] += [
            {"url": systems.extension_url("snoozed-until"), "valueDate": days.iso(until_day)},
            {"url": systems.extension_url("flag-stood"), "valueString": as_it_stands(flag, level)},
        ]
        uow.create(resource)


def resume(ctx: Context, *, patient_id: str, episode_id: str, flag_rule: str, known: str) -> None:
    """Take a flag up again that was put off."""
    with _unit(ctx, patient_id, episode_id, known) as uow:
        uow.create(_handled(ctx, uow, patient_id, episode_id, flag_rule, "", Kind.RESUME))


def colleagues(ctx: Context) -> dict[str, str]:
    """Those who work at the clinic today, by the actor they stand as: their names."""
    return audit_names.at_work(ctx.organization or "", ctx.today) if ctx.organization else {}


@contextmanager
def _unit(ctx: Context, patient_id: str, episode_id: str, known: str) -> Iterator[UnitOfWork]:
    """A unit of work on the course's patient, entered only when nothing was done since the form was made."""
    course.require(ctx, course.CLINIC, "Communication", "this role follows up nobody's flags", "the clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        course.episode(uow, patient_id, episode_id)
        if seen(history(course.about(uow, "Communication", patient_id), episode_id)) != known:
            raise Problem(
                Category.CONFLICT,
                "Something was done about this since",
                [Issue("known", "something was done about this since", "the newest state", "stale")],
                kept="what was done before",
            )
        yield uow


def _communication(
    ctx: Context, uow: UnitOfWork, patient_id: str, episode_id: str, flag_rule: str, note: str
) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": f"Patient/{patient_id}"},
        "sent": days.instant_text(uow.ctx.now),
        "extension": channel.about(episode_id, flag_rule),
    }
    if ctx.actor.startswith("Practitioner/"):
        resource["sender"] = {"reference": ctx.actor}
    if note.strip():
        resource["note"] = [{"text": note.strip()[:_WORDS]}]
    return resource


def _handled(
    ctx: Context, uow: UnitOfWork, patient_id: str, episode_id: str, flag_rule: str, note: str, kind: Kind
) -> dict[str, Any]:
    resource = _communication(ctx, uow, patient_id, episode_id, flag_rule, note)
    resource["extension"].append({"url": systems.extension_url("flag-handling"), "valueCode": str(kind)})
    return resource
