"""Random queries of the subset: every choice the grammar has, over a few facts, always a query the checker takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

INT, TEXT, ID = "int", "text", "id"
# Columns worth asking about; nullable unless marked with !. The first ones are the table's key.
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "episode": (
        ("episode_id!", ID),
        ("patient_id!", ID),
        ("package", TEXT),
        ("deadline_day", INT),
        ("paused_days", INT),
    ),
    "level": (("level_id!", ID), ("patient_id!", ID), ("episode_id", ID), ("level", INT), ("decided_day", INT)),
    "activity": (("activity_id!", ID), ("patient_id!", ID), ("kind", TEXT), ("due_day", INT), ("status", TEXT)),
    "measurement": (
        ("measurement_id!", ID),
        ("system", TEXT),
        ("code", TEXT),
        ("patient_id!", ID),
        ("value_milli", INT),
    ),
    "period": (("period_id!", ID), ("kind", TEXT), ("start_day", INT), ("end_day", INT)),
}
KEY_LENGTH = {"measurement": 3}
WORDS = ("kol", "x", "X", "")
NUMBERS = ("0", "1", "2", "20000", "-1")
COMPARE = ("=", "<>", "<", "<=", ">", ">=")


@dataclass
class Column:
    name: str
    kind: str
    nullable: bool


@dataclass
class Table:
    """One table in FROM: its alias, columns, and how many of the first columns tell its rows apart."""

    alias: str
    columns: list[Column]
    key: int


@dataclass
class Grammar:
    """Writes one query; ``source`` makes the choices."""

    source: random.Random
    ctes: dict[str, list[Column]] = field(default_factory=dict)
    aliases: int = 0

    # -- choices -----------------------------------------------------------------------------------------------------

    def one(self, options: Sequence[str]) -> str:
        return self.source.choice(options)

    def upto(self, most: int) -> int:
        return self.source.randint(0, most)

    def maybe(self, out_of: int = 2) -> bool:
        return self.upto(out_of - 1) == 0

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    # -- queries -----------------------------------------------------------------------------------------------------

    def query(self) -> str:
        parts = []
        for index in range(self.upto(2)):
            sql, columns = self.select(["id", *self.shape()])
            name = f"cte{index}"
            parts.append(f"{name} AS ({sql})")
            self.ctes[name] = columns
        shape = self.shape()
        sql, columns = self.select(shape, outermost=True)
        kinds = [column.kind for column in columns]
        if "real" not in kinds:
            for _ in range(self.upto(2) if self.maybe(3) else 0):
                more, _ = self.select(shape)
                sql += f" {self.one(('UNION', 'UNION ALL'))} {more}"
        order = [self.sort(column.name) for column in columns if column.kind in (INT, ID) and self.maybe()]
        text = f"WITH {', '.join(parts)} " if parts else ""
        return text + sql + (f" ORDER BY {', '.join(order)}" if order else "")

    def shape(self) -> list[str]:
        return [self.one((INT, TEXT, ID)) for _ in range(1 + self.upto(2))]

    def sort(self, name: str) -> str:
        return f"{name} {self.one(('', 'ASC', 'DESC'))} {self.one(('NULLS FIRST', 'NULLS LAST'))}"

    def select(self, shape: list[str], outermost: bool = False) -> tuple[str, list[Column]]:
        tables, text = self.tables()
        where = f" WHERE {self.condition(tables, 2, True)}" if self.maybe() else ""
        style = self.one(("plain", "plain", "distinct", "grouped", "window", "total"))
        if style in ("grouped", "total"):
            items, tail = self.grouped(tables, shape, style == "total", outermost)
        else:
            windows = style == "window"
            items = [self.item(tables, kind, windows) for kind in shape]
            tail = ""
        columns = [Column(f"c{n}", kind, True) for n, (_, kind) in enumerate(items)]
        named = ", ".join(f"{sql} AS {column.name}" for (sql, _), column in zip(items, columns, strict=True))
        distinct = "DISTINCT " if style == "distinct" else ""
        return f"SELECT {distinct}{named} FROM {text}{where}{tail}", columns

    def item(self, tables: list[Table], kind: str, windows: bool) -> tuple[str, str]:
        if windows and kind != TEXT:
            return self.window(tables, kind), kind
        if kind == INT and self.maybe(3):
            return f"CASE WHEN {self.condition(tables, 1, True)} THEN 1 ELSE {self.value(tables, INT, 1)} END", INT
        return self.value(tables, kind, 2), kind

    def tables(self, outer: int = 2) -> tuple[list[Table], str]:
        first, text = self.table()
        found = [first]
        for _ in range(self.upto(outer) if self.maybe() else 0):
            other, more = self.table(facts=True)  # a CTE comes first only, so that results stay small
            join = self.one(("JOIN", "LEFT JOIN", "INNER JOIN", "LEFT OUTER JOIN", "CROSS JOIN"))
            found.append(other)
            if join == "CROSS JOIN":
                text += f" CROSS JOIN {more}"
                continue
            here, there = self.named(found[:-1], ID), self.named([other], ID)
            equal = f"{here} = {there}"
            text += f" {join} {more} ON {equal}" + (f" AND {self.condition(found, 1, False)}" if self.maybe(3) else "")
        return found, text

    def table(self, facts: bool = False) -> tuple[Table, str]:
        alias = self.alias()
        name = self.one(tuple(TABLES) if facts else (*TABLES, *self.ctes))
        if name in TABLES:
            columns = [Column(column.rstrip("!"), kind, not column.endswith("!")) for column, kind in TABLES[name]]
            if self.maybe(6):
                picked = ", ".join(f"s.{column.name}" for column in columns)
                return Table(alias, columns, len(columns)), f"(SELECT DISTINCT {picked} FROM {name} AS s) AS {alias}"
            return Table(alias, columns, KEY_LENGTH.get(name, 1)), f"{name} {self.one(('AS', ''))} {alias}"
        columns = self.ctes[name]
        return Table(alias, columns, len(columns)), f"{name} AS {alias}"

    # -- groups and windows ------------------------------------------------------------------------------------------

    def grouped(
        self, tables: list[Table], shape: list[str], total: bool, outermost: bool
    ) -> tuple[list[tuple[str, str]], str]:
        keys: list[tuple[str, str]] = []
        items: list[tuple[str, str]] = []
        for kind in shape:
            column = self.find(tables, kind)
            if kind == TEXT or (not total and column is not None and self.maybe()):
                if total or column is None:
                    items.append((self.constant(kind), kind))
                else:
                    keys.append((column, kind))
                    items.append((column, kind))
            else:
                items.append((self.aggregate(tables, kind), kind))
        if outermost and self.maybe(4):
            items.append((f"AVG({self.value(tables, INT, 1)})", "real"))
        if total:
            return items, ""
        if not keys:
            column = self.named(tables, ID)
            keys.append((column, ID))
        having = ""
        if self.maybe(3):
            left = self.aggregate(tables, INT)
            having = f" HAVING {left} {self.one(COMPARE)} {self.one(NUMBERS)}"
        return items, f" GROUP BY {', '.join(dict.fromkeys(sql for sql, _ in keys))}{having}"

    def aggregate(self, tables: list[Table], kind: str) -> str:
        if kind == ID:
            inner = f"{self.one(('MIN', 'MAX'))}({self.named(tables, ID)})"
        else:
            inner = self.one(
                (
                    "COUNT(*)",
                    f"COUNT({self.value(tables, TEXT, 1)})",
                    f"COUNT(DISTINCT {self.value(tables, TEXT, 1)})",
                    f"SUM({self.value(tables, INT, 1)})",
                    f"MIN({self.value(tables, INT, 1)})",
                    f"MAX({self.value(tables, INT, 1)})",
                )
            )
        return f"{inner} FILTER (WHERE {self.condition(tables, 1, False)})" if self.maybe(4) else inner

    def window(self, tables: list[Table], kind: str) -> str:
        by: list[str] = []
        order: list[str] = []
        extra = self.find(tables, INT)
        if extra is not None and self.maybe():
            order.append(self.sort(extra))
        for table in tables:
            for column in table.columns[: table.key]:
                name = f"{table.alias}.{column.name}"
                (by if column.kind == TEXT else order).append(name if column.kind == TEXT else self.sort(name))
        if self.maybe():
            by.append(self.named(tables, ID))
        if kind == ID:
            column = self.named(tables, ID)
            function = self.one((f"LAG({column})", f"LEAD({column}, 2)", f"MIN({column})", f"MAX({column})"))
        else:
            value = self.value(tables, INT, 1)
            function = self.one(
                (
                    "ROW_NUMBER()",
                    "RANK()",
                    f"LAG({value})",
                    f"LEAD({value})",
                    f"SUM({value})",
                    "COUNT(*)",
                    f"MAX({value})",
                )
            )
        over = []
        if by:
            over.append(f"PARTITION BY {', '.join(dict.fromkeys(by))}")
        if order and (function.startswith(("ROW", "RANK", "LAG", "LEAD")) or self.maybe()):
            over.append(f"ORDER BY {', '.join(order)}")
        return f"{function} OVER ({' '.join(over)})"

    # -- values ------------------------------------------------------------------------------------------------------

    def find(self, tables: list[Table], kind: str) -> str | None:
        options = [f"{t.alias}.{c.name}" for t in tables for c in t.columns if c.kind == kind]
        return self.one(options) if options else None

    def named(self, tables: list[Table], kind: str) -> str:
        # Every table has an id: facts by themselves, CTEs because their first column is one.
        found = self.find(tables, kind)
        assert found is not None
        return found

    def constant(self, kind: str) -> str:
        if kind == INT:
            return self.one((*NUMBERS, ":today", ":n"))
        return self.one((*(f"'{word}'" for word in WORDS), ":word"))

    def value(self, tables: list[Table], kind: str, depth: int) -> str:
        column = self.find(tables, kind)
        if kind == ID:
            assert column is not None
            return column
        if depth == 0 or self.maybe(3):
            return column if column is not None and not self.maybe(4) else self.constant(kind)
        left, right = self.value(tables, kind, depth - 1), self.value(tables, kind, depth - 1)
        condition = self.condition(tables, depth - 1, False)
        options = [
            f"COALESCE({left}, {right})",
            f"CASE WHEN {condition} THEN {left} ELSE {right} END",
            f"CASE {left} WHEN {self.constant(kind)} THEN {right} END",
            f"CASE WHEN {condition} THEN NULL ELSE {left} END",
        ]
        if kind == INT:
            options += [
                f"({left} + {right})",
                f"({left} - {right})",
                f"{self.one(('0', '2', '-1'))} * ({left})",
                f"-({left})",
            ]
        return self.one(options)

    # -- conditions --------------------------------------------------------------------------------------------------

    def condition(self, tables: list[Table], depth: int, subqueries: bool) -> str:
        if depth > 0 and self.maybe():
            left, right = self.condition(tables, depth - 1, subqueries), self.condition(tables, depth - 1, subqueries)
            negated = f"NOT ({self.condition(tables, depth - 1, False)})"  # NOT (x IN (SELECT …)) is refused
            return self.one((f"{left} AND {right}", f"({left} OR {right})", f"{left} OR {right}", negated))
        kind = self.one((INT, TEXT, ID))
        left = self.value(tables, kind, 1)
        right = self.value(tables, kind, 1)
        constants = ", ".join(self.constant(kind) for _ in range(1 + self.upto(2)))
        options = [
            f"{left} {self.one(COMPARE if kind in (INT, ID) else COMPARE[:2])} {right}",
            f"{left} IS {self.one(('', 'NOT'))} DISTINCT FROM {right}",
            f"{left} {self.one(('', 'NOT'))} IN ({constants})",
        ]
        if kind == INT:
            options.append(f"{left} {self.one(('', 'NOT'))} BETWEEN {right} AND {self.constant(INT)}")
        column = self.find(tables, kind)
        if column is not None:
            options.append(f"{column} IS {self.one(('', 'NOT'))} NULL")
        text = self.one(options)
        return self.subquery(tables, kind, left) if subqueries and self.maybe(3) else text

    def subquery(self, tables: list[Table], kind: str, left: str) -> str:
        inner, text = self.tables(1)
        equal = f"{self.named(inner, ID)} = {self.named(tables, ID)}"
        if self.maybe():
            more = self.condition(inner, 1, False)
            return f"{self.one(('', 'NOT'))} EXISTS (SELECT 1 FROM {text} WHERE {equal} AND ({more}))"
        if self.maybe(3) and kind == ID:
            column = self.named(inner, ID)
            return f"{left} IN (SELECT {column} FROM {text} GROUP BY {column} HAVING COUNT(*) > 1)"
        where = f" WHERE {equal}" if self.maybe() else ""
        return f"{left} IN (SELECT {self.value(inner, kind, 0)} FROM {text}{where})"


def query(seed: int) -> str:
    """One query of the subset, the same for the same seed."""
    return Grammar(random.Random(seed)).query()
