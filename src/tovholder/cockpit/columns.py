"""What stands in the columns of a package's list: each is a fact picked as cockpit.toml says, for a whole clinic at once.

How a row of facts belongs to a course: by its own ``episode_id`` where the fact has one (empty: it is the patient's, and
so any of their courses'), by ``episode_link`` for appointments, which may serve several courses, and by the patient for
everything else. What was measured is the patient's, whichever course asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.packages.model import Package
from tovholder.packages.model_screens import Column
from tovholder.store import reading

_BY_PATIENT = frozenset({"patient", "measurement"})
_BY_LINK = frozenset({"appointment"})
_OWN = ("episode_id", "plan_episode_id")
# What the list asks for anyway, so that no query of its own is needed.
COURSE_TABLES = frozenset({"episode", "patient"})
_MILLI = "_milli"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one column says of one course. value: a day, number, code or count. day: when it was so, where that is known."""

    value: int | str | None
    day: int | None = None


NOTHING = Cell(None)


def evaluate(ctx: Context, package: Package, courses: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Cell]]:
    """The cells of a package's columns by course and column, for courses by id with their row of facts.

    One query for each table and type of value that the columns name, however many columns and courses there are.
    """
    found: dict[str, dict[str, Cell]] = {episode_id: {} for episode_id in courses}
    asked: list[Column] = []
    for column in package.cockpit.columns:
        table, _, name = column.fact.partition(".")
        if column.fact == "flag":
            continue
        if table in COURSE_TABLES and column.pick == "only" and not column.where:
            for episode_id, row in courses.items():
                found[episode_id][column.id] = Cell(row.get(name))
        else:
            asked.append(column)
    of_patient: dict[str, list[str]] = {}
    for episode_id, row in courses.items():
        of_patient.setdefault(row["patient_id"], []).append(episode_id)
    for columns in _together(asked):
        sql, params = statement(columns)
        _pick(columns, store.facts(ctx, sql, params, name="cockpit"), found, of_patient)
    return found


def _together(columns: Iterable[Column]) -> list[list[Column]]:
    """Columns that one statement can answer: of one table, with values of one type."""
    groups: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        table, _, name = column.fact.partition(".")
        kind = "int" if column.pick == "count" else reading.fact_schema().tables[table][name].type
        groups.setdefault((table, kind), []).append(column)
    return list(groups.values())


def _pick(
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, Any]],
    found: dict[str, dict[str, Cell]],
    of_patient: Mapping[str, Sequence[str]],
) -> None:
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        column = columns[row["spec"]]
        earliest = column.pick in ("earliest", "next")
        targets = (row["episode_id"],) if row["episode_id"] else of_patient.get(row["patient_id"], ())
        for episode_id in targets:
            cells = found.get(episode_id)
            if cells is None:
                continue
            if column.pick == "count":
                held = cells.get(column.id, NOTHING).value
                cells[column.id] = Cell((held if isinstance(held, int) else 0) + row["held"])
                continue
            place = (row["at_day"] or 0) * (-1 if earliest else 1), row["row_id"]
            if best.get((episode_id, column.id), place) > place:
                continue
            best[episode_id, column.id] = place
            cells[column.id] = Cell(row["held"], row["at_day"] if column.by else None)


def statement(columns: Sequence[Column]) -> tuple[str, Mapping[str, int | str]]:
    """One SELECT for columns of one table, and what it binds. Rows: spec (place of the column), patient_id, episode_id,
    held, at_day, row_id.
    """
    params: dict[str, int | str] = {}

    def bind(value: int | str) -> str:
        name = f"p{len(params)}"
        params[name] = value
        return f":{name}"

    parts = [_part(number, column, bind) for number, column in enumerate(columns)]
    return "\nUNION ALL\n".join(parts), params


def _part(number: int, column: Column, bind: Callable[[int | str], str]) -> str:
    table, _, name = column.fact.partition(".")
    names = tuple(reading.fact_schema().tables[table])
    key = names[0]
    where = _where(column, bind)
    if table in _BY_LINK:
        # One for several packages stands once for each of them, with its course: only that row is the course's.
        own_part = "({alias}.episode_id IS NULL OR {alias}.episode_id = l.episode_id)"
        joined = f" JOIN episode_link AS l ON l.resource_id = {{alias}}.{key} AND {own_part}"
        episode = "l.episode_id"
    else:
        own = next((held for held in _OWN if held in names), None) if table not in _BY_PATIENT else None
        joined, episode = "", f"{{alias}}.{own}" if own else "''"

    def source(alias: str) -> str:
        return (
            f"{table} AS {alias}{joined.format(alias=alias).replace(' l ', f' l{alias} ').replace('l.', f'l{alias}.')}"
        )

    def course(alias: str) -> str:
        return (
            episode.format(alias=alias).replace("l.", f"l{alias}.")
            if table in _BY_LINK
            else episode.format(alias=alias)
        )

    def terms(alias: str) -> str:
        return " AND ".join(term.format(alias=alias) for term in where) or "1 = 1"

    if column.pick == "count":
        group = f"t.patient_id, {course('t')}" if course("t") != "''" else "t.patient_id"
        return (
            f"SELECT {number} AS spec, t.patient_id, {course('t')} AS episode_id, COUNT(*) AS held, 0 AS at_day,"
            f" '' AS row_id FROM {source('t')} WHERE {terms('t')} GROUP BY {group}"
        )
    head = f"SELECT {number} AS spec, t.patient_id, {course('t')} AS episode_id, t.{name} AS held"
    if column.pick == "only" or not column.by:
        return f"{head}, 0 AS at_day, t.{key} AS row_id FROM {source('t')} WHERE {terms('t')}"
    best = "MIN" if column.pick in ("earliest", "next") else "MAX"
    same, group = "", "s.patient_id"
    if course("s") != "''":
        group += f", {course('s')}"
        same = f" AND m.episode_id IS NOT DISTINCT FROM {course('t')}"
    return (
        f"{head}, t.{column.by} AS at_day, t.{key} AS row_id FROM {source('t')} JOIN (SELECT s.patient_id,"
        f" {course('s')} AS episode_id, {best}(s.{column.by}) AS top FROM {source('s')} WHERE {terms('s')}"
        f" GROUP BY {group}) AS m ON m.patient_id = t.patient_id{same} AND m.top = t.{column.by} WHERE {terms('t')}"
    )


def _where(column: Column, bind: Callable[[int | str], str]) -> list[str]:
    """What a row must be, with ``{alias}`` for the table."""
    terms = []
    for name, wanted in column.where.items():
        if isinstance(wanted, tuple):
            terms.append(f"{{alias}}.{name} IN ({', '.join(bind(one) for one in wanted)})")
        else:
            terms.append(f"{{alias}}.{name} = {bind(wanted)}")
    if column.by and column.pick == "next":
        terms.append(f"{{alias}}.{column.by} >= :today")
    if column.by and column.pick == "last":
        terms.append(f"{{alias}}.{column.by} <= :today")
    if column.by and column.within_days is not None:
        terms.append(f"{{alias}}.{column.by} > :today - {bind(int(column.within_days))}")
    return terms


def number(column: Column, cell: Cell) -> int | None:
    """The cell as a whole number to compare with ``at_least``: thousandths become units, an empty count is 0."""
    if column.show == "count":
        return cell.value if isinstance(cell.value, int) else 0
    if not isinstance(cell.value, int):
        return None
    return cell.value // 1000 if column.fact.endswith(_MILLI) else cell.value
