"""Parameters of an operation, in and out: a query string, a Parameters resource, or the one resource itself (R4 §3.2.0.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from tovholder.api import http, limits
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number
from tovholder.fhir.search_values import asked_range


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: a value (text when it came in the query string), a resource, or parts."""

    name: str
    value: Any = None
    kind: str = ""  # the value's type as FHIR writes it after "value" (Uri, Coding …); empty from a query string
    resource: dict[str, Any] | None = None
    parts: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters of a call in the order given; ``body`` is a resource sent as it is."""

    items: tuple[Parameter, ...]
    body: dict[str, Any] | None = None

    def all(self, name: str) -> list[Parameter]:
        """Every parameter of the name."""
        return [item for item in self.items if item.name == name]

    def one(self, name: str) -> Parameter | None:
        """The parameter of the name, None when it was not given. Raises Problem when it was given twice."""
        found = self.all(name)
        if len(found) > 1:
            raise wrong(name, "given more than once", "at most one")
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        """A simple value as text. Raises Problem when it was given twice or is not simple."""
        found = self.one(name)
        return None if found is None else _text(found)

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter; commas separate values too, as in a search."""
        return [part for item in self.all(name) for part in _text(item).split(",") if part]

    def number(self, name: str) -> int | None:
        """A whole number. Raises Problem for anything else."""
        text = self.text(name)
        if text is None:
            return None
        found = whole_number(text)
        if found is None:
            raise wrong(name, "not a whole number", "a whole number from 0")
        return found

    def span(self, name: str, *, instant: bool = False) -> tuple[int, int] | None:
        """What a date or time covers, as milliseconds [low, high). instant: a day is not enough. Raises Problem."""
        text = self.text(name)
        if text is None:
            return None
        found = asked_range(text) if "T" in text or not instant else None
        if found is None:
            what, like = ("an instant", "") if instant else ("a date or time", "2027-03-01 or ")
            raise wrong(name, f"not {what}", f"such as {like}2027-03-01T12:00:00Z")
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean. Raises Problem for anything else."""
        text = self.text(name)
        if text is None:
            return default
        if text not in ("true", "false"):
            raise wrong(name, "not a boolean", "true or false")
        return text == "true"

    def resource(self, name: str) -> dict[str, Any] | None:
        """A resource, as a parameter or as the body itself."""
        found = self.one(name)
        return found.resource if found is not None else self.body

    def require_known(self, names: Iterable[str]) -> None:
        """Raise Problem naming what is not among the names: a wish not understood is not ignored."""
        known = sorted({*names, "_format", "_pretty"})
        # Only the place is told back: a name may be anybody's.
        unknown = [index for index, item in enumerate(self.items) if item.name not in known]
        if unknown or (self.body is not None and "resource" not in known):
            issues = [
                Issue(f"Parameters.parameter[{index}]", "unknown parameter", f"one of: {', '.join(known)}")
                for index in unknown
            ] or [Issue("$this", "not a Parameters resource", f"one with: {', '.join(known)}")]
            raise Problem(Category.INVALID, "The operation does not know that parameter", issues, kept="nothing done")


def wrong(name: str, message: str, expected: str) -> Problem:
    """A parameter that cannot be used."""
    return Problem(
        Category.INVALID, f"The parameter {name} cannot be used", [Issue(name, message, expected, "value")], kept="all"
    )


def of_request(request: HttpRequest) -> Parameters:
    """The parameters of a request: those of the query string, then those of the body. Raises Problem."""
    query = parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
    items = tuple(Parameter(name, value) for name, value in query)
    if request.method != "POST" or not request.body:
        return Parameters(items)
    told = http.body(request)
    limits.check_alone(told, request.body)
    if told.get("resourceType") != "Parameters":
        return Parameters(items, told)
    return Parameters(items + _parameters(told.get("parameter", []), "Parameters.parameter"))


def _parameters(told: object, path: str) -> tuple[Parameter, ...]:
    if not isinstance(told, list):
        raise _shape(path, "a list of parameters")
    found = []
    for index, item in enumerate(told):
        where = f"{path}[{index}]"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise _shape(where, "an object with a name")
        values = [key for key in item if key.startswith("value")]
        resource = item.get("resource")
        if len(values) > 1 or (resource is not None and not isinstance(resource, dict)):
            raise _shape(where, "one value, one resource, or parts")
        key = values[0] if values else ""
        parts = _parameters(item["part"], f"{where}.part") if "part" in item else ()
        found.append(Parameter(item["name"], item.get(key), key.removeprefix("value"), resource, parts))
    return tuple(found)


def _shape(path: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The Parameters cannot be read", [Issue(path, "malformed", expected, "structure")])


def _text(item: Parameter) -> str:
    value = item.value
    if isinstance(value, dict) and isinstance(value.get("reference"), str):
        value = value["reference"]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise wrong(item.name, "not a simple value", "a text, number or boolean")


def outgoing(*items: dict[str, Any] | None) -> dict[str, Any]:
    """A Parameters resource to answer with; None is left out."""
    return {"resourceType": "Parameters", "parameter": [item for item in items if item is not None]}
