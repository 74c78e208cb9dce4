"""What somebody wants changed in a confirmed plan, against what they saw; and what another changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The fields a page may change, by what they belong to.
STEP_FIELDS = ("due", "title", "out")
GOAL_FIELDS = ("text", "target", "state")
PLAN_FIELDS = ("review",)

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing of the plan as it was shown (``version`` and ``was``) and as it is wanted (``now``)."""

    id: str
    version: int
    was: Values
    now: Values
    reason: str = ""  # of a step that is left out

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that were changed."""
        return tuple(name for name, value in self.now.items() if value != self.was.get(name))

    def asks_more_than(self, current: Values) -> bool:
        """Whether it would change how things stand: a form sent twice asks for what is there already."""
        return any(self.now[name] != current.get(name) for name in self.fields)


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step the package did not plan."""

    kind: str
    title: str
    due_day: int
    performer: str


@dataclass(frozen=True, slots=True)
class NewGoal:
    """A goal agreed on now."""

    text: str
    by_patient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEdit:
    """Everything one page asks for at once."""

    plan: Change
    steps: tuple[Change, ...] = ()
    goals: tuple[Change, ...] = ()
    new_steps: tuple[NewStep, ...] = ()
    new_goals: tuple[NewGoal, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed."""
        changed = (self.plan, *self.steps, *self.goals)
        return not any(item.fields for item in changed) and not self.new_steps and not self.new_goals


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that another person changed meanwhile: what was shown, what it is now, what was typed."""

    kind: str  # step, goal or plan
    id: str
    name: str  # the field; "gone": the step is done or taken back meanwhile
    was: Any
    theirs: Any
    mine: Any
    version: int
    title: str = ""
    at: str = ""  # when it was changed, as an instant


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit: nothing was written while there are clashes."""

    clashes: tuple[Clash, ...] = ()
    changed: tuple[str, ...] = ()  # references of what was written
    others: tuple[str, ...] = field(default=())  # titles of what somebody else changed meanwhile, and was left so


def clashes(kind: str, change: Change, current: Values, version: int, *, title: str, at: str) -> tuple[Clash, ...]:
    """The fields in which a change would overwrite what another wrote after it was shown.

    Where the version is still the one that was shown nobody wrote anything. A field that another set to the very same
    value is no clash, nor is one that only one of the two touched.
    """
    if version == change.version:
        return ()
    return tuple(
        Clash(kind, change.id, name, change.was.get(name), current.get(name), change.now[name], version, title, at)
        for name in change.fields
        if current.get(name) not in (change.was.get(name), change.now[name])
    )
