"""Finding a patient one treats: by CPR number, with what is stated to treat them; and looking afterwards whether it was so.

Who may not, whom the patient has blocked, and who asks for a number nobody has, are all told the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tovholder.access import Context, audit_acts, blocks, emergencies, evidence, limits, persons, system_context
from tovholder.access.domain import Emergency
from tovholder.access.evidence import REASONS, Statement
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.fhir import systems
from tovholder.store.reading import sees
from tovholder.store.rows import Stored
from tovholder.store.search import run
from tovholder.store.unit import unit_of_work
from tovholder.store.versions import read

NOTICE_SYSTEM = f"{systems.BASE}/CodeSystem/notice"
NOT_CONFIRMED = "access-not-confirmed"


def open_patient(ctx: Context, cpr: str, *, reason: str, text: str, address: str = "") -> Stored:
    """The patient with this number, related to the actor's organisation by what is stated where nothing else relates them.

    reason: a code of ``evidence.REASONS``; text: the rest in words. address: where the request comes from, for the limit
    on tries. Raises Problem: INVALID (reason), TOO_MANY, NOT_FOUND.
    """
    limits.attempt("open", ctx.now, account=ctx.person or ctx.actor, address=address)
    if not evidence.may(ctx):
        audit_acts.refused(ctx, "Patient/$open")
        raise not_found("The patient")
    if reason not in REASONS or len(text) > evidence.LONGEST:
        issues = [Issue("reason", "not a reason there is", f"one of: {', '.join(REASONS)}", "value")]
        if reason in REASONS:
            issues = [Issue("text", "too long", f"at most {evidence.LONGEST} characters", "value")]
        raise Problem(Category.INVALID, "Nothing was opened", issues, kept="nothing was changed")
    patient = _found(ctx, cpr)
    blocked = patient is not None and any(not block.narrow for block in blocks.in_force(ctx, [patient]))
    if patient is None or blocked:
        audit_acts.refused(ctx, "Patient/$open", frozenset({patient} if patient else ()))
        raise not_found("The patient")
    if not sees(ctx, patient):
        evidence.state(ctx, patient, reason=reason, text=text.strip())
    return read(ctx, "Patient", patient)


def break_glass(ctx: Context, cpr: str, *, reason: str, text: str, address: str = "") -> Emergency:
    """Break-glass on the patient with this number: for who is blocked is not even told that the patient is there.

    Of a number nobody has the same is told, and its patient is ``""``. Raises Problem as ``emergencies.open_glass`` does,
    TOO_MANY, and NOT_FOUND for who may not do it.
    """
    limits.attempt("open", ctx.now, account=ctx.person or ctx.actor, address=address)
    if not emergencies.may(ctx):
        audit_acts.refused(ctx, "Patient/$break-glass")
        raise not_found("The patient")
    return emergencies.open_glass(ctx, _found(ctx, cpr) or "", reason=reason, text=text)


def _found(ctx: Context, cpr: str) -> str | None:
    spellings = persons.spellings(cpr)
    if not spellings:
        return None
    asked = ",".join(f"{systems.CPR}|{spelling}" for spelling in spellings)
    hand = system_context(ctx.now, "open", live=ctx.live)
    found = run.matches(hand, "Patient", [("identifier", asked)], limit=2)
    return found[0].id if len(found) == 1 else None  # of two with one number nobody knows who is meant


def check_stated(now: datetime) -> tuple[int, int]:
    """Settle what was stated: confirm what the record bears out, end what it does not after its time; how many each.

    Run once a day. The patient is told in the record of what could not be confirmed.
    """
    confirmed = failed = 0
    today = days.day_of(now)
    for one in evidence.waiting():
        found = evidence.evidence_of(one)
        if not found and today <= one.check_day:
            continue
        ctx = system_context(now, "stated", live=True)
        with unit_of_work(ctx, patients=[one.patient]) as uow:
            evidence.settle(ctx, one, found)
            if not found:
                uow.create(_notice(one, now))
        confirmed, failed = confirmed + bool(found), failed + (not found)
    return confirmed, failed


def _notice(one: Statement, now: datetime) -> dict[str, Any]:
    """What the patient is told: that somebody saw their plan and nothing shows why."""
    stated = days.date_of(days.day_of_millis(one.stated_ms)).strftime("%d.%m.%Y")
    text = (
        f"Den {stated} oplyste en behandler, at du var i behandling, og fik adgang til din plan. "
        "Vi har ikke kunnet se en aftale, en henvisning eller et besøg, der viser det. Adgangen er lukket. "
        "Du kan se i din log, hvad der blev vist, og spærre for behandlingsstedet."
    )
    return {
        "resourceType": "Communication",
        "status": "completed",
        "topic": {"coding": [{"system": NOTICE_SYSTEM, "code": NOT_CONFIRMED}]},
        "subject": {"reference": f"Patient/{one.patient}"},
        "recipient": [{"reference": f"Patient/{one.patient}"}],
        "about": [{"reference": f"Organization/{one.organization}"}],
        "sent": days.instant_text(now),
        "payload": [{"contentString": text}],
    }
