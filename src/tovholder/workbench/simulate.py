"""What a changed package would do on a population, beside the one in force, before anyone is affected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, Severity, not_found
from tovholder.fhir.references import patient_of
from tovholder.packages.check import check
from tovholder.packages.difference import Difference, between
from tovholder.packages.installed import number_of
from tovholder.packages.model import Package, Rule
from tovholder.plan import course, inputs
from tovholder.plan.domain import Phase
from tovholder.plan.inclusion import evaluate_inclusion
from tovholder.plan.level import propose_level
from tovholder.plan.record import Record
from tovholder.plan.resources import package_of, phase_of, read_episode
from tovholder.plan.schedule import schedule
from tovholder.workbench.population import Population, by_patient

Json = dict[str, Any]
Progress = Callable[[int], None]
CLINIC = frozenset({"gp", "nurse"})
_READ = (
    *course.RECORD_TYPES,
    "EpisodeOfCare",
    "CarePlan",
    "ServiceRequest",
    "Appointment",
    "Task",
    "Goal",
    "Communication",
)
_BATCH = 50


@dataclass(slots=True)
class Side:
    """What one version does: counts over all patients, and flags by week, clinic and rule."""

    included: int = 0
    levels: Counter[str] = field(default_factory=Counter)  # "1", "2", "3", "none": proposed to those in the package
    steps: Counter[tuple[str, str]] = field(default_factory=Counter)  # (month, performer)
    flags: Counter[tuple[int, str, str]] = field(default_factory=Counter)  # (day, clinic, rule)

    def per_month(self) -> dict[str, int]:
        """Expected visits at the clinic, by month."""
        found: Counter[str] = Counter()
        for (month, performer), count in self.steps.items():
            found[month] += count if performer in CLINIC else 0
        return dict(sorted(found.items()))

    def per_week(self, rule: str = "", clinic: str | None = None) -> dict[int, int]:
        """Standing flags by week, of one rule or clinic or all."""
        found: Counter[int] = Counter()
        for (day, where, name), count in self.flags.items():
            if rule in ("", name) and clinic in (None, where):
                found[day] += count
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Simulation:
    """Both sides, on whom and when; ``old`` is None for a package that is not installed."""

    old: Package | None
    new: Package
    today: int
    weeks: tuple[int, ...]  # the day each week is asked about
    patients: int
    before: Side
    after: Side
    clinics: dict[str, str]
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines; no patient is named."""
        return {
            "package": self.new.id,
            "installed": self.old.version if self.old else None,
            "simulated": self.new.version,
            "day": days.iso(self.today),
            "patients": self.patients,
            "differences": len(self.differences),
            "before": self._side(self.before),
            "after": self._side(self.after),
        }

    def _side(self, side: Side) -> dict[str, Any]:
        return {
            "included": side.included,
            "proposed_levels": dict(sorted(side.levels.items())),
            "visits_per_month": side.per_month(),
            "steps": [
                {"month": month, "performer": who, "count": count} for (month, who), count in sorted(side.steps.items())
            ],
            "flags": [
                {"week": days.iso(day), "clinic": self.clinics.get(where, where), "rule": rule, "count": count}
                for (day, where, rule), count in sorted(side.flags.items())
            ],
        }


def read_package(path: Path) -> Package:
    """A package that is not installed, from its folder or a file in it, read and checked.

    Raises Problem with every fault's file and line, and for a version that is lower than the one in force.
    """
    folder = path if path.is_dir() else next((one for one in path.parents if (one / "package.toml").is_file()), None)
    if folder is None or not path.exists():
        raise not_found(f"the package {path.name}")
    package = packages.load(folder)
    wrong = [held for held in check(package) if held.severity in (Severity.ERROR, Severity.FATAL)]
    wrong = [held for held in wrong if not held.path.startswith("examples")]
    number = number_of(package.version)
    place = package.place("package.toml", "version")
    installed = packages.builtin().get(package.id)
    if number is None:
        wrong.append(Issue(place, f'"{package.version}" is no version', "three numbers, such as 1.0.0"))
    elif installed is not None and number < (number_of(installed.version) or number):
        told = f"version {package.version} is lower than the one in force"
        wrong.append(Issue(place, told, f"{installed.version} or higher"))
    if wrong:
        count = f"{len(wrong)} fault{'' if len(wrong) == 1 else 's'}"
        raise Problem(Category.INVALID, f"The package {folder.name} has {count}", wrong, kept="nothing was simulated")
    return package.taking_plans_from("tovholder") if "tovholder" in package.source_choices else package


def from_record(ctx: Context) -> Iterator[Json]:
    """Everybody in the record, patient by patient; the clinics first. Only read."""
    yield from (item.resource for item in store.search_all(ctx, "Organization", [], limit=1_000_000))
    rows = store.facts(ctx, "SELECT p.patient_id FROM patient AS p", name="cockpit")
    people = sorted(row["patient_id"] for row in rows)
    for start in range(0, len(people), _BATCH):
        chunk = people[start : start + _BATCH]
        held: dict[str, list[Json]] = {person: [] for person in chunk}
        for kind in _READ:
            about = ("_id", ",".join(chunk))
            if kind != "Patient":
                about = ("patient", ",".join(f"Patient/{person}" for person in chunk))
            for item in store.search_all(ctx, kind, [about], limit=1_000_000):
                person = item.id if kind == "Patient" else patient_of(item.resource)
                if person in held and item.resource.get("status") != "entered-in-error":
                    held[person].append(item.resource)
        for resources in held.values():
            yield from resources


def simulate(
    new: Package,
    resources: Iterable[Json],
    *,
    today: int,
    weeks: int = 12,
    most: int | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Both versions on the patients (the first ``most`` of them), who come one after the other."""
    old = packages.builtin().get(new.id)
    before, after = Side(), Side()
    names: dict[str, str] = {}
    patients = 0
    with Population() as population:
        for person, held in by_patient(resources):
            if person is None:
                names |= {item["id"]: item.get("name") or "" for item in held if item["resourceType"] == "Organization"}
                population.add(held)
                continue
            if patients == most:
                break
            patients += 1
            population.add(held)
            _one(old, new, held, today, before, after)
            if progress is not None:
                progress(1)
        asked = tuple(today - 7 * back for back in range(weeks - 1, -1, -1))
        population.ready(asked[0] - 400 if asked else today, today + 400)
        _flags(population, old, new, asked, before, after, progress)
    differences = between(old, new) if old is not None else ()
    return Simulation(old, new, today, asked, patients, before, after, names, differences)


def _one(old: Package | None, new: Package, held: list[Json], today: int, before: Side, after: Side) -> None:
    """One patient in both versions; what no part of the versions tells apart is worked out once."""
    record = Record(tuple(held))
    decided = _decided(held, new.id)
    first = _told(old, record, held, today, decided) if old is not None else None
    if old is not None and first is not None and _asks_alike(old, new) and old.plan == new.plan:
        second = first
    else:
        known = first.proposed if old is not None and first is not None and _asks_alike(old, new) else ""
        second = _told(new, record, held, today, decided, known=known)
    for side, told in ((before, first), (after, second)):
        if told is None:
            continue
        side.included += told.included
        if told.included:
            side.levels[told.proposed] += 1
            side.steps.update(told.steps)


def _asks_alike(old: Package, new: Package) -> bool:
    """Whether both include the same people and propose the same levels."""
    return (old.inclusion, old.level, old.forms, _guideline(old)) == (
        new.inclusion, new.level, new.forms, _guideline(new),
    )  # fmt: skip


def _guideline(package: Package) -> int | str | None:
    grade = package.level.grade
    return package.parameters.get(grade.parameter) if grade is not None else None


def _decided(held: list[Json], package_id: str) -> int | None:
    open_course = {
        item["id"]
        for item in held
        if item["resourceType"] == "EpisodeOfCare" and package_of(item) == package_id and (phase_of(item) or Phase.ENDED).is_open
    }  # fmt: skip
    observed = [item for item in held if item["resourceType"] == "Observation"]
    found = [one for episode in sorted(open_course) for one in course.decisions(observed, episode)]
    return int(found[-1].level) if found else None


@dataclass(frozen=True, slots=True)
class _Told:
    """Of one patient: included or not, the level proposed ("none": no proposal), the steps of a plan begun today."""

    included: bool
    proposed: str = ""
    steps: Counter[tuple[str, str]] = field(default_factory=Counter)


def _told(
    package: Package, record: Record, held: list[Json], today: int, decided: int | None, *, known: str = ""
) -> _Told:
    """What the package says of a patient. ``known``: the level proposed, where another version asks just the same."""
    asks = package.inclusion.requires or package.inclusion.blocks
    asked = inputs.facts(package, record, today) if asks else None
    if not evaluate_inclusion(package, record.patient, record.diagnoses, today, asked).included:
        return _Told(included=False)
    if not known:
        proposed = propose_level(package, None, record, today).level
        known = str(int(proposed)) if proposed else "none"
    level = decided if decided is not None else (int(known) if known != "none" else None)
    if level is None or not package.makes_plans:
        return _Told(included=True, proposed=known)
    facts = inputs.facts(package, record, today, level=level)
    courses = [item for item in held if item["resourceType"] == "EpisodeOfCare" and package_of(item) == package.id]
    diagnosed = next((read_episode(item).diagnosed_day for item in courses), None)
    steps = schedule(package, level, facts.grade, today, facts, diagnosed_day=diagnosed).activities
    return _Told(True, known, Counter((days.month_of(step.due_day), step.performer) for step in steps))


def _flags(
    population: Population,
    old: Package | None,
    new: Package,
    weeks: Iterable[int],
    before: Side,
    after: Side,
    progress: Progress | None,
) -> None:
    """Both versions' rules on each day asked about; a rule that is the same in both is asked once."""
    for day in weeks:
        clinics, levels = population.on(day)
        known: dict[tuple[str, str], frozenset[str]] = {}
        for package, side in ((old, before), (new, after)):
            for rule in package.rules if package is not None else ():
                assert package is not None
                key = (rule.sql, repr(sorted(package.parameters.items())))
                if key not in known:
                    known[key] = population.hits(package, rule, day)
                for clinic in _raised(rule, known[key], clinics, levels):
                    side.flags[day, clinic, rule.id] += 1
        if progress is not None:
            progress(0)


def _raised(rule: Rule, episodes: frozenset[str], clinics: dict[str, str], levels: dict[str, int]) -> Iterator[str]:
    return (clinics[one] for one in episodes if one in clinics and rule.applies_at(levels.get(one)))
