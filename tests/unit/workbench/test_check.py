"""The workbench runs a package's own examples on two engines and says which came out otherwise."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.packages.loader import BUILTIN
from tovholder.rules.check import parse
from tovholder.workbench.check import check_package
from tovholder.workbench.factbase import FactBase, links, months
from tovholder.workbench.report import Outcome, compare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The KOL package with one example patient and one rule's examples, so that a run is short."""
    made = tmp_path / "kol"
    shutil.copytree(BUILTIN / "kol", made)
    for path in (made / "examples").iterdir():
        if path.stem != "udeblevet":
            path.unlink()
    return made


def failures(folder: Path) -> list[str]:
    """What failed, besides that one example patient is too few."""
    found = [str(line) for line in check_package(folder).failures]
    return [line for line in found if "example patients" not in line]


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def expecting(folder: Path, **changed: object) -> None:
    path = folder / "examples" / "udeblevet.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["expect"].update(changed)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_the_kol_package_passes():
    report = check_package(BUILTIN / "kol")
    assert [str(line) for line in report.failures] == []
    assert report.ok > 200
    assert any(line.where.startswith("rules/noshow-unbooked.toml:") for line in report.lines)


@pytest.mark.parametrize("source", [None, "tovholder", "lps"])
def test_the_package_for_back_pain_passes_wherever_plans_come_from(source: str | None):
    report = check_package(BUILTIN / "lrs", source=source)
    assert [str(line) for line in report.failures] == []
    told = {
        line.message.rpartition("(plans from ")[2].rstrip(")") for line in report.lines if "plans from" in line.message
    }
    assert told == ({source} if source else {"tovholder", "lps"})
    ran = {line.where for line in report.lines}
    assert ("examples/lps-plan.json" in ran) == (source != "tovholder")
    assert ("examples/tovholder-plan.json" in ran) == (source != "lps")


def test_a_source_the_package_cannot_have():
    (line,) = check_package(BUILTIN / "kol", source="lps").failures
    assert "no source lps" in str(line)


def test_a_package_that_cannot_be_read_is_reported(folder: Path):
    edit(folder, "plan.toml", "horizon_months", "horizon_month")
    report = check_package(folder)
    assert report.ok == 0
    assert report.failed == 2  # the unknown key, and the missing one
    assert all(line.where.startswith("plan.toml:") for line in report.failures)


def test_a_rule_that_changed_its_mind_fails_its_examples_and_its_patients(folder: Path):
    edit(
        folder,
        "rules/noshow-unbooked.toml",
        "a.start_day <= :today - :noshow_days",
        "a.start_day < :today - :noshow_days",
    )
    found = failures(folder)
    assert any("rules/noshow-unbooked.toml:" in line and "for 14 dage siden" in line for line in found)
    assert any("examples/udeblevet.json: flags" in line for line in found)


def test_a_flag_that_is_not_expected_fails(folder: Path):
    expecting(folder, flags=[])
    assert failures(folder) == [
        "failed  examples/udeblevet.json: flags: found kol-noshow-unbooked, 2027-04-01 (expected nothing)"
    ]


def test_a_wrong_level_claim_fails(folder: Path):
    edit(folder, "rules/noshow-unbooked.toml", '"1" = false, "2" = true', '"1" = true, "2" = true')
    [line] = failures(folder)
    assert "raised at level 1: found nothing (expected e1)" in line


def test_a_figure_that_is_not_expected_fails(folder: Path):
    expecting(folder, indicators={})
    [line] = failures(folder)
    assert "figures: found {kol-level-decided=" in line


def test_an_unreadable_query_is_told_once_and_stops_the_patients(folder: Path):
    edit(folder, "rules/not-started.toml", "e.package = 'kol'", "e.package LIKE 'kol%'")
    [line] = failures(folder)
    assert line.startswith("failed  rules/not-started.toml:")


def test_a_resource_that_is_not_fhir_fails(folder: Path):
    edit(folder, "examples/udeblevet.json", '"status": "noshow"', '"status": "vanished"')
    [line] = failures(folder)
    assert "not valid FHIR: Appointment/a1 Appointment.status" in line


def test_months_cover_the_days_without_gap_or_overlap():
    rows = months(days.parse_day("2027-12-15") or 0, days.parse_day("2028-03-01") or 0)
    assert [row["period_id"] for row in rows] == ["2027-12", "2028-01", "2028-02", "2028-03"]
    assert days.iso(rows[2]["end_day"]) == "2028-02-29"
    assert all(later["start_day"] == row["end_day"] + 1 for row, later in itertools.pairwise(rows))


def test_a_resource_is_linked_by_what_it_says_or_by_the_activity_it_is_based_on():
    said = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "subject": {"reference": "Patient/p1"},
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare",
                "valueReference": {"reference": "EpisodeOfCare/e1"},
            }
        ],
    }
    based = {
        "resourceType": "Appointment",
        "id": "a1",
        "basedOn": [{"reference": "ServiceRequest/s1"}],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }
    loose = {**based, "id": "a2", "basedOn": []}
    assert [(row["resource_id"], row["episode_id"]) for row in links([said, based, loose])] == [
        ("s1", "e1"),
        ("a1", "e1"),
    ]


def test_engines_that_disagree_are_told():
    with FactBase() as facts:
        facts.insert("patient", [{"patient_id": "p1", "birth_day": "1956-05-14"}])
        facts._connections["duckdb"].execute("UPDATE fact_patient SET birth_day = 0")
        query = parse("SELECT p.patient_id, p.birth_day FROM patient AS p", facts.schema)
        with pytest.raises(Problem, match="sqlite and duckdb answer differently"):
            facts.ask(query, {"today": 0})


def test_a_line_says_what_was_found_and_what_was_expected():
    assert compare("x", "flags", [], []).outcome is Outcome.OK
    assert str(compare("x", "flags", ["a"], [])) == "failed  x: flags: found a (expected nothing)"
