"""Turns a failed reading of a package file into issues an author can act on: where, what, and which keys are valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tovholder.base.errors import Issue

Place = Callable[[Sequence[str | int]], str]


def issues_of(error: ValidationError, model: type[BaseModel], place: Place) -> list[Issue]:
    """One issue per fault; the several tries of a choice of types are one fault."""
    found: dict[tuple[str, str], Issue] = {}
    for detail in error.errors(include_url=False, include_context=True, include_input=True):
        path = _written(detail["loc"], model)
        name = ".".join(str(part) for part in path)
        message, expected = _words(detail, model, path, name)
        held = found.get((place(path), name))
        if held is not None and detail["type"] != "extra_forbidden":
            expected = " or ".join(dict.fromkeys([*held.expected.split(" or "), expected]))
        found[place(path), name] = Issue(place(path), message, expected)
    return list(found.values())


def _words(detail: ErrorDetails, model: type[BaseModel], path: tuple[str | int, ...], name: str) -> tuple[str, str]:
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f'unknown key "{path[-1]}"{_inside(path)}', "one of: " + ", ".join(valid_keys(model, path[:-1]))
    if kind == "missing":
        return f'the key "{path[-1]}" is missing{_inside(path)}', "every such entry to have it"
    if kind in ("literal_error", "enum"):
        return f"{name} is {detail['input']!r}", "one of: " + str(context.get("expected", "")).replace(" or ", ", ")
    if kind == "value_error":
        return f"{name or 'the entry'}: {detail['msg'].removeprefix('Value error, ')}", ""
    if kind == "string_pattern_mismatch":
        return f"{name} is {detail['input']!r}", f"text of the form {context.get('pattern')}"
    return f"{name} is {_shown(detail['input'])}", detail["msg"].removeprefix("Input should be ")


def _inside(path: tuple[str | int, ...]) -> str:
    return f" in {'.'.join(str(part) for part in path[:-1])}" if len(path) > 1 else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__


def _written(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str | int, ...]:
    """The path as written: without the names of types tried, which are no keys."""
    path: list[str | int] = []
    at: type[BaseModel] | None = model
    free = False  # inside a mapping, any key is a key
    for part in loc:
        if isinstance(part, int):
            path.append(part)
        elif at is not None and not free:
            path.append(part)
            annotation = _fields(at).get(part)
            at, free = _model_in(annotation), _is_mapping(annotation)
        elif free:
            path.append(part)
            free = False
    return tuple(path)


def valid_keys(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand at a path of a model."""
    at: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, str) and at is not None and part in _fields(at):
            at = _model_in(_fields(at)[part])
    return tuple(_fields(at)) if at is not None else ()


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {held.alias or name: held.annotation for name, held in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _is_mapping(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict
