"""Reads a rule's query text and says everything that is wrong with it, or hands back a checked query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from tovholder.base.errors import Category, Issue, Problem
from tovholder.rules.names import RESERVED
from tovholder.rules.queries import Queries
from tovholder.rules.refusals import Complaints, refusals
from tovholder.rules.relations import Kind
from tovholder.rules.schema import Schema
from tovholder.rules.words import check_words, told_null_orders

OutputType = Literal["text", "int", "real"]
_OUTPUT: Mapping[Kind, OutputType] = MappingProxyType({Kind.TEXT: "text", Kind.INT: "int", Kind.REAL: "real"})
_PATIENT = "patient_id"

FLAG_COLUMNS: Mapping[str, str] = MappingProxyType({"patient_id": "text", "episode_id": "text", "since_day": "int"})
INDICATOR_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "patient_id": "text",
        "episode_id": "text",
        "period_id": "text",
        "in_denominator": "int",
        "in_numerator": "int",
        "missing": "int",
    }
)


@dataclass(frozen=True, eq=False)
class Checked:
    """A query inside the subset. Two checked queries are equal only when they are the same object.

    columns: name and type ("text", "int", "real") in order. tables: the facts it reads. parameters: the names it
    uses, without the colon, each with the value it was checked with (its default).
    """

    sql: str
    file: str
    line: int
    schema: Schema = field(repr=False)
    columns: tuple[tuple[str, OutputType], ...]
    tables: frozenset[str]
    parameters: Mapping[str, int | str]
    tree: exp.Query = field(repr=False)  # never changed: compile works on a copy

    @property
    def where(self) -> str:
        """The file and line the query starts on."""
        return f"{self.file}:{self.line}" if self.file else f"line {self.line}"


def parse(
    sql: str,
    schema: Schema,
    parameters: Mapping[str, int | str] | None = None,
    file: str = "",
    line: int = 1,
) -> Checked:
    """Check a query text. Raises Problem(INVALID) with one issue per thing refused.

    ``parameters``: what the package declares, with values (whole numbers or texts); ``:today`` is always there.
    ``line``: the line of ``file`` on which the first line of ``sql`` stands.
    """
    say = Complaints(file, line)
    declared = {**_declared(parameters or {}, say), "today": 0}
    names = frozenset(schema.tables) | {name for columns in schema.tables.values() for name in columns}
    tokens = check_words(sql, names, declared, say)
    if tokens is None:
        say.raise_if_any()
        raise AssertionError("a text without tokens has been refused")
    tree = _tree(sql, tokens, say)
    if tree is None:
        say.raise_if_any()
        raise AssertionError("a text without a query has been refused")
    queries = Queries(schema, declared, told_null_orders(tokens), say)
    try:
        output = queries.check(tree)
    except RecursionError:
        say.at_line(1, "unreadable", found="it is nested too deeply")
        output = None
    say.raise_if_any()
    assert output is not None
    used = {name: declared[name] for name in sorted(queries.expressions.used_parameters)}
    return Checked(
        sql,
        file,
        line,
        schema,
        tuple((column.name, _OUTPUT[column.kind]) for column in output.fields),
        frozenset(queries.tables),
        MappingProxyType(used),
        tree,
    )


def require_columns(checked: Checked, wanted: Mapping[str, str]) -> None:
    """Refuse a query that does not give these columns with these types (more are allowed)."""
    given = dict(checked.columns)
    refusal = refusals()["columns"]
    issues = []
    for name, kind in wanted.items():
        if given.get(name) != kind:
            found = f"a column {name} of type {kind}" + (f" (it is {given[name]})" if name in given else "")
            example = f"{'…' if kind == 'int' else 'e.' + name} AS {name}"
            issues.append(
                Issue(checked.where, refusal.message.format(found=found), refusal.instead.format(example=example))
            )
    if issues:
        raise Problem(Category.INVALID, "The query does not give the columns that are read from it", issues)


def _declared(parameters: Mapping[str, int | str], say: Complaints) -> dict[str, int | str]:
    # One of another type stays declared, so that its uses are not told to be unknown as well.
    for name, value in parameters.items():
        whole = isinstance(value, (int, str)) and not isinstance(value, bool)
        reserved = name != "today" and name.startswith(RESERVED)
        if not whole or reserved or not (name.isidentifier() and name.isascii() and name == name.lower()):
            say.at_line(1, "parameter-declared", found=name if whole else f"{name} (a {type(value).__name__})")
    return dict(parameters)


def _tree(sql: str, tokens: Sequence[Token], say: Complaints) -> exp.Query | None:
    # The parser forgets where a parameter stood, but not where a name did: :today is read as the name _today, which
    # takes the same place in the text and which no author may write.
    text = list(sql)
    for mark, name in pairwise(tokens):
        if mark.token_type == TokenType.COLON and name.start == mark.end + 1:
            text[mark.start] = "_"
    try:
        statements = sqlglot.parse("".join(text))
    except SqlglotError as error:
        if say.found:
            return None  # a refused word is reason enough why the rest cannot be read
        told = getattr(error, "errors", None) or [{}]
        first = told[0]
        near = str(first.get("highlight") or "").strip()
        found = f"unexpected {near!r}" if near else "something is missing at the end"
        say.at_line(int(first.get("line") or 1), "unreadable", found=found)
        return None
    except RecursionError:
        say.at_line(1, "unreadable", found="it is nested too deeply")
        return None
    if say.found and len(statements) != 1:
        return None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or isinstance(statements[0], exp.Subquery):
        say.at_line(1, "statement", found=f"{len(statements)} statements" if len(statements) > 1 else "something else")
        return None
    tree = statements[0]
    for column in list(tree.find_all(exp.Column)):
        if not column.table and column.name.startswith("_"):
            parameter = exp.Placeholder(this=column.name[1:])
            parameter.meta.update(column.this.meta)
            column.replace(parameter)
    return tree
