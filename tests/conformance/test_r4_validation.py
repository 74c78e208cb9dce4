"""The published definitions and examples of R4 and the Danish packages are valid to us, but for a list that says why."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from lib.corpus import Named, danish_packages, examples, official_definitions, r4_examples
from lib.vectors import vectors
from tovholder.base import json
from tovholder.fhir import validate_quick
from tovholder.fhir.validate import Validator, resource_types, validate

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def unexplained(prefix: str, found: dict[str, str]) -> list[str]:
    """Refusals the exclusions do not explain, and exclusions nothing was refused for. File and place may have a ``*``."""
    with (HERE / "r4_validation_exclusions.toml").open("rb") as file:
        rows = [row for row in tomllib.load(file)["exclusion"] if row["file"].startswith(prefix)]
    assert all(row["reason"] for row in rows)
    used, wrong = set(), []
    for name, place in found.items():
        fitting = [n for n, row in enumerate(rows) if like(row["file"], name) and like(row["at"], place)]
        used.update(fitting)
        if not fitting:
            wrong.append(f"refused: {name} at {place}")
    return wrong + [f"stale: {row['file']} at {row['at']}" for n, row in enumerate(rows) if n not in used]


def like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


def refused(named: Iterable[Named], every: int = 1) -> tuple[int, dict[str, str]]:
    """How many there are, and the first place of trouble in those we refuse.

    Of ``every`` so many, the thorough look is taken too: it may find nothing in what was quickly told to be sound.
    """
    seen, found, thorough = 0, {}, Validator(trusting=False).thorough
    for name, resource in named:
        seen += 1
        issues = validate(resource)
        if issues:
            found[name] = issues[0].path
        elif seen % every == 0:
            assert thorough(resource) == [], f"{name}: quickly told to be sound"
    return seen, found


def test_published_r4_examples_are_valid() -> None:
    seen, found = refused(r4_examples())
    assert seen >= 70
    assert unexplained("r4-examples/", found) == []


def test_danish_packages_are_valid() -> None:
    seen, found = refused(danish_packages())
    assert seen >= 900
    assert unexplained("dk-packages/", found) == []
    assert sum(1 for _ in danish_packages(examples_only=True)) >= 458


def test_official_definitions_are_valid() -> None:
    kinds: Counter[str] = Counter()

    def counted() -> Iterable[Named]:
        for name, resource in official_definitions():
            kinds[resource["resourceType"]] += 1
            yield name, resource

    seen, found = refused(counted(), every=20)
    assert unexplained("definitions/", found) == []
    assert seen >= 11_000
    enough = {"StructureDefinition": 7000, "ValueSet": 1300, "CodeSystem": 1000, "SearchParameter": 1300}
    enough |= {"OperationDefinition": 46, "ConceptMap": 19, "CompartmentDefinition": 5, "CapabilityStatement": 2}
    assert all(kinds[kind] >= least for kind, least in enough.items()), kinds


def test_most_of_what_is_sound_is_told_quickly() -> None:
    sound = [resource for _, resource in examples() if not validate(resource)]
    quick = sum(map(validate_quick.sound, sound))
    assert quick > 0.95 * len(sound), f"{quick} of {len(sound)}"


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
