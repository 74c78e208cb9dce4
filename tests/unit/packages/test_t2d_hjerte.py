"""What the packages for type 2 diabetes and heart disease promise, read against the decisions they are built on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tovholder.packages import get, load
from tovholder.packages.check import parts
from tovholder.packages.conditions import Facts, Known, evaluate
from tovholder.packages.loader import BUILTIN
from tovholder.packages.model import Package, SourceKind, Text
from tovholder.packages.questionnaires import link_ids

T2D, HJERTE = get("t2d"), get("hjerte")
BOTH = pytest.mark.parametrize("package", [T2D, HJERTE], ids=lambda held: held.id)
ICPC, SKS = "urn:oid:1.2.208.176.2.31", "urn:oid:1.2.208.176.2.4.12"
YEAR = 365


@pytest.mark.parametrize(
    ("package", "system", "codes", "others"),
    [
        (T2D, ICPC, ["T90"], ["T89", "K76"]),
        (T2D, SKS, ["DE11", "DE119"], ["DE109", "DE12", "DO244"]),
        (HJERTE, ICPC, ["K74", "K75", "K76", "K86", "K87", "T93"], ["K77", "K78", "T90"]),
        (HJERTE, SKS, ["DI209", "DI219", "DI251", "DI109", "DI13", "DE780"], ["DI50", "DI48", "DI26", "DE11"]),
    ],
)
def test_inclusion_codes(package: Package, system: str, codes: list[str], others: list[str]):
    assert all(package.inclusion.matches(system, code) for code in codes)
    assert not any(package.inclusion.matches(system, code) for code in others)
    assert (package.inclusion.age_min, package.inclusion.coded_age_min) == (18, 18)


def test_that_the_heart_package_holds_risk_too_is_a_choice_an_author_can_undo(tmp_path: Path):
    assert "blodtryk og kolesterol" in HJERTE.titles.da
    folder = tmp_path / "hjerte"
    shutil.copytree(BUILTIN / "hjerte", folder)
    path = folder / "package.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("include_risk]\nvalue = 1", "include_risk]\nvalue = 0"), encoding="utf-8")
    held = load(folder).inclusion
    assert held.matches(ICPC, "K76")
    assert not any(held.matches(ICPC, code) for code in ("K86", "K87", "T93"))


@BOTH
def test_compliance_flags_are_for_levels_2_and_3_and_deadlines_for_all(package: Package):
    for rule in package.rules:
        raised = [level for level in (None, 1, 2, 3) if rule.applies_at(level)]
        assert raised == ([None, 1, 2, 3] if rule.kind == "deadline" else [2, 3]), rule.id
    assert {rule.kind for rule in package.rules} == {"deadline", "compliance", "question"}


def known(**values: float) -> Facts:
    held = {name: Known(milli=round(value * 1000)) for name, value in values.items()}
    every = {item.name for item in (*T2D.level.inputs, *HJERTE.level.inputs)}
    return Facts(inputs={name: held.get(name) for name in every})


@pytest.mark.parametrize(
    ("values", "goal"),
    [
        ({"heart_disease": 0, "duration_days": 2 * YEAR}, "hba1c-48"),
        ({"heart_disease": 0, "duration_days": 7 * YEAR}, "hba1c-53"),
        ({"heart_disease": 0}, "hba1c-53"),
        ({"heart_disease": 0, "duration_days": 15 * YEAR}, "hba1c-58"),
        ({"heart_disease": 1, "duration_days": 2 * YEAR}, "hba1c-hjerte"),
        ({"heart_disease": 0, "duration_days": 2 * YEAR, "acr": 300}, "hba1c-nyre"),
        ({"heart_disease": 1, "duration_days": 2 * YEAR, "acr": 300, "frail": 1}, "hba1c-skroebelig"),
        ({"heart_disease": 0, "duration_days": 2 * YEAR, "frail": 0, "acr": 299}, "hba1c-48"),
    ],
)
def test_each_patient_has_one_target_for_hba1c(values: dict[str, float], goal: str):
    suggested = [item for item in T2D.plan.goals if item.target is not None and item.target.input == "hba1c"]
    assert [item.id for item in suggested if evaluate(item.when, known(**values)).truth] == [goal]


@pytest.mark.parametrize(
    ("values", "systolic", "ldl"),
    [
        ({"age": 60, "heart_disease": 0, "diabetes": 0}, 135, 2.6),
        ({"age": 60, "heart_disease": 1, "diabetes": 0}, 130, 1.4),
        ({"age": 60, "heart_disease": 0, "diabetes": 1}, 130, 2.6),
        ({"age": 60, "heart_disease": 0, "diabetes": 0, "egfr": 59}, 130, 2.6),
        ({"age": 80, "heart_disease": 1, "diabetes": 1}, 145, 1.4),
    ],
)
def test_each_patient_has_one_target_for_blood_pressure_and_ldl(values: dict[str, float], systolic: int, ldl: float):
    found = {"sbp": [], "ldl": []}
    for item in HJERTE.plan.goals:
        if item.target is not None and item.target.input in found and evaluate(item.when, known(**values)).truth:
            found[item.target.input].append(item.target.at_most)
    assert found == {"sbp": [systolic], "ldl": [ldl]}


@BOTH
def test_what_is_done_once_for_all_packages_is_marked(package: Package):
    shared = {item.shared for item in package.plan.activities if item.shared}
    assert {"aarsstatus", "kontrol", "blodproeve", "vaccination-influenza", "rygestop"} <= shared
    for item in package.plan.activities:
        assert (item.shared == "blodproeve") == bool(item.tests), item.id


@BOTH
def test_two_clinical_figures_beside_the_rights(package: Package):
    assert sum(1 for held in package.indicators if held.right is None and held.id != f"{package.id}-level-decided") == 2
    assert len(package.examples) >= 12


@BOTH
def test_our_own_proposals_are_marked_as_such(package: Package):
    assert {source.kind for source in package.sources.values()} == set(SourceKind)
    assert all(key.startswith("standard-") for key in package.defaults())


@BOTH
def test_every_text_is_told_in_both_languages(package: Package):
    same = {"Niveau 1", "HbA1c", "BMI", "LDL", "eGFR", "CCS", "NYHA", "Insulin", "Metformin"}
    for where, entry in parts(package):
        if isinstance(entry, Text):
            assert entry.da != entry.en or entry.da in same, where


@BOTH
def test_questionnaires_hold_totals_and_no_licensed_items(package: Package):
    asked = link_ids(package.forms[f"{package.id}-aarsstatus"].questionnaire)
    assert not any(name.startswith(("who5-", "paid5-")) for name in asked)
    assert "who5" in asked
