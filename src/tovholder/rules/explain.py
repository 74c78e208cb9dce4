"""Which fact rows made a rule's row true: leave one out at a time, ask again, and report those that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tovholder.rules.check import Checked
from tovholder.rules.compile import SCOPE_PATIENT, Engine, LeaveOut, Patient, compile, ids_of
from tovholder.rules.run import run


class Effect(StrEnum):
    """What happens to the row without a fact."""

    REMOVES = "removes"  # the row is not there any more
    CHANGES = "changes"  # the row has another value, such as another since-day
    TOGETHER = "together"  # one of several facts that each would do; without all of them the row goes or changes


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact row the result rests on."""

    table: str
    column: str
    id: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Explanation:
    """The facts a row rests on. ``found``: the row is there at all. ``complete``: every fact was tried."""

    found: bool
    reasons: tuple[Reason, ...] = ()
    complete: bool = True


def explain(
    checked: Checked,
    connection: Any,
    parameters: Mapping[str, int | str],
    *,
    patient: str,
    row: Mapping[str, int | str],
    engine: Engine = "sqlite",
    limit: int = 200,
) -> Explanation:
    """Explain the result row that has the values ``row`` (such as episode_id), within one patient's facts.

    At most ``limit`` facts are tried, newest id first. A rule that asks for something missing rests on no row of that
    table; only rows whose absence would change the answer are told.
    """
    asked = _Asked(checked, connection, {**parameters, SCOPE_PATIENT: patient}, row, engine)
    before = asked.without()
    if not before:
        return Explanation(False)
    left = limit
    complete = True
    reasons: list[Reason] = []
    for table in sorted(checked.tables - checked.schema.unscoped):
        ids = [str(found[0]) for found in run(ids_of(checked, table, engine), connection, asked.values)]
        complete = complete and len(ids) <= left
        tried = ids[: max(left, 0)]
        left -= len(tried)
        reasons += _of_table(asked, before, table, tried)
    return Explanation(True, tuple(reasons), complete)


def _of_table(asked: _Asked, before: Sequence[Any], table: str, ids: Sequence[str]) -> list[Reason]:
    column = next(iter(asked.checked.schema.tables[table]))
    reasons: list[Reason] = []
    for one in ids:
        after = asked.without(table, column, [one], 1)
        if after != before:
            reasons.append(Reason(table, column, one, Effect.CHANGES if after else Effect.REMOVES))
    if reasons or len(ids) < 2 or asked.without(table, column, ids, len(ids)) == before:
        return reasons
    # Any of several would do: drop them one after the other while the row stays, and what is left is needed.
    dropped: list[str] = []
    for one in reversed(ids):
        if asked.without(table, column, [*dropped, one], len(ids)) == before:
            dropped.append(one)
    return [Reason(table, column, one, Effect.TOGETHER) for one in ids if one not in dropped]


@dataclass(frozen=True, slots=True)
class _Asked:
    checked: Checked
    connection: Any
    values: Mapping[str, int | str]
    row: Mapping[str, int | str]
    engine: Engine

    def without(self, table: str = "", column: str = "", ids: Sequence[str] = (), width: int = 0) -> list[Any]:
        """The rows asked about when some facts are left out; ``width`` places for ids keep the query text the same."""
        leave_out = LeaveOut(table, column, width) if table else None
        compiled = compile(self.checked, self.engine, Patient(), leave_out)
        out = {f"scope_out_{index}": ids[index] if index < len(ids) else "" for index in range(width)}
        names = [name for name, _ in self.checked.columns]
        wanted = [(names.index(name), value) for name, value in self.row.items()]
        rows = run(compiled, self.connection, {**self.values, **out})
        return sorted((found for found in rows if all(found[place] == value for place, value in wanted)), key=repr)
