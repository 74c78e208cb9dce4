"""What can be read off a parsed condition or expression without knowing any types."""

from __future__ import annotations

from sqlglot import exp

from tovholder.rules.aggregates import AGGREGATES
from tovholder.rules.parts import without_parens
from tovholder.rules.relations import ColumnName, Joined


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate stands in an expression, not counting windows and subqueries."""
    if isinstance(node, (exp.Query, exp.Subquery, exp.Window)):
        return False
    if isinstance(node, AGGREGATES):
        return isinstance(node, exp.Count) or not node.expressions  # MAX(a, b) is refused and groups nothing
    return any(has_aggregate(part) for part in node.iter_expressions())


def equalities(condition: exp.Expr) -> list[tuple[ColumnName, ColumnName | None]]:
    """The column = column and column = fixed value comparisons that AND joins."""
    found: list[tuple[ColumnName, ColumnName | None]] = []
    waiting = [condition]
    while waiting:
        node = without_parens(waiting.pop())
        if isinstance(node, exp.And):
            waiting += [node.this, node.expression]
        elif isinstance(node, exp.EQ):
            sides = [without_parens(node.this), without_parens(node.expression)]
            columns = [side for side in sides if isinstance(side, exp.Column)]
            names = [(str(column.table), str(column.name)) for column in columns]
            if len(names) == 2:
                found.append((names[0], names[1]))
            elif len(names) == 1 and any(isinstance(side, (exp.Literal, exp.Placeholder)) for side in sides):
                found.append((names[0], None))
    return found


def pinned(on: exp.Expr, table: Joined) -> Joined:
    """A LEFT JOINed table with what its ON says about it."""
    pins: dict[str, ColumnName | None] = {}
    for one, other in equalities(on):
        if one[0] == table.alias and (other is None or other[0] != table.alias):
            pins[one[1]] = other
        elif other is not None and other[0] == table.alias and one[0] != table.alias:
            pins[other[1]] = one
    needs = frozenset(str(column.table) for column in on.find_all(exp.Column)) - {table.alias}
    return Joined(table.alias, table.fields, table.key, left=True, pins=pins, needs=needs)
