"""The occurrences of an element in JSON, each with its type and its FHIRPath location."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tovholder.fhir import definitions

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One occurrence. extra: id and extensions of a primitive (``_name``). kind: its FHIR type, empty for a group.

    path: the R4 type or group that defines its children.
    """

    value: Any
    kind: str
    path: str
    location: str
    extra: Json | None = None


def of_resource(resource: Json, location: str = "") -> Item:
    """A resource as an item."""
    kind = str(resource.get("resourceType", ""))
    return Item(resource, kind, kind, location or kind)


def children(item: Item, name: str) -> list[Item]:
    """The occurrences of a child element; those of a choice in whatever type they come."""
    holder = item.value if isinstance(item.value, dict) else item.extra
    if holder is None:
        return []
    found: list[Item] = []
    for json_name, kind, path, label in _named(item.path if isinstance(item.value, dict) else "Element", name):
        value, extra = holder.get(json_name), holder.get(f"_{json_name}")
        if value is None and extra is None:
            continue
        location = item.location + label
        if not isinstance(value, list) and not isinstance(extra, list):
            found.append(_made(value, extra, kind, path, location))
            continue
        values = value if isinstance(value, list) else [None] * len(extra or ())
        extras = extra if isinstance(extra, list) else [None] * len(values)
        for index, (one, more) in enumerate(zip(values, extras, strict=False)):
            found.append(_made(one, more, kind, path, f"{location}[{index}]"))
    return found


@cache
def _named(type_path: str, name: str) -> tuple[tuple[str, str, str, str], ...]:
    """(name in JSON, type, path of its children, location) of an element, one per type it can have."""
    element = definitions.find(type_path, name)
    if element is None:
        return ()
    return tuple(
        (json_name, kind, element.path, f".{element.name}" + (f".ofType({kind})" if element.is_choice else ""))
        for json_name, kind in element.json_names().items()
    )


def _made(value: Any, extra: Any, kind: str, path: str, location: str) -> Item:
    if kind == "Resource" and isinstance(value, dict):
        kind = str(value.get("resourceType", ""))
    return Item(value, kind, path or kind, location, extra if isinstance(extra, dict) else None)


def extensions(item: Item, above: tuple[Item, ...] = ()) -> Iterator[tuple[Item, bool, tuple[Item, ...]]]:
    """Every extension at and below an item, nested resources left out; with whether it is a modifierExtension.

    With each come those it stands in, from the outermost (above and this one) on.
    """
    holder = item.value if isinstance(item.value, dict) else item.extra
    if not isinstance(holder, dict):
        return
    path = item.path if isinstance(item.value, dict) else "Element"
    here = (*above, item)
    names = {name.removeprefix("_") for name, value in holder.items() if isinstance(value, dict | list)}
    for name in names:
        element = definitions.find(path, name)
        if element is None or name in ("contained", "resource"):
            continue
        for child in children(item, element.name):
            if name in ("extension", "modifierExtension"):
                yield child, name == "modifierExtension", here
            yield from extensions(child, here)
