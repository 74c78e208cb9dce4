"""Break-glass (*værdispring*): opening what is blocked for a short time, with a reason, seen by patient and clinic.

Whom the policy gives anything under ``break-glass`` may do it. While it is open, blocks on the one patient are lifted for
the one who opened it, and it stands in for a relation; everything then done is logged as done so. It is listed for the
organisation of the one who opened it and for the clinic that holds the rope, where somebody else follows it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from tovholder import database
from tovholder.access import audit_acts, generation, relations
from tovholder.access.domain import Condition, Context, Emergency, Role
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found

TABLE = "access_emergency"
COLUMNS = (
    "number", "patient_id", "person", "actor", "role", "organization_id", "reason", "text", "opened_ms", "until_ms",
    "ended_ms", "status", "note", "followed_by", "followed_ms",
)  # fmt: skip
_SAME = (
    f"SELECT number, until_ms FROM {TABLE} WHERE patient_id = %s AND person = %s AND opened_ms > %s AND until_ms > %s"
    " AND ended_ms IS NULL AND reason = %s AND text = %s"
)
_PRESSED_TWICE = 60_000  # milliseconds in which the same words are the same press
SHORTEST, LONGEST = 10, 1000  # characters of the words that say why
# What the law lets somebody set a block aside for (domain.md §9), by language.
REASONS: Mapping[str, Mapping[str, str]] = {
    "consent": {
        "da": "Patienten giver samtykke nu",
        "en": "The patient consents now",
    },
    "danger": {
        "da": "Patienten kan ikke kontaktes eller give samtykke, og der er akut fare",
        "en": "The patient cannot be contacted or consent, and there is acute danger",
    },
    "duty": {
        "da": "En anden pligt efter loven",
        "en": "Another legal duty",
    },
}
# Where the one who looks at it afterwards may put it; the first is where it begins.
FOLLOW_UPS: Mapping[str, Mapping[str, str]] = {
    "open": {"da": "Ikke fulgt op endnu", "en": "Not followed up yet"},
    "asked": {"da": "Redegørelse ønsket", "en": "Account asked for"},
    "justified": {"da": "Berettiget", "en": "Justified"},
    "unjustified": {"da": "Ikke berettiget", "en": "Not justified"},
}


@dataclass(frozen=True, slots=True)
class Opening:
    """One break-glass as it stands in the list. Times are epoch milliseconds; ended_ms is None unless ended early."""

    number: int
    patient: str
    person: str
    actor: str
    role: str
    organization: str
    reason: str
    text: str
    opened_ms: int
    until_ms: int
    ended_ms: int | None
    status: str
    note: str
    followed_by: str
    followed_ms: int | None

    def is_open(self, now: datetime) -> bool:
        """Whether blocks are lifted by it now."""
        return self.ended_ms is None and days.millis(now) < self.until_ms


_OPEN = (
    "SELECT number, patient_id, until_ms, reason FROM access_emergency"
    " WHERE person = %s AND organization_id = %s AND until_ms > %s AND ended_ms IS NULL ORDER BY number"
)


def open_of(person: str, organization: str | None, now: datetime) -> tuple[Emergency, ...]:
    """What this person has open in this organisation now."""
    found = database.rows(_OPEN, [person, organization or "", days.millis(now)])
    return tuple(Emergency(number, patient, until, reason) for number, patient, until, reason in found)


def may(ctx: Context) -> bool:
    """Whether the policy lets this role break the glass. An app may not do it for its user."""
    return ctx.grants is None and Condition.BREAK_GLASS in decide(ctx, "read", "Patient").conditions


def person_of(ctx: Context) -> str:
    """Who opens: the user, not the role."""
    return ctx.person or ctx.actor


def open_glass(ctx: Context, patient: str, *, reason: str, text: str) -> Emergency:
    """Lift the blocks on a patient for a while. Raises Problem: FORBIDDEN, INVALID (reason, text).

    Of a patient who is not there the same is told as of one who is: nobody learns here who is a patient; what was tried
    stands in the trail (number 0: nothing was opened).
    The same person's opening that still holds on the patient ends, and this one takes its place; a second
    press, with the same words, is the first one.
    """
    if not may(ctx):
        audit_acts.refused(ctx, f"Patient/{patient}/$break-glass", frozenset({patient}))
        raise forbidden("role", "this may not be done by this role, or by an app", "a doctor, on the page for it")
    text = text.strip()
    issues = []
    if reason not in REASONS:
        issues.append(Issue("reason", "not a reason there is", f"one of: {', '.join(REASONS)}", "value"))
    if not SHORTEST <= len(text) <= LONGEST:
        expected = f"{SHORTEST} to {LONGEST} characters that say why"
        issues.append(Issue("text", "says too little or too much", expected, "value"))
    if issues:
        raise Problem(Category.INVALID, "The blocks were not lifted", issues, kept="the blocks")
    now = days.millis(ctx.now)
    until = now + settings.ENV.glass_minutes * 60_000
    with database.write_turn(), transaction.atomic():
        database.lock_name(f"glass/{patient}/{person_of(ctx)}")
        if not database.rows(
            "SELECT 1 FROM store_resource WHERE type = 'Patient' AND rid = %s AND NOT deleted", [patient]
        ):
            audit_acts.refused(ctx, "Patient/$break-glass")
            return Emergency(0, patient, until, reason)
        for number, held_until in database.rows(
            _SAME, [patient, person_of(ctx), now - _PRESSED_TWICE, now, reason, text]
        ):
            return Emergency(number, patient, held_until, reason)  # pressed twice
        _end(ctx, patient)
        (number,) = database.numbers(f"{TABLE}.number", 1)
        row = (
            number, patient, person_of(ctx), ctx.actor, str(ctx.role), ctx.organization or "", reason, text, now, until,
            None, "open", "", "", None,
        )  # fmt: skip
        database.insert(TABLE, COLUMNS, [row])
        audit_acts.glass_opened(ctx, patient, number=number, reason=reason)
        generation.bump()
    return Emergency(number, patient, until, reason)


def end(ctx: Context, patient: str) -> bool:
    """End what this person has open on the patient before its time. False when nothing was open."""
    with database.write_turn(), transaction.atomic():
        ended = _end(ctx, patient)
        if ended:
            generation.bump()
    return ended


def _end(ctx: Context, patient: str) -> bool:
    mine = [one for one in open_of(person_of(ctx), ctx.organization, ctx.now) if one.patient == patient]
    for one in mine:
        database.execute(f"UPDATE {TABLE} SET ended_ms = %s WHERE number = %s", [days.millis(ctx.now), one.number])
        audit_acts.glass_ended(ctx, patient, number=one.number, how="by-hand")
    return bool(mine)


def follow_up(ctx: Context, number: int, *, status: str, note: str) -> None:
    """Say what came of looking at a break-glass afterwards. Raises Problem: NOT_FOUND, FORBIDDEN (one's own), INVALID.

    By a doctor of the organisation it was done in, or of the clinic that holds the rope; never by who did it.
    """
    found = next((one for one in listed(ctx) if one.number == number), None)
    if found is None or ctx.role is not Role.GP:
        audit_acts.refused(ctx, f"emergency/{number}")
        raise not_found("The break-glass")
    if found.person == person_of(ctx):
        raise forbidden("number", "nobody follows up what they did themselves", "a colleague")
    if status not in FOLLOW_UPS or status == "open":
        expected = ", ".join(name for name in FOLLOW_UPS if name != "open")
        raise Problem(Category.INVALID, "Not stored", [Issue("status", "not an outcome there is", expected, "value")])
    with database.write_turn(), transaction.atomic():
        database.execute(
            f"UPDATE {TABLE} SET status = %s, note = %s, followed_by = %s, followed_ms = %s WHERE number = %s",
            [status, note.strip()[:LONGEST], ctx.actor, days.millis(ctx.now), number],
        )
        audit_acts.glass_followed(ctx, found.patient, number=number, status=status)


_SELECT = f"SELECT {', '.join(f'eme.{name}' for name in COLUMNS)} FROM {TABLE} AS eme"


def of_patient(patient: str) -> list[Opening]:
    """Every break-glass on a patient, the newest first."""
    return _openings(f"{_SELECT} WHERE eme.patient_id = %s", [patient])


def listed(ctx: Context) -> list[Opening]:
    """What the actor's organisation is to follow up: done in it, or on a patient whose rope it holds; newest first."""
    if not ctx.organization:
        return []
    held, values = relations.holds_rope("eme.patient_id", ctx.organization, ctx.today)
    return _openings(f"{_SELECT} WHERE (eme.organization_id = %s OR {held})", [ctx.organization, *values])


def _openings(sql: str, values: Sequence[Any]) -> list[Opening]:
    return [Opening(*row) for row in database.rows(f"{sql} ORDER BY eme.number DESC", values)]
