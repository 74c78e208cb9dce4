"""A patient's measurements over all packages as charts: goal lines, bands, and all of it in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tovholder.packages import Package
from tovholder.packages.common import to_milli
from tovholder.packages.model_clinical import Band
from tovholder.plan.aims import same_measure
from tovholder.plan.measures import Series
from tovholder.plan.overview import PatientView
from tovholder.plan.values import Code, Goal, Limits
from tovholder.web import patient_view as p
from tovholder.web import view_models as v
from tovholder.web.presenters.pages import point, series, smallest_change

_OVER = frozenset({"cancelled", "rejected", "completed", "entered-in-error"})


@dataclass(slots=True)
class _Gathered:
    """One kind of measurement, and which packages ask about it."""

    held: Series
    packages: list[Package] = field(default_factory=list)


def page(view: PatientView, top: p.Head, *, language: str) -> p.MeasurementPage:
    """Everything the packages ask about that has been measured, and what nobody has."""
    found: list[_Gathered] = []
    missing: dict[str, tuple[v.Text, str]] = {}
    for course in view.courses:
        if not course.episode.phase.is_open:
            continue
        for line in course.measurements:
            same = next((one for one in found if _same(one.held, line)), None)
            if same is None:
                found.append(_Gathered(line, [course.package]))
            else:
                same.packages.append(course.package)
                if line.bands and not same.held.bands:
                    same.held = replace(same.held, bands=line.bands, band=line.band)
        measured = {line.name for line in course.measurements}
        for asked in course.package.level.inputs:
            by_code = any(one.kind == "measurement" for one in asked.sources)
            if by_code and asked.shown_as_missing and asked.name not in measured:
                missing.setdefault(
                    asked.title.da, ({"da": asked.title.da, "en": asked.title.en}, course.package.titles[language])
                )
    goals = _with_limits(view.goals)
    return p.MeasurementPage(
        head=top,
        series=tuple(made for one in found for made in _shown(one, goals, language)),
        missing=tuple(missing.values()),
    )


def with_aims(found: Iterable[Series], goals: Iterable[Goal], language: str) -> tuple[v.Series, ...]:
    """The patient's own charts: each goal as a line, and in words with whether the newest value meets it."""
    valid = _with_limits(goals)
    shown: list[v.Series] = []
    for held in found:
        aims = _aims(held, valid)
        lines = tuple(line for aim in aims for line in _lines(aim, language))
        told = tuple(_told_aims(held, aims, language))
        shown += [replace(made, goals=lines, told=told) for made in series([held], language)]
    return tuple(shown)


def _with_limits(goals: Iterable[Goal]) -> list[Goal]:
    return [goal for goal in goals if goal.lifecycle not in _OVER and goal.limits is not None]


def _aims(held: Series, goals: Iterable[Goal]) -> list[Limits]:
    """What the goals want of one kind of measurement; two courses that want the same want it once."""
    code = Code(held.system, held.code)
    wanted = [goal.limits for goal in goals if goal.limits is not None and same_measure(goal.limits.measure, code)]
    return list(dict.fromkeys(wanted))


def _same(one: Series, other: Series) -> bool:
    return same_measure(Code(one.system, one.code), Code(other.system, other.code))


def _shown(one: _Gathered, goals: Iterable[Goal], language: str) -> Iterable[v.Series]:
    aims = _aims(one.held, goals)
    for made in series([one.held], language):
        yield replace(
            made,
            goals=tuple(line for aim in aims for line in _lines(aim, language)),
            told=tuple(_told(one.held, aims, language)),
            packages=tuple({"da": item.titles.da, "en": item.titles.en} for item in one.packages),
        )


def _lines(aim: Limits, language: str) -> Iterable[v.Level]:
    for milli, word in ((aim.at_most_milli, _AT_MOST), (aim.at_least_milli, _AT_LEAST)):
        if milli is not None:
            yield v.Level(milli / 1000, str(word) % {"value": _text(milli, aim.unit, language)})


def _text(milli: int, unit: str, language: str) -> str:
    return f"{point(0, milli, language).text} {unit}".strip()


def _told(held: Series, aims: Iterable[Limits], language: str) -> Iterable[str]:
    """The chart in words: each goal and whether the newest value meets it, the bands, the smallest change felt."""
    yield from _told_aims(held, aims, language)
    if held.bands:
        named = [_named(band, held.unit, language) for band in held.bands]
        yield f"{_('Inddeling:')} {', '.join(named)}."
    if held.change is not None:
        ways: Mapping[str, Any] = {"lower": _LOWER, "higher": _HIGHER}
        smallest = smallest_change(held.change, language)
        yield f"{ways[held.change.better]} {_('Mindste ændring, der kan mærkes: %(limit)s.') % {'limit': smallest}}"


def _told_aims(held: Series, aims: Iterable[Limits], language: str) -> Iterable[str]:
    latest = held.latest.milli
    for aim in aims:
        said = " ".join(line.text for line in _lines(aim, language))
        if latest is not None:
            low, high = aim.at_least_milli, aim.at_most_milli
            met = (low is None or latest >= low) and (high is None or latest <= high)
            said = f"{said}. {_('Nået ved seneste måling.') if met else _('Ikke nået ved seneste måling.')}"
        yield said


def _named(band: Band, unit: str, language: str) -> str:
    """A band's name, and from where it reaches unless the name says so itself."""
    title = band.title[language]
    if any(letter.isdecimal() for letter in title):
        return title
    return str(_FROM) % {"value": _text(to_milli(band.at_least), unit, language), "text": title}


_AT_MOST = gettext_lazy("Mål: højst %(value)s")
_AT_LEAST = gettext_lazy("Mål: mindst %(value)s")
_FROM = gettext_lazy("%(text)s (fra %(value)s)")
_LOWER = gettext_lazy("Lavere er bedre.")
_HIGHER = gettext_lazy("Højere er bedre.")
