"""What a form is filled in with before anybody writes: from the record, each answer with where it is from and how old.

A question with an observationLinkPeriod (SDC 3.0 §5, observation-based population) is told the newest counted measurement
of its code within the period. It is filled in where it was measured within a fortnight: what is saved is kept as measured
today, and an old value must not become a new one by itself. The needs assessment takes the answers given last time.
Whoever fills in the form sees where each is from, and may change it; a checklist is asked anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from tovholder import forms, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.forms.domain import UNIT, limit, option_value, questions
from tovholder.packages.model import Form
from tovholder.packages.questionnaires import translation
from tovholder.plan.aims import same_measure
from tovholder.plan.record import Measured, Record
from tovholder.plan.values import Code
from tovholder.web import reading
from tovholder.web.templatetags.tovholder import day as day_text

LINK_PERIOD = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationLinkPeriod"
_DAYS = {"a": 365, "year": 365, "mo": 30, "month": 30, "wk": 7, "d": 1, "day": 1}
_MONTH = 30
_FRESH = 14  # days within which a measurement is one of this visit


@dataclass(slots=True)
class Prefilled:
    """Answers by question, and what is told of each; ``filled``: whether anything was filled in."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    filled: bool = False


def of(ctx: Context, course: reading.Course, form: Form) -> Prefilled:
    """The form's answers so far, from what the actor may see of the record."""
    found = Prefilled()
    if form.scoring.kind == "checklist":
        return found
    asked = {link: item for link, item in questions(form).items() if _period(item) and item.get("code")}
    kinds = ["Observation"] if asked else []
    is_base = form.id == course.package.level.base.form
    if is_base:
        kinds.append("QuestionnaireResponse")
    held = tuple(
        entry.resource
        for kind in kinds
        for entry in store.search_all(ctx, kind, [("patient", f"Patient/{course.patient_id}")])
    )
    record = Record(held)
    if is_base:
        _last_time(found, record, form, ctx.today)
    for link, item in asked.items():
        measured = _newest(record, item, ctx.today)
        value = _value(item, measured, course) if measured is not None else None
        if measured is not None and value is not None and measured.day is not None:
            shown = _shown(item, value, measured.day, ctx.today)
            if ctx.today - measured.day <= _FRESH:
                found.answers[link] = [value]
                found.filled = True
            found.told[link] = shown
    return found


def _last_time(found: Prefilled, record: Record, form: Form, today: int) -> None:
    latest = record.latest_answers(str(form.questionnaire.get("url")))
    day = days.parse_day(latest.authored) if latest else None
    if latest is None or day is None:
        return
    for link in questions(form):
        given = latest.values.get(link)
        if given:
            found.answers[link] = list(given)
            found.told[link] = _told(_("sidste behovsvurdering"), day, today)
            found.filled = True


def _told(source: str, day: int, today: int) -> str:
    told = {"source": source, "date": day_text(day, "compact"), "age": age_words(today - day)}
    return _("Fra journalen: %(source)s, %(date)s (%(age)s gammelt)") % told


def _shown(item: Mapping[str, Any], value: Any, day: int, today: int) -> str:
    """A measurement in words: its value, its day, its age."""
    if isinstance(value, Mapping):
        text = translation(value, "display")[get_language() or "da"] if value.get("display") else forms.form_text(value)
    elif isinstance(value, bool):
        text = _("Ja") if value else _("Nej")
    else:
        unit = limit(item, UNIT)
        shown = str(unit.get("display") or "") if isinstance(unit, Mapping) else ""
        text = f"{number_format(value, use_l10n=True)} {shown}".strip()
    return _told(text, day, today)


def age_words(age: int) -> str:
    """How old something is: in days, then months, then years."""
    if age < 2 * _MONTH:
        return ngettext("%(count)d dag", "%(count)d dage", max(age, 0)) % {"count": max(age, 0)}
    if age < 24 * _MONTH:
        return ngettext("%(count)d måned", "%(count)d måneder", age // _MONTH) % {"count": age // _MONTH}
    return ngettext("%(count)d år", "%(count)d år", age // 365) % {"count": age // 365}


def _period(item: Mapping[str, Any]) -> int:
    """How many days back a measurement may answer the question; 0 for none."""
    told = limit(item, LINK_PERIOD)
    if not isinstance(told, Mapping):
        return 0
    unit = str(told.get("code") or told.get("unit") or "")
    try:
        return round(float(str(getattr(told.get("value"), "text", told.get("value"))))) * _DAYS.get(unit, 0)
    except ValueError:
        return 0


def _newest(record: Record, item: Mapping[str, Any], today: int) -> Measured | None:
    since = today - _period(item)
    codes = [Code(one.get("system") or "", one.get("code") or "") for one in item.get("code") or ()]
    for one in record.measured:
        if one.day is not None and since <= one.day <= today:
            told = [Code(system, code) for system, code in one.codes]
            if any(same_measure(mine, theirs) for mine in codes for theirs in told):
                return one
    return None


def _value(item: Mapping[str, Any], measured: Measured, course: reading.Course) -> Any:
    """The measurement as an answer to the question, in the question's unit; None where that cannot be told."""
    kind = item.get("type")
    if kind in ("choice", "open-choice"):
        options = (option_value(one) for one in item.get("answerOption") or ())
        return next(
            (one for one in options if one is not None and measured.coded and forms.form_text(one) == measured.coded),
            None,
        )
    if kind == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(measured.coded or measured.number or "")
    if kind not in ("integer", "decimal", "quantity") or measured.number is None:
        return None
    for line in course.view.measurements:  # the package knows the units a measurement comes in
        for point in line.points:
            if point.id == measured.id and point.milli is not None:
                return _number(point.milli, whole=kind == "integer")
    unit = limit(item, UNIT)
    wanted = str(unit.get("code") or unit.get("display") or "") if isinstance(unit, Mapping) else ""
    if measured.unit in ("", "1", wanted) or (not wanted and not measured.unit):
        number = float(measured.number)
        return int(number) if kind == "integer" and number.is_integer() else None if kind == "integer" else number
    return None


def _number(milli: int, *, whole: bool) -> int | float | None:
    if whole:
        return milli // 1000 if milli % 1000 == 0 else None
    return milli / 1000
