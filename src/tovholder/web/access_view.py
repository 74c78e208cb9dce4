"""What the pages about access show: blocks, openings, powers of attorney, break-glass and stated relations, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from tovholder import store
from tovholder.access import Context, Role, emergencies, evidence
from tovholder.access.emergencies import Opening
from tovholder.access.evidence import Statement
from tovholder.base import days
from tovholder.cockpit.queries import full_name
from tovholder.fhir import data_kinds
from tovholder.store import consents
from tovholder.web import reading


@dataclass(frozen=True, slots=True)
class Given:
    """One Consent of the patient's: a block, an opening or a power of attorney. Days are integer days."""

    id: str
    who: str
    what: tuple[str, ...]
    data_from: int | None
    data_until: int | None
    until: int | None
    since: int | None
    mine: bool = True  # said by the one who looks: who stands for a patient ends their own alone


@dataclass(frozen=True, slots=True)
class Agreed:
    """Everything the patient has agreed on that holds now."""

    blocks: tuple[Given, ...]
    opened: tuple[Given, ...]
    powers: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Relative:
    """Somebody related to the patient."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Glass:
    """One break-glass, in words."""

    number: int
    patient_id: str
    patient: str
    who: str
    place: str
    opened: datetime
    until: datetime
    is_open: bool
    ended_early: bool
    reason: str
    text: str
    status: str
    outcome: str
    note: str
    followed_by: str
    own: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One stated relation, in words. Days are integer days."""

    number: int
    patient: str
    who: str
    place: str
    day: int
    reason: str
    text: str
    status: str
    outcome: str
    check_day: int


def agreed(ctx: Context, patient: str, language: str) -> Agreed:
    """What the patient's active Consents say."""
    blocks: list[Given] = []
    opened: list[Given] = []
    powers: list[Given] = []
    entries = store.search_all(ctx, "Consent", [("patient", patient), ("status", "active")])
    for entry in sorted(entries, key=lambda item: item.resource.get("dateTime", ""), reverse=True):
        consent = entry.resource
        provision = consent.get("provision") or {}
        if not consents.about_privacy(consent) or consents.faults(consent):
            continue
        line = _given(ctx, consent, provision, language)
        if line.until is not None and line.until < ctx.today:
            continue
        kinds = {str(_reference(actor)).partition("/")[0] for actor in provision.get("actor") or ()}
        if provision.get("type") == "permit":
            (powers if "RelatedPerson" in kinds else opened).append(line)
        else:
            blocks.append(line)
    return Agreed(tuple(blocks), tuple(opened), tuple(powers))


def holds_already(ctx: Context, patient: str, consent: Mapping[str, Any]) -> bool:
    """Whether the patient has said the very same before, and it still holds: a form sent twice, or from two windows."""
    entries = store.search_all(ctx, "Consent", [("patient", patient), ("status", "active")])
    said = ("category", "provision")
    return any(all(entry.resource.get(name) == consent.get(name) for name in said) for entry in entries)


def _reference(actor: Mapping[str, Any]) -> str:
    return str((actor.get("reference") or {}).get("reference", ""))


def _everybody(consent: Mapping[str, Any]) -> str:
    return _("Alle uden for klinikken") if consents.is_leave(consent) else _("Alle behandlere")


def _given(ctx: Context, consent: Mapping[str, Any], provision: Mapping[str, Any], language: str) -> Given:
    names = [name_of(ctx, _reference(actor)) or _display(actor) for actor in provision.get("actor") or ()]
    what: list[str] = []
    for coding in provision.get("class") or ():
        kind = data_kinds.kinds().get(str(coding.get("code"))) if coding.get("system") == data_kinds.SYSTEM else None
        what.append(kind.title(language) if kind else str(coding.get("display") or coding.get("code")))
    for action in provision.get("action") or ():
        what += [area_title(str(coding.get("code"))) for coding in action.get("coding") or ()]
    period, data = provision.get("period") or {}, provision.get("dataPeriod") or {}
    return Given(
        id=str(consent["id"]),
        who=", ".join(names) or _everybody(consent),
        what=tuple(what),
        data_from=days.parse_day(data.get("start")),
        data_until=days.parse_day(data.get("end")),
        until=days.parse_day(period.get("end")),
        since=days.parse_day(consent.get("dateTime")),
        mine=ctx.role is Role.CITIZEN or {"reference": ctx.actor} in (consent.get("performer") or ()),
    )


def area_title(area: str) -> str:
    """What may be done in an area, short."""
    return {"plan": _("se planen"), "record": _("se det, planen bygger på"), "act": _("skrive for dig")}.get(area, area)


def _display(actor: Mapping[str, Any]) -> str:
    return str((actor.get("reference") or {}).get("display") or _("Ukendt"))


def name_of(ctx: Context, reference: str) -> str:
    """What a person, a place or a relative is called; empty when they are not there."""
    kind, _slash, identity = reference.partition("/")
    if kind != "RelatedPerson":
        return reading.name_of(ctx, reference)
    return next((one.name for one in relatives(ctx) if one.id == identity), "")


def relatives(ctx: Context) -> tuple[Relative, ...]:
    """Those the record knows as the patient's own."""
    if ctx.patient is None:
        return ()
    found = store.search_all(ctx, "RelatedPerson", [("patient", ctx.patient)])
    return tuple(Relative(entry.id, full_name(entry.resource)) for entry in found)


def glass(ctx: Context, one: Opening, language: str, *, patient: str = "") -> Glass:
    """One break-glass in words."""
    outcome = emergencies.FOLLOW_UPS.get(one.status, {})
    reason = emergencies.REASONS.get(one.reason, {})
    return Glass(
        number=one.number,
        patient_id=one.patient,
        patient=patient,
        who=reading.name_of(ctx, one.actor) or _("En medarbejder"),
        place=reading.name_of(ctx, f"Organization/{one.organization}") or _("Et ukendt sted"),
        opened=_moment(one.opened_ms),
        until=_moment(one.ended_ms if one.ended_ms is not None else one.until_ms),
        is_open=one.is_open(ctx.now),
        ended_early=one.ended_ms is not None,
        reason=reason.get(language, one.reason),
        text=one.text,
        status=one.status,
        outcome=outcome.get(language, one.status),
        note=one.note,
        followed_by=reading.name_of(ctx, one.followed_by) if one.followed_by else "",
        own=one.person == emergencies.person_of(ctx),
    )


def said(ctx: Context, one: Statement, language: str, *, patient: str = "") -> Said:
    """One stated relation in words."""
    return Said(
        number=one.number,
        patient=patient,
        who=reading.name_of(ctx, one.actor) or _("En medarbejder"),
        place=reading.name_of(ctx, f"Organization/{one.organization}") or _("Et ukendt sted"),
        day=days.day_of_millis(one.stated_ms),
        reason=evidence.REASONS.get(one.reason, {}).get(language, one.reason),
        text=one.text,
        status=one.status,
        outcome=evidence.STATES.get(one.status, {}).get(language, one.status),
        check_day=one.check_day,
    )


@dataclass(frozen=True, slots=True)
class Notices:
    """What the patient is told of at once: break-glass of late, and messages about access that could not be confirmed."""

    glass: tuple[Glass, ...] = ()
    messages: tuple[str, ...] = ()


def notices(ctx: Context, *, language: str, since: int = 30) -> Notices:
    """Of the last days, for the citizen who asks."""
    if ctx.patient is None or ctx.role is not Role.CITIZEN:
        return Notices()
    first = days.millis(ctx.now) - since * 86_400_000
    recent = [one for one in emergencies.of_patient(ctx.patient) if one.opened_ms > first]
    failed = [
        said(ctx, one, language)
        for one in evidence.of_patient(ctx.patient)
        if one.status == "failed" and (one.settled_ms or 0) > first
    ]
    words = _("%(place)s oplyste, at de behandler dig. Det kunne vi ikke få bekræftet, og adgangen er lukket.")
    return Notices(
        tuple(glass(ctx, one, language) for one in recent), tuple(words % {"place": one.place} for one in failed)
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, days.COPENHAGEN)
