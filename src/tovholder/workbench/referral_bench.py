"""How much of what receivers must have is filled in by itself, and right: measured against what is true.

A field counts when what is filled in is what holds today and is not old. Missing, wrong and old count alike as misses,
and so does every field only a person can write. The baseline knows the person's demographics and who sends, as a template
with merge fields does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tovholder.packages import Package
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.plan.record import Record
from tovholder.referral.prefill import BY_ITSELF, Answered, Sender, State, prefill
from tovholder.referral.table import Asked, Table, fields
from tovholder.workbench.made_records import Gaps, Made, Truth, made

SENDER = Sender(
    name="Ida Prøve, Lægerne Prøve",
    reference="Practitioner/x",
    clinic="Lægerne Prøve",
    clinic_reference="Organization/x",
)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Share:
    """What became of the required fields of one referral to one kind of receiver, over everybody."""

    package: str
    referral: str
    receiver_kind: str
    required: int
    right: int
    wrong: int  # filled in and not what holds
    stale: int
    missing: int
    written: int  # of the missing: only a person can write it
    baseline: int
    clinical: int  # required and neither who the patient is nor who sends or what is asked for
    clinical_right: int

    def told(self) -> dict[str, Any]:
        """As printed."""
        return {
            "package": self.package,
            "referral": self.referral,
            "receiver": self.receiver_kind,
            "required": self.required,
            "prefilled_right": _percent(self.right, self.required),
            "baseline": _percent(self.baseline, self.required),
            "clinical_right": _percent(self.clinical_right, self.clinical),
            "wrong": _percent(self.wrong, self.required),
            "stale": _percent(self.stale, self.required),
            "missing": _percent(self.missing, self.required),
            "only_a_person": _percent(self.written, self.required),
        }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


@dataclass(frozen=True, slots=True)
class Measured:
    """The whole run."""

    shares: tuple[Share, ...]
    patients: int
    gaps: Gaps

    def total(self, name: str) -> int:
        """A count over all referrals."""
        return sum(int(getattr(one, name)) for one in self.shares)

    @property
    def right(self) -> float:
        """The share of required fields filled in and right, in per cent."""
        return _percent(self.total("right"), self.total("required")) or 0.0

    @property
    def baseline(self) -> float:
        """The same from demographics alone."""
        return _percent(self.total("baseline"), self.total("required")) or 0.0

    @property
    def clinical_right(self) -> float:
        """The same of what the record itself must answer."""
        return _percent(self.total("clinical_right"), self.total("clinical")) or 0.0

    def told(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "prefilled_right_percent": self.right,
            "baseline_percent": self.baseline,
            "clinical_right_percent": self.clinical_right,
            "required_fields": self.total("required"),
            "patients_per_package": self.patients,
            "gaps": self.gaps.told(),
            "referrals": [one.told() for one in self.shares],
        }


def measure(
    packages: Iterable[Package],
    table: Table,
    today: int,
    *,
    patients: int = 200,
    gaps: Gaps | None = None,
    seed: int = 1,
) -> Measured:
    """Fill in every referral of every package for so many made-up patients of each."""
    held = gaps or Gaps()
    found = []
    for package in packages:
        people = [made(package, number, today, held, seed=seed) for number in range(patients)]
        for kind in package.referrals:
            for receiver in kind.receiver_kinds:
                asked = fields(table, kind, package.id, receiver)
                found.append(_share(package, kind, receiver, asked, people, today))
    return Measured(tuple(found), patients, held)


def _share(
    package: Package, kind: ReferralKind, receiver: str, asked: tuple[Asked, ...], people: list[Made], today: int
) -> Share:
    needed = [one for one in asked if one.field.required]
    count: Counter[str] = Counter()
    for person in people:
        answers = prefill(
            package,
            kind,
            needed,
            person.record,
            today=today,
            sender=SENDER,
            decision=person.decision,
            goals=person.goals,
        )
        alone = Record(person.record.of("Patient"))
        known = {one.id: one for one in prefill(package, kind, needed, alone, today=today, sender=SENDER)}
        for one in answers:
            clinical = one.asked.field.fill.kind not in BY_ITSELF
            came = outcome(one, person.truths)
            count["required"] += 1
            count[came] += 1
            count["clinical"] += clinical
            count["clinical_right"] += clinical and came == "right"
            count["written"] += one.asked.field.fill.kind == "written"
            count["baseline"] += not clinical and outcome(known[one.id], person.truths) == "right"
    names = ("required", "right", "wrong", "stale", "missing", "written", "baseline", "clinical", "clinical_right")
    return Share(package.id, kind.id, receiver, **{name: count[name] for name in names})


def outcome(answered: Answered, truths: Mapping[str, Truth]) -> str:
    """right, wrong, stale or missing. What is filled in from an input nobody made a truth for is not right."""
    if answered.state is State.MISSING:
        return "missing"
    if answered.state is State.STALE:
        return "stale"
    fill = answered.asked.field.fill
    if fill.kind in ("sender", "clinic", "service", "fixed"):
        return "right"  # the same for everybody: who is logged in, and what was chosen
    if fill.kind == "fhirpath":
        return "right" if "Prøvemedicin" in answered.value else "wrong"
    key = {"input": f"input:{fill.name}", "form": f"form:{fill.name}", "patient": f"patient:{fill.name}"}.get(
        fill.kind, fill.kind
    )
    truth = truths.get(key)
    return "right" if truth is not None and _holds(truth, answered.value) else "wrong"


def _holds(truth: Truth, told: str) -> bool:
    if truth.number is not None:
        if told in ("Ja", "Nej"):
            return truth.number == (1 if told == "Ja" else 0)
        found = _NUMBER.search(told)
        if found is not None:
            return abs(float(found.group().replace(",", ".")) - truth.number) < 0.051
        return bool(truth.words) and truth.words in told
    return any(part and part.casefold() in told.casefold() for part in truth.words.split("|"))
