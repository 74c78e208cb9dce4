"""Aggregates, FILTER and window functions: where they may stand and what makes their answer the same everywhere."""

from __future__ import annotations

from typing import Protocol

from sqlglot import exp

from tovholder.rules.refusals import Complaints, written
from tovholder.rules.relations import INT, UNKNOWN, Clause, ColumnName, Kind, Place, Typed

AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg)
NEIGHBOURS = (exp.Lag, exp.Lead)
NUMBERING = (exp.RowNumber, exp.Rank)


class Expressions(Protocol):
    """What aggregates need of the expression checker they are part of."""

    def typed(self, node: exp.Expr, place: Place) -> Typed:
        """The type of any expression."""

    def value(self, node: exp.Expr, place: Place) -> Typed:
        """An expression that must be a text or a whole number."""

    def condition(self, node: exp.Expr, place: Place) -> None:
        """An expression that must be true or false."""


class Aggregates:
    """The part of the expression checker that knows about groups and windows."""

    def __init__(self, expressions: Expressions, complaints: Complaints, nulls_told: frozenset[int]) -> None:
        self._expressions = expressions
        self.say = complaints
        self._nulls_told = nulls_told  # where in the text the columns end that say NULLS FIRST or LAST

    # -- aggregates --------------------------------------------------------------------------------------------------

    def count(self, node: exp.Count, place: Place) -> Typed:
        """COUNT(*), COUNT(x) and COUNT(DISTINCT x)."""
        what = node.this
        if not self._may_stand(node, place):
            return UNKNOWN
        if isinstance(what, exp.Star):
            return INT
        if isinstance(what, exp.Distinct):
            if len(what.expressions) != 1 or what.args.get("on"):
                self.say.at(node, "aggregate-shape", found=written(node))
                return UNKNOWN
            what = what.expressions[0]
        return INT if self._argument(node, what, place) is not None else UNKNOWN

    def number(self, node: exp.Expr, place: Place) -> Typed:
        """SUM and AVG."""
        average = isinstance(node, exp.Avg)
        if not self._may_stand(node, place):
            return UNKNOWN
        typed = self._argument(node, node.this, place)
        if typed is None:
            return UNKNOWN
        if typed.kind != Kind.INT:
            self.say.at(node, "text-arithmetic", found="AVG" if average else "SUM")
            return UNKNOWN
        if average and not place.outermost:
            self.say.at(node, "real-use")
            return UNKNOWN
        return Typed(Kind.REAL if average else Kind.INT, True)

    def extreme(self, node: exp.Expr, place: Place) -> Typed:
        """MIN and MAX."""
        if not self._may_stand(node, place):
            return UNKNOWN
        typed = self._argument(node, node.this, place)
        if typed is None:
            return UNKNOWN
        if typed.kind == Kind.TEXT and not typed.is_id:
            self.say.at(node, "text-extreme", found=type(node).__name__.upper())
            return UNKNOWN
        # A group always has a row; a query without GROUP BY may have none.
        always = bool(place.scope.grouped) and not isinstance(node.parent, (exp.Filter, exp.Window))
        return Typed(typed.kind, typed.nullable or not always, typed.is_id)

    def filtered(self, node: exp.Filter, place: Place) -> Typed:
        """An aggregate with FILTER (WHERE …)."""
        if not isinstance(node.this, AGGREGATES):
            self.say.at(node, "filter", found=written(node.this))
            return UNKNOWN
        typed = self._expressions.typed(node.this, place)
        if typed is not UNKNOWN:
            self._expressions.condition(node.expression.this, place.within("FILTER"))
        return typed

    def _may_stand(self, node: exp.Expr, place: Place) -> bool:
        if place.inside:
            self.say.at(node, "aggregate-place", found=written(node), place=place.inside)
        elif place.clause not in (Clause.SELECT, Clause.HAVING):
            self.say.at(node, "aggregate-place", found=written(node), place=str(place.clause))
        else:
            return True
        return False

    def _argument(self, node: exp.Expr, what: exp.Expr, place: Place) -> Typed | None:
        if isinstance(what, (exp.Distinct, exp.Order)) or what is None:
            self.say.at(node, "aggregate-shape", found=written(node))
            return None
        typed = self._expressions.value(what, place.within(type(node).__name__.upper()))
        if typed.kind == Kind.NULL:
            self.say.at(node, "null-type")
        return None if typed.kind in (Kind.NULL, Kind.UNKNOWN) else typed

    # -- windows -----------------------------------------------------------------------------------------------------

    def window(self, node: exp.Window, place: Place) -> Typed:
        """A function with OVER (…)."""
        function = node.this
        if place.inside or place.clause != Clause.SELECT:
            self.say.at(node, "window-place", place=place.inside or str(place.clause))
            return UNKNOWN
        if place.scope.grouped is not None:
            self.say.at(node, "window-place", place="a query with groups")
            return UNKNOWN
        if isinstance(function, exp.Filter) or isinstance(function.this, exp.Distinct):
            self.say.at(node, "window-shape", found="FILTER" if isinstance(function, exp.Filter) else "DISTINCT")
            return UNKNOWN
        parts = [self._part(part, place) for part in node.args.get("partition_by") or []]
        order = node.args.get("order")
        keys = [self._order(item, place) for item in (order.expressions if order is not None else [])]
        typed = self._function(node, function, place)
        if typed is UNKNOWN or None in parts or None in keys:
            return UNKNOWN
        if not keys and not isinstance(function, AGGREGATES):
            self.say.at(node, "window-shape", found="no ORDER BY")
            return UNKNOWN
        given = [part for part in (*parts, *keys) if part is not None]
        loose = place.scope.tells_apart(given) if keys else ()
        if loose:
            table = place.scope.joined[loose[0]]
            example = ", ".join(f"{table.alias}.{name}" for name in table.key)
            self.say.at(node, "window-key", found=" and ".join(loose), example=example)
            return UNKNOWN
        return typed

    def _function(self, node: exp.Window, function: exp.Expr, place: Place) -> Typed:
        within = place.within("a window")
        if isinstance(function, NUMBERING):
            return INT if not function.args.get("expressions") else self._refuse(node, function)
        if isinstance(function, NEIGHBOURS):
            offset = function.args.get("offset")
            fixed = offset is None or (isinstance(offset, exp.Literal) and not offset.is_string)
            if function.args.get("default") is not None or not fixed:
                self.say.at(node, "lag", found=type(function).__name__.upper())
                return UNKNOWN
            typed = self._expressions.value(function.this, within)
            if typed.kind == Kind.NULL:
                self.say.at(node, "null-type")
            return UNKNOWN if typed.kind in (Kind.NULL, Kind.UNKNOWN) else Typed(typed.kind, True, typed.is_id)
        if isinstance(function, AGGREGATES) and not isinstance(function, exp.Avg):
            return self._expressions.typed(function, place)
        return self._refuse(node, function)

    def _refuse(self, node: exp.Expr, function: exp.Expr) -> Typed:
        self.say.at(node, "window-function", found=written(function))
        return UNKNOWN

    def _part(self, node: exp.Expr, place: Place) -> ColumnName | None:
        if not isinstance(node, exp.Column):
            self.say.at(node, "window-shape", found=written(node))
            return None
        typed = self._expressions.value(node, place.within("a window"))
        return None if typed is UNKNOWN else (str(node.table), str(node.name))

    def _order(self, node: exp.Ordered, place: Place) -> ColumnName | None:
        column = node.this
        name = self._part(column, place)
        if name is None:
            return None
        typed = self._expressions.value(column, place.within("a window"))
        return name if self.sortable(node, typed, f"{name[0]}.{name[1]}") else None

    def sortable(self, node: exp.Ordered, typed: Typed, name: str) -> bool:
        """Whether ORDER BY this column gives the same order everywhere; refuses it when not."""
        if typed.kind == Kind.UNKNOWN:
            return False
        if typed.kind == Kind.REAL:
            self.say.at(node, "real-use")
        elif typed.kind == Kind.TEXT and not typed.is_id:
            self.say.at(node, "order-text", found=name)
        elif typed.nullable and node.this.this.meta.get("end") not in self._nulls_told:
            self.say.at(node, "order-nulls", found=name)
        else:
            return True
        return False
