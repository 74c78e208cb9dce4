"""Stated relations: a professional says why they treat somebody and sees them at once; the record is asked afterwards.

As the national service for treatment relations does it: data come late, so access is given, what was stated is kept, and
after some days (TOVHOLDER_STATED_DAYS) an appointment, a contact, a referral, a team or the patient's own consent must
stand in the record. Where none does, the relation ends, and patient and organisation are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from tovholder import database
from tovholder.access import audit_acts, relations
from tovholder.access.domain import Condition, Context
from tovholder.access.policy import decide
from tovholder.access.relations import RelationRow
from tovholder.base import days

TABLE = "access_stated"
COLUMNS = (
    "number", "patient_id", "organization_id", "actor", "person", "reason", "text", "stated_ms", "to_day", "check_day",
    "status", "evidence", "settled_ms",
)  # fmt: skip
LONGEST = 1000  # characters of what is stated beside the code
# What may be stated, by language.
REASONS: Mapping[str, Mapping[str, str]] = {
    "visit": {"da": "Patienten er her nu eller har en tid", "en": "The patient is here now or has an appointment"},
    "admitted": {
        "da": "Patienten er indlagt eller modtaget akut",
        "en": "The patient is admitted or came as an emergency",
    },
    "referral": {"da": "Patienten er henvist ad anden vej", "en": "The patient was referred another way"},
    "contact": {"da": "Patienten har selv henvendt sig", "en": "The patient made contact themselves"},
}
STATES: Mapping[str, Mapping[str, str]] = {
    "open": {"da": "Bliver kontrolleret", "en": "To be checked"},
    "confirmed": {"da": "Bekræftet", "en": "Confirmed"},
    "failed": {"da": "Kunne ikke bekræftes, adgangen er lukket", "en": "Could not be confirmed, access is closed"},
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody stated. stated_ms, settled_ms: epoch milliseconds; to_day, check_day: the last day it holds."""

    number: int
    patient: str
    organization: str
    actor: str
    person: str
    reason: str
    text: str
    stated_ms: int
    to_day: int
    check_day: int
    status: str
    evidence: str
    settled_ms: int | None


def may(ctx: Context) -> bool:
    """Whether this actor may state a relation: for an organisation, in a role to which the policy shows a patient for it
    (staff under instruction as the doctor they act for: they are checked alike); no app that was given one patient alone.
    """
    return (
        (ctx.grants is None or ctx.grants.patient is None)
        and ctx.organization is not None
        and Condition.STATED in decide(ctx, "read", "Patient").conditions
    )


def state(ctx: Context, patient: str, *, reason: str, text: str) -> Statement:
    """Relate the actor's organisation to the patient from today. The caller has looked that it may be.

    What somebody of the organisation stated a moment before (a second press, a colleague at once) is what is given.
    """
    to_day = ctx.today + settings.ENV.stated_days
    with database.write_turn(), transaction.atomic():
        database.lock_name(f"stated/{patient}/{ctx.organization}")
        for one in _statements(f"{_SELECT} WHERE patient_id = %s AND organization_id = %s AND status = 'open'"
                               " AND to_day >= %s ORDER BY number", [patient, str(ctx.organization), ctx.today]):  # fmt: skip
            return one
        (number,) = database.numbers(f"{TABLE}.number", 1)
        made = Statement(
            number, patient, str(ctx.organization), ctx.actor, ctx.person or ctx.actor, reason, text[:LONGEST],
            days.millis(ctx.now), to_day, to_day, "open", "", None,
        )  # fmt: skip
        row = RelationRow(patient, made.organization, "stated", _source(number), ctx.today, to_day)
        database.insert_all(
            [
                (TABLE, COLUMNS, [tuple(getattr(made, name) for name in made.__slots__)]),
                (relations.TABLE, relations.COLUMNS, relations.rows([row])),
            ]
        )
        audit_acts.stated(ctx, patient, number=number, until=to_day)
    return made


def _source(number: int) -> str:
    return f"stated/{number}"


_SELECT = f"SELECT {', '.join(COLUMNS)} FROM {TABLE}"
# What of the record shows that they took part: any relation there was from the day it was stated until it is checked.
_EVIDENCE = (
    "SELECT rel.source FROM access_relation AS rel WHERE rel.patient_id = %s AND rel.organization_id = %s"
    " AND rel.kind <> 'stated' AND rel.from_day <= %s AND (rel.to_day IS NULL OR rel.to_day >= %s)"
    " ORDER BY rel.source LIMIT 1"
)


def waiting() -> list[Statement]:
    """What is not settled yet, the oldest first."""
    return _statements(f"{_SELECT} WHERE status = 'open' ORDER BY number", [])


def evidence_of(one: Statement) -> str:
    """What of the record bears it out (``Type/id``); empty for nothing."""
    first = days.day_of_millis(one.stated_ms)
    found = database.rows(_EVIDENCE, [one.patient, one.organization, one.check_day, first])
    return str(found[0][0]) if found else ""


def settle(ctx: Context, one: Statement, evidence: str) -> None:
    """Confirm what was stated by its evidence, or end it where there is none; inside the caller's transaction."""
    status = "confirmed" if evidence else "failed"
    changed = database.execute(
        f"UPDATE {TABLE} SET status = %s, evidence = %s, settled_ms = %s WHERE number = %s AND status = 'open'",
        [status, evidence, days.millis(ctx.now), one.number],
    )
    if not changed:
        return
    if evidence:
        audit_acts.stated_checked(ctx, one.patient, number=one.number, organization=one.organization)
        return
    relations.remove([_source(one.number)])
    audit_acts.stated_failed(ctx, one.patient, number=one.number, organization=one.organization)


def of_patient(patient: str) -> list[Statement]:
    """Everything stated about a patient, the newest first."""
    return _statements(f"{_SELECT} WHERE patient_id = %s ORDER BY number DESC", [patient])


def of_organization(organization: str | None) -> list[Statement]:
    """Everything an organisation's people stated, the newest first."""
    return _statements(f"{_SELECT} WHERE organization_id = %s ORDER BY number DESC", [organization or ""])


def _statements(sql: str, values: list[Any]) -> list[Statement]:
    return [Statement(*row) for row in database.rows(sql, values)]
