"""Breaks published resources at random places, and says how: what validators are compared on. Seeded, so it can be had again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from lib.corpus import examples
from tovholder.base import json

Resource = dict[str, Any]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**40, 1.5, json.Decimal("1.10"), "", " ", "a", "a b", " a", "A" * 65, "#a", "#",
    "2026-02-30", "2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "2026", "2026-13", "2026-01-01T10:00:00",
    "2026-01-01T10:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T10:00:60+14:00", "2026-01-01T10:00Z", "10:00:00", "25:00:00",
    "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "urn:oid:1.2.3", "urn:oid:3.01", "http://example.org/x|1",
    "Patient/1", "Patient/a b", "Nothing/1", "http://example.org/fhir/Patient/1", "Observation/1/_history/2", "active", "final",
    "aGVq", "aGVq=", "a\u0000b", "a\tb\n", "\u00e6\u00f8\u00e5",
    [], {}, [None], [[]], ["a"], {"id": "a"}, {"text": "a"}, {"reference": "Patient/1"},
    {"start": "2026-02-01", "end": "2026-01-01"},
    {"extension": [{"url": "http://example.org/x", "valueString": "a"}]}, {"extension": [{"url": "http://example.org/x"}]},
    {"value": 1, "code": "mg"}, {"system": "http://example.org", "code": "a"}, {"coding": [{"code": "a"}]},
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        pairs = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for key, inner in pairs:
            found.append((one, key))
            waiting.append(inner)
    return found


# How a place is broken whatever it holds, and what a new name may begin with.
KINDS = ("overwrite", "remove", "wrap", "unwrap", "rename")
PREFIXES = ("_", "x", "value")


def alter(kind: str, container: Any, key: Any, value: Callable[[], Any], prefix: Callable[[], str]) -> bool:
    """Break one place in one of the KINDS; False when the kind is none of them, or does not fit what stands there."""
    match kind:
        case "overwrite":
            container[key] = value()
        case "remove":
            del container[key]
        case "wrap":
            container[key] = [container[key]]
        case "unwrap" if isinstance(container[key], list) and container[key]:
            container[key] = container[key][0]
        case "rename" if isinstance(container, dict):
            container[prefix() + str(key)] = container.pop(key)
        case _:
            return False
    return True


def mutations(seed: int, count: int, most_bytes: int = 20_000) -> Iterator[tuple[str, Resource]]:
    """``count`` broken (or, now and then, still sound) copies of published examples, each with what was done to it."""
    chance = random.Random(seed)
    written = [raw for _, resource in examples() if len(raw := json.dumps(resource)) <= most_bytes]
    spare = _by_key(written)
    for _ in range(count):
        resource = json.loads(chance.choice(written))
        done = [_mutate(resource, chance, spare) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        yield "; ".join(done), resource


def _by_key(written: list[bytes]) -> dict[str, list[bytes]]:
    """What stands under each name somewhere in the examples: sound by itself, and often out of place elsewhere."""
    found: dict[str, list[bytes]] = {}
    for raw in written[::3]:
        for container, key in places(json.loads(raw)):
            if isinstance(key, str) and len(found.setdefault(key, [])) < 40:
                found[key].append(json.dumps(container[key]))
    return found


def _mutate(resource: Resource, chance: random.Random, spare: dict[str, list[bytes]]) -> str:
    options = places(resource)
    if not options:
        return "nothing left"
    container, key = chance.choice(options)
    kind = chance.choice(("overwrite", *KINDS, "add", "add", "swap", "beside", "twice"))
    names = list(spare)
    if alter(
        kind, container, key, lambda: json.loads(json.dumps(chance.choice(VALUES))), lambda: chance.choice(PREFIXES)
    ):
        return f"{kind} {key}"
    match kind:
        case "add" if isinstance(container, dict):
            # Something that belongs to another type half of the time, and to the same place the other half.
            key = chance.choice(names)
            container[key] = json.loads(chance.choice(spare[key]))
        case "swap" if isinstance(key, str) and key in spare:
            container[key] = json.loads(chance.choice(spare[key]))
        case "beside" if isinstance(container, dict):
            container["_" + str(key)] = json.loads(json.dumps(chance.choice(VALUES[-12:])))
        case "twice" if isinstance(container, list):
            container.append(json.loads(json.dumps(container[key])))
        case _:
            pass
    return f"{kind} {key}"
