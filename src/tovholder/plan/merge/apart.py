"""Where a patient's packages disagree: told with where each word comes from, and decided by nobody here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tovholder.plan.merge.domain import Aim, Contradiction, Disagreement, Origin, State, hands, span
from tovholder.plan.values import Code


def aims_apart(aims: Iterable[Aim]) -> list[Contradiction]:
    """Limits of one measurement that differ between packages, and different words about one subject."""
    held = sorted(aims, key=lambda item: (item.package, item.id))
    measured: dict[tuple[str, str], list[Aim]] = {}
    told: dict[tuple[str, str], list[Aim]] = {}
    for aim in held:
        if aim.measure is not None and (aim.at_least, aim.at_most) != (None, None):
            measured.setdefault((aim.measure.system, aim.measure.code), []).append(aim)
        elif aim.code is not None:
            told.setdefault((aim.code.system, aim.code.code), []).append(aim)
    found = []
    for _key, group in sorted(measured.items()):
        kind = _apart(group)
        if kind is not None:
            assert group[0].measure is not None
            found.append(Contradiction(kind=kind, about=group[0].measure, aims=tuple(group)))
    for _key, group in sorted(told.items()):
        if len({aim.package for aim in group}) > 1 and len({aim.text.da for aim in group}) > 1:
            assert group[0].code is not None
            found.append(Contradiction(kind=Disagreement.ADVICE, about=group[0].code, aims=tuple(group)))
    return found


def _apart(group: Sequence[Aim]) -> Disagreement | None:
    if len({(aim.at_least, aim.at_most, aim.unit) for aim in group}) < 2:
        return None
    if len({aim.unit for aim in group}) > 1:
        return Disagreement.UNITS
    low = max((aim.at_least for aim in group if aim.at_least is not None), default=None)
    high = min((aim.at_most for aim in group if aim.at_most is not None), default=None)
    return Disagreement.APART if low is not None and high is not None and low > high else Disagreement.STRICTER


def hands_apart(origins: Iterable[Origin], today: int) -> list[Contradiction]:
    """Steps that would be one if the same people did them: the same shared id, windows that meet, other hands."""
    by_shared: dict[str, list[Origin]] = {}
    for origin in origins:
        if origin.shared and origin.state is State.OPEN and origin.window is not None:
            by_shared.setdefault(origin.shared, []).append(origin)
    found = []
    for name, group in sorted(by_shared.items()):
        meeting = [
            one
            for one in group
            if any(
                hands(one.performer) != hands(other.performer)
                and one.course != other.course
                and _meet(span(one, today), span(other, today))
                for other in group
            )
        ]
        if meeting:
            about = Code("shared", name)
            found.append(Contradiction(kind=Disagreement.PERFORMER, about=about, origins=tuple(meeting)))
    return found


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
