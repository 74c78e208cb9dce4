"""The published R4 examples and the Danish packages are valid to us, but for a list that says why."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.vectors import vectors
from tovholder.base import json
from tovholder.fhir.validate import resource_types, validate

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def excluded(prefix: str) -> dict[str, str]:
    with (HERE / "r4_validation_exclusions.toml").open("rb") as file:
        rows = tomllib.load(file)["exclusion"]
    assert all(row["reason"] for row in rows)
    return {row["file"]: row["at"] for row in rows if row["file"].startswith(prefix)}


def packaged(archive: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources of a FHIR package: its definitions and its examples."""
    with tarfile.open(archive) as package:
        for member in package:
            folder, _, name = member.name.rpartition("/")
            if folder in ("package", "package/example") and name.endswith(".json"):
                file = package.extractfile(member)
                assert file is not None
                content = json.loads(file.read())
                if isinstance(content, dict) and "resourceType" in content:
                    yield f"{archive.name}/{member.name}", content


def test_published_r4_examples_are_valid() -> None:
    files = sorted(vectors("r4-examples").glob("*.json"))
    refused = {}
    for file in files:
        if issues := validate(json.loads(file.read_bytes())):
            refused[f"r4-examples/{file.name}"] = issues[0].path
    assert len(files) >= 70
    assert refused == excluded("r4-examples/")


def test_danish_packages_are_valid() -> None:
    refused, seen = {}, 0
    for archive in sorted(vectors("dk-packages").glob("*.tgz")):
        for name, resource in packaged(archive):
            seen += 1
            if issues := validate(resource):
                refused[f"dk-packages/{name}"] = issues[0].path
    assert seen >= 800
    assert refused == excluded("dk-packages/")


def test_every_resource_type_compiles() -> None:
    for name in sorted(resource_types()):
        issues = validate({"resourceType": name, "id": "a"})
        assert all(issue.code in ("required", "invariant") for issue in issues), name


def test_committed_tables_are_current() -> None:
    if not (ROOT / "node_modules" / "@medplum" / "definitions").is_dir():
        pytest.skip("the npm package with the definitions is not installed: npm ci")
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate_fhir_definitions.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_speed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints microseconds per resource; asserts nothing about time, which belongs to the machine."""
    resource = json.loads((vectors("r4-examples") / "condition-example.json").read_bytes())
    rounds = 2000
    assert validate(resource) == []
    start = time.perf_counter()
    for _ in range(rounds):
        validate(resource)
    spent = (time.perf_counter() - start) / rounds
    with capsys.disabled():
        print(f"\nvalidate: {spent * 1e6:.0f} µs for a resource of {len(json.dumps(resource))} bytes")
