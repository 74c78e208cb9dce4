"""Every published example comes back as it was: byte for byte in canonical order, decimals as written (R4 json.html)."""

from __future__ import annotations

import io
import json as stdlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.api import JSON, Caller
from lib.vectors import vectors
from tovholder.access import Role
from tovholder.base import json
from tovholder.fhir.validate import validate

STAMPS = ("versionId", "lastUpdated")  # the server's own

READ_ONLY = ("AuditEvent",)  # rendered from the audit trail, never written


class Number(str):
    """A number as it was written."""


def canonical(raw: bytes, *, stamped: bool = False) -> bytes:
    """The same JSON with its names in order and no spaces; numbers are not touched. stamped: without the server's stamps."""
    value = stdlib.loads(raw, parse_float=Number, parse_int=Number)
    if stamped and isinstance(value.get("meta"), dict):
        value["meta"] = {name: one for name, one in value["meta"].items() if name not in STAMPS}
        if not value["meta"]:
            del value["meta"]
    return written(value).encode()


def written(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{stdlib.dumps(name)}:{written(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return stdlib.dumps(value)


def published() -> Iterator[tuple[str, bytes]]:
    """The examples as their publishers wrote them."""
    for file in sorted(vectors("r4-examples").glob("*.json")):
        yield file.name, file.read_bytes()
    for archive in sorted(vectors("dk-packages").glob("*.tgz")):
        yield from inside(archive)


def inside(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as package:
        for member in package:
            file = package.extractfile(member) if "/example/" in member.name and member.name.endswith(".json") else None
            if file is not None and not member.name.rsplit("/", 1)[1].startswith("."):
                yield f"{archive.name}/{member.name}", file.read()


def test_every_example_is_written_as_it_was_read() -> None:
    seen = 0
    for name, raw in published():
        seen += 1
        assert canonical(json.dumps(json.loads(raw))) == canonical(raw), name
    assert seen >= 70 + 458


@pytest.mark.django_db
@pytest.mark.named_ids
def test_every_example_comes_back_from_the_api_as_it_was_sent() -> None:
    system, seen, refused = Caller(Role.SYSTEM), 0, []
    for name, raw in published():
        resource = json.loads(raw)
        if validate(resource) or "id" not in resource:
            continue
        place = f"/{resource['resourceType']}/{resource['id']}"
        stored = system.send("PUT", place, raw)
        if resource["resourceType"] in READ_ONLY:
            assert stored.status_code == 405
            continue
        if stored.status_code not in (200, 201):
            refused.append(f"{name}: {stored.status_code} {stored.content[:300]!r}")
            continue
        seen += 1
        back = system.send("GET", place, Accept=JSON)  # a Binary, too, as a resource
        assert canonical(back.content, stamped=True) == canonical(raw, stamped=True), name
    assert refused == []
    assert seen >= 500
