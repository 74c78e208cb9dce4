"""Writes a checked query for one engine and one scope: every fact becomes a scoped CTE in front of everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, TypeAlias

from sqlglot import exp

from tovholder.rules.check import Checked, OutputType
from tovholder.rules.schema import ColumnType

Engine = Literal["sqlite", "duckdb", "postgresql", "spark"]
ENGINES: tuple[Engine, ...] = ("sqlite", "duckdb", "postgresql", "spark")
_DIALECT: Mapping[str, str] = MappingProxyType(
    {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgres", "spark": "spark"}
)
SCOPE_PATIENT = "scope_patient"
SCOPE_WITHHELD = "scope_withheld"
SCOPE_ORGANIZATION = "scope_organization"
SCOPE_KEY = "scope_key"
_CLINIC = "scope_clinic"


@dataclass(frozen=True, slots=True)
class All:
    """Everyone."""


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients listed in the table ``scope_patient(patient_id)``, which the caller fills."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient, bound as ``scope_patient``."""


@dataclass(frozen=True, slots=True)
class Clinic:
    """The patients who belong to a clinic or whose episode it holds; bound as ``scope_organization``."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Everyone, nobody by name. masked: columns that hold a keyed hash in place of what stands there (the key is bound as
    ``scope_key``); hidden: columns that hold nothing; coarse: days of which the first one of 365 is told.

    For the record's own databases alone; SQLite needs a function ``pseudonym(key, text)``.
    """

    masked: frozenset[str]
    hidden: frozenset[str]
    coarse: frozenset[str]


Scope: TypeAlias = All | Patients | Patient | Clinic | Pseudonyms


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """A fact's rows to be left out, by the ids bound as ``scope_out_0`` and so on (for explaining)."""

    table: str
    column: str
    count: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """Query text for one engine. ``binds`` are the names and types it binds, ``columns`` those it gives."""

    sql: str
    engine: Engine
    binds: tuple[tuple[str, ColumnType], ...]
    columns: tuple[tuple[str, OutputType], ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names it binds."""
        return tuple(name for name, _ in self.binds)


@lru_cache(maxsize=4096)
def compile(  # noqa: A001  (always used as rules.compile.compile)
    checked: Checked, engine: Engine, scope: Scope, leave_out: LeaveOut | None = None, *, withheld: bool = False
) -> Compiled:
    """The query of one rule for one engine, reading nothing outside the scope.

    withheld: nor any row named in the table ``scope_withheld(fact, id)``, which the caller fills: with the fact and its
    first column, or with no fact and a patient all of whose rows are meant.
    """
    tree = checked.tree.copy()
    _widen(tree, checked, engine)
    own = tree.args.get("with_")
    parts = own.expressions if own is not None else []
    if engine == "postgresql" and isinstance(scope, Patients):
        # Each fact asks anew who is listed, so its planner expects next to no rows of a join of several, and would work
        # a part out again for each course, reading whole tables. As it stands it is no more than is of those listed.
        for part in parts:
            part.set("materialized", True)
    ctes = [*_scoped(checked, engine, scope, leave_out, withheld), *parts]
    tree.set("with_", exp.With(expressions=ctes))
    names = sorted({str(node.this) for node in tree.find_all(exp.Placeholder)})
    if engine == "postgresql":
        for literal in tree.find_all(exp.Literal):
            literal.set("this", literal.this.replace("%", "%%"))  # psycopg reads % as the start of a parameter
    text = tree.sql(dialect=_DIALECT[engine], identify=True, comments=False)
    return Compiled(text, engine, tuple((name, _type(checked, name)) for name in names), checked.columns)


def _type(checked: Checked, name: str) -> ColumnType:
    return "int" if isinstance(checked.parameters.get(name), int) else "text"  # scope_… are ids


def _scoped(
    checked: Checked, engine: Engine, scope: Scope, leave_out: LeaveOut | None, withheld: bool
) -> Iterable[exp.CTE]:
    """One CTE per fact read, named as the fact, over the physical table."""
    if isinstance(scope, Clinic):
        yield _clinic(engine)
    for name in sorted(checked.tables):
        query = _from(f"fact_{name}", *checked.schema.tables[name])
        if isinstance(scope, Pseudonyms):
            query.set("expressions", [_masked(column, scope, engine) for column in checked.schema.tables[name]])
        condition = None if name in checked.schema.unscoped else _belongs(scope, engine)
        if condition is not None:
            query = query.where(condition, copy=False)
        if withheld and name not in checked.schema.unscoped:
            query = query.where(_not_withheld("", "patient_id"), copy=False)
            query = query.where(_not_withheld(name, next(iter(checked.schema.tables[name]))), copy=False)
        if leave_out is not None and leave_out.table == name and leave_out.count:
            ids = [_bound(f"scope_out_{index}", engine, "text") for index in range(leave_out.count)]
            query = query.where(exp.Not(this=exp.In(this=exp.column(leave_out.column), expressions=ids)), copy=False)
        yield _cte(name, query, engine)


def _masked(column: str, scope: Pseudonyms, engine: Engine) -> exp.Expr:
    shown: exp.Expr = exp.column(column)
    if column in scope.masked:
        shown = _pseudonym(shown, engine)
    elif column in scope.hidden:
        shown = _cast(exp.Null(), "text")
    elif column in scope.coarse:
        day, year = shown.copy(), exp.Literal.number(365)
        into: exp.Expr = exp.Mod(this=day, expression=year)
        if engine == "postgresql":  # psycopg reads % as the start of a parameter
            into = exp.Anonymous(this="mod", expressions=[day, year])
        shown = exp.Sub(this=shown, expression=into)
    else:
        return shown
    return exp.Alias(this=shown, alias=exp.to_identifier(column))


def _pseudonym(column: exp.Expr, engine: Engine) -> exp.Expr:
    key = _bound(SCOPE_KEY, engine, "text")
    if engine == "sqlite":
        return exp.Anonymous(this="pseudonym", expressions=[key, column])
    told = exp.Anonymous(this="convert_to", expressions=[exp.DPipe(this=key, expression=column), _text("UTF8")])
    return exp.Anonymous(this="encode", expressions=[exp.Anonymous(this="sha256", expressions=[told]), _text("hex")])


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _not_withheld(fact: str, column: str) -> exp.Expr:
    named = exp.EQ(this=exp.column("fact"), expression=exp.Literal.string(fact))
    ids = _from(SCOPE_WITHHELD, "id").where(named, copy=False)
    return exp.Not(this=exp.In(this=exp.column(column), query=exp.Subquery(this=ids)))


def ids_of(checked: Checked, table: str, engine: Engine) -> Compiled:
    """The ids of one patient's rows in a fact the query reads (for explaining), last first."""
    column = next(iter(checked.schema.tables[table]))
    query = _from(f"fact_{table}", column).distinct(copy=False)
    condition = _belongs(Patient(), engine)
    assert condition is not None
    query = query.where(condition, copy=False).order_by(exp.Ordered(this=exp.Literal.number(1), desc=True), copy=False)
    text = query.sql(dialect=_DIALECT[engine], identify=True)
    return Compiled(text, engine, ((SCOPE_PATIENT, "text"),), ((column, "text"),))


def _from(table: str, *columns: str) -> exp.Select:
    # Built and not parsed from text: names need no quoting rules, and it is several times faster.
    source = exp.From(this=exp.Table(this=exp.to_identifier(table)))
    return exp.Select(expressions=[exp.column(column) for column in columns], from_=source)


def _belongs(scope: Scope, engine: Engine) -> exp.Expr | None:
    patient = exp.column("patient_id")
    match scope:
        case All() | Pseudonyms():
            return None
        case Patient():
            return exp.EQ(this=patient, expression=_bound(SCOPE_PATIENT, engine, "text"))
        case Patients():
            ids = _from(SCOPE_PATIENT, "patient_id")
        case Clinic():
            ids = _from(_CLINIC, "patient_id")
    return exp.In(this=patient, query=exp.Subquery(this=ids))


def _clinic(engine: Engine) -> exp.CTE:
    def of(table: str) -> exp.Select:
        own = exp.EQ(this=exp.column("organization_id"), expression=_bound(SCOPE_ORGANIZATION, engine, "text"))
        return _from(table, "patient_id").where(own, copy=False)

    union = exp.Union(this=of("fact_patient"), expression=of("fact_episode"), distinct=True)
    return _cte(_CLINIC, union, engine, inline=False)


def _cte(name: str, query: exp.Expr, engine: Engine, *, inline: bool = True) -> exp.CTE:
    # A CTE read twice is otherwise worked out in full first, and the indexes of the table under it are lost.
    # Spark has no such hint and always inlines.
    hint = None if engine == "spark" else not inline
    alias = exp.TableAlias(this=exp.to_identifier(name))
    return exp.CTE(this=query, alias=alias, materialized=hint)


# -- integers are 64 bits wide everywhere ----------------------------------------------------------------------------


def _widen(tree: exp.Query, checked: Checked, engine: Engine) -> None:
    """Make sums, parameters and literals in arithmetic 64 bits wide where an engine would choose something else."""
    if engine == "sqlite":
        return
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(_cast(placeholder.copy(), _type(checked, str(placeholder.this))))
    for literal in list(tree.find_all(exp.Literal)):
        if not literal.is_string and _in_arithmetic(literal):
            literal.replace(_cast(literal.copy(), "int"))
    for average in list(tree.find_all(exp.Avg)) if engine == "postgresql" else []:
        average.set("this", exp.Cast(this=average.this.copy(), to=exp.DataType(this=exp.DType.DOUBLE)))
    for total in list(tree.find_all(exp.Sum)) if engine != "spark" else []:
        whole: exp.Expr = total
        while isinstance(whole.parent, (exp.Filter, exp.Window)) and whole.arg_key == "this":
            whole = whole.parent
        whole.replace(_cast(whole.copy(), "int"))


def _in_arithmetic(literal: exp.Literal) -> bool:
    at = literal.parent
    while isinstance(at, (exp.Paren, exp.Neg, exp.Case, exp.If, exp.Coalesce, exp.Add, exp.Sub, exp.Mul)):
        if isinstance(at, (exp.Add, exp.Sub, exp.Mul)):
            return True
        at = at.parent
    return False


def _bound(name: str, engine: Engine, kind: str) -> exp.Expr:
    placeholder = exp.Placeholder(this=name)
    return placeholder if engine == "sqlite" else _cast(placeholder, kind)


def _cast(node: exp.Expr, kind: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType(this=exp.DType.BIGINT if kind == "int" else exp.DType.TEXT))
