"""Small worlds of facts for generative tests: few patients, many NULLs, ties, future days and rows that are alike.

Hypothesis draws how many rows each table has and one seed; the cells follow from the seed. So worlds are large
enough for rules to find something, still repeatable, and a failing one shrinks to few rows.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st
from sqlglot import exp

from lib.factdb import FactDB, Row
from tovholder.rules.check import Checked
from tovholder.rules.compile import All, Clinic, Patient, Patients, Scope
from tovholder.rules.schema import Column, Schema

TODAY = 20000
PATIENTS = ("p1", "p2", "p3")
IDS = ("i1", "i2", "i3", "I1", "æ")
WORDS = ("kol", "x", "X", "")
DAYS = (*(TODAY + n for n in (-400, -60, -31, -30, -29, -1, 0, 1, 30)), 0, -1)
NUMBERS = (0, 1, 2, 3)
SCOPES: tuple[Scope, ...] = (All(), Patient(), Patients(), Clinic())
BOUND: Mapping[str, int | str] = {"today": TODAY, "scope_patient": "p1", "scope_organization": "i1"}


def worlds(
    schema: Schema, checked: Checked, parameters: Mapping[str, int | str] | None = None, most: int = 25
) -> st.SearchStrategy[dict[str, list[Row]]]:
    """Rows for the tables a query reads, and for those that say who belongs to a clinic."""
    tables = sorted(checked.tables | {"patient", "episode"})
    sizes = st.fixed_dictionaries({name: st.integers(0, most) for name in tables})
    return st.builds(lambda sizes, seed: world(schema, checked, parameters or {}, sizes, seed), sizes, st.integers(0))


def world(
    schema: Schema, checked: Checked, parameters: Mapping[str, int | str], sizes: Mapping[str, int], seed: int
) -> dict[str, list[Row]]:
    """One world; columns the query does not read stay NULL."""
    read = frozenset(column.name for column in checked.tree.find_all(exp.Column)) | {"organization_id"}
    words = compared(checked, parameters)
    source = random.Random(seed)
    return {name: _rows(schema, name, size, read, words, source) for name, size in sizes.items()}


def compared(checked: Checked, parameters: Mapping[str, int | str]) -> dict[str, list[str]]:
    """The texts a query compares each column with, by the column's name: worlds hold those more often."""
    found: dict[str, list[str]] = {}
    for node in checked.tree.find_all(exp.EQ, exp.NEQ, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Case):
        values = [literal.this for literal in node.find_all(exp.Literal) if literal.is_string]
        values += [str(parameters[mark.this]) for mark in node.find_all(exp.Placeholder) if mark.this in parameters]
        for column in node.find_all(exp.Column):
            found.setdefault(column.name, []).extend(values)
    return found


def _rows(
    schema: Schema,
    table: str,
    size: int,
    read: frozenset[str],
    words: Mapping[str, Sequence[str]],
    source: random.Random,
) -> list[Row]:
    key = schema.key(table)
    columns = [c for c in schema.tables[table].values() if c.name in read or c.name in key or not c.nullable]
    rows: list[Row] = []
    seen: dict[tuple[int | str | None, ...], Row] = {}
    for index in range(size):
        row = {column.name: _cell(column, table, index, words.get(column.name, ()), source) for column in columns}
        # Rows that agree in their table's key are the same row, told twice.
        rows.append(seen.setdefault(tuple(row[name] for name in key), row))
    return rows


def _cell(column: Column, table: str, index: int, words: Sequence[str], source: random.Random) -> int | str | None:
    if column.name == "patient_id":
        return source.choice(PATIENTS)
    if column.name == f"{table}_id":
        return source.choice(IDS) if source.random() < 0.3 else f"i{index}"
    if column.nullable and source.random() < 0.25:
        return None
    if column.is_id:
        return source.choice(IDS)
    if column.type == "text":
        return source.choice((*words, *words, *words, *WORDS))
    return source.choice(DAYS if column.name.endswith("day") else NUMBERS)


def fill(db: FactDB, world: Mapping[str, list[Row]]) -> None:
    """Empty the tables and put a world there."""
    db.clear()
    for name, rows in world.items():
        db.insert(name, rows)
    db.scope_to(PATIENTS[:2])
