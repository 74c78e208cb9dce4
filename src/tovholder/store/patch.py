"""JSON Patch on resources (RFC 6902, R4 §3.1.0.6): operations one by one, each failure told with its number."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer

from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import unit, versions
from tovholder.store.ports import Resource
from tovholder.store.ready import ready
from tovholder.store.rows import Stored
from tovholder.store.unit import UnitOfWork

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
# How often a patch is made beside the writer's turn before it is made within it.
TRIES = 3
Target = Callable[[UnitOfWork], str]


def check(operations: Any, most: int, path: str = "") -> list[dict[str, Any]]:
    """A patch document's operations. Raises Problem(INVALID) naming the first that is none, TOO_LARGE for too many."""
    if not isinstance(operations, list):
        raise Problem(
            Category.MALFORMED, "A JSON Patch is a list of operations", [Issue(path or "$this", "not a list", "a list")]
        )
    if len(operations) > most:
        raise Problem(
            Category.TOO_LARGE,
            "The patch has too many operations",
            [Issue(path or "$this", f"{len(operations)} operations", f"at most {most}", "too-long")],
        )
    for number, item in enumerate(operations):
        where = f"{path}[{number}]"
        if not isinstance(item, dict) or item.get("op") not in OPERATIONS:
            raise _unusable(where, "no known operation", f"op, one of: {', '.join(OPERATIONS)}")
        pointers = ["path", "from"] if item["op"] in ("move", "copy") else ["path"]
        for name in pointers:
            if not isinstance(item.get(name), str) or (item[name] and not item[name].startswith("/")):
                raise _unusable(f"{where}.{name}", "no JSON Pointer", "a path such as /name/0/family")
        if item["op"] in ("add", "replace", "test") and "value" not in item:
            raise _unusable(f"{where}.value", "missing", "a value")
    return operations


def apply(resource: Resource, operations: list[dict[str, Any]], most: int, path: str = "") -> Resource:
    """The patched resource; the one given stays as it is. Raises Problem(RULE) with the number of what failed.

    most: how many values the resource and all that is copied in it may come to; copying copies would make it grow
    without end, and a thousand copies over each other would take as long.
    """
    made: Any = copy.deepcopy(resource)
    size = 0
    for number, item in enumerate(operations):
        where = f"{path}[{number}]"
        try:
            if item["op"] == "copy":
                size = (size or _size(made)) + _size(jsonpointer.resolve_pointer(made, item["from"]))
                _require_room(size, most, where)
            made = jsonpatch.JsonPatch([copy.deepcopy(item)]).apply(made, in_place=True)
        except jsonpatch.JsonPatchTestFailed:
            raise _failed(where, f"the test in operation {number} fails", "the value named in the test") from None
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, KeyError, TypeError, IndexError):
            raise _failed(where, f"operation {number} finds no such place", "a path there is in the resource") from None
    if not isinstance(made, dict):
        raise _failed(path, "the patch leaves no resource", "an object")
    for name in ("resourceType", "id"):
        if made.get(name) != resource.get(name):
            raise _failed(path, f"the patch would change {name}", f"{name} as it was")
    return made


def patch(
    ctx: Context,
    kind: str,
    target: Target,
    operations: list[dict[str, Any]],
    *,
    expected: str | None,
    most: int,
    if_match: int | None = None,
) -> Stored:
    """Patch one resource and store its next version. Raises Problem.

    target: finds the id inside a unit. expected: the id it will very likely be: then the patch is made and checked
    before the unit begins, and again when somebody else was quicker.
    """
    for _ in range(TRIES if expected is not None else 0):
        held = versions.read(ctx, kind, str(expected))
        if if_match is not None and held.version != if_match:
            break  # the unit tells
        made = apply(held.resource, operations, most)
        prepared = ready(made)
        try:
            with unit.unit_of_work(ctx) as uow:
                if target(uow) == expected:
                    return uow.update(made, if_match=held.version, prepared=prepared)
                break
        except Problem as problem:
            if problem.category is not Category.PRECONDITION or if_match is not None:
                raise
    with unit.unit_of_work(ctx) as uow:
        rid = target(uow)
        uow.prefetch([(kind, rid)])  # nobody else's to change from here on
        return uow.update(apply(uow.read(kind, rid), operations, most), if_match=if_match)


def _require_room(size: int, most: int, where: str) -> None:
    if size > most:
        raise Problem(
            Category.TOO_LARGE,
            "The patch copies more than we take",
            [Issue(where, "copies too much", f"at most {most} values in a resource and its copies", "too-long")],
        )


def _size(value: Any) -> int:
    waiting, count = [value], 0
    while waiting:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count


def _unusable(path: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The patch cannot be used", [Issue(path, message, expected, "structure")])


def _failed(path: str, message: str, expected: str) -> Problem:
    return Problem(
        Category.RULE, "The patch does not fit the resource", [Issue(path or "$this", message, expected, "processing")]
    )
