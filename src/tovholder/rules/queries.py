"""Checks whole queries: WITH, FROM and joins, groups, results, UNION, ORDER BY, and where subqueries may stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tovholder.rules.expressions import Expressions
from tovholder.rules.names import RESERVED, listed, plain_name
from tovholder.rules.parts import SELECT, UNION, nothing_else, plain_parts
from tovholder.rules.refusals import Complaints, written
from tovholder.rules.relations import (
    Clause,
    ColumnName,
    Field,
    Joined,
    Kind,
    Output,
    Place,
    Scope,
    Typed,
    fact_table,
    unify,
)
from tovholder.rules.schema import Schema
from tovholder.rules.shapes import equalities, has_aggregate, pinned


class Queries:
    """Checks one query text against a schema; facts it reads are collected in ``tables``."""

    def __init__(
        self,
        schema: Schema,
        parameters: Mapping[str, int | str],
        nulls_told: frozenset[int],
        complaints: Complaints,
    ) -> None:
        self.say = complaints
        self.tables: set[str] = set()
        self.expressions = Expressions(parameters, nulls_told, complaints, self._subquery)
        self._schema = schema
        self._ctes: dict[str, Output | None] = {}

    # -- the whole text ----------------------------------------------------------------------------------------------

    def check(self, root: exp.Query) -> Output:
        """Check everything; what comes back is only meaningful when nothing was refused."""
        with_ = root.args.get("with_")
        for cte in with_.expressions if with_ is not None else []:
            self._cte(cte)
        output = self._query(root, None, outermost=True)
        self._order(root, output)
        if not self.say.found:
            nothing_else(root, self.say)
        return output

    def _cte(self, cte: exp.CTE) -> None:
        alias = cte.args["alias"]
        name = plain_name(alias.this, self.say)
        if alias.args.get("columns") or not plain_parts(cte, frozenset({"this", "alias"})):
            self.say.at(cte, "with", found=f"the CTE {name} has a column list or a hint")
        if not isinstance(cte.this, exp.Query):
            self.say.at(cte, "statement", found=written(cte.this))
            return
        output = self._query(cte.this, None)
        if name in self._ctes:
            self.say.at(alias, "name-taken", found=name)
        if name and (self._new_name(alias, name, "a CTE") or name not in self._schema.tables):
            self._ctes[name] = output

    def _new_name(self, node: exp.Expr, name: str, role: str) -> bool:
        if name in self._schema.tables:
            self.say.at(node, "name-fact", found=name, role=role)
            return False
        reserved = next((prefix for prefix in RESERVED if name.startswith(prefix)), "")
        if reserved:
            self.say.at(node, "name-reserved", found=reserved)
        return not reserved

    # -- queries -----------------------------------------------------------------------------------------------------

    def _query(self, node: exp.Expr, parent: Scope | None, *, outermost: bool = False, named: bool = True) -> Output:
        if not outermost:
            if node.args.get("order") is not None:
                self.say.at(node.args["order"], "order-place")
            self._refuse_with(node)
        if isinstance(node, exp.Union):
            return self._union(node)
        if isinstance(node, exp.Select):
            return self._select(node, Scope(parent), outermost, named=named)
        code = "set-operation" if isinstance(node, (exp.SetOperation, exp.Subquery)) else "not-in-subset"
        found = type(node).__name__.upper() if isinstance(node, exp.SetOperation) else "a SELECT in parentheses"
        self.say.at(node, code, found=found if code == "set-operation" else written(node))
        return Output((), ())

    def _refuse_with(self, node: exp.Expr) -> None:
        with_ = node.args.get("with_")
        if with_ is not None:
            self.say.at(with_, "with", found="WITH stands inside a query")
            for cte in with_.expressions:  # so that its names are not told to be unknown as well
                self._ctes.setdefault(cte.alias, Output((), ()))

    def _union(self, node: exp.Union) -> Output:
        sides: list[exp.Expr] = []
        at: exp.Expr = node
        while isinstance(at, exp.Union):
            if not plain_parts(at, UNION):
                self.say.at(at, "set-operation", found="UNION BY NAME")
            if isinstance(at.this, exp.Query) and at.this is not node and at.this.args.get("order") is not None:
                self.say.at(at.this, "order-place")
            sides.append(at.expression)
            at = at.this
        # The first SELECT gives the names.
        outputs = [self._query(side, None, named=side is at) for side in (at, *reversed(sides))]
        first = outputs[0]
        if not all(output.fields for output in outputs):
            return first
        for side, output in zip(reversed(sides), outputs[1:], strict=True):
            if len(output.fields) != len(first.fields):
                found = f"{len(first.fields)} and {len(output.fields)} columns"
                self.say.at(side, "set-columns", found=found)
                return first
        fields = [
            self._same_column(node, column) for column in zip(*(output.fields for output in outputs), strict=True)
        ]
        return Output(tuple(fields), tuple(field.name for field in fields))

    def _same_column(self, node: exp.Expr, column: Sequence[Field]) -> Field:
        name = column[0].name
        typed = unify(field.typed for field in column)
        if typed is None:
            kinds = " and ".join(dict.fromkeys(str(field.kind) for field in column))
            self.say.at(node, "set-columns", found=f"{name} is {kinds}")
            return Field(name, Kind.UNKNOWN, True)
        return Field(name, typed.kind, typed.nullable, typed.is_id)

    def _select(self, node: exp.Select, scope: Scope, outermost: bool, *, named: bool = True) -> Output:
        for part, value in node.args.items():
            if value and part not in SELECT:
                first = value[0] if isinstance(value, list) else value
                self.say.at(first if isinstance(first, exp.Expr) else node, "not-in-subset", found=part.upper())
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            self.say.at(distinct, "not-in-subset", found="DISTINCT ON")
        scope.results = frozenset(item.alias for item in node.expressions if isinstance(item, exp.Alias))
        self._from(node, scope)
        self._groups(node, scope)
        where = node.args.get("where")
        if where is not None:
            self.expressions.condition(where.this, Place(scope, Clause.WHERE))
            self._note_equalities(where.this, scope)
        having = node.args.get("having")
        if having is not None:
            if node.args.get("group") is None:
                self.say.at(having, "having")
            self.expressions.condition(having.this, Place(scope, Clause.HAVING))
        fields, plain = self._results(node, scope, outermost, named)
        key = self._key(fields, plain, scope, distinct is not None)
        # Rows that are alike are numbered apart, so a window's result belongs to what tells rows apart.
        windows = tuple(
            field.name for field, item in zip(fields, node.expressions, strict=True) if item.find(exp.Window)
        )
        return Output(fields, key + tuple(name for name in windows if name not in key))

    def _key(
        self, fields: tuple[Field, ...], plain: Mapping[str, ColumnName], scope: Scope, distinct: bool
    ) -> tuple[str, ...]:
        names = tuple(field.name for field in fields)
        if scope.grouped is not None:
            by_column = {column: name for name, column in plain.items()}
            if all(column in by_column for column in scope.grouped):
                return tuple(by_column[column] for column in sorted(scope.grouped))
            return names
        if distinct or scope.tells_apart(plain.values()):
            return names
        needed = dict(plain)
        for name in plain:  # leave out what the others tell already
            rest = {other: column for other, column in needed.items() if other != name}
            if not scope.tells_apart(rest.values()):
                needed = rest
        return tuple(needed)

    def _results(
        self, node: exp.Select, scope: Scope, outermost: bool, named: bool
    ) -> tuple[tuple[Field, ...], dict[str, ColumnName]]:
        fields: list[Field] = []
        plain: dict[str, ColumnName] = {}
        place = Place(scope, Clause.SELECT, outermost=outermost)
        if not node.expressions:
            self.say.at(node, "unreadable", found="SELECT names no columns")
        for item in node.expressions:
            inner = item.this if isinstance(item, exp.Alias) else item
            alias = item.args.get("alias") if isinstance(item, exp.Alias) else None
            typed = self.expressions.typed(inner, place)
            name = plain_name(alias, self.say) if alias is not None else ""
            if alias is None and isinstance(inner, exp.Column):
                name = str(inner.name)
                if typed.kind != Kind.UNKNOWN:
                    item = item.replace(exp.alias_(inner.copy(), name))
            elif alias is None and named and typed.kind != Kind.UNKNOWN:
                self.say.at(item, "output-name", found=written(inner))
            if typed.kind == Kind.BOOL:
                self.say.at(item, "boolean-output", found=written(inner))
            elif typed.kind == Kind.NULL:
                self.say.at(item, "null-type")
            if name and named and any(field.name == name for field in fields):
                self.say.at(item, "output-twice", found=name)
            if isinstance(inner, exp.Column) and typed.kind != Kind.UNKNOWN:
                plain[name] = (str(inner.table), str(inner.name))
            kind = Kind.UNKNOWN if typed.kind in (Kind.BOOL, Kind.NULL) else typed.kind
            fields.append(Field(name, kind, typed.nullable, typed.is_id))
        return tuple(fields), plain

    # -- FROM --------------------------------------------------------------------------------------------------------

    def _from(self, node: exp.Select, scope: Scope) -> None:
        from_ = node.args.get("from_")
        if from_ is None:
            self.say.at(node, "from")
            return
        first = self._table(from_.this, scope)
        if first is not None and first.fields:
            scope.joined[first.alias] = first
        else:
            scope.lost = True
        for join in node.args.get("joins") or []:
            self._join(join, scope)

    def _join(self, join: exp.Join, scope: Scope) -> None:
        side, kind, on = join.args.get("side") or "", join.args.get("kind") or "", join.args.get("on")
        known = side in ("", "LEFT") and kind in ("", "INNER", "OUTER", "CROSS") and not (side and kind == "CROSS")
        if (
            not known
            or not plain_parts(join, frozenset({"this", "side", "kind", "on"}))
            or (kind == "OUTER" and not side)
        ):
            self.say.at(join, "join", found=" ".join([str(join.args.get("method") or ""), side, kind, "JOIN"]).strip())
        elif (on is None) != (kind == "CROSS"):
            found = "CROSS JOIN with ON" if kind == "CROSS" else "a comma or a JOIN without ON"
            self.say.at(join, "join", found=found)
        table = self._table(join.this, scope)
        if table is None or not table.fields:
            scope.lost = True
            return
        left = side == "LEFT"
        if left:
            fields = {f.name: Field(f.name, f.kind, True, f.is_id) for f in table.fields.values()}
            table = Joined(table.alias, fields, table.key, left=True)
        scope.joined[table.alias] = table
        if on is None:
            return
        self.expressions.condition(on, Place(scope, Clause.ON))
        if left:
            scope.joined[table.alias] = pinned(on, table)
        else:
            self._note_equalities(on, scope)

    def _table(self, node: exp.Expr, scope: Scope) -> Joined | None:
        alias_node = node.args.get("alias")
        if isinstance(node, exp.Subquery):
            if alias_node is None or not plain_parts(node, frozenset({"this", "alias"})):
                self.say.at(node, "subquery-place", place="FROM without a name")
                return None
            output: Output | None = self._query(node.this, None)
            name = ""
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            name = plain_name(node.this, self.say)
            if not name or not self._known_table(node, name):
                return None
            output = self._ctes.get(name)
        else:
            self.say.at(node, "not-in-subset", found=written(node))
            return None
        alias = name
        if alias_node is not None:
            if alias_node.args.get("columns"):
                self.say.at(node, "with", found=f"the alias {alias_node.name} has a column list")
            alias = plain_name(alias_node.this, self.say)
            if not alias or not self._new_name(alias_node, alias, "an alias"):
                return None
            if alias in self._ctes and alias != name:
                self.say.at(alias_node, "name-taken", found=alias)
        if scope.outer(alias) >= 0:
            self.say.at(node, "name-taken", found=alias)
            return None
        if output is not None:
            return Joined(alias, {field.name: field for field in output.fields}, output.key)
        return fact_table(self._schema, name, alias)

    def _known_table(self, node: exp.Table, name: str) -> bool:
        if node.args.get("db") or node.args.get("catalog"):
            self.say.at(node, "table-qualified", found=written(node))
        elif not plain_parts(node, frozenset({"this", "alias"})):
            self.say.at(node, "not-in-subset", found=written(node))
        elif name in self._ctes:
            return True
        elif name in self._schema.tables:
            self.tables.add(name)
            return True
        elif name.removeprefix("fact_") in self._schema.tables:
            self.say.at(node, "table-physical", found=name, logical=name.removeprefix("fact_"))
        else:
            self.say.at(
                node, "table-unknown", found=name, valid=listed([*self._ctes, *sorted(self._schema.tables)], name)
            )
        return False

    # -- equalities that hold for every row (windows and keys need them) ---------------------------------------------

    def _note_equalities(self, condition: exp.Expr, scope: Scope) -> None:
        for one, other in equalities(condition):
            if one[0] not in scope.joined or (other is not None and other[0] not in scope.joined):
                continue
            if other is None:
                scope.fixed.add(one)
            else:
                scope.equal.append((one, other))

    # -- groups ------------------------------------------------------------------------------------------------------

    def _groups(self, node: exp.Select, scope: Scope) -> None:
        group = node.args.get("group")
        columns: set[ColumnName] = set()
        refused = False
        for item in group.expressions if group is not None else []:
            if not isinstance(item, exp.Column):
                self.say.at(item, "group-expression", found=written(item))
                refused = True
            elif self.expressions.value(item, Place(scope, Clause.GROUP)).kind != Kind.UNKNOWN:
                columns.add((str(item.table), str(item.name)))
            else:
                refused = True
        if group is not None and not plain_parts(group, frozenset({"expressions"})):
            self.say.at(group, "group-expression", found="with ALL, ROLLUP, CUBE or GROUPING SETS")
            refused = True
        if refused:  # which columns were meant is not known, so none is told to be missing
            columns = {(alias, name) for alias, table in scope.joined.items() for name in table.fields}
        counted = [*node.expressions, *([node.args["having"]] if node.args.get("having") is not None else [])]
        if group is not None or any(has_aggregate(item) for item in counted):
            scope.grouped = frozenset(columns)

    # -- ORDER BY at the very end ------------------------------------------------------------------------------------

    def _order(self, root: exp.Query, output: Output) -> None:
        order = root.args.get("order")
        for item in order.expressions if order is not None else []:
            column = item.this
            place = self._result_place(root, column, output)
            if place is None:
                valid = ", ".join(field.name for field in output.fields)
                self.say.at(item, "order-column", found=written(column), valid=valid)
            elif self.expressions.sortable(item, output.fields[place].typed, written(column)):
                # By place: some engines would look a name up among the source columns first.
                item.set("this", exp.Literal.number(place + 1))

    def _result_place(self, root: exp.Query, column: exp.Expr, output: Output) -> int | None:
        if not isinstance(column, exp.Column):
            return None
        for place, field in enumerate(output.fields):
            if not column.table and field.name == column.name:
                return place
        if isinstance(root, exp.Select):
            for place, item in enumerate(root.expressions):
                inner = item.this if isinstance(item, exp.Alias) else item
                if isinstance(inner, exp.Column) and (inner.table, inner.name) == (column.table, column.name):
                    return place
        return None

    # -- subqueries in conditions ------------------------------------------------------------------------------------

    def _subquery(self, node: exp.Expr, place: Place) -> list[Typed]:
        """Check the query of an EXISTS or IN and return the types of its columns ([] when refused)."""
        query = node.this if isinstance(node, exp.Subquery) else node
        where = place.clause == Clause.WHERE or (place.clause == Clause.SELECT and place.scope.grouped is None)
        if place.inside or not where:
            self.say.at(node, "subquery-place", place=place.inside or str(place.clause))
            return []
        if not isinstance(query, exp.Select):
            self.say.at(node, "set-operation", found="UNION in a subquery")
            return []
        if query.args.get("order") is not None:
            self.say.at(query.args["order"], "order-place")
        self._refuse_with(query)
        scope = Scope(place.scope)
        output = self._select(query, scope, False, named=False)
        windows = any(item.find(exp.Window) for item in query.expressions)
        if scope.correlated and (scope.grouped is not None or query.args.get("distinct") is not None or windows):
            self.say.at(query, "correlated-shape", found="GROUP BY, DISTINCT, an aggregate or a window")
        elif isinstance(node.parent, exp.Exists) and scope.grouped == frozenset():
            self.say.at(query, "correlated-shape", found="an aggregate without GROUP BY, which always gives a row")
        return [field.typed for field in output.fields]
