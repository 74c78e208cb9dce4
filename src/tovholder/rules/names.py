"""Resolves a column to the one table that has it, and decides whether it may be looked at from where it stands."""

from __future__ import annotations

import re
from difflib import get_close_matches

from sqlglot import exp

from tovholder.rules.refusals import Complaints
from tovholder.rules.relations import UNKNOWN, Clause, Scope, Typed

_PLAIN = re.compile(r"^[a-z][a-z0-9_]{0,59}$")
RESERVED = ("fact_", "scope_", "sqlite_", "pg_", "duckdb_")


def plain_name(node: exp.Expr | None, say: Complaints) -> str:
    """The text of a name, or '' when it is not a plain one (which has then been refused)."""
    if not isinstance(node, exp.Identifier):
        if node is not None:
            say.at(node, "name", found=node.sql())
        return ""
    name = str(node.this)
    if node.args.get("quoted"):
        say.at(node, "quoted-name", found=name)
        return ""
    if not _PLAIN.match(name):
        say.at(node, "name", found=name)
        return ""
    return name


def listed(names: list[str], wanted: str = "") -> str:
    """Valid names in words, the likeliest first."""
    close = get_close_matches(wanted, names, n=3, cutoff=0.6)
    return ", ".join([*close, *(name for name in names if name not in close)])


def resolve(node: exp.Column, scope: Scope, clause: Clause, inside: str, say: Complaints) -> Typed:
    """The type of a column; writes its table's alias in front of it where the author left it out."""
    if isinstance(node.this, exp.Star):
        say.at(node, "star")
        return UNKNOWN
    name = plain_name(node.this, say)
    alias = plain_name(node.args.get("table"), say) if node.args.get("table") is not None else None
    if not name or alias == "":
        return UNKNOWN
    if alias is None:
        alias = _only_table(node, name, scope, say)
        if alias is None:
            return UNKNOWN
        node.set("table", exp.to_identifier(alias))
    steps = scope.outer(alias)
    if steps < 0:
        if scope.is_lost():
            return UNKNOWN
        say.at(node, "column-unknown", found=f"{alias}.{name}", valid=_all_columns(scope, name))
        return UNKNOWN
    owner = scope
    for _ in range(steps):
        assert owner.parent is not None
        owner = owner.parent
    field = owner.joined[alias].fields.get(name)
    if field is None:
        valid = listed(list(owner.joined[alias].fields), name)
        say.at(node, "column-unknown", found=f"{alias}.{name}", valid=valid)
        return UNKNOWN
    if steps:
        scope.correlated = True
        if steps > 1 or clause != Clause.WHERE or inside:
            say.at(node, "correlation", found=f"{alias}.{name}")
            return UNKNOWN
    elif _must_be_grouped(scope, clause, inside) and (alias, name) not in (scope.grouped or ()):
        say.at(node, "bare-column", found=f"{alias}.{name}")
        return UNKNOWN
    return field.typed


def _must_be_grouped(scope: Scope, clause: Clause, inside: str) -> bool:
    return scope.grouped is not None and not inside and clause in (Clause.SELECT, Clause.HAVING)


def _only_table(node: exp.Column, name: str, scope: Scope, say: Complaints) -> str | None:
    if scope.is_lost():
        return None
    owners = scope.having(name)
    if len(owners) == 1:
        return owners[0]
    if owners:
        say.at(node, "column-ambiguous", found=name, relations=" and ".join(owners), example=f"{owners[0]}.{name}")
        return None
    around = scope.parent
    while around is not None:
        if around.having(name):
            say.at(node, "column-outer", found=name, example=f"{around.having(name)[0]}.{name}")
            return None
        around = around.parent
    if name in scope.results:
        say.at(node, "alias-used", found=name)
    else:
        say.at(node, "column-unknown", found=name, valid=_all_columns(scope, name))
    return None


def _all_columns(scope: Scope, wanted: str) -> str:
    names = [f"{alias}.{column}" for alias, table in scope.joined.items() for column in table.fields]
    return listed(names, wanted) if names else "none: no table has been read"
