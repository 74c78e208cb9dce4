"""Targets: from package to goal, to FHIR and back; what others wrote stays as they wrote it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tovholder.base import days, json
from tovholder.fhir import systems
from tovholder.fhir.validate import validate
from tovholder.packages import load
from tovholder.packages.loader import BUILTIN
from tovholder.plan import aims, resources
from tovholder.plan.values import Code, Goal, Limits

HBA1C = Code(systems.NPU, "NPU27300", "HbA1c")


def goal(**given: object) -> Goal:
    return Goal(patient_id="p", episode_id="e", text="Lavere blodsukker", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "detail"),
    [
        (None, 53_000, {"detailQuantity": {"value": 53, "comparator": "<="}}),
        (40_500, None, {"detailQuantity": {"value": "40.5", "comparator": ">="}}),
        (48_000, 58_000, {"detailRange": {"low": {"value": 48}, "high": {"value": 58}}}),
        (53_000, 53_000, {"detailQuantity": {"value": 53}}),
    ],
)
def test_limits_are_fhir_and_come_back(low: int | None, high: int | None, detail: dict[str, object]):
    limits = Limits(measure=HBA1C, at_least_milli=low, at_most_milli=high, unit="mmol/mol")
    made = resources.goal_resource(goal(limits=limits, target_day=days.parse_day("2027-01-01")))
    assert validate(made) == []
    [target] = made["target"]
    assert target["measure"]["coding"] == [{"system": systems.NPU, "code": "NPU27300", "display": "HbA1c"}]
    assert target["dueDate"] == "2027-01-01"
    unit = {"unit": "mmol/mol", "system": systems.UCUM, "code": "mmol/mol"}
    for key, wanted in detail.items():
        parts = wanted if key == "detailRange" else {"": wanted}
        for name, quantity in parts.items():  # type: ignore[attr-defined]
            written = target[key][name] if name else target[key]
            assert written == unit | quantity | {"value": written["value"]}
            assert str(quantity["value"]) == json.dumps(written["value"]).decode()
    assert resources.read_goal(json.loads(json.dumps(made))).limits == limits


def test_a_unit_ucum_spells_otherwise_is_told_both_ways():
    limits = Limits(measure=Code(systems.NPU, "MCS88019"), at_most_milli=130_000, unit="mmHg")
    quantity = resources.goal_resource(goal(limits=limits))["target"][0]["detailQuantity"]
    assert (quantity["unit"], quantity["code"]) == ("mmHg", "mm[Hg]")


def test_a_target_others_wrote_stays_as_written():
    theirs = {
        "measure": {"coding": [{"system": systems.NPU_DK_CORE, "code": "NPU27300"}], "text": "langtidsblodsukker"},
        "detailQuantity": {"value": 53, "comparator": "<", "unit": "mmol/mol"},
    }
    second = {"measure": {"text": "vægt"}, "detailString": "mindre"}
    held = resources.goal_resource(goal()) | {"target": [theirs, second]}
    read = resources.read_goal(held)
    assert read.limits is not None
    assert read.limits.at_most_milli == 53_000
    assert resources.goal_resource(read, held)["target"] == [theirs, second]


def test_a_target_in_words_or_without_a_measure_has_no_limits():
    for target in (
        {},
        {"detailQuantity": {"value": 5}},
        {"measure": {"coding": [{"code": "x"}]}, "detailString": "mere"},
    ):
        assert resources.read_goal({"resourceType": "Goal", "target": [target]}).limits is None


def test_a_packages_target_is_kept_under_the_inputs_first_code(tmp_path: Path):
    folder = tmp_path / "kol"
    shutil.copytree(BUILTIN / "kol", folder)
    path = folder / "plan.toml"
    wanted = 'id = "motion"\ntarget = { input = "fev1_percent", at_least = 62.5 }'
    path.write_text(path.read_text(encoding="utf-8").replace('id = "motion"', wanted, 1), encoding="utf-8")
    package = load(folder)
    suggested = next(item for item in package.plan.goals if item.target)
    asked = next(item for item in package.level.inputs if item.name == "fev1_percent")
    limits = aims.limits_of(package, suggested)
    assert limits is not None
    source = next(item for item in asked.sources if item.kind == "measurement")
    assert (limits.measure.system, limits.measure.code) == (source.systems[0], source.code)
    assert (limits.at_least_milli, limits.at_most_milli, limits.unit) == (62_500, None, "%")
    assert aims.measure_title(limits.measure, [package]) == asked.title
    assert aims.limits_of(package, package.plan.goals[0]) is None


def test_npu_is_one_system_under_three_names():
    names = [systems.NPU, systems.NPU_DK_CORE, systems.NPU.removeprefix("urn:oid:")]
    assert all(aims.same_measure(Code(one, "NPU27300"), Code(other, "NPU27300")) for one in names for other in names)
    assert not aims.same_measure(Code(systems.NPU, "NPU27300"), Code(systems.LOINC, "NPU27300"))
