"""Reading and writing our extensions in a resource while everything else in it stays as received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems

Json = dict[str, Any]


def x(name: str) -> str:
    """URL of one of our extensions."""
    return systems.extension_url(name)


def many(resource: Mapping[str, Any] | None, url: str) -> list[Json]:
    """The extensions with a URL, in order."""
    return [item for item in (resource or {}).get("extension") or () if item.get("url") == url]


def value(resource: Mapping[str, Any] | None, url: str) -> Any:
    """The value of the first extension with a URL, whatever its type; None when there is none."""
    for item in many(resource, url):
        for key, content in item.items():
            if key.startswith("value"):
                return content
    return None


def text(resource: Mapping[str, Any] | None, name: str) -> str | None:
    """The text, code or other simple value of one of our extensions."""
    found = value(resource, x(name))
    return found if isinstance(found, str) else None


def texts(resource: Mapping[str, Any] | None, name: str) -> tuple[str, ...]:
    """All text values of one of our repeated extensions."""
    return tuple(item["valueString"] for item in many(resource, x(name)) if isinstance(item.get("valueString"), str))


def day(resource: Mapping[str, Any] | None, name: str) -> int | None:
    """The day one of our date extensions tells."""
    return days.parse_day(text(resource, name))


def number(resource: Mapping[str, Any] | None, name: str) -> int | None:
    """The integer one of our extensions tells."""
    found = value(resource, x(name))
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(resource: Mapping[str, Any] | None, name: str) -> bool:
    """Whether one of our boolean extensions is true."""
    return value(resource, x(name)) is True


def target(resource: Mapping[str, Any] | None, url: str) -> str | None:
    """The reference text of an extension."""
    found = value(resource, url)
    return found.get("reference") if isinstance(found, Mapping) else None


def simple(name: str, kind: str, content: object) -> list[Json]:
    """One of our extensions with a simple value, or nothing for None."""
    return [] if content is None or content == "" else [{"url": x(name), f"value{kind}": content}]


def date(name: str, content: int | None) -> list[Json]:
    """One of our date extensions from a day."""
    return simple(name, "Date", None if content is None else days.iso(content))


def reference(url: str, target_reference: str | None) -> list[Json]:
    """A reference extension, or nothing."""
    return [{"url": url, "valueReference": {"reference": target_reference}}] if target_reference else []


def episode(episode_id: str | None) -> list[Json]:
    """The standard extension that says which course a resource belongs to."""
    return reference(systems.EPISODE_OF_CARE_EXTENSION, f"EpisodeOfCare/{episode_id}" if episode_id else None)


def episode_id(resource: Mapping[str, Any]) -> str | None:
    """The course a resource says it belongs to."""
    return id_of(target(resource, systems.EPISODE_OF_CARE_EXTENSION), "EpisodeOfCare")


def id_of(reference_text: str | None, resource_type: str) -> str | None:
    """The id in a relative or absolute reference to one type; None for anything else."""
    if not reference_text:
        return None
    parts = reference_text.split("/")
    if resource_type not in parts:
        return None
    place = parts.index(resource_type)
    return parts[place + 1] if place + 1 < len(parts) else None


def with_extensions(resource: Json, owned: Iterable[str], written: Iterable[Json]) -> Json:
    """Replace the extensions whose URLs are ours to write in this resource; keep all others, in their order."""
    ours = set(owned)
    kept = [item for item in resource.get("extension") or () if item.get("url") not in ours]
    together = kept + list(written)
    if together:
        resource["extension"] = together
    else:
        resource.pop("extension", None)
    return resource


def put(resource: Json, key: str, content: object) -> None:
    """Set an element, or take it away when there is nothing to say: FHIR has no empty values."""
    if content is None or content == "" or content == [] or content == {}:
        resource.pop(key, None)
    else:
        resource[key] = content


def start(resource_type: str, identity: str | None, base: Mapping[str, Any] | None) -> Json:
    """A resource to write into: a copy of what is there, or a new one."""
    made: Json = dict(base) if base else {"resourceType": resource_type}
    if identity:
        made["id"] = identity
    return made


def ref(kind: str, identity: str) -> Json:
    """A relative reference."""
    return {"reference": f"{kind}/{identity}"}


def coding(concept: Mapping[str, Any] | None, system: str) -> str | None:
    """The code a concept carries in a system."""
    for item in (concept or {}).get("coding") or ():
        if item.get("system") == system and item.get("code"):
            return str(item["code"])
    return None


def first(items: object) -> Json:
    """The first element of a list, or an empty one."""
    return items[0] if isinstance(items, list) and items else {}
