"""A patient's merged plan for the clinic's page: months, origins, what differs, and what is saved, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils import dateformat
from django.utils.translation import gettext_lazy as _

from tovholder import packages
from tovholder.base import days
from tovholder.packages import shared
from tovholder.packages.common import Text
from tovholder.plan import aims
from tovholder.plan.domain import INSIDE
from tovholder.plan.merge import domain as d
from tovholder.plan.values import Appointment, Code, Limits
from tovholder.web import merged_view as m
from tovholder.web import wording
from tovholder.web.patient_view import Head
from tovholder.web.presenters.words import limit_words

_STATES: Mapping[d.State, tuple[Any, str]] = {
    d.State.OPEN: (_("Ikke booket"), "time"),
    d.State.BOOKED: (_("Booket"), "calendar-month"),
    d.State.PAUSED: (_("På pause"), "schedule"),
    d.State.DONE: (_("Gjort"), "check"),
}
_WHAT: Mapping[d.Disagreement, Any] = {
    d.Disagreement.APART: _("Målene kan ikke nås på samme tid. Aftal med patienten, hvad der gælder."),
    d.Disagreement.STRICTER: _("Pakkerne vil ikke det samme. Aftal med patienten, hvad der gælder."),
    d.Disagreement.UNITS: _("Målene står i hver sin enhed og kan ikke sammenlignes her."),
    d.Disagreement.ADVICE: _("Pakkerne siger det på hver sin måde. Se efter, om rådene passer sammen."),
    d.Disagreement.PERFORMER: _("Flere pakker beder om det samme hos forskellige. Vælg, hvem der gør det."),
}


def merged_page(
    found: d.Merged, head: Head, appointments: Iterable[Appointment], *, today: int, language: str
) -> m.MergedPage:
    """The page. ``appointments``: the patient's, for the time of what is booked."""
    starts = {item.id: item.start for item in appointments if item.id}
    steps = [_step(step, starts, head.patient_id, language) for step in found.steps]
    live = [step for step in steps if step.state in (d.State.OPEN, d.State.BOOKED)]
    coming = [step for step in live if step.day is not None and not step.late]
    return m.MergedPage(
        head=head,
        packages=tuple(
            _text(title) for title in {o.package: o.package_title for s in found.steps for o in s.origins}.values()
        ),
        contradictions=tuple(_contradiction(one, language) for one in found.contradictions),
        counts=_counts(found),
        late=tuple(step for step in live if step.late),
        months=tuple(
            m.Month(title, tuple(group)) for title, group in groupby(coming, key=lambda step: _month(step.day or today))
        ),
        undated=tuple(step for step in live if step.day is None),
        paused=tuple(step for step in steps if step.state == d.State.PAUSED),
        done=tuple(step for step in reversed(steps) if step.state == d.State.DONE),
    )


def _month(day: int) -> str:
    return dateformat.format(days.date_of(day), "F Y")


def _step(step: d.Step, starts: Mapping[str, Any], patient_id: str, language: str) -> m.Step:
    label, icon = _STATES[step.state]
    return m.Step(
        id=step.id,
        ids=tuple(origin.id for origin in step.origins),
        title=_text(title_of(step)),
        who=wording.PERFORMERS.get(step.performer, step.performer),
        day=step.day,
        first_day=step.first_day,
        last_day=step.last_day,
        state=str(step.state),
        state_label=label,
        icon=icon,
        late=step.overdue and step.state is d.State.OPEN,
        start=starts.get(step.appointment or ""),
        tests=tuple(_test(test, language) for test in step.tests),
        origins=tuple(_origin(origin, patient_id) for origin in step.origins),
        bookable=step.state is d.State.OPEN and step.performer in INSIDE - {"patient"},
    )


def title_of(step: d.Step) -> Text:
    """What several packages call it together, or the one package's own words."""
    if len(step.origins) > 1 and step.shared in shared.known():
        return shared.known()[step.shared].title
    return step.origins[0].title


def _origin(origin: d.Origin, patient_id: str) -> m.Origin:
    return m.Origin(
        package=_text(origin.package_title),
        title=_text(origin.title),
        level=origin.level,
        due_day=origin.due_day,
        first_day=origin.first_day,
        last_day=origin.last_day,
        url=reverse("web:patient", args=[patient_id, origin.package]),
    )


def _test(test: Code, language: str) -> str:
    return test.text or aims.measure_title(test, packages.builtin().values())[language]


def _counts(found: d.Merged) -> tuple[m.Count, ...]:
    told = (
        (_("besøg"), found.after.visits, found.before.visits),
        (_("prøver og undersøgelser"), found.after.examinations, found.before.examinations),
        (_("målte værdier"), found.after.tests, found.before.tests),
        (_("tilbud"), found.after.offers, found.before.offers),
    )
    return tuple(m.Count(title, after, before) for title, after, before in told if before)


def _contradiction(one: d.Contradiction, language: str) -> m.Contradiction:
    return m.Contradiction(
        about=_text(_about(one)),
        what=_WHAT[one.kind],
        serious=one.kind is d.Disagreement.APART,
        words=(*(_aim(aim, language) for aim in one.aims), *(_asked(origin) for origin in one.origins)),
    )


def _about(one: d.Contradiction) -> Text:
    if one.kind is d.Disagreement.PERFORMER:
        return shared.known()[one.about.code].title if one.about.code in shared.known() else one.origins[0].title
    if one.kind is d.Disagreement.ADVICE:
        return aims.plain(one.about.text or one.about.code)
    return aims.measure_title(one.about, packages.builtin().values())


def _aim(aim: d.Aim, language: str) -> m.Word:
    limits = None
    if aim.measure is not None:
        limits = Limits(measure=aim.measure, at_least_milli=aim.at_least, at_most_milli=aim.at_most, unit=aim.unit)
    whose = _("Pakkens forslag") if aim.suggested else _("Patientens egne ord") if aim.by_patient else _("Mål i planen")
    return m.Word(
        package=_text(aim.package_title),
        text=_text(aim.text),
        limits=limit_words(limits, language, named=False),
        whose=whose,
    )


def _asked(origin: d.Origin) -> m.Word:
    return m.Word(
        package=_text(origin.package_title),
        text=_text(origin.title),
        limits="",
        whose=wording.PERFORMERS.get(origin.performer, origin.performer),
    )


def _text(text: Text) -> Mapping[str, str]:
    return {"da": text.da, "en": text.en}
