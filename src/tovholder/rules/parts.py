"""The nodes a parsed query may consist of, and what each may hold: anything else is refused."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from tovholder.rules.refusals import Complaints, written

# What each allowed node may hold; anything else that is set on it is refused.
EXPRESSIONS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Placeholder: frozenset({"this"}),
    exp.Null: frozenset(),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Add: frozenset({"this", "expression"}),
    exp.Sub: frozenset({"this", "expression"}),
    exp.Mul: frozenset({"this", "expression"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.And: frozenset({"this", "expression"}),
    exp.Or: frozenset({"this", "expression"}),
    exp.Not: frozenset({"this"}),
    exp.EQ: frozenset({"this", "expression"}),
    exp.NEQ: frozenset({"this", "expression"}),
    exp.LT: frozenset({"this", "expression"}),
    exp.LTE: frozenset({"this", "expression"}),
    exp.GT: frozenset({"this", "expression"}),
    exp.GTE: frozenset({"this", "expression"}),
    exp.NullSafeEQ: frozenset({"this", "expression"}),
    exp.NullSafeNEQ: frozenset({"this", "expression"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Is: frozenset({"this", "expression"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    exp.Exists: frozenset({"this"}),
    exp.Count: frozenset({"this", "big_int"}),
    exp.Sum: frozenset({"this"}),
    exp.Min: frozenset({"this"}),
    exp.Max: frozenset({"this"}),
    exp.Avg: frozenset({"this"}),
    exp.Filter: frozenset({"this", "expression"}),
    exp.Window: frozenset({"this", "partition_by", "order", "over"}),
}

SELECT = frozenset({"with_", "expressions", "from_", "joins", "where", "group", "having", "order", "distinct"})
UNION = frozenset({"with_", "this", "expression", "distinct", "order"})
# What holds a query together; every node of a query stands here or among the expressions.
_FRAME: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Select: SELECT,
    exp.Union: UNION,
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.From: frozenset({"this"}),
    exp.Join: frozenset({"this", "side", "kind", "on"}),
    exp.Table: frozenset({"this", "alias"}),
    exp.TableAlias: frozenset({"this"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Identifier: frozenset({"this"}),
    exp.Star: frozenset(),
    exp.Where: frozenset({"this"}),
    exp.Having: frozenset({"this"}),
    exp.Group: frozenset({"expressions"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.If: frozenset({"this", "true"}),
    exp.RowNumber: frozenset(),
    exp.Rank: frozenset(),
    exp.Lag: frozenset({"this", "offset"}),
    exp.Lead: frozenset({"this", "offset"}),
}
EVERYTHING: Mapping[type[exp.Expr], frozenset[str]] = {**_FRAME, **EXPRESSIONS}


def plain_parts(node: exp.Expr, parts: frozenset[str]) -> bool:
    """Whether nothing but the given parts is set on a node."""
    return all(name in parts or not value for name, value in node.args.items())


def without_parens(node: exp.Expr) -> exp.Expr:
    """What stands inside any number of parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def nothing_else(root: exp.Expr, say: Complaints) -> None:
    """The last word: whatever the other checks did not look at must be a known node with known parts."""
    for node in root.walk():
        if type(node) not in EVERYTHING or not plain_parts(node, EVERYTHING[type(node)]):
            say.at(node, "not-in-subset", found=written(node))
