"""Views: which elements of a type a role is shown, written as paths; cutting a resource to one, and what it hides.

``name`` shows an element with all below it, ``address.city`` one element below another, and
``identifier[system=urn:oid:1.2]`` of a list the items whose element has this text. What a resource is, its id, its
meta and what may turn its meaning round are always there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tovholder.fhir import definitions, search_tables

Json = dict[str, Any]
ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_STEP = re.compile(r"([A-Za-z0-9]+)(?:\[([A-Za-z]+)=([^\]]+)\])?")


@dataclass(frozen=True, slots=True)
class Only:
    """Of a list, the items whose element ``name`` has this text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """What is shown of an element: of those items (None: all of them) the part below (None: the whole)."""

    only: Only | None
    below: Tree | None


Tree = Mapping[str, Sequence[Part]]


def faults(resource_type: str, view: Iterable[str]) -> list[tuple[str, str, str]]:
    """What is wrong with a view of a type: path, message, and what was expected."""
    found: list[tuple[str, str, str]] = []
    for path in view:
        at = resource_type
        for step in _steps(path):
            match = _STEP.fullmatch(step)
            element = definitions.find(at, match[1]) if match is not None else None
            if match is None or element is None:
                found.append((path, f"{at or resource_type} has no such element", _names(at)))
                break
            below = definitions.child_path(at, match[1])
            if match[2] and (not element.is_list or definitions.find(below, match[2]) is None):
                found.append((path, f"no list whose items have {match[2]}", "name[system=text] on a list"))
                break
            at = below
    if found:
        return found
    tree = _tree(resource_type, frozenset(view))
    found += [
        (name, "a mandatory element is hidden", f"{name} among the elements shown")
        for name in sorted(definitions.mandatory_elements(resource_type) - ALWAYS)
        if name not in tree
    ]
    held = search_tables.patient_compartment().get(resource_type) or {"about": [], "party": []}
    found += [
        (path, f"whom a {resource_type} is about would be hidden", f"{path} among the elements shown")
        for path in (*held["about"], *held["party"])
        if shown(resource_type, frozenset(view), path.split(".")) != ()
    ]
    return found


def _names(at: str) -> str:
    try:
        return ", ".join(sorted(definitions.type_of(at).elements))
    except KeyError:
        return "an element that has elements below it"


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[]+(?:\[[^\]]*\])?|\.\.|\[", path)


@lru_cache(maxsize=256)
def _tree(resource_type: str, view: frozenset[str]) -> Tree:
    tree: dict[str, list[Part]] = {}
    for path in sorted(view):
        _add(tree, resource_type, _steps(path))
    return tree


def _add(tree: dict[str, list[Part]], at: str, steps: Sequence[str]) -> None:
    match = _STEP.fullmatch(steps[0])
    element = definitions.find(at, match[1]) if match is not None else None
    assert match is not None and element is not None  # checked when the policy was loaded
    only = Only(match[2], match[3]) if match[2] else None
    names = element.json_names() if match[1] == element.name else (match[1],)
    for name in names:  # a choice has one for each type
        parts = tree.setdefault(name, [])
        if len(steps) == 1:
            parts.append(Part(only, None))
            continue
        held = next((part for part in parts if part.only == only and part.below is not None), None)
        if held is None:
            held = Part(only, {})
            parts.append(held)
        _add(held.below, definitions.child_path(at, name), steps[1:])  # type: ignore[arg-type] # our own, being made


def shown(resource_type: str, view: frozenset[str] | None, path: Sequence[str]) -> tuple[Only, ...] | None:
    """Whether all that stands at a path (of JSON names) is shown: empty for all, the items it is for, None for hidden."""
    if view is None or path[0] in ALWAYS:
        return ()
    tree = _tree(resource_type, view)
    for number, name in enumerate(path, start=1):
        parts = tree.get(name, ())
        if any(part.only is None and part.below is None for part in parts):
            return ()
        whole = tuple(part.only for part in parts if part.only is not None and part.below is None)
        if whole:
            return whole if number == len(path) else None
        below = next((part.below for part in parts if part.only is None and part.below is not None), None)
        if below is None:
            return None
        tree = below
    return None


def cut(resource: Json, view: frozenset[str]) -> Json:
    """What a view shows of a resource, tagged as a part of it (R4 §3.1.1.5.9)."""
    meta = resource.get("meta") or {}
    tags = [tag for tag in meta.get("tag") or () if tag.get("code") != SUBSETTED["code"]]
    always = {name: value for name, value in resource.items() if name in ALWAYS and name != "meta"}
    return {
        **always,
        "meta": {**meta, "tag": [*tags, SUBSETTED]},
        **{
            name: value
            for name, value in _cut(resource, _tree(resource["resourceType"], view)).items()
            if name not in ALWAYS
        },
    }


def _cut(value: Json, tree: Tree) -> Json:
    found: Json = {}
    for name, child in value.items():
        parts = tree.get(name.removeprefix("_"), ())
        if any(part.only is None and part.below is None for part in parts):
            found[name] = child
        elif parts and not name.startswith("_"):
            kept = _items(child, parts)
            if kept not in (None, [], {}):
                found[name] = kept
    return found


def _items(child: Any, parts: Sequence[Part]) -> Any:
    if isinstance(child, list):
        return [kept for item in child if (kept := _item(item, parts)) not in (None, {})]
    return _item(child, parts)


def _item(item: Any, parts: Sequence[Part]) -> Any:
    if not isinstance(item, dict):
        return None
    fitting = [part for part in parts if part.only is None or item.get(part.only.name) == part.only.text]
    if any(part.below is None for part in fitting):
        return item
    made: Json = {}
    for part in fitting:
        made |= _cut(item, part.below or {})
    return made
