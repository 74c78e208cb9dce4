"""The published FHIR resources the tests read: HL7's definitions and examples, and the Danish packages, with their names."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lib.vectors import vectors
from tovholder.base import json

Named = tuple[str, dict[str, Any]]
RELEASE = "4.0.1"
_DEFINITIONS = (
    Path(__file__).resolve().parents[2] / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4"
)
# Not HL7's: the packager's own product and a profile of one country.
_OTHERS = ("fhir.schema", "medplum", "uscore")


def official_definitions() -> Iterator[Named]:
    """Every definition HL7 published with R4 4.0.1: types, value sets, code systems, search parameters, operations …"""
    if not _DEFINITIONS.is_dir():
        pytest.skip("the npm package with the definitions is not installed: npm ci")
    for file in sorted(_DEFINITIONS.glob("*.json")):
        if any(word in file.name for word in _OTHERS):
            continue
        content = json.loads(file.read_bytes())
        listed = [entry["resource"] for entry in content["entry"]] if content["resourceType"] == "Bundle" else [content]
        for resource in listed:
            if resource.get("fhirVersion", RELEASE) == RELEASE:
                yield f"{file.name}/{resource['resourceType']}/{resource['id']}", resource


def r4_examples() -> Iterator[Named]:
    """HL7's published example resources."""
    for file in sorted(vectors("r4-examples").glob("*.json")):
        yield f"r4-examples/{file.name}", json.loads(file.read_bytes())


def danish_packages(*, examples_only: bool = False) -> Iterator[Named]:
    """The resources in the packages of DK Core and MedCom, packages inside packages included."""
    for archive in sorted(vectors("dk-packages").glob("*.tgz")):
        for name, content in _packaged(archive.read_bytes(), f"dk-packages/{archive.name}"):
            if not examples_only or "/example/" in name:
                yield name, content


def _packaged(archive: bytes, place: str) -> Iterator[Named]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        for member in package:
            file = package.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            if member.name.endswith((".tgz", ".tar.gz")):
                yield from _packaged(file.read(), f"{place}/{member.name}")
            elif member.name.endswith(".json") and "openapi" not in member.name:
                content = json.loads(file.read())
                if isinstance(content, dict) and isinstance(content.get("resourceType"), str):
                    yield f"{place}/{member.name}", content


@cache
def examples() -> tuple[Named, ...]:
    """All published examples, HL7's and the Danish, read once."""
    return (*r4_examples(), *danish_packages(examples_only=True))
