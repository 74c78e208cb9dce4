"""The named inputs of a package for one patient on one day, found in the record: known with its source, or unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from tovholder import forms
from tovholder.base import days
from tovholder.fhir import fhirpath
from tovholder.packages.common import Condition
from tovholder.packages.conditions import Facts, Known, evaluate, grade_of, guideline_in_force
from tovholder.packages.model import Package
from tovholder.packages.model_clinical import Input, InputSource
from tovholder.plan.diagnoses import documented, has
from tovholder.plan.record import Measured, Record, written


def age(birth_day: int, today: int) -> int:
    """Whole years on a day; somebody born on 29 February turns a year older on 1 March in other years."""
    born, now = days.date_of(birth_day), days.date_of(today)
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))


def to_milli(number: str) -> int | None:
    """A written number in thousandths, half away from zero; None for what is no number."""
    try:
        return int((Decimal(number) * 1000).to_integral_value(rounding="ROUND_HALF_UP"))
    except (InvalidOperation, ValueError, OverflowError):
        return None


def number_text(milli: int) -> str:
    """Thousandths as a person writes them: no needless decimals."""
    return f"{(Decimal(milli) / 1000).normalize():f}"


def text_of(known: Known) -> str:
    """A known value as a person reads it."""
    if known.milli is not None:
        return number_text(known.milli)
    return known.code or ""


def facts(
    package: Package,
    record: Record,
    today: int,
    *,
    level: int | None = None,
    given: Mapping[str, object] | None = None,
    without: frozenset[str] = frozenset(),
) -> Facts:
    """What the package's conditions may ask about this patient. ``given``: form/linkId → an answer not stored yet.

    ``without``: Conditions that document nothing any more (an earlier course was theirs).
    The grade is computed by the guideline the package's parameters name; unknown when an input it needs is unknown.
    """
    inputs = _Inputs(package, record, today, given or {}, without)

    def path(expression: str) -> bool | None:
        return list(fhirpath.compile(expression)(record.bundle, None)) == [True]

    found = Facts(inputs=inputs, level=level, fhirpath=path)
    inputs.bind(found)
    rules = package.level.grade
    if rules is None:
        return found
    grade, missing = grade_of(guideline_in_force(rules, package.parameters), found)
    return replace(found, grade=grade, grade_missing=missing)


def names_in(condition: Condition | None) -> tuple[str, ...]:
    """The inputs a condition asks about, in its order."""
    if condition is None:
        return ()
    asked = (inner.input or inner.unknown for inner in condition.walk())
    return tuple(dict.fromkeys(name for name in asked if name))


class _Inputs(Mapping[str, Known | None]):
    """Inputs resolved when first asked for; one that asks for itself through others is unknown."""

    def __init__(
        self, package: Package, record: Record, today: int, given: Mapping[str, object], without: frozenset[str]
    ) -> None:
        self._package = package
        self._without = without
        self._record = record
        self._today = today
        self._given = given
        self._held = {item.name: item for item in package.level.inputs}
        self._known: dict[str, Known | None] = {}
        self._facts: Facts | None = None

    def bind(self, found: Facts) -> None:
        """Let implied inputs ask conditions over these same inputs."""
        self._facts = found

    def __getitem__(self, name: str) -> Known | None:
        if name not in self._held:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self._resolve(self._held[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def _resolve(self, held: Input) -> Known | None:
        for source in held.sources:
            known = self._from(source)
            if known is not None and _in_range(held, known):
                return known
        return None

    def _from(self, source: InputSource) -> Known | None:
        if source.kind == "age":
            patient = self._record.patient
            if patient is None or patient.birth_day is None:
                return None
            years = age(patient.birth_day, self._today)
            return _number(years * 1000, f"Patient/{patient.id}" if patient.id else None, None)
        if source.kind == "implied":
            if source.when is None or source.value is None or self._facts is None:
                return None
            if evaluate(source.when, self._facts).truth is not True:
                return None
            return _number(source.value * 1000, None, None)
        if source.kind == "documented":
            first = documented(self._package, self._record.diagnoses, source, self._today, self._without)
            if first is None or first.first_day is None:
                return None
            return _number((self._today - first.first_day) * 1000, f"Condition/{first.id}", first.first_day)
        if source.kind == "diagnosis":
            found = has(self._record.diagnoses, self._package, source)
            return _number(1000, f"Condition/{found.id}", found.day) if found else _number(0, None, None)
        if source.kind == "contacts":
            return self._contacts(source)
        if source.kind == "score":
            return self._score(source)
        if source.kind == "form":
            return self._answer(source)
        return self._measurement(source)

    def _contacts(self, source: InputSource) -> Known | None:
        since = self._today - (source.max_age_days or 0)
        counted = [
            contact
            for contact in self._record.contacts
            if contact.kind in source.classes
            and (contact.start_day is None or contact.start_day <= self._today)
            and (contact.ongoing or (contact.end_day is not None and since <= contact.end_day <= self._today))
        ]
        if not counted:
            return None
        latest = max(counted, key=lambda item: (item.end_day or self._today, item.id))
        return _number(len(counted) * 1000, f"Encounter/{latest.id}" if latest.id else None, latest.end_day)

    def _answer(self, source: InputSource) -> Known | None:
        form = self._package.forms.get(source.form or "")
        if form is None:
            return None
        fresh = self._given.get(f"{source.form}/{source.link_id}")
        if fresh is not None:
            return answer_known(fresh, None, self._today)
        response = self._record.latest_answers(str(form.questionnaire.get("url")))
        if response is None or source.link_id not in response.values:
            return None
        day = days.parse_day(response.authored)
        if source.max_age_days is not None and (day is None or day < self._today - source.max_age_days):
            return None
        place = f"QuestionnaireResponse/{response.id}" if response.id else None
        return answer_known(response.values[source.link_id][0], place, day)

    def _score(self, source: InputSource) -> Known | None:
        form = self._package.forms.get(source.form or "")
        if form is None:
            return None
        prefix = f"{form.id}/"
        given = {key.removeprefix(prefix): value for key, value in self._given.items() if key.startswith(prefix)}
        response = self._record.latest_answers(str(form.questionnaire.get("url")))
        day: int | None = self._today
        place: str | None = None
        answers: dict[str, list[object]] = {key: [value] for key, value in given.items()}
        if not given and response is not None:
            day = days.parse_day(response.authored)
            place = f"QuestionnaireResponse/{response.id}" if response.id else None
            answers = {key: list(values) for key, values in response.values.items()}
        if not answers or (
            source.max_age_days is not None and (day is None or day < self._today - source.max_age_days)
        ):
            return None
        found = next((item for item in forms.score(form, answers) if item.id == source.score), None)
        if found is None or found.value is None:
            return None
        return Known(to_milli(str(found.value)), found.band or f"{found.value.normalize():f}", day, place)

    def _measurement(self, source: InputSource) -> Known | None:
        for item in self._record.measured:
            if not item.has(source.systems, source.code) or (item.day is not None and item.day > self._today):
                continue
            if source.max_age_days is not None and (item.day is None or item.day < self._today - source.max_age_days):
                return None
            place = f"Observation/{item.id}" if item.id else None
            if source.kind == "measurement-code":
                code = item.coded if item.coded is not None else item.number
                return Known(None, code, item.day, place) if code else None
            milli = _scaled(item, source)
            return None if milli is None else _number(milli, place, item.day)
        return None


def _number(milli: int, source: str | None, day: int | None) -> Known:
    return Known(milli, number_text(milli), day, source)


def answer_known(value: object, source: str | None, day: int | None) -> Known | None:
    """A questionnaire answer as an input: a code that is a number is both; yes and no are also 1 and 0."""
    if isinstance(value, bool):
        return Known(1000 if value else 0, "true" if value else "false", day, source)
    if isinstance(value, Mapping):
        if "value" in value:  # a quantity
            return answer_known(value["value"], source, day)
        code = value.get("code") or value.get("display")
        return Known(to_milli(str(code)), str(code), day, source) if code else None
    number = written(value)
    if number is not None:
        milli = to_milli(number)
        return None if milli is None else Known(milli, number, day, source)
    if isinstance(value, str) and value:
        return Known(to_milli(value), value, day, source)
    return None


def _scaled(item: Measured, source: InputSource) -> int | None:
    number = item.number
    if number is None and item.coded is not None and to_milli(item.coded) is not None:
        number = item.coded
    if number is None:
        return None
    if not source.units:
        return to_milli(number)
    factor = source.units.get(item.unit)
    return None if factor is None else to_milli(str(Decimal(number) * Decimal(str(factor))))


def _in_range(held: Input, known: Known) -> bool:
    if known.milli is None:
        return True
    low = None if held.minimum is None else to_milli(str(held.minimum))
    high = None if held.maximum is None else to_milli(str(held.maximum))
    return (low is None or known.milli >= low) and (high is None or known.milli <= high)
