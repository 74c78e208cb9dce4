"""Who is proposed for a package: a proposal with the reasons for and against; a person confirms (domain.md §10.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tovholder.base import days
from tovholder.packages.common import Condition, Text
from tovholder.packages.conditions import Facts, evaluate
from tovholder.packages.model import Package
from tovholder.plan.clock import ClockEvent, RightsClock, start_clock
from tovholder.plan.diagnoses import is_wrong, matching
from tovholder.plan.domain import EndReason, Phase
from tovholder.plan.inputs import age, names_in, text_of
from tovholder.plan.record import Diagnosis, PatientFacts

_FACTS = frozenset({"age", "documented", "diagnosis"})  # inputs that person and diagnoses answer


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, by its name in the package and in words. ``against`` when it speaks against inclusion."""

    id: str
    text: Text
    against: bool = False


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Whether a patient is proposed, why, and on which diagnosis."""

    included: bool
    reasons: tuple[Reason, ...]
    condition_id: str | None = None
    diagnosis_day: int | None = None

    @property
    def reason_ids(self) -> tuple[str, ...]:
        """The names of the reasons."""
        return tuple(reason.id for reason in self.reasons)


def needs_record(package: Package) -> bool:
    """Whether inclusion asks more than person and diagnosis, so that the whole record must be read."""
    rules = package.inclusion
    return any(not _from_facts(package, need.when) for need in (*rules.requires, *rules.blocks))


def asks_time(package: Package) -> bool:
    """Whether time alone can make somebody eligible, so that a daily run must look."""
    kinds = {source.kind for item in package.level.inputs for source in item.sources if item.name in _asked(package)}
    return bool(kinds & {"documented", "age"})


def _asked(package: Package) -> set[str]:
    rules = package.inclusion
    return {name for need in (*rules.requires, *rules.blocks) for name in names_in(need.when)}


def _from_facts(package: Package, condition: Condition) -> bool:
    """Whether person and diagnoses answer the condition."""
    held = {item.name: item for item in package.level.inputs}
    if any(inner.fhirpath or inner.grade or inner.level for inner in condition.walk()):
        return False
    return all(source.kind in _FACTS for name in names_in(condition) for source in held[name].sources)


def spent(diagnoses: Iterable[Diagnosis], rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Diagnoses that are no news after the patient's earlier courses (fact rows of episodes that are closed).

    What was declined or ended stays closed to the diagnosis it was for and to every older one. A course that ended as
    a wrong diagnosis decided nothing about other diagnoses.
    """
    held = list(rows)
    own = {row["condition_id"] for row in held if row["condition_id"]}
    decided = [row for row in held if row["end_reason"] != EndReason.WRONG_DIAGNOSIS]
    if not decided:
        return frozenset(own)
    last = closed_on(decided)
    return frozenset(own | {item.id for item in diagnoses if last is None or item.day is None or item.day <= last})


def closed_on(rows: Iterable[Mapping[str, Any]]) -> int | None:
    """The day the last of these closed courses closed; None when one has no day."""
    closings = [row["declined_day"] if row["phase"] == Phase.DECLINED else row["ended_day"] for row in rows]
    return None if not closings or any(day is None for day in closings) else max(closings)


def evaluate_inclusion(
    package: Package,
    patient: PatientFacts | None,
    diagnoses: Iterable[Diagnosis],
    today: int,
    facts: Facts | None = None,
    *,
    without: frozenset[str] = frozenset(),
    ended_day: int | None = None,
) -> Inclusion:
    """Whether the patient is proposed on this day. ``facts`` answers the package's further requirements.

    ``without``: Conditions that may not include (their course was ended or declined already). ``ended_day``: the day an
    earlier course ended, which may make this a recurrence.
    """
    rules, words = package.inclusion, package.inclusion.reasons
    reasons: list[Reason] = []
    chosen: Diagnosis | None = None
    against: Reason | None = None
    for item in matching(package, diagnoses):
        if item.id in without:
            continue
        problem = _problem(package, item, patient)
        if problem is None:
            chosen = item
            break
        against = against or problem
    if chosen is not None:
        when = days.iso(chosen.day) if chosen.day is not None else "?"
        reasons.append(Reason("diagnosis", _words(words.diagnosis, code=chosen.code, day=when)))
    else:
        reasons.append(against or Reason("no_diagnosis", words.no_diagnosis, against=True))
    reasons.append(_age(package, patient, today))
    if rules.own_doctor:
        if patient is not None and patient.organization_id:
            reasons.append(Reason("own_doctor", words.own_doctor))
        else:
            reasons.append(Reason("no_own_doctor", words.no_own_doctor, against=True))
    if patient is not None and patient.deceased:
        reasons.append(Reason("deceased", words.deceased, against=True))
    if chosen is not None:
        asked = facts or Facts(inputs={})
        values = values_of(asked)
        for need in rules.requires:
            held = evaluate(need.when, asked).truth
            told = {True: None, False: need.against, None: need.unknown or need.against}[held] or need.reason
            reasons.append(Reason(need.id, fill(told, values), against=held is not True))
        for block in rules.blocks:
            if evaluate(block.when, asked).truth is True:
                reasons.append(Reason(block.id, fill(block.reason, values), against=True))
        again = rules.recurrence
        if again is not None and ended_day is not None and 0 <= today - ended_day <= again.within_days:
            reasons.append(Reason("recurrence", _words(again.text, days=today - ended_day)))
    included = chosen is not None and not any(reason.against for reason in reasons)
    return Inclusion(
        included,
        tuple(reasons),
        chosen.id if chosen else None,
        chosen.day if chosen else None,
    )


def _problem(package: Package, item: Diagnosis, patient: PatientFacts | None) -> Reason | None:
    rules, words = package.inclusion, package.inclusion.reasons
    verification, clinical = item.verification_status, item.clinical_status
    if is_wrong(package, item):
        return Reason("refuted", _words(words.refuted, code=item.code), against=True)
    if verification is not None and verification not in rules.verification_statuses:
        return Reason("not_confirmed", _words(words.not_confirmed, code=item.code), against=True)
    if clinical is not None and clinical not in rules.clinical_statuses:
        return Reason("not_active", _words(words.not_active, code=item.code), against=True)
    if rules.coded_age_min is not None and words.coded_too_young is not None:
        years = _age_at(patient, item.day)
        if years is not None and years < rules.coded_age_min:
            told = _words(words.coded_too_young, code=item.code, age=years, minimum=rules.coded_age_min)
            return Reason("coded_too_young", told, against=True)
    return None


def _age_at(patient: PatientFacts | None, day: int | None) -> int | None:
    if patient is None or patient.birth_day is None or day is None:
        return None
    return age(patient.birth_day, day)


def values_of(known: Facts) -> dict[str, object]:
    """What texts may name of the inputs: those that are known, as a person reads them."""
    return {name: text_of(held) for name in known.inputs if (held := known.inputs[name])}


def _age(package: Package, patient: PatientFacts | None, today: int) -> Reason:
    words, minimum = package.inclusion.reasons, package.inclusion.age_min
    if patient is None or patient.birth_day is None:
        return Reason("age_unknown", _words(words.age_unknown, minimum=minimum), against=True)
    years = age(patient.birth_day, today)
    if years < minimum:
        return Reason("too_young", _words(words.too_young, age=years, minimum=minimum), against=True)
    return Reason("age", _words(words.age, age=years, minimum=minimum))


class _Blank(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def _words(text: Text, **values: object) -> Text:
    return fill(text, values)


def fill(text: Text, values: Mapping[str, object]) -> Text:
    """A text with its placeholders filled, a Text in its own language; what we do not know becomes a question mark."""
    danish = {name: held.da if isinstance(held, Text) else held for name, held in values.items()}
    english = {name: held.en if isinstance(held, Text) else held for name, held in values.items()}
    return Text(da=text.da.format_map(_Blank(danish)), en=text.en.format_map(_Blank(english)))


def clock_for(package: Package, *, diagnosed_day: int | None, inclusion_day: int) -> RightsClock:
    """The clock of the right to a plan for a course included on a day."""
    right = package.plan_right
    if right.event == "inclusion":
        return RightsClock(right.rule, ClockEvent.INCLUSION, inclusion_day, right.days)
    before = days.day_of(right.legacy_before) if right.legacy_before else package.valid_from
    return start_clock(
        rule=right.rule,
        days=right.days,
        diagnosed_day=diagnosed_day,
        inclusion_day=inclusion_day,
        valid_from_day=before,
    )
