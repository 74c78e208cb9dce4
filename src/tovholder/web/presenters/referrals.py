"""Referrals as pages show them: a form with every field's origin and age, a referral's days, the clinic's list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tovholder import packages
from tovholder.packages.model import Package
from tovholder.plan.values import Referral, Told
from tovholder.referral import queries
from tovholder.referral.directory import OLD_WAIT_DAYS, Receiver
from tovholder.referral.drafts import OPEN
from tovholder.referral.prefill import BY_ITSELF, Answered, State
from tovholder.web import referral_words as words
from tovholder.web.templatetags.tovholder import day as day_text

_SHORT = 60  # characters that fit one line


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of the form: what stands in it, where that comes from, and what is asked of whoever sends."""

    id: str
    label: str
    required: bool
    value: str
    origin: str  # where the record has it from, how old it is
    basis: str  # what the record says
    stale: bool
    missing: bool
    confirmed: bool
    by_itself: bool
    long: bool
    error: str = ""

    @property
    def control(self) -> str:
        """The id of its control on the page."""
        return f"felt-{self.id}"

    @property
    def is_extra(self) -> bool:
        """Whether it may be left out and nothing is known of it: folded away."""
        return not self.required and not self.value.strip() and not self.error

    @property
    def is_unsettled(self) -> bool:
        """Whether an old value still waits for somebody to confirm or correct it."""
        return self.stale and not self.confirmed and self.value == self.basis


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """A receiver to choose."""

    id: str
    name: str
    kind: str
    about: str
    distance: str
    waiting: str
    old: bool
    offers: bool | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One step of the round trip and its day; None: it has not happened, or nobody told."""

    label: str
    day: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One round of a referral."""

    id: str
    title: str
    receiver: str
    status: str
    status_label: str
    status_icon: str
    days: tuple[Day, ...]
    reason: str
    answer: str
    attention: str
    url: str
    resend_url: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class KindLink:
    """A referral the package has, to be made."""

    title: str
    url: str
    open: int


def fields(
    answers: Iterable[Answered],
    *,
    language: str,
    today: int,
    typed: Mapping[str, str] | None = None,
    confirmed: Iterable[str] = (),
    errors: Mapping[str, str] | None = None,
) -> tuple[FieldRow, ...]:
    """The form's rows: what was typed where something was, else what the record says."""
    ticked, wrong = set(confirmed), errors or {}
    return tuple(
        FieldRow(
            id=one.id,
            label=one.asked.field.title[language],
            required=one.asked.field.required,
            value=typed[one.id] if typed is not None and one.id in typed else one.value,
            origin=_origin(one, today),
            basis=one.value,
            stale=one.state is State.STALE,
            missing=one.state is State.MISSING,
            confirmed=one.id in ticked,
            by_itself=one.asked.field.fill.kind in BY_ITSELF and one.state is State.FILLED,
            long=one.asked.field.fill.kind in ("written", "goals", "fhirpath", "form") or len(one.value) > _SHORT,
            error=wrong.get(one.id, ""),
        )
        for one in answers
    )


def _origin(one: Answered, today: int) -> str:
    if one.state is State.MISSING:
        return _("Står ikke i journalen") if one.asked.field.fill.kind != "written" else ""
    kind = (one.source or "").partition("/")[0]
    what = words.LEVEL if one.asked.field.fill.kind == "level" else words.SOURCES.get(kind, kind)
    told = [_("Fra journalen: %(what)s") % {"what": what} if kind else _("Fra pakken")]
    if one.day is not None:
        told.append(f"{day_text(one.day, 'compact')} ({age(today - one.day)})")
    elif one.state is State.STALE:
        told.append(_("uden dato"))
    return ", ".join(str(part) for part in told)


def age(count: int) -> str:
    """How old something is in words: days, months, years."""
    if count <= 0:
        return _("i dag")
    if count < 60:
        return ngettext("%(count)d dag gammel", "%(count)d dage gammel", count) % {"count": count}
    if count < 730:
        months = count * 12 // 365
        return ngettext("%(count)d måned gammel", "%(count)d måneder gammel", months) % {"count": months}
    return ngettext("%(count)d år gammel", "%(count)d år gammel", count // 365) % {"count": count // 365}


def receivers(found: Iterable[Receiver], *, today: int, chosen: str) -> tuple[ReceiverRow, ...]:
    """The receivers to choose among."""
    return tuple(_receiver(one, today, chosen) for one in found)


def _receiver(one: Receiver, today: int, chosen: str) -> ReceiverRow:
    distance = _("Afstand ikke kendt")
    if one.distance is not None:
        km = max(round(one.distance.km), 1)
        distance = (_("ca. %(km)d km") if one.distance.rough else _("%(km)d km")) % {"km": km}
    waiting, old = _("Ventetid ikke kendt"), False
    if one.waiting_days is not None:
        waiting = ngettext("%(count)d dags ventetid", "%(count)d dages ventetid", one.waiting_days) % {
            "count": one.waiting_days
        }
        if one.waiting_told is None:
            waiting, old = _("%(waiting)s (oplyst en ukendt dag)") % {"waiting": waiting}, True
        else:
            old = today - one.waiting_told > OLD_WAIT_DAYS
            waiting = _("%(waiting)s (oplyst %(date)s)") % {
                "waiting": waiting, "date": day_text(one.waiting_told, "compact"),
            }  # fmt: skip
    return ReceiverRow(
        id=one.id,
        name=one.name,
        kind=str(words.RECEIVERS.get(one.kind, one.kind)),
        about=", ".join(part for part in (one.service, one.place, _elsewhere(one), one.phone) if part),
        distance=distance,
        waiting=waiting,
        old=old,
        offers=one.offers,
        chosen=one.id == chosen,
    )


def _elsewhere(one: Receiver) -> str:
    """The municipality, where its name does not stand in the address."""
    return "" if one.municipality_name in one.place else one.municipality_name


def referral(
    one: Referral, *, patient_id: str, package: Package, names: Mapping[str, str], language: str, today: int
) -> ReferralRow:
    """One round with every day on the way, those that are missing included."""
    label, icon = words.STATUSES.get(one.status, (one.status, "help"))
    kinds = {item.id: item.title[language] for item in package.referrals}
    asks = queries.of_round(one, package.id, today)
    course = [patient_id, package.id]
    resend = one.status in ("rejected", "failed", "cancelled") and one.resent is None and one.kind in kinds
    return ReferralRow(
        id=one.id or "",
        title=kinds.get(one.kind, one.title),
        receiver=names.get(f"Organization/{one.receiver_id}", "") or _("Ukendt modtager"),
        status=one.status,
        status_label=str(label),
        status_icon=icon,
        days=steps(one, package.id, today),
        reason=", ".join(str(part) for part in (words.REASONS.get(one.stop_reason or ""), one.stop_text) if part),
        answer=one.answer,
        attention=str(words.ATTENTION[asks]) if asks else (_("Sendt til en anden modtager") if one.resent else ""),
        url=reverse("web:referral", args=[*course, one.id]),
        resend_url=f"{reverse('web:refer', args=[*course, one.kind])}?efter={one.id}" if resend else "",
        is_open=one.status in OPEN,
    )


def steps(one: Referral, package_id: str, today: int) -> tuple[Day, ...]:
    """The days on the way, with the last one it may begin."""
    found = []
    if one.first_sent_day is not None and one.first_sent_day != one.sent_day:
        found.append(Day(_("Først henvist"), one.first_sent_day))
    found.append(Day(_("Sendt"), one.sent_day))
    if one.status not in ("rejected", "failed"):
        found.append(Day(_("Accepteret"), one.accepted_day))
        found.append(Day(_("Begyndt"), one.started_day))
    limit = queries.deadline_of(package_id, one.kind, one.receiver_kind, one.asked_day)
    if limit is not None and one.started_day is None and one.status in OPEN:
        left = limit - today
        note = (
            ngettext("%(count)d dag tilbage", "%(count)d dage tilbage", left)
            if left >= 0
            else ngettext("%(count)d dag over fristen", "%(count)d dage over fristen", -left)
        )
        found.append(Day(_("Skal begynde senest"), limit, note % {"count": abs(left)}))
    ends = {
        "completed": _("Afsluttet"),
        "rejected": _("Afvist"),
        "cancelled": _("Stoppet"),
        "failed": _("Kom ikke frem"),
    }
    if one.status in ends:
        found.append(Day(ends[one.status], one.completed_day))
    return tuple(found)


def links(package: Package, patient_id: str, rounds: Iterable[Referral], language: str) -> tuple[KindLink, ...]:
    """The referrals the package has, each a link to its form."""
    held = list(rounds)
    return tuple(
        KindLink(
            item.title[language],
            reverse("web:refer", args=[patient_id, package.id, item.id]),
            sum(1 for one in held if one.kind == item.id and one.status in OPEN and one.resent is None),
        )
        for item in package.referrals
    )


def told_rows(told: Iterable[Told], today: int) -> tuple[tuple[str, str, str], ...]:
    """What the receiver was told: the field, the words, where they are from."""
    return tuple((one.title, one.value, _told_origin(one, today)) for one in told)


def _told_origin(one: Told, today: int) -> str:
    if one.how == "written" or one.source is None:
        return _("Skrevet af afsenderen") if one.how == "written" else ""
    kind = one.source.partition("/")[0]
    parts = [str(words.SOURCES.get(kind, kind))]
    if one.day is not None:
        parts.append(day_text(one.day, "compact"))
    if one.how == "confirmed":
        parts.append(_("bekræftet af afsenderen"))
    return ", ".join(parts)


def clinic_rows(
    lines: Iterable[queries.Line], names: Mapping[str, str], places: Mapping[str, str], language: str
) -> list[dict[str, Any]]:
    """The clinic's list."""
    known = packages.builtin()
    rows = []
    for line in lines:
        held = known.get(line.package)
        if held is None:
            continue
        kinds = {item.id: item.title[language] for item in held.referrals}
        label, icon = words.STATUSES.get(line.status, (line.status, "help"))
        rows.append(
            {
                "name": names.get(line.patient_id, ""),
                "package": held.titles[language],
                "kind": kinds.get(line.kind, line.kind),
                "receiver": places.get(f"Organization/{line.receiver_id}", ""),
                "status": str(label),
                "icon": icon,
                "sent_day": line.sent_day,
                "deadline_day": line.deadline_day,
                "attention": str(words.ATTENTION[line.attention]) if line.attention else "",
                "url": reverse("web:referral", args=[line.patient_id, line.package, line.referral_id]),
            }
        )
    return rows
