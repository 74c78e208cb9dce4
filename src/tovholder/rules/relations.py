"""Values the checker works with: types, columns of results, tables in FROM, and where a name may be looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tovholder.rules.schema import Schema


class Kind(StrEnum):
    """The type of an expression."""

    TEXT = "text"
    INT = "whole number"
    BOOL = "condition"
    REAL = "fraction"
    NULL = "NULL"
    UNKNOWN = "unknown"  # refused already; says nothing more about what is built on it


@dataclass(frozen=True, slots=True)
class Typed:
    """What is known about an expression's value."""

    kind: Kind
    nullable: bool = False
    is_id: bool = False


UNKNOWN = Typed(Kind.UNKNOWN, True)
INT = Typed(Kind.INT)
BOOL = Typed(Kind.BOOL)


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a table, CTE or result."""

    name: str
    kind: Kind
    nullable: bool
    is_id: bool = False

    @property
    def typed(self) -> Typed:
        """The type of a reference to this column."""
        return Typed(self.kind, self.nullable, self.is_id)


@dataclass(frozen=True, slots=True)
class Output:
    """What a query gives: its columns in order, and those that tell its rows apart."""

    fields: tuple[Field, ...]
    key: tuple[str, ...]


class Clause(StrEnum):
    """Where in a SELECT an expression stands."""

    SELECT = "the SELECT list"
    WHERE = "WHERE"
    ON = "ON of a join"
    GROUP = "GROUP BY"
    HAVING = "HAVING"


ColumnName = tuple[str, str]  # alias, column


@dataclass(frozen=True, slots=True)
class Joined:
    """One table of a FROM with what its join says about it.

    ``pins``: its columns that ON sets equal to another column, or to a fixed value (None). ``needs``: the other
    tables ON looks at. Only for LEFT JOIN; equalities of plain joins hold for every row and stand in ``Scope.equal``.
    """

    alias: str
    fields: Mapping[str, Field]
    key: tuple[str, ...]
    left: bool = False
    pins: Mapping[str, ColumnName | None] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """The tables one SELECT can name, and what its clauses say that later checks need."""

    parent: Scope | None = None
    joined: dict[str, Joined] = field(default_factory=dict)
    results: frozenset[str] = frozenset()  # aliases given in the SELECT list
    grouped: frozenset[ColumnName] | None = None  # the GROUP BY columns when the query has groups
    correlated: bool = False
    lost: bool = False  # a table of FROM was refused, so an unknown column here says nothing new
    equal: list[tuple[ColumnName, ColumnName]] = field(default_factory=list)
    fixed: set[ColumnName] = field(default_factory=set)

    def having(self, column: str) -> list[str]:
        """The aliases whose table has a column of this name."""
        return [alias for alias, table in self.joined.items() if column in table.fields]

    def is_lost(self) -> bool:
        """Whether a table here or further out was refused."""
        return self.lost or (self.parent is not None and self.parent.is_lost())

    def outer(self, alias: str) -> int:
        """How many steps out an alias is found (0: here), or -1."""
        scope: Scope | None = self
        steps = 0
        while scope is not None:
            if alias in scope.joined:
                return steps
            scope, steps = scope.parent, steps + 1
        return -1

    def tells_apart(self, given: Iterable[ColumnName]) -> tuple[str, ...]:
        """The aliases whose rows are not told apart by the given columns; empty when every row is.

        A table's row is known once its key is; its columns then are known, and so is what must equal them. Rows that
        agree in a key made of all columns are the same row twice, so nobody can tell which came first.
        """
        known = set(given) | self.fixed
        done: set[str] = set()
        changed = True
        while changed:
            changed = False
            for one, other in self.equal:
                if (one in known) != (other in known):
                    known |= {one, other}
                    changed = True
            for alias, table in self.joined.items():
                if alias not in done and self._known(table, known, done):
                    done.add(alias)
                    known |= {(alias, name) for name in table.fields}
                    changed = True
        return tuple(alias for alias in self.joined if alias not in done)

    def _known(self, table: Joined, known: set[ColumnName], done: set[str]) -> bool:
        loose = [name for name in table.key if (table.alias, name) not in known]
        if not loose:
            return True
        # An unmatched LEFT JOIN row is all NULL, so its ON only counts once everything it looks at is known.
        return table.left and table.needs <= done and all(name in table.pins for name in loose)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: whose tables, which clause, and what is around it."""

    scope: Scope
    clause: Clause
    inside: str = ""  # the aggregate or window function around it
    outermost: bool = False  # the SELECT list of the outermost query, where AVG may stand

    def within(self, what: str) -> Place:
        """The same place inside an aggregate or window."""
        return replace(self, inside=what, outermost=False)


def fact_table(schema: Schema, name: str, alias: str) -> Joined:
    """A fact table as it stands in FROM."""
    columns = schema.tables[name]
    kinds = {"text": Kind.TEXT, "int": Kind.INT}
    fields = {c.name: Field(c.name, kinds[c.type], c.nullable, c.is_id) for c in columns.values()}
    return Joined(alias, fields, schema.key(name))


def unify(types: Iterable[Typed]) -> Typed | None:
    """The common type of several values, or None when they differ. Bare NULLs take the type of the rest."""
    known = [typed for typed in types if typed.kind != Kind.NULL]
    nullable = any(typed.nullable for typed in known)
    if any(typed.kind == Kind.UNKNOWN for typed in known):
        return UNKNOWN
    kinds = {typed.kind for typed in known}
    if len(kinds) > 1:
        return None
    if not kinds:
        return Typed(Kind.NULL, True)
    return Typed(kinds.pop(), nullable, all(typed.is_id for typed in known))


def kinds_of(types: Iterable[Typed]) -> str:
    """The types in words, each once, in order."""
    return " and ".join(dict.fromkeys(str(typed.kind) for typed in types if typed.kind != Kind.UNKNOWN))
