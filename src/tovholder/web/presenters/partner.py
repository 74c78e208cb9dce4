"""What a receiver of referrals sees: the list of those who wait, and one patient with what the receiver's part needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tovholder import packages
from tovholder.base import days
from tovholder.cockpit.receiver import Line, Wait
from tovholder.packages.model import Package
from tovholder.plan.values import Appointment, Episode, Referral
from tovholder.referral.drafts import OPEN
from tovholder.web import referral_words as words
from tovholder.web.presenters import referrals as referral_rows
from tovholder.web.templatetags.tovholder import clock_time
from tovholder.web.templatetags.tovholder import day as day_text

GROUPS: tuple[tuple[str, Any, frozenset[Wait]], ...] = (
    ("svar", gettext_lazy("Nye henvisninger"), frozenset({Wait.ANSWER})),
    ("udfald", gettext_lazy("Fortæl, hvordan det gik"), frozenset({Wait.OUTCOME})),
    ("tid", gettext_lazy("Mangler en tid"), frozenset({Wait.BOOK})),
    ("gang", gettext_lazy("I gang"), frozenset({Wait.CALM})),
    ("slut", gettext_lazy("Afsluttet for nylig"), frozenset({Wait.OVER})),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    url: str
    name: str
    what: str
    about: tuple[str, ...]
    late: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Those who wait for the same. asks: whether it is for the reader to do something."""

    key: str
    title: Any
    rows: tuple[Row, ...]
    asks: bool


@dataclass(frozen=True, slots=True)
class Received:
    """One referral as its receiver has it. acts: what may be done now."""

    id: str
    title: str
    package: Any
    status: str
    status_label: str
    status_icon: str
    days: tuple[referral_rows.Day, ...]
    told: tuple[tuple[str, str, str], ...]
    text: str
    reason: str
    answer: str
    acts: tuple[str, ...]
    onward_url: str
    is_new: bool
    is_open: bool


def groups(lines: Iterable[Line], today: int, language: str, url: Callable[[str], str]) -> tuple[Group, ...]:
    """The list in its parts; a part with nobody is left out."""
    held = list(lines)
    return tuple(
        Group(key, title, rows, any(wait.asks for wait in waits))
        for key, title, waits in GROUPS
        if (rows := tuple(_row(line, today, language, url(line.patient_id)) for line in held if line.wait in waits))
    )


def _row(line: Line, today: int, language: str, url: str) -> Row:
    package = packages.builtin().get(line.package)
    about: list[str] = []
    left = None if line.deadline_day is None else line.deadline_day - today
    if line.passed is not None:
        about.append(_("Tid %(when)s, udfald ikke kendt") % {"when": when(line.passed)})
    if line.coming is not None:
        about.append(_("Næste tid %(when)s") % {"when": when(line.coming)})
    if line.referral is not None:
        label, _icon = words.STATUSES.get(line.referral.status, (line.referral.status, ""))
        if line.wait is Wait.ANSWER:
            about.append(_("henvist %(date)s") % {"date": day_text(line.referral.asked_day, "compact")})
        else:
            about.append(str(label))
    elif line.coming is None and line.passed is None:
        about.append(_("Ingen tid aftalt"))
    if left is not None and line.deadline_day is not None:
        told = {"date": day_text(line.deadline_day, "compact"), "count": abs(left)}
        about.append(
            ngettext("skal begynde senest %(date)s, %(count)d dag tilbage",
                     "skal begynde senest %(date)s, %(count)d dage tilbage", left) % told
            if left >= 0
            else ngettext("skulle være begyndt %(date)s, %(count)d dag over fristen",
                          "skulle være begyndt %(date)s, %(count)d dage over fristen", -left) % told
        )  # fmt: skip
    return Row(
        url=url,
        name=line.name,
        what=_kind_title(package, line.referral, language) if line.referral else _("Uden henvisning"),
        about=tuple(about),
        late=left is not None and left < 0,
    )


def when(one: Appointment) -> str:
    """The day and the time of an appointment."""
    if one.start is None:
        return ""
    return f"{day_text(days.day_of(one.start), 'compact')} {_('kl.')} {clock_time(one.start)}"


def _kind_title(package: Package | None, one: Referral, language: str) -> str:
    if package is None:
        return one.title
    return {item.id: item.title[language] for item in package.referrals}.get(one.kind, one.title)


_ACTS: Mapping[str, tuple[str, ...]] = {
    "requested": ("accept", "reject"),
    "received": ("accept", "reject"),
    "accepted": ("start", "reject", "stop"),
    "in-progress": ("complete", "stop"),
    "on-hold": ("complete", "stop"),
}


def received(
    found: Iterable[Referral],
    *,
    episodes: Mapping[str, Episode],
    texts: Mapping[str, str],
    onward: frozenset[str],
    onward_url: Callable[[str, str], str],
    today: int,
    language: str,
) -> tuple[Received, ...]:
    """The referrals to the reader, those that are open first. onward: packages in which the reader may refer on."""
    made = []
    for one in found:
        episode = episodes.get(one.episode_id or "")
        package = packages.builtin().get(episode.package) if episode else None
        label, icon = words.STATUSES.get(one.status, (one.status, "help"))
        on = package is not None and package.id in onward and one.status in ("accepted", "in-progress", "on-hold")
        made.append(
            Received(
                id=one.id or "",
                title=_kind_title(package, one, language),
                package=package.titles if package else "",
                status=one.status,
                status_label=str(label),
                status_icon=icon,
                days=referral_rows.steps(one, package.id if package else "", today),
                told=referral_rows.told_rows(one.told, today),
                text=texts.get(one.id or "", ""),
                reason=", ".join(
                    str(part) for part in (words.REASONS.get(one.stop_reason or ""), one.stop_text) if part
                ),
                answer=one.answer,
                acts=_ACTS.get(one.status, ()),
                onward_url=onward_url(one.patient_id, one.id or "") if on else "",
                is_new=one.status in ("requested", "received"),
                is_open=one.status in OPEN,
            )
        )
    return tuple(sorted(made, key=lambda item: (not item.is_open, not item.is_new)))


def first_kept(one: Referral, appointments: Iterable[Appointment], places: frozenset[str]) -> int | None:
    """The day of the first visit kept at the receiver's since it took the patient: when the offer began, most likely."""
    kept = [
        days.day_of(item.start)
        for item in appointments
        if item.status == "fulfilled" and item.start is not None and item.organization_id in places
    ]
    return min((day for day in kept if day >= one.sent_day), default=None)


def without(rows: Iterable[Any], ours: frozenset[str]) -> tuple[Any, ...]:
    """Appointments as the page shows them: only one's own may be acted on."""
    return tuple(item if item.id in ours else replace(item, actions=(), needs_outcome=False) for item in rows)
