"""What a task costs a person who knows it: what a browser saw them press, as a Keystroke-Level Model reckons it.

Card, Moran and Newell, "The keystroke-level model for user performance time with interactive systems",
Communications of the ACM 23(7), 1980; the seconds are theirs. R, the time the system takes, is left out.
docs/clinic-cost.md says how M is placed and what is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

K = 0.2  # a key, by a skilled typist
P = 1.1  # pointing with a mouse
B = 0.1  # a mouse button going down, or up
H = 0.4  # a hand from mouse to keyboard, or back
M = 1.35  # making up one's mind


class Kind(StrEnum):
    """What one event is in the task."""

    CLICK = "click"  # with the mouse, on whatever
    PRESS = "press"  # a key that opens, ticks, sends
    VALUE = "value"  # a key of an answer: a character, or the key that chooses one of some
    MOVE = "move"  # a key that goes on to the next field
    LOAD = "load"  # a page came


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in the browser. what: the name of the field a value was written in."""

    kind: Kind
    what: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What was counted, and the seconds."""

    clicks: int
    keys: int
    fields: int
    loads: int
    interactions: int  # clicks and presses: all that is neither a value nor the way to the next
    beyond_values: float
    seconds: float
    cautious: float  # an M with every value too
    operators: dict[str, int] = field(default_factory=dict)


def cost(events: Sequence[Event]) -> Cost:
    """The cost of what happened, in its order. Nobody's hand is anywhere to begin with."""
    happened = [one for one in events if one.kind is not Kind.LOAD]
    count = {"K": 0, "P": 0, "B": 0, "H": 0, "M": 0}
    hand, run, values = "", False, 0.0
    filled: set[str] = set()
    for one in happened:
        device = "mouse" if one.kind is Kind.CLICK else "keyboard"
        if hand and hand != device:
            count["H"] += 1
        hand = device
        if one.kind is Kind.CLICK:
            count["M"] += 1
            count["P"] += 1
            count["B"] += 2
            run = False
        elif one.kind is Kind.PRESS:
            count["M"] += 1
            count["K"] += 1
            run = False
        else:
            count["K"] += 1
            values += K
            if one.kind is Kind.VALUE:
                filled.add(one.what)
                if not run:  # one M for a run of values: what follows in a known form is foreseen
                    count["M"] += 1
                    values += M
                    run = True
    seconds = sum(count[name] * second for name, second in (("K", K), ("P", P), ("B", B), ("H", H), ("M", M)))
    runs = count["M"] - sum(one.kind in (Kind.CLICK, Kind.PRESS) for one in happened)
    return Cost(
        clicks=sum(one.kind is Kind.CLICK for one in happened),
        keys=count["K"],
        fields=len(filled),
        loads=sum(1 for one in events if one.kind is Kind.LOAD),
        interactions=sum(one.kind in (Kind.CLICK, Kind.PRESS) for one in happened),
        beyond_values=round(seconds - values, 2),
        seconds=round(seconds, 2),
        cautious=round(seconds + M * max(0, len(filled) - runs), 2),
        operators=count,
    )


HEAD = (
    f"{'task':<44}{'clicks':>7}{'presses':>8}{'fields':>7}{'keys':>6}{'pages':>6}{'beyond':>8}{'all':>8}{'cautious':>9}"
)


def line(task: str, told: Cost) -> str:
    """One line of the table, under HEAD."""
    presses = told.interactions - told.clicks
    return (
        f"{task:<44}{told.clicks:>7}{presses:>8}{told.fields:>7}{told.keys:>6}{told.loads:>6}"
        f"{told.beyond_values:>6.1f} s{told.seconds:>6.1f} s{told.cautious:>7.1f} s"
    )


def row(task: str, told: Cost) -> str:
    """The same as a line of the table in docs/clinic-cost.md."""
    presses = told.interactions - told.clicks
    counted = (told.clicks, presses, told.fields, told.interactions, told.keys, told.loads)
    seconds = (told.beyond_values, told.seconds, told.cautious)
    return f"| {task} | {' | '.join(map(str, counted))} | {' | '.join(f'{second:.1f}' for second in seconds)} |"
