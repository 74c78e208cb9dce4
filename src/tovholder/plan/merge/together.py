"""One plan of several: which steps of a patient's packages are done together, and where the packages disagree.

Pure values in, pure values out. Steps of one family whose windows share a day are done on one day, with as few days as
there can be: the steps are taken in the order their windows end, and each day found takes along, from every other
course, the step of the family whose window contains it and ends first. No fewer days would do (see ``_group``). Two
steps of one course are never made one: its author planned both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tovholder.plan.merge import apart
from tovholder.plan.merge.domain import (
    Aim,
    Counts,
    Families,
    Merged,
    Origin,
    State,
    Step,
    performer_of,
    span,
)


def merge(origins: Iterable[Origin], families: Families, today: int, aims: Iterable[Aim] = ()) -> Merged:
    """The merged plan. The order of what is given does not matter; every origin stands in exactly one step."""
    held = sorted({origin.id: origin for origin in origins}.values(), key=lambda item: item.id)
    steps: list[Step] = []
    by_family: dict[str, list[Origin]] = {}
    for origin in held:
        by_family.setdefault(families.of(origin), []).append(origin)
    for family in sorted(by_family):
        steps.extend(_merge_family(family, by_family[family], families, today))
    steps.sort(key=lambda item: (item.day is None, item.day or 0, item.id))
    open_steps = [step for step in steps if step.state in (State.OPEN, State.BOOKED)]
    alone = [_step(families.of(one), (one,), families, today, None) for step in open_steps for one in step.origins]
    return Merged(
        steps=tuple(steps),
        contradictions=(*apart.aims_apart(aims), *apart.hands_apart(held, today)),
        before=_count(alone, families),
        after=_count(open_steps, families),
    )


def _merge_family(family: str, origins: Sequence[Origin], families: Families, today: int) -> list[Step]:
    fixed: dict[str, list[Origin]] = {}
    free: list[Origin] = []
    alone: list[tuple[Origin, ...]] = []
    for origin in origins:
        if origin.state is State.BOOKED or (origin.state is State.DONE and origin.appointment):
            fixed.setdefault(origin.appointment or origin.id, []).append(origin)
        elif origin.state is State.OPEN and origin.window is not None:
            free.append(origin)
        else:
            alone.append((origin,))
    done = [tuple(group) for group in fixed.values() if any(item.state is State.DONE for item in group)]
    booked = [tuple(group) for group in fixed.values() if not any(item.state is State.DONE for item in group)]
    groups = [(group, None) for group in (*alone, *done)] + _group(booked, free, today)
    return [_step(family, group, families, today, day) for group, day in groups]


def _group(
    booked: Sequence[tuple[Origin, ...]], free: Sequence[Origin], today: int
) -> list[tuple[tuple[Origin, ...], int | None]]:
    """Partition into the fewest groups with a day in common, each with at most one step of a course.

    Why no partition has fewer: of all that is left, take what ends first, on day e. Whatever shares a day with it,
    and ends no sooner, contains e, so its group can be stabbed at e. If the best partition's group lacks a course
    that has a step containing e, moving in that course's step that ends first only empties another group; if it
    has another step of the course, the two change places: the one put back ends later, and holds the other group's
    day (a day from e on, or, where that day is before e, e itself, which all of that group contain). So some best
    partition begins with the group taken here, and the rest follows by induction. A booked step is [day, day].
    """
    ends: list[tuple[int, int, int, str, tuple[Origin, ...]]] = []
    for group in booked:
        day = group[0].day
        assert day is not None
        ends.append((day, 0, day, group[0].id, group))
    for origin in free:
        first, last = span(origin, today)
        ends.append((last, 1, first, origin.id, (origin,)))
    found: list[tuple[list[Origin], int | None]] = []
    taken: set[str] = set()
    queue = sorted(ends, key=lambda item: item[:4])
    for at, (last, is_free, _first, _id, group) in enumerate(queue):
        if group[0].id in taken:
            continue
        courses = {origin.course for origin in group}
        together = list(group)
        for _end, other_free, other_first, other_id, other in queue[at + 1 :]:
            if other_free and other_id not in taken and other_first <= last and other[0].course not in courses:
                together.append(other[0])
                courses.add(other[0].course)
        taken.update(origin.id for origin in together)
        found.append((together, None if is_free else last))
    return _pulled(found, today)


def _pulled(groups: list[tuple[list[Origin], int | None]], today: int) -> list[tuple[tuple[Origin, ...], int | None]]:
    """What is agreed takes along whatever its day allows: leaving a group makes no group more."""
    for agreed, day in groups:
        if day is None:
            continue
        for group, other_day in groups:
            for origin in group if other_day is None else ():
                first, last = span(origin, today)
                if first <= day <= last and origin.course not in {one.course for one in agreed}:
                    agreed.append(origin)
        here = {origin.id for origin in agreed}
        for group, other_day in groups:
            if other_day is None:
                group[:] = [origin for origin in group if origin.id not in here]
    return [(tuple(group), day) for group, day in groups if group]


def _step(family: str, group: Sequence[Origin], families: Families, today: int, fixed_day: int | None) -> Step:
    origins = tuple(sorted(group, key=lambda item: item.id))
    states = {origin.state for origin in origins}
    state = next(one for one in (State.DONE, State.BOOKED, State.PAUSED, State.OPEN) if one in states)
    windows = [origin.window for origin in origins if origin.window is not None]
    first = max((window[0] for window in windows), default=None)
    last = min((window[1] for window in windows), default=None)
    overdue = any(origin.overdue(today) for origin in origins)
    if state in (State.DONE, State.BOOKED):
        day = fixed_day if fixed_day is not None else next((item.day for item in origins if item.day is not None), None)
    elif len(origins) == 1:
        day = origins[0].due_day if origins[0].due_day is not None else last
    else:
        day = _day(origins, today)
    named = [item.shared for item in origins if item.shared]
    return Step(
        family=family,
        shared=min(named, key=lambda name: (_place(families.order, name), name), default=None),
        day=day,
        first_day=first,
        last_day=last,
        performer=performer_of(origins),
        state=state,
        overdue=overdue,
        appointment=next((item.appointment for item in origins if item.appointment), None),
        origins=origins,
    )


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _day(origins: Sequence[Origin], today: int) -> int:
    """The earliest due day of the origins, moved no further than needed for all of their days to hold."""
    if all(origin.overdue(today) for origin in origins):
        return min(
            origin.window[1] if origin.due_day is None else origin.due_day for origin in origins if origin.window
        )
    spans = [span(origin, today) for origin in origins]
    first, last = max(span[0] for span in spans), min(span[1] for span in spans)
    due = min((origin.due_day for origin in origins if origin.due_day is not None), default=first)
    return min(max(due, first), last)


def _count(steps: Iterable[Step], families: Families) -> Counts:
    made = Counts()
    for step in steps:
        counted = families.counted(step)
        made = replace(
            made,
            visits=made.visits + (counted == "visit"),
            examinations=made.examinations + (counted == "test"),
            tests=made.tests + len(step.tests),
            offers=made.offers + (counted == "offer"),
        )
    return made
