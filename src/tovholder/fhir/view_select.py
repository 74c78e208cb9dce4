"""The select tree of a SQL-on-FHIR v2 ViewDefinition as closures that make rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import fhirpath
from tovholder.fhir.fhirpath_first import Find, finder, leading_extension
from tovholder.fhir.fhirpath_functions import Env, Items, Step
from tovholder.fhir.fhirpath_native import ROOT, build
from tovholder.fhir.fhirpath_values import Unsupported
from tovholder.fhir.view_columns import CONVERSIONS, TAG, WHEN_EMPTY, Convert

Row = tuple[Any, ...]
Rows = Callable[[Items, Env], list[Row]]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")
_COLUMN_KEYS = {"name", "path", "type", "collection", "description", "tag", "extension", "id"}
_SELECT_KEYS = {"column", "select", "forEach", "forEachOrNull", "unionAll", "repeat", "extension", "id"}
_LOOPS = ("forEach", "forEachOrNull", "repeat")
_GIVEN = {"resource", "rootResource", "context", "rowIndex", "ucum", "sct", "loinc"}
_DEEPEST = 200  # levels of one resource a repeat follows


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view; ``conversion`` is empty where the value is given as it is."""

    name: str
    conversion: str
    description: str


@dataclass(frozen=True, slots=True)
class Part:
    """A select, compiled: its columns in order, and its rows for a focus (an empty focus gives one row of nulls)."""

    columns: tuple[Column, ...]
    rows: Rows


def bad(path: str, message: str, expected: str) -> Problem:
    """A ViewDefinition that cannot be used."""
    return Problem(Category.INVALID, f"The view cannot be used: {message}", [Issue(path, message, expected)])


class Compiler:
    """Compiles the selects of one view, which share constants and whether anything asks for %rowIndex."""

    def __init__(self, constants: Iterable[str]) -> None:
        self.constants = {*constants, *_GIVEN}
        self.counts_rows = False

    def path(self, text: Any, where: str) -> str:
        """A FHIRPath of the view, checked."""
        if not isinstance(text, str) or not text.strip():
            raise bad(where, "no FHIRPath", "a FHIRPath as text")
        used = fhirpath.constants(text)
        if used - self.constants:
            unknown = ", ".join(sorted(f"%{name}" for name in used - self.constants))
            raise bad(where, f"{unknown} is no constant of the view", "one of " + ", ".join(sorted(self.constants)))
        self.counts_rows |= "rowIndex" in used
        return text

    def select(self, definition: Any, where: str) -> Part:
        """One select with its columns, nested selects, union and loop."""
        if not isinstance(definition, dict):
            raise bad(where, "not a select", "an object")
        _only(definition, _SELECT_KEYS, where)
        parts: list[Part] = []
        columns = _list(definition, "column", where)
        if columns:
            parts.append(self.columns(columns, where))
        parts += [self.select(item, at) for item, at in _each(definition, "select", where)]
        branches = [self.select(item, at) for item, at in _each(definition, "unionAll", where)]
        if branches:
            parts.append(_union(branches, where))
        body = _product(parts)
        loops = [name for name in _LOOPS if name in definition]
        if len(loops) > 1:
            raise bad(where, " and ".join(loops) + " stand together", "one of them")
        return self.loop(loops[0], definition[loops[0]], body, where) if loops else body

    def columns(self, definitions: list[Any], where: str) -> Part:
        """The columns of one select, read in one go."""
        columns, getters = [], []
        for number, definition in enumerate(definitions):
            at = f"{where}.column[{number}]"
            if not isinstance(definition, dict):
                raise bad(at, "not a column", "an object with name and path")
            _only(definition, _COLUMN_KEYS, at)
            name = definition.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise bad(at, "no usable name", "letters, digits and _, a letter first")
            conversion = _conversion(definition, at)
            columns.append(Column(name, conversion, str(definition.get("description", ""))))
            many = definition.get("collection") is True
            getters.append(_getter(self.path(definition.get("path"), at), conversion, name, many=many))
        return Part(tuple(columns), _reader(getters))

    def loop(self, kind: str, definition: Any, body: Part, where: str) -> Part:
        """forEach, forEachOrNull or repeat round a select."""
        if kind == "repeat":
            if not isinstance(definition, list) or not definition:
                raise bad(f"{where}.repeat", "no paths", "a list of FHIRPaths")
            items = _repeated([_evaluator(self.path(text, f"{where}.repeat")) for text in definition])
        else:
            items = _evaluator(self.path(definition, f"{where}.{kind}"))
        rows, or_null, counted = body.rows, kind == "forEachOrNull", self.counts_rows

        def run(focus: Items, env: Env) -> list[Row]:
            found = items(focus, env)
            if not found:
                return rows([], {**env, "rowIndex": 0} if counted else env) if or_null else []
            if counted:
                return [row for at, item in enumerate(found) for row in rows([item], {**env, "rowIndex": at})]
            if len(found) == 1:
                return rows(found, env)
            return [row for item in found for row in rows([item], env)]

        return Part(body.columns, run)


def _only(definition: dict[str, Any], keys: set[str], where: str) -> None:
    unknown = sorted(set(definition) - keys)
    if unknown:
        raise bad(where, f"unknown {', '.join(unknown)}", "one of " + ", ".join(sorted(keys)))


def _list(definition: dict[str, Any], key: str, where: str) -> list[Any]:
    value = definition.get(key, [])
    if not isinstance(value, list):
        raise bad(f"{where}.{key}", "not a list", "a list")
    return value


def _each(definition: dict[str, Any], key: str, where: str) -> Iterator[tuple[Any, str]]:
    for number, item in enumerate(_list(definition, key, where)):
        yield item, f"{where}.{key}[{number}]"


def _conversion(definition: dict[str, Any], where: str) -> str:
    for tag in _list(definition, "tag", where):
        if isinstance(tag, dict) and tag.get("name") == TAG:
            value = tag.get("value")
            if value not in CONVERSIONS:
                raise bad(where, f"no conversion {value!r}", "one of " + ", ".join(CONVERSIONS))
            return str(value)
    return ""


def _evaluator(expression: str) -> Step:
    step, library = fhirpath.steps(expression)

    def run(items: Items, env: Env) -> Items:
        try:
            return step(items, env)
        except Unsupported:
            return library(items[0], env) if items else []

    return run


@dataclass(frozen=True, slots=True)
class _Getter:
    """How one column is read: fast where the shape allows, generally otherwise."""

    name: str
    many: bool
    convert: Convert | None
    empty: int | None
    general: Step
    find: Find | None
    url: str  # with below: the value stands in this extension of the focus
    below: Find | None

    def value(self, items: Items, env: Env) -> Any:
        found = self.general(items, env)
        if self.many:
            return [self.convert(item) for item in found] if self.convert else list(found)
        if len(found) > 1:
            message = f"column {self.name} has {len(found)} values"
            raise bad(self.name, message, "collection: true, or first() in the path")
        return self.converted(found[0]) if found else self.empty

    def converted(self, value: Any) -> Any:
        try:
            return self.convert(value) if self.convert else value
        except TypeError as error:
            message = f"column {self.name}: {error}"
            raise bad(self.name, message, "a path to the kind of value the column holds") from None


def _getter(expression: str, conversion: str, name: str, *, many: bool) -> _Getter:
    tree = fhirpath.parse(expression)
    leading = None if many else leading_extension(tree, build)
    return _Getter(
        name=name,
        many=many,
        convert=CONVERSIONS.get(conversion),
        empty=WHEN_EMPTY.get(conversion),
        general=_evaluator(expression),
        find=None if many else finder(tree, build),
        url=leading[0] if leading else "",
        below=leading[1] if leading else None,
    )


def column_reader(definition: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """What reads one column, checked before, of (focus, resource): for view_source where it has no words for a path."""
    name, many = definition["name"], definition.get("collection") is True
    getter = _getter(definition["path"], _conversion(definition, name), name, many=many)
    return lambda focus, resource: getter.value([focus], {ROOT: resource})


def _reader(getters: list[_Getter]) -> Rows:
    plan = [(getter, getter.find, getter.url, getter.below, getter.convert, getter.empty) for getter in getters]
    indexed = sum(bool(getter.url) for getter in getters) > 1

    def run(items: Items, env: Env) -> list[Row]:
        values: list[Any] = []
        if len(items) != 1:
            return [tuple([getter.value(items, env) for getter in getters])]
        item = items[0]
        index = _extensions(item) if indexed else None
        for getter, find, url, below, convert, empty in plan:
            try:
                if index is not None and below is not None:
                    extension = index.get(url)
                    value = None if extension is None else below(extension, env)
                elif find is not None:
                    value = find(item, env)
                else:
                    values.append(getter.value(items, env))
                    continue
                values.append(empty if value is None else value if convert is None else convert(value))
            except (Unsupported, TypeError):
                values.append(getter.value(items, env))
        return [tuple(values)]

    return run


def _extensions(item: Any) -> dict[str, Any] | None:
    """The extensions of an element by url; None when one url stands twice, where the index would hide one."""
    found = item.get("extension", ()) if isinstance(item, dict) else ()
    index = {extension.get("url"): extension for extension in found}
    return index if len(index) == len(found) else None


def _product(parts: list[Part]) -> Part:
    """The rows of several selects side by side: each with each."""
    columns = tuple(column for part in parts for column in part.columns)
    if len(parts) == 1:
        return Part(columns, parts[0].rows)
    sources = [part.rows for part in parts]

    def run(items: Items, env: Env) -> list[Row]:
        rows: list[Row] = [()]
        for source in sources:
            more = source(items, env)
            if not more:
                return []
            rows = [left + right for left in rows for right in more]
        return rows

    return Part(columns, run)


def product(parts: list[Part]) -> Part:
    """The selects of a whole view side by side; a column name may stand once."""
    whole = _product(parts)
    names = [column.name for column in whole.columns]
    for name in names:
        if names.count(name) > 1:
            raise bad("select", f"the column {name} stands twice", "one name per column")
    if not names:
        raise bad("select", "no columns", "at least one column")
    return whole


def _union(branches: list[Part], where: str) -> Part:
    columns = branches[0].columns
    names = [column.name for column in columns]
    for number, branch in enumerate(branches):
        if [column.name for column in branch.columns] != names:
            at = f"{where}.unionAll[{number}]"
            raise bad(at, "other columns than the first branch", "the columns " + ", ".join(names) + " in this order")
    sources = [branch.rows for branch in branches]
    return Part(columns, lambda items, env: [row for source in sources for row in source(items, env)])


def _repeated(paths: list[Step]) -> Step:
    """All items reached by following the paths again and again, parents before children."""

    def follow(items: Items, env: Env, depth: int) -> Iterator[Any]:
        if depth > _DEEPEST:
            raise bad("repeat", f"a resource nests deeper than {_DEEPEST}", "a flatter resource")
        for path in paths:
            for item in path(items, env):
                yield item
                yield from follow([item], env, depth + 1)

    return lambda items, env: list(follow(items, env, 0))
