"""The page of an expansion a client asks for, as a ValueSet resource (R4 §4.9.8.1.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tovholder.fhir.terminology import Member, Resource, Terminology, absent


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks of ``$expand``. count None: all. language: of the displays, empty for the usual ones."""

    filter: str = ""
    offset: int = 0
    count: int | None = None
    language: str = ""
    designations: bool = False
    active_only: bool = False


def expand(terminology: Terminology, value_set: str | Resource, wish: Wish, *, timestamp: str) -> Resource:
    """The value set with its expansion. Raises Problem as ``Terminology.members`` does."""
    found = terminology.value_set(value_set, strict=True) if isinstance(value_set, str) else value_set
    if found is None:
        raise absent("ValueSet", str(value_set))
    members = list(_wanted(terminology.members(found), wish))
    page = members[wish.offset :] if wish.count is None else members[wish.offset : wish.offset + wish.count]
    expansion: dict[str, Any] = {
        "timestamp": timestamp,
        "total": len(members),
        "offset": wish.offset,
    }
    if parameters := _parameters(wish, members):
        expansion["parameter"] = parameters
    if page:
        expansion["contains"] = [_entry(item, wish) for item in page]
    kept = {key: value for key, value in found.items() if key not in ("compose", "expansion", "text")}
    kept.setdefault("status", "active")
    return {**kept, "expansion": expansion}


def _wanted(members: Iterable[Member], wish: Wish) -> Iterable[Member]:
    words = wish.filter.casefold().split()
    for item in members:
        if wish.active_only and item.inactive:
            continue
        text = f"{item.code} {item.display_in(wish.language)}".casefold()
        if all(word in text for word in words):
            yield item


def _entry(item: Member, wish: Wish) -> dict[str, Any]:
    made: dict[str, Any] = {"system": item.system}
    if item.abstract:
        made["abstract"] = True
    if item.inactive:
        made["inactive"] = True
    if item.version:
        made["version"] = item.version
    made["code"] = item.code
    if display := item.display_in(wish.language):
        made["display"] = display
    if wish.designations and item.designations:
        made["designation"] = [dict(one) for one in item.designations]
    return made


def _parameters(wish: Wish, members: list[Member]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    if wish.filter:
        told.append({"name": "filter", "valueString": wish.filter})
    if wish.language:
        told.append({"name": "displayLanguage", "valueCode": wish.language})
    if wish.count is not None:
        told.append({"name": "count", "valueInteger": wish.count})
    if wish.active_only:
        told.append({"name": "activeOnly", "valueBoolean": True})
    versions = dict.fromkeys(f"{item.system}|{item.version}" for item in members if item.version)
    return told + [{"name": "version", "valueUri": version} for version in versions]
