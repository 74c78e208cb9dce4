"""Who is proposed for a package: a proposal with the reasons for and against; a person confirms (domain.md §10.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tovholder.base import days
from tovholder.packages.common import Text
from tovholder.packages.conditions import Facts, evaluate
from tovholder.packages.model import Package
from tovholder.plan.clock import ClockEvent, RightsClock, start_clock
from tovholder.plan.inputs import age
from tovholder.plan.record import Diagnosis, PatientFacts

WRONG = frozenset({"refuted", "entered-in-error"})


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
    return bool(package.inclusion.requires or package.inclusion.blocks)


def matching(package: Package, diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """The diagnoses with a code of the package, earliest first, undated last; one per Condition."""
    found = [item for item in diagnoses if package.inclusion.matches(item.system, item.code.replace(".", "").upper())]
    once: dict[str, Diagnosis] = {}
    for item in sorted(found, key=lambda item: (item.day is None, item.day or 0, item.id)):
        once.setdefault(item.id, item)
    return list(once.values())


def evaluate_inclusion(
    package: Package,
    patient: PatientFacts | None,
    diagnoses: Iterable[Diagnosis],
    today: int,
    facts: Facts | None = None,
    *,
    without: frozenset[str] = frozenset(),
) -> Inclusion:
    """Whether the patient is proposed on this day. ``facts`` answers the package's further requirements.

    ``without``: Conditions that may not include (their course was ended or declined already).
    """
    rules, words = package.inclusion, package.inclusion.reasons
    reasons: list[Reason] = []
    chosen: Diagnosis | None = None
    against: Reason | None = None
    for item in matching(package, diagnoses):
        if item.id in without:
            continue
        problem = _problem(package, item)
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
        for need in rules.requires:
            held = evaluate(need.when, asked).truth is True
            reasons.append(Reason(need.id, need.reason, against=not held))
        for block in rules.blocks:
            if evaluate(block.when, asked).truth is True:
                reasons.append(Reason(block.id, block.reason, against=True))
    included = chosen is not None and not any(reason.against for reason in reasons)
    return Inclusion(
        included,
        tuple(reasons),
        chosen.id if chosen else None,
        chosen.day if chosen else None,
    )


def _problem(package: Package, item: Diagnosis) -> Reason | None:
    rules, words = package.inclusion, package.inclusion.reasons
    verification, clinical = item.verification_status, item.clinical_status
    if verification in rules.excluded_verifications or verification in WRONG:
        return Reason("refuted", _words(words.refuted, code=item.code), against=True)
    if verification is not None and verification not in rules.verification_statuses:
        return Reason("not_confirmed", _words(words.not_confirmed, code=item.code), against=True)
    if clinical is not None and clinical not in rules.clinical_statuses:
        return Reason("not_active", _words(words.not_active, code=item.code), against=True)
    return None


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
