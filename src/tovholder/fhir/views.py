"""SQL-on-FHIR v2 ViewDefinitions: compiled to row makers, and described as tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tovholder.base import json as our_json
from tovholder.base.errors import Problem
from tovholder.fhir import fhirpath
from tovholder.fhir.fhirpath_first import tester
from tovholder.fhir.fhirpath_native import ROOT, build
from tovholder.fhir.fhirpath_values import Unsupported
from tovholder.fhir.view_columns import CONVERSIONS, sql_type
from tovholder.fhir.view_select import Compiler, Row, Rows, bad, product
from tovholder.fhir.view_source import compile_source

Maker = Callable[[dict[str, Any]], list[Row]]

# Part of every hash: raise it when the same definition begins to give other rows, so that tables are filled again.
ENGINE = 1
# Tables of very many rows, found by their patient alone: an index by the resource's id, which is as good as random,
# would cost a page of its own for every row that is written.
_BY_PATIENT = frozenset({"measurement"})


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table of the facts that no single resource fills; ``columns`` are (name, as) pairs."""

    name: str
    columns: tuple[tuple[str, str], ...]
    description: str
    descriptions: dict[str, str] = field(repr=False, compare=False)
    hash: str

    @property
    def unscoped(self) -> bool:
        """Whether the rows belong to no patient."""
        return all(name != "patient_id" for name, _ in self.columns)

    def ddl_columns(self, dialect: str = "sqlite") -> list[tuple[str, str]]:
        """(name, SQL type) in order."""
        return [(name, sql_type(conversion, dialect)) for name, conversion in self.columns]


@dataclass(frozen=True, slots=True)
class View(PlainTable):
    """A table filled by resources of one type. An untagged column has ``as`` "" and its value as it is."""

    resource: str
    make: Maker = field(repr=False, compare=False)

    def rows(self, resource: dict[str, Any]) -> list[Row]:
        """The rows of one resource, in the order of the columns; none for a resource of another type."""
        return self.make(resource) if resource.get("resourceType") == self.resource else []


def compile_view(definition: dict[str, Any], *, written: bool = True) -> View:
    """A ViewDefinition, checked and compiled. Raises Problem(INVALID) that names the place.

    written: as a function of its own where its shape allows (``view_source``), several times as fast as closures.
    """
    resource = definition.get("resource")
    if not isinstance(resource, str) or not resource:
        raise bad("resource", "no resource type", "the type whose resources fill the view")
    selects = definition.get("select")
    if not isinstance(selects, list) or not selects:
        raise bad("select", "nothing is selected", "a list with at least one select")
    constants = _constants(definition)
    compiler = Compiler(constants)
    filters = _filters(definition, compiler)
    whole = product([compiler.select(select, f"select[{number}]") for number, select in enumerate(selects)])
    if compiler.counts_rows:  # a loop compiled before the first %rowIndex was seen must count too
        whole = product([compiler.select(select, f"select[{number}]") for number, select in enumerate(selects)])
        constants["rowIndex"] = 0
    general = _maker(whole.rows, filters, constants)
    return View(
        name=str(definition.get("name", "")),
        columns=tuple((column.name, column.conversion) for column in whole.columns),
        description=str(definition.get("description", "")),
        descriptions={column.name: column.description for column in whole.columns},
        hash=_hash(definition),
        resource=resource,
        make=_written(definition, general) if written else general,
    )


def _written(definition: dict[str, Any], general: Maker) -> Maker:
    """The view as a function of its own where its shape allows; the closures answer what that gives up on."""
    fast = compile_source(definition)
    if fast is None:
        return general

    def make(resource: dict[str, Any]) -> list[Row]:
        try:
            return fast(resource)
        except (Unsupported, Problem, AttributeError, KeyError, TypeError):
            return general(resource)

    return make


def _maker(rows: Rows, filters: list[Callable[[Any, dict[str, Any]], bool]], constants: dict[str, Any]) -> Maker:
    def make(resource: dict[str, Any]) -> list[Row]:
        env = {**constants, ROOT: resource}
        for passes in filters:
            if not passes(resource, env):
                return []
        return rows([resource], env)

    return make


def _constants(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, constant in enumerate(definition.get("constant") or []):
        where = f"constant[{number}]"
        name = constant.get("name") if isinstance(constant, dict) else None
        values = [key for key in constant if key.startswith("value")] if name else []
        if not isinstance(name, str) or len(values) != 1:
            raise bad(where, "no name or no value", "a name and one value[x]")
        found[name] = constant[values[0]]
    return found


def _filters(definition: dict[str, Any], compiler: Compiler) -> list[Callable[[Any, dict[str, Any]], bool]]:
    wheres = definition.get("where") or []
    if not isinstance(wheres, list) or not all(isinstance(item, dict) for item in wheres):
        raise bad("where", "not a list of paths", "a list of objects with a path")
    return [
        _filter(compiler.path(item.get("path"), f"where[{number}]"), f"where[{number}]")
        for number, item in enumerate(wheres)
    ]


def _filter(expression: str, where: str) -> Callable[[Any, dict[str, Any]], bool]:
    evaluate = fhirpath.compile(expression)
    fast = tester(fhirpath.parse(expression), build)

    def passes(resource: Any, env: dict[str, Any]) -> bool:
        if fast is not None:
            try:
                return fast(resource, env)
            except Unsupported:
                pass
        found = evaluate(resource, env)
        if not found or found == [False]:
            return False
        if len(found) > 1 or found[0] is not True:
            raise bad(where, f"{expression} gave something else than true or false", "a path that gives a boolean")
        return True

    return passes


def load_views(folder: Path) -> dict[str, View | PlainTable]:
    """The tables described by the JSON files of a folder, by name. A file is named as its table."""
    tables: dict[str, View | PlainTable] = {}
    for file in sorted(folder.glob("*.json")):
        definition = our_json.loads(file.read_bytes())
        table = _plain_table(definition) if "table" in definition else compile_view(definition)
        if table.name != file.stem:
            raise bad(file.name, f"describes the table {table.name!r}", f"the name {file.stem!r}")
        if any(not conversion for _, conversion in table.columns):
            raise bad(file.name, "a column has no conversion tag", "tovholder/as on every column")
        tables[table.name] = table
    return tables


def _plain_table(definition: dict[str, Any]) -> PlainTable:
    name = str(definition["table"])
    for column in definition["columns"]:
        if column.get("as") not in CONVERSIONS:
            raise bad(f"{name}.{column.get('name')}", "no conversion", "one of " + ", ".join(CONVERSIONS))
    return PlainTable(
        name=name,
        columns=tuple((str(column["name"]), str(column["as"])) for column in definition["columns"]),
        description=str(definition.get("description", "")),
        descriptions={column["name"]: str(column.get("description", "")) for column in definition["columns"]},
        hash=_hash(definition),
    )


def _hash(definition: dict[str, Any]) -> str:
    text = json.dumps([ENGINE, definition], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def ddl(table: PlainTable, dialect: str) -> list[str]:
    """The statements that make the table ``fact_<name>`` and its indexes; dialect sqlite, postgresql or duckdb."""
    physical = f"fact_{table.name}"
    first = table.columns[0][0]
    keys = {first} if table.unscoped else {first, "patient_id"}
    columns = ", ".join(
        f"{name} {kind}{' NOT NULL' if name in keys else ''}" for name, kind in table.ddl_columns(dialect)
    )
    indexes = [(name, name) for name in sorted(keys)]
    if table.name in _BY_PATIENT:
        indexes = [("patient_id", f"patient_id, {first}")]
    return [
        f"CREATE TABLE {physical} ({columns})",
        *(f"CREATE INDEX {physical}_{name} ON {physical} ({asked})" for name, asked in indexes),
    ]
