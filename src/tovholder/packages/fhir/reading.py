"""A PlanDefinition with its ActivityDefinitions back as a plan's template; what we cannot do is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import ValidationError

from tovholder.fhir import systems
from tovholder.packages.common import Condition, Text
from tovholder.packages.fhir import aiming, elements, expressions, naming, requesting, timing
from tovholder.packages.fhir.aiming import Aim, words_of
from tovholder.packages.fhir.asking import Asking, all_of
from tovholder.packages.fhir.naming import Json
from tovholder.packages.model import Activity, Package, PlanTemplate, Timing
from tovholder.packages.model_head import Receiver

Find = Callable[[str], "Json | None"]  # an ActivityDefinition by canonical
_RECEIVERS = frozenset(get_args(Receiver))
MOST_ACTIONS = 500
MOST_STEPS = 1_000
# One value each of which changes nothing; others would have to be acted on.
_BEHAVIOURS = {"requiredBehavior": "must", "precheckBehavior": "yes", "cardinalityBehavior": "single"}
_TYPES = frozenset({"clinical-protocol", "workflow-definition"})


@dataclass(frozen=True, slots=True)
class Step:
    """One activity of a definition: when, and the ServiceRequest it asks for (without patient and days)."""

    activity: Activity
    request: Json
    goals: tuple[str, ...] = ()  # ids of the definition's goals
    canonical: str = ""  # of the ActivityDefinition; empty for one that is contained


@dataclass(frozen=True, slots=True)
class Definition:
    """A PlanDefinition understood. ``package``: whose inputs, grade and level it asks about; None: the record alone."""

    canonical: str
    package: Package | None
    title: Text
    horizon_months: int | None
    review_months: int | None
    steps: tuple[Step, ...]
    aims: tuple[Aim, ...]

    @property
    def template(self) -> PlanTemplate:
        """The plan's template as the package format has it."""
        return PlanTemplate(
            title=self.title,
            horizon_months=self.horizon_months or 0,
            review_months=self.review_months or 0,
            goals=tuple(aim.goal for aim in self.aims),
            activities=tuple(step.activity for step in self.steps),
            source=naming.source_of(()),
        )


def read(resource: Json, packages: Mapping[str, Package], find: Find) -> Definition:
    """Understand a valid PlanDefinition. ``packages``: those whose logic is at hand, by the canonical of their Library.

    Raises Problem(UNSUPPORTED) with one issue for each element that we do not act on, and what is supported instead.
    """
    reader = _Reader(resource, packages, find)
    made = reader.definition()
    reader.faults.require_none()
    assert made is not None  # it is None for what was refused alone
    return made


def read_activity(resource: Json) -> Json:
    """The ServiceRequest an ActivityDefinition alone asks for. Raises Problem(UNSUPPORTED) as ``read`` does."""
    faults = requesting.Refusals()
    made = requesting.request(faults, resource, "ActivityDefinition")
    if any(name.lstrip("_").startswith("timing") for name in resource):
        faults.refuse("ActivityDefinition.timing[x]", "counted from a plan's start, and here is no plan", "no timing")
    faults.require_none()
    return made


class _Reader:
    """One reading; collects what is refused instead of stopping at the first."""

    def __init__(self, resource: Json, packages: Mapping[str, Package], find: Find) -> None:
        self.resource = resource
        self.packages = packages
        self.find = find
        self.faults = requesting.Refusals()
        self.asking = Asking(self.faults, None)
        self.package: Package | None = None
        self.horizon: int | None = None
        self.goal_ids: frozenset[str] = frozenset()

    def definition(self) -> Definition | None:
        held, base = self.resource, "PlanDefinition"
        self.faults.issues += elements.unsupported(held)
        if self.faults.issues:
            return None  # what follows trusts what it reads
        if _count(held) > MOST_ACTIONS:
            self.faults.refuse(f"{base}.action", "too many actions", f"at most {MOST_ACTIONS}")
            return None
        requesting.status(self.faults, held, base)
        self._type()
        self.package = self.asking.package = self._library()
        self._subject()
        self.horizon = self._months(held, naming.HORIZON, base)
        review = self._months(held, naming.REVIEW, base)
        aims = [
            found
            for index, item in enumerate(held.get("goal", ()))
            if (found := aiming.aim(self.faults, self.asking, item, index)) is not None
        ]
        self.goal_ids = frozenset(one.goal.id for one in aims)
        if len(self.goal_ids) != len(aims):
            self.faults.refuse(f"{base}.goal", "two goals have the same id", "ids of their own")
        steps = tuple(self._steps(held.get("action", ()), base, ()))
        if len({step.activity.id for step in steps}) != len(steps):
            self.faults.refuse(f"{base}.action", "two actions have the same id", "ids of their own")
        if sum(_most(step.activity, self.horizon or 0) for step in steps) > MOST_STEPS:
            self.faults.refuse(f"{base}.action", "a plan of too many steps", f"at most {MOST_STEPS} in all")
        if self.faults.issues:
            return None
        version = f"|{held['version']}" if held.get("version") else ""
        return Definition(
            canonical=f"{held['url']}{version}" if held.get("url") else "",
            package=self.package,
            title=words_of(held, "title") or Text(da="Plan", en="Plan"),
            horizon_months=self.horizon,
            review_months=review,
            steps=steps,
            aims=tuple(aims),
        )

    # -- The definition itself --------------------------------------------------------------------------------------------

    def _type(self) -> None:
        told = self.resource.get("type")
        if told is None:
            return
        codes = {item.get("code") for item in told.get("coding", ())}
        if not codes or not codes <= _TYPES:
            self.faults.refuse("PlanDefinition.type", "another kind of definition", " or ".join(sorted(_TYPES)))

    def _library(self) -> Package | None:
        named = self.resource.get("library", [])
        found = [self.packages.get(str(item)) for item in named]
        if len(named) > 1 or None in found:
            known = ", ".join(sorted(self.packages))
            self.faults.refuse("PlanDefinition.library", "not logic that is at hand", f"none, or one of: {known}")
            return None
        return found[0] if found else None

    def _subject(self) -> None:
        held = self.resource
        group = held.get("subjectReference")
        if group is not None:
            mine = self.package is not None and group.get("reference", "").rpartition("Group/")[
                2
            ] == naming.resource_id(self.package.id, self.package.version)
            if not mine:
                self.faults.refuse(
                    "PlanDefinition.subjectReference", "another group", "the code Patient, or our package's group"
                )
        requesting.patient(self.faults, held, "PlanDefinition")

    def _months(self, held: Mapping[str, Any], address: str, place: str) -> int | None:
        told = naming.values_of(held, address)
        if not told:
            return None
        found = timing.offset(told[0]) if len(told) == 1 else None
        if found is None or found[1] != "mo" or not found[0]:
            self.faults.refuse(
                f"{place}.extension('{address}')", "not a length in months", "one Duration in months (mo)"
            )
            return None
        return found[0]

    # -- Actions ----------------------------------------------------------------------------------------------------------

    def _steps(self, actions: Sequence[Json], place: str, above: tuple[Condition, ...]) -> Iterator[Step]:
        for index, held in enumerate(actions):
            here = f"{place}.action[{index}]"
            self._behaviours(held, here)
            requesting.patient(self.faults, held, here)
            inner = held.get("action")
            if not inner:
                yield from self._one(held, [held], here, above)
            elif self._is_group_of_timings(held):
                self._bare_group(held, here, but={"selectionBehavior", *_ABOUT_ACTIVITY})
                self._extensions(held, here, _OF_A_TIMING, of_these=False)
                yield from self._one(held, inner, here, above)
            else:
                if held.get("selectionBehavior", "all") != "all":
                    self.faults.refuse(
                        f"{here}.selectionBehavior",
                        "a choice between actions is a person's",
                        "all, or at-most-one among the timings of one ActivityDefinition, each with its level and grade",
                    )
                self._bare_group(held, here, but={"selectionBehavior"})
                asked = [(item.get("expression"), item.get("kind")) for item in held.get("condition", ())]
                when = self.asking.applicability(asked, here)
                yield from self._steps(inner, here, (*above, *([when] if when else [])))

    def _behaviours(self, held: Json, place: str) -> None:
        for name, only in _BEHAVIOURS.items():
            if held.get(name, only) != only:
                self.faults.refuse(f"{place}.{name}", "left to a person's choice", only)
        told = held.get("type")
        if told is not None and {item.get("code") for item in told.get("coding", ())} != {"create"}:
            self.faults.refuse(f"{place}.type", "another kind of action", "create")

    def _is_group_of_timings(self, held: Json) -> bool:
        if held.get("selectionBehavior") != "at-most-one":
            return False
        named = {item.get("definitionCanonical") for item in held["action"]}
        return len(named) == 1 and None not in named and not any(item.get("action") for item in held["action"])

    def _bare_group(self, held: Json, place: str, but: set[str]) -> None:
        """A group is no activity itself: what says when and by whom stands on the actions inside."""
        allowed = _OF_A_GROUP | but
        for name in held:
            if name.lstrip("_") not in allowed:
                self.faults.refuse(f"{place}.{name}", "on a group of actions", "on each action inside it")

    def _extensions(self, held: Json, place: str, addresses: frozenset[str], *, of_these: bool) -> None:
        """What belongs to one timing stands there, and what belongs to the activity stands on the group."""
        for index, item in enumerate(held.get("extension", ())):
            if item["url"] in naming.OURS | _OF_A_TIMING and (item["url"] in addresses) is not of_these:
                where = "on the group" if of_these else "on each timing"
                self.faults.refuse(f"{place}.extension[{index}]", "not where it means something", where)

    def _one(self, held: Json, rows: Sequence[Json], place: str, above: tuple[Condition, ...]) -> Iterator[Step]:
        """One activity with one timing, or with several of which the first that fits is used."""
        grouped = rows[0] is not held
        asked: list[Condition] = list(above)
        timings: list[Timing] = []
        for index, row in enumerate(rows):
            here = f"{place}.action[{index}]" if grouped else place
            if grouped:
                self._behaviours(row, here)
                self._bare_group(row, here, but={"extension", "timingDuration", "timingTiming", "definitionCanonical"})
                self._extensions(row, here, _OF_A_TIMING, of_these=True)
            if not grouped and row.get("selectionBehavior") is not None:
                self.faults.refuse(f"{here}.selectionBehavior", "nothing inside to select from", "none")
            part, rest = self.asking.row(row, here, timings)
            if rest and grouped:
                self.faults.refuse(
                    f"{here}.condition", "a condition of one timing alone", "level, grade, or iif(…, true, false)"
                )
            asked += rest
            made = self._timing(row, here, part, held)
            if made is not None:
                timings.append(made)
        if grouped:
            told = [(item.get("expression"), item.get("kind")) for item in held.get("condition", ())]
            when = self.asking.applicability(told, place)
            asked += [when] if when else []
        request = self._request(rows[0], place)
        if len(timings) != len(rows) or request is None:
            return
        step = self._activity(held, place, tuple(timings), all_of(asked), request)
        if step is not None:
            named = rows[0]["definitionCanonical"]
            yield step if named.startswith("#") else replace(step, canonical=named)

    def _timing(self, row: Json, place: str, part: expressions.Part, held: Json) -> Timing | None:
        definition = self._definition(row)
        try:
            told = timing.of_action(row, definition, place)
            if told.bounds is not None:
                if self.horizon is not None and self.horizon != told.bounds:
                    raise timing.Untimed(f"{place}.timingTiming.repeat.boundsDuration", "not the plan's", "its horizon")
                self.horizon = told.bounds
            return Timing(levels=part.levels, grades=part.grades, when=part.when, **told.values)
        except timing.Untimed as error:
            self.faults.refuse(*error.told)
        except ValidationError:
            self.faults.refuse(place, "not a timing that can be kept", timing.SUPPORTED)
        return None

    # -- What is asked for ------------------------------------------------------------------------------------------------

    def _definition(self, row: Json) -> Json | None:
        named = row.get("definitionCanonical")
        if not isinstance(named, str):
            return None
        if named.startswith("#"):
            inside = [item for item in self.resource.get("contained", ()) if item.get("id") == named[1:]]
            return inside[0] if inside and inside[0].get("resourceType") == "ActivityDefinition" else None
        return self.find(named)

    def _request(self, row: Json, place: str) -> Json | None:
        if "definitionCanonical" not in row:
            self.faults.refuse(place, "nothing says what is asked for", "definitionCanonical, or actions inside")
            return None
        held = self._definition(row)
        if held is None:
            self.faults.refuse(
                f"{place}.definitionCanonical", "not at hand", "an ActivityDefinition here, or contained"
            )
            return None
        return requesting.request(self.faults, held, f"{place}.definitionCanonical.resolve()")

    def _activity(
        self, held: Json, place: str, rows: tuple[Timing, ...], when: Condition | None, request: Json
    ) -> Step | None:
        title = words_of(held, "title") or _words(request["code"])
        if title is None:
            self.faults.refuse(place, "the activity is not told in words", "a title, or a code with a text")
            return None
        performer = requesting.performer(self.faults, held.get("participant", ()), place) or request.get(
            "performerType"
        )
        if performer and request.get("performerType", performer) != performer:
            self.faults.refuse(f"{place}.participant", "not whom the ActivityDefinition names", "the same, or none")
        made = {**request, "code": {**request["code"]}}
        if performer:
            made["performerType"] = performer
        for name, target in (("priority", "priority"), ("reason", "reasonCode")):
            if name in held:
                made[target] = held[name]
        for at, goal in enumerate(held.get("goalId", ())):
            if goal not in self.goal_ids:
                self.faults.refuse(f"{place}.goalId[{at}]", "no goal of the definition", "the id of one")
        name = held.get("id") or place.removeprefix("PlanDefinition.").replace("[", "-").replace("]", "")
        codes = made["code"].get("coding", ())
        kind = next((item["code"] for item in codes if item.get("system") == systems.ACTIVITY_SYSTEM), name)
        receivers = [item.get("code") for item in (performer or {}).get("coding", ()) if _is_receiver(item)]
        try:
            told: dict[str, Any] = {
                "id": name,
                "kind": kind,
                "title": title,
                "performer": receivers[0] if receivers else "gp",
                "timing": rows,
                "when": when,
                "source": naming.source_of(held.get("documentation", ())),
                **timing.around(held, place),
            }
            activity = Activity.model_validate(told)
        except timing.Untimed as error:
            self.faults.refuse(*error.told)
            return None
        except ValidationError as error:
            parts = ".".join(str(part) for part in error.errors()[0]["loc"]) or "parts"
            self.faults.refuse(place, f"its {parts} cannot be kept", "short names, and extensions of ours as exported")
            return None
        if activity.anchor_input is not None and activity.anchor_input not in self.asking.inputs():
            self.faults.refuse(
                f"{place}.extension('{naming.ANCHOR_INPUT}')", "no input of the package", "the name of one"
            )
        return Step(activity, made, tuple(held.get("goalId", ())))


_GROUP_NAMES = (
    "id title description prefix textEquivalent code documentation groupingBehavior condition action type input"
)
_GROUP_NAMES += " output requiredBehavior precheckBehavior cardinalityBehavior subjectCodeableConcept"
_OF_A_GROUP = frozenset(_GROUP_NAMES.split())
_OF_A_TIMING = frozenset({naming.DAYS_OF_CYCLE, naming.SEASON})
_ABOUT_ACTIVITY = frozenset({"extension", "priority", "reason", "goalId", "participant"})


def _count(held: Json) -> int:
    """How many actions there are, at every depth."""
    return sum(1 + _count(item) for item in held.get("action", ()))


def _most(activity: Activity, horizon: int) -> int:
    """How many steps an activity can give one patient."""
    return max(
        len(row.at_days) or (horizon // row.repeat_months + 1 if row.repeat_months else 1) for row in activity.timing
    )


def _is_receiver(coding: Json) -> bool:
    return coding.get("system") == systems.RECEIVER_SYSTEM and coding.get("code") in _RECEIVERS


def _words(concept: Json) -> Text | None:
    return words_of(concept, "text") or next(
        (found for item in concept.get("coding", ()) if (found := words_of(item, "display"))), None
    )
