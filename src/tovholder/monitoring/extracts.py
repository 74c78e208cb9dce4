"""The nation's facts for one who was given that right: a table at a time, every id a pseudonym, never more than a limit.

A pseudonym is a keyed hash: the same in every table and every file of one analyst, another for everybody else, so that
two people's files cannot be laid together. Nobody's name, number or words are in the facts, and of the day of birth only
its year's worth is told. Dates, places and codes are: the rows are about persons, who could be known by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tovholder.access import Context, audit
from tovholder.access.domain import Right
from tovholder.base.errors import Category, Issue, Problem, forbidden
from tovholder.store import fact_scope, reading

MOST = 100_000  # rows in one file: more would hold up the server for everybody else
NO_TABLE, NO_DAY, MANY = "table", "day", "rows"
# The day a period is asked for by, where it is not the first day among the columns.
_BY = {
    "diagnosis": "recorded_day",
    "episode": "eligible_day",
    "activity": "due_day",
    "appointment": "start_day",
    "plan": "made_day",
}

_SIGNS = {"first_day": ">=", "last_day": "<="}


@dataclass(frozen=True, slots=True)
class Extract:
    """One table of facts. by: the day a period is asked for by; empty where it has none."""

    name: str
    by: str
    columns: tuple[str, ...]


def extracts(ctx: Context) -> tuple[Extract, ...]:
    """The tables there are for this actor. Raises Problem(FORBIDDEN) for who was not given them."""
    names = fact_scope.under_pseudonyms(ctx)
    if not names:
        raise forbidden("right", "Facts under pseudonyms are for who was given that right", str(Right.PSEUDONYMS))
    return tuple(_extract(name) for name in names)


def rows(ctx: Context, table: str, *, first: int | None = None, last: int | None = None) -> list[dict[str, Any]]:
    """The rows of a table, those of a period where one is asked for (integer days, both included).

    Raises Problem: FORBIDDEN; INVALID, whose issue is at NO_TABLE, NO_DAY (a period of what has no day) or MANY.
    """
    found = next((one for one in extracts(ctx) if one.name == table), None)
    if found is None:
        raise _wrong(NO_TABLE, "no such table of facts", "one of those listed")
    asked = {name: day for name, day in (("first_day", first), ("last_day", last)) if day is not None}
    if asked and not found.by:
        raise _wrong(NO_DAY, "these facts have no day", "no period")
    terms = [f"t.{found.by} {_SIGNS[name]} :{name}" for name in asked]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    (count,) = reading.facts(
        ctx, f"SELECT COUNT(*) AS many FROM {table} AS t{where}", asked, name=f"facts/{table}?count"
    )
    if count["many"] > MOST:
        raise _wrong(MANY, f"{count['many']} rows are more than one file takes", f"at most {MOST}: a shorter period")
    columns = ", ".join(f"t.{name}" for name in found.columns)
    answer = reading.facts(ctx, f"SELECT {columns} FROM {table} AS t{where}", asked, name=f"facts/{table}")
    reading.note(audit.Entry(ctx, "export", frozenset(), f"facts/{table}: {len(answer)} rows under pseudonyms"))
    return answer


def _extract(name: str) -> Extract:
    columns = tuple(reading.fact_schema().tables[name])
    of_days = [column for column in columns if column == "day" or column.endswith("_day")]
    by = _BY.get(name) or (of_days[0] if of_days else "")
    return Extract(name, by, columns)


def _wrong(path: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The facts cannot be given so", [Issue(path, message, expected, "value")])
