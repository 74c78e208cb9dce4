"""What becomes of a plan's steps when its package changes: the old version's steps, the new one's, and the plan as it is.

Three sides are held against each other. Where both versions ask for the same, nothing changes, whatever the plan says.
What only the new version asks for is added, what only the old one asked for is taken away, and what it moved is moved;
but only where the plan still is as the old version made it. What a person did (left out, added, moved, reworded), what
is booked and what is overdue stays. Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tovholder.plan.domain import ActivityStatus
from tovholder.plan.schedule import PlannedActivity
from tovholder.plan.values import Activity

_NOT_THERE = frozenset({ActivityStatus.REVOKED, ActivityStatus.ENTERED_IN_ERROR})


class What(StrEnum):
    """What a new version does to one step."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    REWORDED = "reworded"  # title, kind, performer or window; the day stays


class Why(StrEnum):
    """Why a step is not as the new version would have it."""

    BOOKED = "booked"
    OVERDUE = "overdue"
    BY_HAND = "by-hand"  # somebody added it, moved it or wrote its words
    LEFT_OUT = "left-out"
    THERE = "there"  # what the new version asks for is in the plan already


@dataclass(frozen=True, slots=True)
class Change:
    """One step that changes: ``activity`` as it is (None: added), ``step`` as it will be (None: removed).

    ``own_words``: its title is a person's own and stays.
    """

    what: What
    activity: Activity | None
    step: PlannedActivity | None
    own_words: bool = False

    @property
    def after(self) -> Activity | None:
        """The activity as it will be; None for one that is added or removed."""
        return applied(self.activity, self.step, self.own_words) if self.activity and self.step else None


@dataclass(frozen=True, slots=True)
class Kept:
    """One step the new version would have otherwise, and why it stays (``activity`` None: why it stays away)."""

    why: Why
    activity: Activity | None
    step: PlannedActivity | None


@dataclass(frozen=True, slots=True)
class Rebased:
    """All that changes, and all that is kept although the new version would have it otherwise, in order of day."""

    changes: tuple[Change, ...] = ()
    kept: tuple[Kept, ...] = ()
    renamed: tuple[Change, ...] = ()  # the same to everybody, under another id in the package


def rebase(
    base: Sequence[PlannedActivity],
    theirs: Sequence[PlannedActivity],
    mine: Iterable[Activity],
    *,
    bound: Collection[str],
    today: int,
) -> Rebased:
    """Hold the old version's steps (``base``), the new one's (``theirs``) and the plan's (``mine``) against each other.

    ``bound``: ids of activities somebody is asked or booked to do. Both versions' steps count from the same day and are
    for the same level and the same facts.
    """
    there = [item for item in mine if item.status not in _NOT_THERE]
    of_base = _matched(base, there)
    taken = {id(item) for item in of_base.values()}
    free = [item for item in there if id(item) not in taken]
    in_base = {step.id for step in base}
    held = {step.id for index, step in enumerate(base) if index in of_base}
    made = _Made()
    for place, new in _pairs(base, theirs):
        if place is not None:
            old, found = base[place], of_base.get(place)
            if found is None:
                if new is None or not _same(old, new):
                    made.kept.append(Kept(Why.LEFT_OUT, None, new or old))
            elif found.status.is_open:
                _one(found, old, new, made, bound, today)
        elif new is not None and new.id in in_base and new.id not in held:
            made.kept.append(Kept(Why.LEFT_OUT, None, new))
        elif new is not None:
            serving = next((item for item in free if item.kind == new.kind and _serves(item, new)), None)
            if serving is not None:
                free.remove(serving)
                made.kept.append(Kept(Why.THERE, serving, new))
            elif (placed := _placed(new, theirs, in_base, today)) is not None:
                made.changes.append(Change(What.ADDED, None, placed))
    return Rebased(tuple(sorted(made.changes, key=_by_day)), tuple(sorted(made.kept, key=_by_day)), tuple(made.renamed))


@dataclass(slots=True)
class _Made:
    """What is found while the steps are gone through."""

    changes: list[Change] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    renamed: list[Change] = field(default_factory=list)


def _by_day(item: Change | Kept) -> tuple[int, str, str]:
    day = item.step.due_day if item.step else (item.activity.due_day or 0) if item.activity else 0
    return day, item.step.id if item.step else "", (item.activity.id or "") if item.activity else ""


def _pairs(
    base: Sequence[PlannedActivity], theirs: Sequence[PlannedActivity]
) -> list[tuple[int | None, PlannedActivity | None]]:
    """Which step of the old version each of the new one's is: the same activity on the same day, else in their order.

    An activity under another id is the same where kind and day are.
    """
    left, new = list(range(len(base))), list(range(len(theirs)))
    found: list[tuple[int | None, PlannedActivity | None]] = []

    def pair(fits: Callable[[PlannedActivity, PlannedActivity], bool]) -> None:
        for there in list(new):
            here = next((index for index in left if fits(base[index], theirs[there])), None)
            if here is not None:
                left.remove(here)
                new.remove(there)
                found.append((here, theirs[there]))

    pair(lambda one, other: one.id == other.id and one.due_day == other.due_day)
    pair(lambda one, other: one.kind == other.kind and one.due_day == other.due_day)
    pair(lambda one, other: one.id == other.id)
    return [*found, *((index, None) for index in left), *((None, theirs[index]) for index in new)]


def _matched(base: Sequence[PlannedActivity], mine: Sequence[Activity]) -> dict[int, Activity]:
    """The plan's activity for each of the old version's steps: on its day where there is one, else the nearest."""
    found: dict[int, Activity] = {}
    free = list(mine)
    near = sorted(
        (abs((item.due_day or 0) - step.due_day), item.step != step.id, index, place)
        for index, step in enumerate(base)
        for place, item in enumerate(free)
        if item.due_day is not None and (item.step == step.id or (not item.step and item.kind == step.kind))
    )
    used: set[int] = set()
    for _, _, index, place in near:
        if index not in found and place not in used:
            found[index] = free[place]
            used.add(place)
    return found


def _same(old: PlannedActivity, new: PlannedActivity) -> bool:
    return replace(old, id=new.id, referral=new.referral) == new


def _one(
    found: Activity, old: PlannedActivity, new: PlannedActivity | None, made: _Made, bound: Collection[str], today: int
) -> None:
    """One open step of the plan that the old version asked for."""
    if new is not None and _same(old, new) and old.id == new.id:
        return
    moved = found.due_day != old.due_day
    reworded = found.title != old.title.da
    overdue = found.due_day is not None and found.due_day < today
    if found.id in bound and (new is None or not _same(old, new)):
        made.kept.append(Kept(Why.BOOKED, found, new))
        return
    if new is None:
        if overdue or moved or reworded:
            made.kept.append(Kept(Why.OVERDUE if overdue and not (moved or reworded) else Why.BY_HAND, found, None))
        else:
            made.changes.append(Change(What.REMOVED, found, None))
        return
    wanted = _on(new, found) if moved or new.due_day == old.due_day else _not_before(new, today)
    if new.due_day == old.due_day and not moved:
        wanted = new
    elif new.due_day != old.due_day and (moved or overdue):
        made.kept.append(Kept(Why.BY_HAND if moved else Why.OVERDUE, found, new))
        wanted = _on(new, found)
    if reworded and new.title != old.title:
        made.kept.append(Kept(Why.BY_HAND, found, new))
    if wanted.due_day != found.due_day:
        made.changes.append(Change(What.MOVED, found, wanted, reworded))
    elif replace(applied(found, wanted, reworded), step=found.step) != found:
        made.changes.append(Change(What.REWORDED, found, wanted, reworded))
    elif found.step:
        made.renamed.append(Change(What.REWORDED, found, wanted, reworded))


def _on(step: PlannedActivity, found: Activity) -> PlannedActivity:
    """The step on the day, and in the window, somebody gave it."""
    return replace(
        step,
        due_day=found.due_day if found.due_day is not None else step.due_day,
        window_start_day=found.window_start_day if found.window_start_day is not None else step.window_start_day,
        window_end_day=found.window_end_day if found.window_end_day is not None else step.window_end_day,
    )


def _not_before(step: PlannedActivity, today: int) -> PlannedActivity:
    """The step, due today where its day has passed."""
    late = today - step.due_day
    if late <= 0:
        return step
    return replace(
        step,
        due_day=today,
        window_start_day=step.window_start_day + late,
        window_end_day=step.window_end_day + late,
    )


def _serves(item: Activity, step: PlannedActivity) -> bool:
    day = item.done_day if item.done_day is not None else item.due_day
    return day is not None and step.window_start_day <= day <= step.window_end_day


def _placed(
    step: PlannedActivity, theirs: Sequence[PlannedActivity], in_base: Collection[str], today: int
) -> PlannedActivity | None:
    """A new step on its day. One whose window is over is due today if the activity is new and comes only once more."""
    if step.window_end_day >= today:
        return _not_before(step, today)
    same = [other for other in theirs if other.id == step.id]
    if step.id in in_base or step is not same[-1]:
        return None
    return _not_before(step, today)


def applied(activity: Activity, step: PlannedActivity, own_words: bool) -> Activity:
    """The activity as the step has it. ``own_words``: its title is a person's own and stays."""
    return replace(
        activity,
        kind=step.kind,
        step=step.id,
        title=activity.title if own_words else step.title.da,
        performer_kind=step.performer,
        due_day=step.due_day,
        window_start_day=step.window_start_day,
        window_end_day=step.window_end_day,
    )
