"""What the record answers of a referral's fields: the words, the resource and day they come from, and how old they are.

Pure: everything known comes as arguments, so that a page, a write and a measurement of it all ask the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from tovholder.base import days
from tovholder.fhir import fhirpath, systems
from tovholder.packages import Package
from tovholder.packages.conditions import Facts, Known, guideline_in_force
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.packages.questionnaires import items
from tovholder.plan.diagnoses import matching, stands
from tovholder.plan.inputs import facts, names_in, number_text
from tovholder.plan.record import Record
from tovholder.plan.values import Decision, Goal
from tovholder.referral import places
from tovholder.referral.table import Asked

# Who somebody is and who sends: filled by itself whether or not a form shows it.
BY_ITSELF = frozenset({"patient", "sender", "clinic", "service", "fixed"})
_ENDED_GOALS = frozenset({"completed", "cancelled", "rejected", "entered-in-error"})
_DATED = (
    "effectiveDateTime", "dateAsserted", "authoredOn", "performedDateTime", "occurrenceDateTime", "recordedDate",
    "authored", "startDate", "issued", "date",
)  # fmt: skip


class State(StrEnum):
    """How a field stands before anybody has looked at it."""

    FILLED = "filled"
    STALE = "stale"  # older than the field allows, or nobody knows how old: to be confirmed or corrected
    MISSING = "missing"  # asked for and not in the record: the sender writes it


@dataclass(frozen=True, slots=True)
class Answered:
    """A field with what the record says of it. ``sources``: references, the first of them the one the day is of."""

    asked: Asked
    value: str = ""
    day: int | None = None
    sources: tuple[str, ...] = ()
    state: State = State.MISSING

    @property
    def id(self) -> str:
        """The field's id."""
        return self.asked.field.id

    @property
    def source(self) -> str | None:
        """Where in the record the words come from."""
        return self.sources[0] if self.sources else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who refers: as the receiver should read it, and the clinic that holds the rope."""

    name: str = ""
    reference: str | None = None
    clinic: str = ""
    clinic_reference: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    value: str
    day: int | None = None
    sources: tuple[str, ...] = ()
    ages: bool = True


def prefill(
    package: Package,
    kind: ReferralKind,
    asked: Iterable[Asked],
    record: Record,
    *,
    today: int,
    sender: Sender,
    decision: Decision | None = None,
    goals: Iterable[Goal] = (),
) -> tuple[Answered, ...]:
    """Every field with what is known of it on a day. What is old, or of unknown age, is stale; nothing is guessed."""
    level = int(decision.level) if decision else None
    known = facts(package, record, today, level=level)
    ever = facts(_whatever_its_age(package), record, today, level=level)
    held = _Asking(package, kind, record, known, ever, sender, decision, tuple(goals))
    return tuple(_answered(one, held, today) for one in asked)


@dataclass(frozen=True)
class _Asking:
    package: Package
    kind: ReferralKind
    record: Record
    known: Facts
    ever: Facts
    sender: Sender
    decision: Decision | None
    goals: tuple[Goal, ...]


def _answered(asked: Asked, held: _Asking, today: int) -> Answered:
    fill = asked.field.fill
    found = _FROM[fill.kind](held, fill.name)
    if found is None or not found.value.strip():
        return Answered(asked)
    limit = asked.field.stale_after if found.ages else None
    state = State.FILLED
    if limit is not None and (found.day is None or found.day < months_before(today, limit)):
        state = State.STALE
    return Answered(asked, found.value.strip(), found.day, found.sources, state)


def months_before(today: int, months: int) -> int:
    """The same day of the month so many months before; the month's last where it has no such day."""
    now = days.date_of(today)
    at = now.year * 12 + now.month - 1 - months
    year, month = divmod(at, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - date(year, month + 1, 1)).days
    return days.day_of(date(year, month + 1, min(now.day, last)))


def _whatever_its_age(package: Package) -> Package:
    """The package with inputs that take values of any age: what is too old for a rule is shown here as old."""
    kept = ("contacts",)  # counted within a time: without it they would say something else
    inputs = tuple(
        one.model_copy(
            update={
                "sources": tuple(
                    source if source.kind in kept else source.model_copy(update={"max_age_days": None})
                    for source in one.sources
                )
            }
        )
        for one in package.level.inputs
    )
    return replace(package, level=package.level.model_copy(update={"inputs": inputs}))


def _input(held: _Asking, name: str) -> _Found | None:
    known = held.known.inputs.get(name) or held.ever.inputs.get(name)
    if known is None:
        return None
    # How old somebody is, and a diagnosis with its days, are of today whenever they were written down.
    ages = known.source is not None and not known.source.startswith(("Patient/", "Condition/"))
    return _Found(input_text(held.package, name, known), known.day, _refs(known.source), ages)


def input_text(package: Package, name: str, known: Known) -> str:
    """A known input as its receiver reads it: a number with its unit, a code in words where the package has them."""
    held = next(one for one in package.level.inputs if one.name == name)
    if known.milli in (0, 1000) and (held.minimum, held.maximum) == (0, 1) and not held.unit:
        return "Ja" if known.milli else "Nej"  # a question answered, not a measurement
    if known.milli is not None and (known.code is None or known.code == number_text(known.milli)):
        return f"{number_text(known.milli).replace('.', ',')} {held.unit}".strip()
    code = known.code or ""
    for band in held.bands:
        if band.code == code:
            return band.title.da
    for source in held.sources:
        form = package.forms.get(source.form or "")
        if form is None:
            continue
        titles = {one.code: one.title.da for score in form.scoring.scores for one in score.bands}
        titles |= {one.code: one.title.da for score in form.scoring.scores for one in score.groups}
        if code in titles:
            return titles[code]
        for item in items(form.questionnaire):
            if item.get("linkId") == source.link_id:
                return _option(item, code) or code
    return code


def _option(item: Mapping[str, Any], code: str) -> str:
    for option in item.get("answerOption") or ():
        coding = option.get("valueCoding") or {}
        if coding.get("code") == code:
            return str(coding.get("display") or code)
    return ""


def _grade(held: _Asking, _name: str) -> _Found | None:
    rules = held.package.level.grade
    if rules is None or held.known.grade is None:
        return None
    used = [
        known
        for group in guideline_in_force(rules, held.package.parameters).groups
        for name in names_in(group.when)
        if (known := held.known.inputs.get(name)) is not None and known.source
    ]
    dated = sorted((one for one in used if one.day is not None), key=lambda one: one.day or 0)
    if not dated:
        return _Found(held.known.grade, None, (), ages=False)
    told = tuple(dict.fromkeys(str(one.source) for one in dated))
    return _Found(held.known.grade, dated[0].day, told)


def _level(held: _Asking, _name: str) -> _Found | None:
    if held.decision is None:
        return None
    place = f"Observation/{held.decision.id}" if held.decision.id else None
    return _Found(f"Niveau {int(held.decision.level)}", held.decision.decided_day, _refs(place))


def _goals(held: _Asking, _name: str) -> _Found | None:
    live = [goal for goal in held.goals if goal.lifecycle not in _ENDED_GOALS]
    if not live:
        return None
    day = max((goal.start_day for goal in live if goal.start_day is not None), default=None)
    told = tuple(f"Goal/{goal.id}" for goal in live if goal.id)
    return _Found("; ".join(goal.text for goal in live), day, told)


def _diagnosis(held: _Asking, _name: str) -> _Found | None:
    statuses = held.package.inclusion.clinical_statuses
    standing = [one for one in matching(held.package, held.record.diagnoses) if stands(held.package, one, statuses)]
    if not standing:
        return None
    chosen = standing[-1] if standing[-1].day is not None else standing[0]
    resource = next((one for one in held.record.of("Condition") if one.get("id") == chosen.id), {})
    concept = resource.get("code") or {}
    display = next((one.get("display") for one in concept.get("coding") or () if one.get("display")), None)
    words = str(concept.get("text") or display or held.package.titles["da"])
    return _Found(f"{words} ({chosen.code})", chosen.day, _refs(f"Condition/{chosen.id}"), ages=False)


def _form(held: _Asking, name: str) -> _Found | None:
    form_id, _, link_id = name.partition("/")
    form = held.package.forms.get(form_id)
    answers = held.record.latest_answers(str(form.questionnaire.get("url"))) if form else None
    if form is None or answers is None or not answers.values.get(link_id):
        return None
    question = next((one for one in items(form.questionnaire) if one.get("linkId") == link_id), {})
    words = [_answer_text(question, value) for value in answers.values[link_id]]
    day = days.parse_day(answers.authored)
    return _Found(", ".join(words), day, _refs(f"QuestionnaireResponse/{answers.id}" if answers.id else None))


def _answer_text(question: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, bool):
        return "Ja" if value else "Nej"
    if isinstance(value, Mapping):
        code = str(value.get("code") or "")
        told = value.get("display") or _option(question, code) or code or value.get("value")
        return f"{told} {value.get('unit') or ''}".strip()
    return str(getattr(value, "text", None) or value)


def _fhirpath(held: _Asking, expression: str) -> _Found | None:
    """Asked of the whole record; of each resource alone for where the answers come from, where that gives the same."""
    path = fhirpath.compile(expression)
    whole = [_plain(one) for one in path(held.record.bundle, None)]
    words = [one for one in whole if one]
    if not words:
        return None
    told: list[str] = []
    newest: int | None = None
    for resource in held.record.resources:
        kind = str(resource.get("resourceType"))
        if kind not in expression:
            continue
        alone = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": dict(resource)}]}
        if not any(_plain(one) for one in path(alone, None)):
            continue
        if resource.get("id"):
            told.append(f"{kind}/{resource['id']}")
        day = _day_of(resource)
        newest = day if newest is None or (day is not None and day > newest) else newest
    return _Found(", ".join(dict.fromkeys(words)), newest, tuple(told))


def _day_of(resource: Mapping[str, Any]) -> int | None:
    """The day a resource was last said to be so."""
    for name in _DATED:
        if (day := days.parse_day(resource.get(name))) is not None:
            return day
    period = resource.get("effectivePeriod") or resource.get("period") or {}
    return days.parse_day(period.get("end") or period.get("start"))


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("text") or value.get("display") or value.get("value") or "")
    return "" if value is None else str(getattr(value, "text", None) or value)


def _patient(held: _Asking, name: str) -> _Found | None:
    patient = next(iter(held.record.of("Patient")), {})
    value = of_patient(patient, name)
    place = f"Patient/{patient['id']}" if patient.get("id") else None
    return _Found(value, None, _refs(place), ages=False) if value else None


def of_patient(patient: Mapping[str, Any], name: str) -> str:
    """One thing about the person, as a receiver reads it; empty where the record does not say."""
    if name == "name":
        names = patient.get("name") or [{}]
        chosen = next((one for one in names if one.get("use") == "official"), names[0])
        return str(chosen.get("text") or " ".join([*chosen.get("given", ()), chosen.get("family", "")]).strip())
    if name == "cpr":
        numbers = [one for one in patient.get("identifier") or () if one.get("system") == systems.CPR]
        value = str(numbers[0].get("value") or "") if numbers else ""
        return f"{value[:6]}-{value[6:]}" if len(value) == 10 else value
    if name == "birth":
        return str(patient.get("birthDate") or "")
    if name == "phone":
        held = [one for one in patient.get("telecom") or () if one.get("system") == "phone" and one.get("value")]
        held.sort(key=lambda one: (one.get("use") == "old", one.get("use") != "mobile"))
        return str(held[0]["value"]) if held and held[0].get("use") != "old" else ""
    if name == "language":
        told = patient.get("communication") or []
        chosen = next((one for one in told if one.get("preferred")), told[0] if told else {})
        concept = chosen.get("language") or {}
        coding: Mapping[str, Any] = next(iter(concept.get("coding") or ()), {})
        code = str(coding.get("code") or "")
        words = str(concept.get("text") or coding.get("display") or code)
        return "" if code.lower().startswith("da") else words
    address = _address(patient)
    if name == "municipality":
        lies_in = places.municipality_code(address)
        return places.name_of(lies_in) if lies_in else ""
    town = " ".join(str(address[key]) for key in ("postalCode", "city") if address.get(key))
    return str(address.get("text") or ", ".join(part for part in [*address.get("line", ()), town] if part))


def _address(patient: Mapping[str, Any]) -> Mapping[str, Any]:
    held = [one for one in patient.get("address") or () if one.get("use") not in ("old", "temp")]
    found: Mapping[str, Any] = next((one for one in held if one.get("use") == "home"), held[0] if held else {})
    return found


def _sender(held: _Asking, _name: str) -> _Found | None:
    return _Found(held.sender.name, None, _refs(held.sender.reference), ages=False)


def _clinic(held: _Asking, _name: str) -> _Found | None:
    return _Found(held.sender.clinic, None, _refs(held.sender.clinic_reference), ages=False)


def _service(held: _Asking, _name: str) -> _Found | None:
    code = held.kind.code
    words = f"{held.kind.title.da} ({code.display})" if code and code.display else held.kind.title.da
    return _Found(words, ages=False)


def _fixed(_held: _Asking, name: str) -> _Found | None:
    return _Found(name, ages=False)


def _written(_held: _Asking, _name: str) -> _Found | None:
    return None


def _refs(reference: str | None) -> tuple[str, ...]:
    return (reference,) if reference else ()


_FROM: Mapping[str, Callable[[_Asking, str], _Found | None]] = {
    "diagnosis": _diagnosis,
    "input": _input,
    "grade": _grade,
    "level": _level,
    "goals": _goals,
    "form": _form,
    "fhirpath": _fhirpath,
    "clinic": _clinic,
    "patient": _patient,
    "sender": _sender,
    "service": _service,
    "fixed": _fixed,
    "written": _written,
}
