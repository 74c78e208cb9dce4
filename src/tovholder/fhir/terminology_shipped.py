"""The code systems and value sets that come with the program: R4's, the Danish packages', and our own."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson

Resource = dict[str, Any]
# Our own first, then the Danish ones, which may be newer than R4's.
_ARCHIVES = ("terminology-dk.zip", "terminology-r4.zip")
_OWN = "own/terminology.json"


def resource(kind: str, url: str, version: str = "") -> Resource | None:
    """A shipped CodeSystem or ValueSet by its canonical url; None when none is shipped, or not in that version.

    Do not change what is given: it is shared.
    """
    found = _find(kind, url)
    if found is None or (version and not same_version(version, found.get("version", ""))):
        return None
    return found


def same_version(asked: str, held: str) -> bool:
    """Whether a held version answers for an asked one; ``2.0`` is answered by ``2.0.2``."""
    return asked == held or held.startswith(f"{asked}.")


@lru_cache(maxsize=256)
def _find(kind: str, url: str) -> Resource | None:
    own = _own().get(f"{kind} {url}")
    if own is not None:
        return own
    for name in _ARCHIVES:
        member = _index(name).get(f"{kind} {url}")
        if member is not None:
            return dict(orjson.loads(_read(name, member)))
    return None


def canonicals(kind: str) -> frozenset[str]:
    """The canonical urls of everything shipped of a kind."""
    keys = [*_own(), *(key for name in _ARCHIVES for key in _index(name))]
    return frozenset(key.removeprefix(f"{kind} ") for key in keys if key.startswith(f"{kind} "))


def supplements(url: str) -> list[Resource]:
    """The shipped supplements of a code system: designations in other languages (R4 §4.8.7)."""
    return list(_supplements().get(url, ()))


@cache
def _supplements() -> Mapping[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for key, member in _index("terminology-dk.zip").items():
        if key.startswith("CodeSystem "):
            held = dict(orjson.loads(_read("terminology-dk.zip", member)))
            if held.get("content") == "supplement":
                found.setdefault(str(held.get("supplements", "")).partition("|")[0], []).append(held)
    return MappingProxyType(found)


def sources() -> list[dict[str, str]]:
    """The packages they came from, with version and licence."""
    return [about for name in _ARCHIVES for about in orjson.loads(_read(name, "source.json"))["packages"]]


@cache
def _own() -> Mapping[str, Resource]:
    bundle = orjson.loads(files("tovholder.fhir").joinpath("definitions", _OWN).read_bytes())
    made = (entry["resource"] for entry in bundle["entry"])
    return MappingProxyType({f"{item['resourceType']} {item['url']}": item for item in made})


@cache
def _index(name: str) -> Mapping[str, str]:
    return MappingProxyType(orjson.loads(_read(name, "index.json")))


def _read(name: str, member: str) -> bytes:
    return _archive(name).read(member)


@cache
def _archive(name: str) -> zipfile.ZipFile:
    # Over its bytes in memory: an open file would share its position with processes forked from this one.
    return zipfile.ZipFile(io.BytesIO(files("tovholder.fhir").joinpath("definitions", name).read_bytes()))
