"""Types every expression of a query and refuses the ones outside the subset (a node that is not listed is refused)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from tovholder.rules.aggregates import Aggregates
from tovholder.rules.names import resolve
from tovholder.rules.parts import EXPRESSIONS, plain_parts, without_parens
from tovholder.rules.refusals import Complaints, written
from tovholder.rules.relations import BOOL, INT, UNKNOWN, Kind, Place, Typed, kinds_of, unify
from tovholder.rules.words import MAX_DIGITS, is_whole

Subquery = Callable[[exp.Expr, Place], list[Typed]]


ORDERED = (exp.LT, exp.LTE, exp.GT, exp.GTE)
ARITHMETIC: Mapping[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Neg: "-"}


class Expressions:
    """Checks the expressions of one query text. Resolved columns get their table's alias written in front."""

    def __init__(
        self,
        parameters: Mapping[str, int | str],
        nulls_told: frozenset[int],
        complaints: Complaints,
        subquery: Subquery,
    ) -> None:
        self.say = complaints
        self.used_parameters: set[str] = set()
        self._parameters = parameters
        self._subquery = subquery
        self._aggregates = Aggregates(self, complaints, nulls_told)
        self.sortable = self._aggregates.sortable
        self._handlers: Mapping[type[exp.Expr], Callable[..., Typed]] = {
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.Placeholder: self._placeholder,
            exp.Null: lambda node, place: Typed(Kind.NULL, True),
            exp.Paren: lambda node, place: self.typed(node.this, place),
            exp.Neg: self._arithmetic,
            exp.Add: self._arithmetic,
            exp.Sub: self._arithmetic,
            exp.Mul: self._arithmetic,
            exp.Case: self._case,
            exp.Coalesce: self._coalesce,
            exp.And: self._logic,
            exp.Or: self._logic,
            exp.Not: self._not,
            exp.EQ: self._compare,
            exp.NEQ: self._compare,
            exp.LT: self._compare,
            exp.LTE: self._compare,
            exp.GT: self._compare,
            exp.GTE: self._compare,
            exp.NullSafeEQ: self._compare,
            exp.NullSafeNEQ: self._compare,
            exp.Between: self._between,
            exp.Is: self._is,
            exp.In: self._in,
            exp.Exists: self._exists,
            exp.Count: self._aggregates.count,
            exp.Sum: self._aggregates.number,
            exp.Avg: self._aggregates.number,
            exp.Min: self._aggregates.extreme,
            exp.Max: self._aggregates.extreme,
            exp.Filter: self._aggregates.filtered,
            exp.Window: self._aggregates.window,
        }

    # -- the three ways an expression is asked for -------------------------------------------------------------------

    def typed(self, node: exp.Expr, place: Place) -> Typed:
        """The type of any expression; UNKNOWN once it has been refused."""
        handler = self._handlers.get(type(node))
        if handler is None:
            self._refuse_node(node, place)
            return UNKNOWN
        if not plain_parts(node, EXPRESSIONS[type(node)]):
            shape = isinstance(node, (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg))
            window = isinstance(node, exp.Window)
            code = "aggregate-shape" if shape else "window-shape" if window else "not-in-subset"
            self.say.at(node, code, found="a frame or a name" if window else written(node))
            return UNKNOWN
        return handler(node, place)

    def value(self, node: exp.Expr, place: Place) -> Typed:
        """An expression that must be a text or a whole number (or NULL)."""
        typed = self.typed(node, place)
        if typed.kind == Kind.BOOL:
            self.say.at(node, "boolean-value")
            return UNKNOWN
        if typed.kind == Kind.REAL:
            self.say.at(node, "real-use")
            return UNKNOWN
        return typed

    def condition(self, node: exp.Expr, place: Place) -> None:
        """An expression that must be true or false."""
        typed = self.typed(node, place)
        if typed.kind not in (Kind.BOOL, Kind.UNKNOWN):
            self.say.at(node, "integer-condition", found=str(typed.kind))

    # -- values ------------------------------------------------------------------------------------------------------

    def _column(self, node: exp.Column, place: Place) -> Typed:
        return resolve(node, place.scope, place.clause, place.inside, self.say)

    def _literal(self, node: exp.Literal, place: Place) -> Typed:
        if node.is_string:
            return Typed(Kind.TEXT)
        text = str(node.this)
        if is_whole(text) and len(text) <= MAX_DIGITS:
            return INT
        if not self.say.found:  # the words have been looked at before and told this
            self.say.at(node, "float", found=text)
        return UNKNOWN

    def _placeholder(self, node: exp.Placeholder, place: Place) -> Typed:
        name = str(node.this or "")
        if name not in self._parameters:
            if not self.say.found:  # the words have been looked at before and told this with their line
                self.say.at(node, "placeholder", found=name or "?")
            return UNKNOWN
        self.used_parameters.add(name)
        kind = {int: Kind.INT, str: Kind.TEXT}.get(type(self._parameters[name]), Kind.UNKNOWN)
        return Typed(kind)

    def _arithmetic(self, node: exp.Expr, place: Place) -> Typed:
        sign = ARITHMETIC[type(node)]
        parts = [self.value(part, place) for part in (node.this, node.args.get("expression")) if part is not None]
        kinds = {part.kind for part in parts}
        if Kind.NULL in kinds:
            self.say.at(node, "null-type")
        elif Kind.TEXT in kinds:
            self.say.at(node, "text-arithmetic", found=sign)
        elif Kind.UNKNOWN not in kinds:
            return Typed(Kind.INT, any(part.nullable for part in parts))
        return UNKNOWN

    def _case(self, node: exp.Case, place: Place) -> Typed:
        subject = self.value(node.this, place) if node.this is not None else None
        results: list[Typed] = []
        for branch in node.args["ifs"]:
            if subject is None:
                self.condition(branch.this, place)
            else:
                self._comparable(branch, [subject, self.value(branch.this, place)])
            results.append(self.value(branch.args["true"], place))
        default = node.args.get("default")
        results.append(self.value(default, place) if default is not None else Typed(Kind.NULL, True))
        return self._common(node, results, "CASE has results")

    def _coalesce(self, node: exp.Coalesce, place: Place) -> Typed:
        if not node.expressions:
            self.say.at(node, "not-in-subset", found="COALESCE of a single value")
            return UNKNOWN
        parts = [self.value(part, place) for part in (node.this, *node.expressions)]
        common = self._common(node, parts, "COALESCE has values")
        return replace(common, nullable=all(part.nullable for part in parts)) if common is not UNKNOWN else UNKNOWN

    def _common(self, node: exp.Expr, types: list[Typed], what: str) -> Typed:
        common = unify(types)
        if common is None:
            self.say.at(node, "mixed", found=what, types=kinds_of(types))
            return UNKNOWN
        if common.kind == Kind.NULL:
            self.say.at(node, "null-type")
            return UNKNOWN
        nulls = any(typed.kind == Kind.NULL for typed in types)
        return replace(common, nullable=common.nullable or nulls) if common is not UNKNOWN else UNKNOWN

    # -- conditions --------------------------------------------------------------------------------------------------

    def _logic(self, node: exp.Expr, place: Place) -> Typed:
        # A long AND or OR is a deep tree to the left; walk it without recursion.
        sides: list[exp.Expr] = []
        at: exp.Expr = node
        while isinstance(at, (exp.And, exp.Or)):
            sides.append(at.expression)
            at = at.this
        for side in (at, *reversed(sides)):
            self.condition(side, place)
        return BOOL

    def _not(self, node: exp.Not, place: Place) -> Typed:
        inner = without_parens(node.this)
        if isinstance(inner, exp.In) and inner.args.get("query") is not None:
            self.say.at(node, "not-in")
            return UNKNOWN
        self.condition(node.this, place)
        return BOOL

    def _compare(self, node: exp.Expr, place: Place) -> Typed:
        sides = [self.value(node.this, place), self.value(node.expression, place)]
        if not self._comparable(node, sides):
            return UNKNOWN
        if isinstance(node, ORDERED) and sides[0].kind == Kind.TEXT and not all(side.is_id for side in sides):
            self.say.at(node, "text-order", found=written(node))
            return UNKNOWN
        return BOOL

    def _comparable(self, node: exp.Expr, sides: list[Typed]) -> bool:
        kinds = {side.kind for side in sides}
        if Kind.UNKNOWN in kinds:
            return False
        if Kind.NULL in kinds:
            self.say.at(node, "null-compare")
        elif unify(sides) is None:
            self.say.at(node, "mixed", found=f"{written(node)} compares values", types=kinds_of(sides))
        else:
            return True
        return False

    def _between(self, node: exp.Between, place: Place) -> Typed:
        sides = [self.value(part, place) for part in (node.this, node.args["low"], node.args["high"])]
        if not self._comparable(node, sides):
            return UNKNOWN
        if sides[0].kind == Kind.TEXT:
            self.say.at(node, "text-order", found=written(node))
            return UNKNOWN
        return BOOL

    def _is(self, node: exp.Is, place: Place) -> Typed:
        asked = without_parens(node.this)
        if not isinstance(node.expression, exp.Null):
            self.say.at(node, "is", found=written(node.expression))
            return UNKNOWN
        if isinstance(asked, exp.Placeholder):
            self.say.at(node, "parameter-null", found=str(asked.this))
            return UNKNOWN
        if self.value(node.this, place).kind == Kind.NULL or isinstance(asked, exp.Literal):
            self.say.at(node, "null-compare")
            return UNKNOWN
        return BOOL

    def _in(self, node: exp.In, place: Place) -> Typed:
        left = self.value(node.this, place)
        query = node.args.get("query")
        if query is not None:
            given = self._subquery(query, place)
            if len(given) != 1:
                if given:
                    self.say.at(node, "in-list", found=f"a subquery with {len(given)} columns")
                return UNKNOWN
            return BOOL if self._comparable(node, [left, given[0]]) else UNKNOWN
        parts = [without_parens(part) for part in node.expressions]
        parts = [
            part.this if isinstance(part, exp.Neg) and isinstance(part.this, exp.Literal) else part for part in parts
        ]
        loose = [part for part in parts if not isinstance(part, (exp.Literal, exp.Placeholder))]
        if loose or not parts:
            code = "null-compare" if loose and isinstance(loose[0], exp.Null) else "in-list"
            self.say.at(node, code, found=written(loose[0]) if loose else "nothing")
            return UNKNOWN
        sides = [left, *(self.value(part, place) for part in parts)]
        return BOOL if self._comparable(node, sides) else UNKNOWN

    def _exists(self, node: exp.Exists, place: Place) -> Typed:
        self._subquery(node.this, place)
        return BOOL

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _refuse_node(self, node: exp.Expr, place: Place) -> None:
        if isinstance(node, (exp.Subquery, exp.Select, exp.SetOperation)):
            self.say.at(node, "subquery-place", place=str(place.clause))
        elif isinstance(node, exp.Star):
            self.say.at(node, "star")
        elif isinstance(node, (exp.RowNumber, exp.Rank, exp.Lag, exp.Lead)):
            self.say.at(node, "window-shape", found=f"no OVER after {written(node)}")
        elif isinstance(node, exp.Anonymous):
            self.say.at(node, "function", found=str(node.this).upper())
        elif isinstance(node, exp.Func):
            self.say.at(node, "function", found=node.sql_name())
        else:
            self.say.at(node, "not-in-subset", found=written(node))
