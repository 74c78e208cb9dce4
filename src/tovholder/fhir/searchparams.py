"""R4 search parameters: the table of what we index, and per type what makes the index rows of a resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tovholder.fhir import fhirpath, search_tables
from tovholder.fhir.fhirpath_functions import Step
from tovholder.fhir.fhirpath_native import build
from tovholder.fhir.fhirpath_syntax import Binary, Call, Member, Node, type_text
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.search_values import EXTRACT
from tovholder.fhir.search_values import date_range as date_range
from tovholder.fhir.search_values import fold as fold
from tovholder.fhir.search_values import number_range as number_range

Resource = dict[str, Any]
_CHOICES = search_tables.choices()


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One parameter of one type. ``kind`` is a FHIR search-param-type; ``target`` is empty unless a reference."""

    name: str
    kind: str
    expression: str
    target: tuple[str, ...]
    documentation: str


@dataclass(slots=True)
class IndexRows:
    """What a resource is found by. An absent system is ""; dates are [low, high) in milliseconds since 1970 UTC."""

    tokens: list[tuple[str, str, str]] = field(default_factory=list)  # parameter, system, code
    dates: list[tuple[str, int, int]] = field(default_factory=list)  # parameter, low, high
    strings: list[tuple[str, str, str]] = field(default_factory=list)  # parameter, folded text, text as written
    references: list[tuple[str, str, str]] = field(
        default_factory=list
    )  # parameter, type, id; type "" and a URL elsewhere
    uris: list[tuple[str, str]] = field(default_factory=list)  # parameter, uri
    quantities: list[tuple[str, float, float, str, str]] = field(
        default_factory=list
    )  # parameter, low, high, system, code


# Kind of parameter → the list its rows go to; a number is a quantity without unit.
_LISTS = {
    "token": "tokens",
    "date": "dates",
    "string": "strings",
    "reference": "references",
    "uri": "uris",
    "quantity": "quantities",
    "number": "quantities",
}


@cache
def _table(resource_type: str) -> dict[str, SearchParameter]:
    return {
        name: SearchParameter(name, entry["kind"], entry["expression"], tuple(entry["target"]), entry["documentation"])
        for name, entry in search_tables.parameters().get(resource_type, {}).items()
    }


def parameters_of(resource_type: str) -> tuple[SearchParameter, ...]:
    """The parameters that are indexed for a type, by name; none for a type we do not index."""
    return tuple(_table(resource_type).values())


def search_parameter(resource_type: str, name: str) -> SearchParameter | None:
    """One parameter of a type, without modifier or prefix; None when it is not indexed."""
    return _table(resource_type).get(name)


# The date a timeline is sorted by, where the parameter is not called ``date``.
_MAIN_DATES = {
    "CarePlan": "date",
    "Communication": "sent",
    "Condition": "onset-date",
    "Goal": "start-date",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "QuestionnaireResponse": "authored",
    "ServiceRequest": "authored",
    "Task": "authored-on",
    "Patient": "birthdate",
    "ImagingStudy": "started",
    "Provenance": "recorded",
    "Slot": "start",
}


@cache
def main_date(resource_type: str) -> int | None:
    """The number of the date parameter that says when such a resource happened; None where there is none."""
    name = _MAIN_DATES.get(resource_type, "date")
    found = search_parameter(resource_type, name)
    return param_id(f"{resource_type}.{name}") if found is not None and found.kind == "date" else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What one path below a top-level element is read for: several parameters often share it (subject, patient)."""

    step: Step | None
    extract: Callable[[list[Any]], list[tuple[Any, ...]]]
    list_name: str
    parameters: tuple[tuple[str, str], ...]  # name, and the only type of reference it takes


@cache
def indexer(resource_type: str) -> Callable[[Resource], IndexRows]:
    """What makes the index rows of resources of a type. Looks only at the elements a resource has."""
    by_element, computed = _plan(resource_type)

    def index(resource: Resource) -> IndexRows:
        rows = IndexRows()
        for name, value in resource.items():
            readers = by_element.get(name)
            if readers is None:
                continue
            items = value if isinstance(value, list) else [value]
            for reader in readers:
                found = reader.extract(items if reader.step is None else reader.step(items, {}))
                if found:
                    _add(getattr(rows, reader.list_name), found, reader.parameters)
        for parameter, expression in computed:
            rows.tokens += [(parameter, "", "true" if value else "false") for value in expression(resource)]
        return rows

    return index


def _add(rows: list[Any], found: list[tuple[Any, ...]], parameters: tuple[tuple[str, str], ...]) -> None:
    for parameter, only in parameters:
        for values in found:
            if not only or values[0] == only:
                row = (parameter, *values)
                if row not in rows:
                    rows.append(row)


_Computed = list[tuple[str, fhirpath.Expression]]


def _plan(resource_type: str) -> tuple[dict[str, list[_Reader]], _Computed]:
    """Readers by the JSON name of the top-level element they start from, and parameters that are computed."""
    shared: dict[tuple[str, Node | None, str], list[tuple[str, str]]] = {}
    computed: _Computed = []
    for parameter in parameters_of(resource_type):
        for branch in _branches(fhirpath.parse(parameter.expression)):
            if isinstance(branch, Binary):
                computed.append((parameter.name, fhirpath.compile(parameter.expression)))
                continue
            path, only = _without_resolve(branch)
            names, rest = _cut(path)
            for name in names:
                shared.setdefault((name, rest, parameter.kind), []).append((parameter.name, only))
    by_element: dict[str, list[_Reader]] = {}
    for (name, rest, kind), parameters in shared.items():
        step = None if rest is None else build(rest)
        by_element.setdefault(name, []).append(_Reader(step, EXTRACT[kind], _LISTS[kind], tuple(parameters)))
    return by_element, computed


def _branches(node: Node) -> list[Node]:
    if isinstance(node, Binary) and node.operator == "|":
        return _branches(node.left) + _branches(node.right)
    return [node]


def _without_resolve(node: Node) -> tuple[Node, str]:
    """The path before ``where(resolve() is Patient)``, and the type; the type stands in the reference."""
    match node:
        case Call(focus, "where", (Binary("is", Call(None, "resolve", ()), kind),)) if focus is not None:
            return focus, type_text(kind)
    return node, ""


def _cut(node: Node) -> tuple[tuple[str, ...], Node | None]:
    """The JSON names of the first element of ``Type.element…``, and the path below it."""
    match node:
        case Call(Member(Member(None, _), name), "ofType", (kind,)) if name in _CHOICES:
            text = type_text(kind)
            return (f"{name}{text[0].upper()}{text[1:]}",), None
        case Member(Member(None, _), name):
            return (name, *(f"{name}{suffix}" for suffix in _CHOICES.get(name, ()))), None
        case Member(focus, name) if focus is not None:
            names, rest = _cut(focus)
            return names, Member(rest, name)
        case Call(focus, name, arguments) if focus is not None:
            names, rest = _cut(focus)
            return names, Call(rest, name, arguments)
    raise ValueError(f"no element path: {node}")
