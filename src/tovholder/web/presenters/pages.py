"""The patient's page in the clinic, and series of measurements for any page, from what plan's read models tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tovholder.forms import domain as form_domain
from tovholder.packages import Package
from tovholder.packages.common import to_milli
from tovholder.packages.model import Change
from tovholder.packages.questionnaires import items, translation
from tovholder.plan.measures import Point, Series, Way
from tovholder.plan.views import EpisodeView
from tovholder.web import reading, wording
from tovholder.web import view_models as v
from tovholder.web.presenters import course as c
from tovholder.web.presenters.flags import flags
from tovholder.web.presenters.words import reason_words
from tovholder.web.templatetags.tovholder import day as day_text


def patient_page(held: reading.Course, *, today: int, language: str) -> v.PatientPage:
    """One patient's course, for the clinic."""
    view = held.view
    episode, package = view.episode, view.package
    guided = c.steps(episode, assessed_day=view.needs_day, decision=view.decision, plan=view.plan)
    form_url = reverse("web:form", args=[held.patient_id, package.id, package.level.base.form])
    ready = view.needs_day is not None or view.decision is not None
    return v.PatientPage(
        patient_id=held.patient_id,
        name=view.patient.name,
        age=view.patient.age,
        cpr=held.cpr,
        package=package.id,
        package_title={"da": package.titles.da, "en": package.titles.en},
        phase=str(episode.phase),
        phase_label=wording.PHASES.get(str(episode.phase), episode.phase),
        episode_id=episode.id,
        level=int(view.decision.level) if view.decision else None,
        flags=flags(held.flags, held.patient_id, package.id),
        clock=c.clock(package, episode, view.plan, today),
        steps=guided,
        current=next((step for step in guided if step.state == "current"), None),
        inclusion_reasons=tuple(reason_words(one, package, language) for one in episode.inclusion_reasons),
        declined_day=episode.declined_day,
        decline_reason=episode.decline_reason or "",
        ended_day=episode.ended_day,
        end_reason=wording.END_REASONS.get(episode.end_reason or "", episode.end_reason or ""),
        assessment=_assessment(view, language, form_url),
        assessment_url=form_url if episode.phase.is_started else "",
        proposal=c.proposal_view(view, language) if ready and episode.phase.is_started else None,
        decision=c.decision_view(view.decision, held.names),
        plan=c.plan_view(view.plan, held.names),
        goals=c.goals(view.goals),
        suggested_goals=tuple((item.id, c.suggested_words(item, language)) for item in view.suggestions),
        preview=c.preview(view.preview, language),
        activities=c.activities(view.activities, package, language, today),
        appointments=c.appointments(view.appointments, (package,), language, today, held.names),
        measurements=series(view.measurements, language),
        sheets=_sheets(view, language) if episode.phase.is_started else (),
        stops=tuple(text[language] for _stop, text in view.stops),
        plans_elsewhere=not package.makes_plans,
        urls=_urls(held),
    )


def _urls(held: reading.Course) -> Mapping[str, str]:
    """The acts the page offers in this state; an act that is not offered has no address here."""
    view = held.view
    phase = view.episode.phase
    names: list[str] = []
    if phase.value in ("eligible", "declined"):
        names.append("start")
    if phase.value == "eligible":
        names += ["decline", "pause", "resume", "end"]
    if phase.is_started:
        names += ["pause", "resume", "end", "book", "appointment", "cancel", "rebook"]
        if (view.needs_day is not None or view.decision is not None) and not view.proposal.is_blocked:
            names.append("decide")
        if view.decision is not None:
            names.append("reassess")
        if view.plan is None and view.decision is not None and view.package.makes_plans:
            names.append("draft")
        if view.plan is not None:
            names += ["goal", "activity"] if view.plan.confirmed_day is not None else ["confirm"]
    about = [held.patient_id, held.package.id]
    found = {name: reverse(f"web:act-{name}", args=about) for name in names}
    if phase.is_started and view.plan is not None and view.plan.confirmed_day is not None and view.package.makes_plans:
        found["edit"] = reverse("web:plan-edit", args=about)
    return found


def _assessment(view: EpisodeView, language: str, url: str) -> v.Assessment | None:
    if view.needs_day is None:
        return None
    sheet = {
        str(item.get("linkId")): item for item in items(view.package.forms[view.package.level.base.form].questionnaire)
    }
    answers = tuple(
        v.Answer(need.title[language], _in_words(sheet.get(need.link_id, {}), need.value, language))
        for need in view.needs
    )
    return v.Assessment(form=view.package.level.base.form, day=view.needs_day, answers=answers, url=url)


def _in_words(question: Mapping[str, Any], value: int | None, language: str) -> Any:
    """An answer in the questionnaire's own words."""
    if value is None:
        return _("Ikke besvaret")
    for option in question.get("answerOption", ()):
        coding = option.get("valueCoding")
        if coding and form_domain.form_text(coding) == str(value):
            return translation(coding, "display")[language]
    return str(value)


def _sheets(view: EpisodeView, language: str) -> tuple[v.Sheet, ...]:
    return tuple(
        v.Sheet(item.title[language], reverse("web:form", args=[view.patient.id, view.package.id, item.id]), item.day)
        for item in view.forms
    )


def series(found: Iterable[Series], language: str) -> tuple[v.Series, ...]:
    """Measured numbers over time; codes (smoking status and the like) are no curve and are left to the record."""
    made = []
    for item in found:
        yes_no = item.limits == (0, 1000)
        points = tuple(
            _yes_no(one, language)
            if yes_no
            else replace(point(one.day, one.milli, language), band=_band(item, one.milli, language))
            for one in item.points
            if one.milli is not None
        )
        if points:
            made.append(
                v.Series(
                    key=item.name,
                    title=item.title[language],
                    unit=item.unit,
                    points=points,
                    about=trend_words(item, language),
                    band=item.band.title[language] if item.band else "",
                    way=str(item.trend.way) if item.trend else "",
                    bands=tuple(v.Level(to_milli(band.at_least) / 1000, band.title[language]) for band in item.bands),
                    yes_no=yes_no,
                )
            )
    return tuple(made)


def _yes_no(one: Point, language: str) -> v.Point:
    """A value that can only be 0 or 1, in words; as it was written where it is neither."""
    told = {0: _("nej"), 1000: _("ja")}.get(one.milli or 0)
    made = point(one.day, one.milli or 0, language)
    return made if told is None else replace(made, text=str(told))


def _band(item: Series, milli: int, language: str) -> str:
    """What the package calls a value: the highest band it reaches."""
    reached = [band for band in item.bands if to_milli(band.at_least) <= milli]
    return reached[-1].title[language] if reached else ""


def trend_words(item: Series, language: str) -> str:
    """How it has gone since the course began, and whether the change is one that is felt."""
    trend = item.trend
    if trend is None or trend.first is None or trend.latest is None or item.change is None:
        return ""
    first, latest = (point(one.day, one.milli or 0, language) for one in (trend.first, trend.latest))
    told = str(_WAYS[trend.way]) % {"first": first.text, "latest": latest.text, "date": day_text(first.day, "compact")}
    if trend.way is Way.SAME:
        return told
    matters = str(_MATTERS[trend.matters]) % {"limit": smallest_change(item.change, language)}
    return f"{told} {matters}"


def smallest_change(change: Change, language: str) -> str:
    """The smallest change that is felt, as it is written."""
    return f"{change.minimal_percent} %" if change.minimal_percent else _number(change, language)


def _number(change: Change, language: str) -> str:
    text = f"{change.minimal:g}" if change.minimal is not None else ""
    return text.replace(".", ",") if language == "da" else text


_WAYS: Mapping[Way, Any] = {
    Way.BETTER: _("Bedre: fra %(first)s den %(date)s til %(latest)s."),
    Way.WORSE: _("Værre: fra %(first)s den %(date)s til %(latest)s."),
    Way.SAME: _("Uændret siden %(date)s."),
}
_MATTERS: Mapping[bool | None, Any] = {
    True: _("Det er en mærkbar ændring (mindst %(limit)s)."),
    False: _("Det er for lidt til at være en sikker ændring (under %(limit)s)."),
    None: _("Det kan ikke regnes ud, om det er en mærkbar ændring."),
}


def point(day: int, milli: int, language: str) -> v.Point:
    """A measured number with the way it is written in the language."""
    whole, rest = divmod(abs(milli), 1000)
    text = f"{'-' if milli < 0 else ''}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")
    return v.Point(day, milli / 1000, text.replace(".", ",") if language == "da" else text)


def beside(held: reading.Course, form_id: str, language: str) -> v.Beside:
    """What stands beside a form while it is filled in: the newest measurements and the other forms."""
    view = held.view
    return v.Beside(
        measurements=series(view.measurements, language),
        sheets=tuple(
            sheet for item, sheet in zip(view.forms, _sheets(view, language), strict=True) if item.id != form_id
        ),
    )


def book_kinds(package: Package, language: str) -> tuple[tuple[str, str], ...]:
    """Kinds of appointment the package knows."""
    return tuple((item.kind, item.title[language]) for item in package.appointment_kinds)
