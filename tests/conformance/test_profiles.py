"""Profiles against what is published: 458 examples, HL7's own validator on them, the official test persons, and what we write."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lib.vectors import vectors
from tovholder.access.blocks import is_level
from tovholder.base import json
from tovholder.base.errors import Issue, Severity
from tovholder.demo.synth import SynthConfig, generate
from tovholder.fhir import profiles, systems, terminology_shipped
from tovholder.fhir.validate import validate

Json = dict[str, Any]
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OLDER = "hl7.fhir.dk.core.r4-3.5.0.tgz"  # one version of each profile is at hand: the newest
DK = "http://hl7.dk/fhir/core/StructureDefinition/"
_COMMENT = re.compile(r"/\*.*?\*/")


@cache
def listed(table: str) -> list[Json]:
    with (HERE / "profile_exclusions.toml").open("rb") as file:
        rows: list[Json] = tomllib.load(file)[table]
    assert all(row["because"] for row in rows)
    return rows


def files() -> Iterator[tuple[str, str, Json]]:
    """(package, file, content) of every JSON file in the published packages."""
    for path in sorted(vectors("dk-packages").glob("*.tgz")):
        if path.name == OLDER:
            continue
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None and member.name.endswith(".json"):
                    # One example begins with a byte order mark.
                    content = json.loads(file.read().removeprefix(b"\xef\xbb\xbf"))
                    yield path.name.removesuffix(".tgz"), member.name.removeprefix("package/"), content


@cache
def examples() -> dict[str, Json]:
    found = {
        f"{package}/{name.removeprefix('example/')}": content
        for package, name, content in files()
        if name.startswith("example/")
    }
    assert len(found) == 458
    return found


@cache
def findings() -> dict[str, list[Issue]]:
    return {name: profiles.validate(content) for name, content in examples().items()}


def test_every_example_keeps_to_what_it_claims_or_the_reason_is_told() -> None:
    broken = {(name, one.message) for name, found in findings().items() for one in found if one.severity == "error"}
    expected = {(name, row["rule"]) for row in listed("refused") for name in row["examples"]}
    assert broken - expected == set(), "refused without a reason"
    assert expected - broken == set(), "a reason that no longer holds"


def test_no_example_is_without_a_claim_we_know_by_mistake() -> None:
    """Nearly every example claims a profile; were they not found, the gate above would pass for nothing."""
    known = [
        name for name, content in examples().items() if any(profiles.find(url) for url in profiles.claims(content))
    ]
    assert len(known) > 420


def test_no_example_has_an_extension_where_it_may_not_stand() -> None:
    out_of_place = {(name, str(one)) for name, found in findings().items() for one in found if one.code == "extension"}
    assert out_of_place == set()


def test_hl7s_own_validator_finds_nothing_we_miss() -> None:
    """Each package holds what HL7's validator said of it when it was published, against the versions of that day."""
    by_reference = {f"{c['resourceType']}/{c.get('id')}": name for name, c in examples().items()}
    explained = {where for row in listed("differs") for where in row["where"]}
    missed, used = set(), set()
    for _, name, content in files():
        if name != "other/validation-oo.json":
            continue
        for issue in (one for entry in content["entry"] for one in entry["resource"].get("issue", ())):
            reference, _, path = issue.get("expression", [""])[0].partition(": ")
            if issue["severity"] not in ("error", "fatal") or reference not in by_reference:
                continue
            ours = {one.path for one in findings()[by_reference[reference]] if _is_told(one)}
            where = f"{reference}: {_COMMENT.sub('', path)}"
            if where in explained:
                used.add(where)
            elif _COMMENT.sub("", path) not in ours:
                missed.add(where)
    assert missed == set()
    assert explained - used == set(), "a difference that no longer is one"


def _is_told(issue: Issue) -> bool:
    # Alone, outside its Bundle, what a "bundled" reference leads to cannot be told; HL7 calls that an error.
    return issue.severity is Severity.ERROR or "same Bundle" in issue.message or "which slice" in issue.message


def test_the_official_persons_are_accepted() -> None:
    """None of their numbers passes modulus 11, and one has a provisional number: neither is held against them."""
    persons = [
        content for name, content in examples().items() if content["resourceType"] == "Patient" and "dk.core.r4" in name
    ]
    official = [one for one in persons if any(i.get("system") == systems.CPR for i in one.get("identifier", ()))]
    assert len(official) >= 41
    for person in official:
        assert validate(person) == []
        assert [one for one in profiles.validate(person, f"{DK}dk-core-patient") if one.severity == "error"] == []


@cache
def ours() -> list[Json]:
    config = SynthConfig(
        seed=5, anchor=date(2026, 11, 23), list_size=100, package_clinics=2, package_patients_per_clinic=12
    )
    return list(generate(config))


OWN = {
    "EpisodeOfCare": "tovholder-episode",
    "CarePlan": "tovholder-plan",
    "Goal": "tovholder-goal",
    "RiskAssessment": "tovholder-proposal",
    "ServiceRequest": "tovholder-activity",
    "Task": "tovholder-referral",
    "Appointment": "tovholder-appointment",
}
DANISH = {"Patient": "patient", "Condition": "condition", "Practitioner": "practitioner", "Observation": "observation"}


@pytest.mark.parametrize("kind", sorted(OWN))
def test_what_we_write_keeps_to_our_own_profile(kind: str) -> None:
    url = systems.extension_url(OWN[kind])
    written = [one for one in ours() if one["resourceType"] == kind]
    assert written
    found = [issue for one in written for issue in profiles.validate(one, url)]
    if kind == "Task":
        # R4 has no element for a Task's episode. HL7's extension for it is not meant for Tasks, in no version so far: what
        # it says is right all the same, and whoever knows it finds the episode.
        assert {(issue.path, issue.code, str(issue.severity)) for issue in found} == {
            ("Task.extension[0]", "extension", "warning")
        }
        return
    assert {str(issue) for issue in found} == set()


def test_a_decided_level_keeps_to_our_own_profile() -> None:
    url = systems.extension_url("tovholder-level")
    written = [one for one in ours() if one["resourceType"] == "Observation" and is_level(one)]
    assert written
    assert {str(issue) for one in written for issue in profiles.validate(one, url)} == set()


@pytest.mark.parametrize("kind", sorted(DANISH))
def test_what_we_write_keeps_to_dk_core(kind: str) -> None:
    url = f"{DK}dk-core-{DANISH[kind]}"
    written = [one for one in ours() if one["resourceType"] == kind]
    assert written
    found = [issue for one in written for issue in profiles.validate(one, url)]
    assert [str(one) for one in found if one.severity != "information"] == []


def test_our_definitions_are_sound_fhir() -> None:
    folder = ROOT / "src" / "tovholder" / "fhir" / "definitions" / "own"
    for path in sorted(folder.glob("*.json")):
        assert [str(one) for one in validate(json.loads(path.read_bytes()))] == [], path.name


def test_every_profile_and_extension_ours_name_is_at_hand() -> None:
    for url in profiles.canonicals():
        profile = profiles.find(url)
        assert profile is not None
        if profile.package != "tovholder":
            continue
        waiting = [profile.root]
        while waiting:
            node = waiting.pop()
            for one in node.types:
                assert all(profiles.find(named) for named in one.profiles), (url, one.profiles)
            if node.binding is not None:
                assert terminology_shipped.resource("ValueSet", node.binding[1]) is not None, (url, node.binding)
            waiting += [*node.children.values(), *node.slices.values()]


def test_where_everything_comes_from_is_told_and_free() -> None:
    told = [*profiles.sources(), *terminology_shipped.sources()]
    assert {one["licence"] for one in told} == {"CC0-1.0", "as this repository"}
    assert {one["name"] for one in told} >= {"hl7.fhir.dk.core.r4", "medcom.fhir.dk.core", "hl7.fhir.r4.core"}
    assert not any(one["name"].startswith("kl.") for one in told)


@pytest.mark.parametrize("tool", ["generate_profiles.py", "generate_terminology.py"])
def test_what_is_committed_is_what_the_tools_write(tool: str) -> None:
    vectors("dk-packages")
    if not (ROOT / "node_modules" / "@medplum" / "definitions").is_dir():
        pytest.skip("node_modules is not at hand: run npm ci")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / tool, vectors("dk-packages"), "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
