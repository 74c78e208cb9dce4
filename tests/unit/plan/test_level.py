"""The proposed level: GOLD by guideline, 0 exacerbations against none known, raisers, blocks, what is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.world import day
from tovholder import packages
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.packages.common import Condition, Text
from tovholder.packages.model import Package
from tovholder.packages.model_clinical import Block
from tovholder.plan import resources
from tovholder.plan.domain import Level
from tovholder.plan.inputs import answer_known, facts, number_text
from tovholder.plan.level import propose_level
from tovholder.plan.record import Record
from tovholder.plan.values import Code

KOL = packages.get("kol")
TODAY = day("2027-03-01")
LOW = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


def guideline(name: str) -> Package:
    held = KOL.parameter_definitions["gold_guideline"].model_copy(update={"value": name})
    return replace(KOL, parameter_definitions={**KOL.parameter_definitions, "gold_guideline": held})


def measured(kind: str, value: float, *, on: str = "2027-02-20", unit: str = "", **changes: Any) -> dict[str, Any]:
    made = resources.measurement_resource(
        rid=f"m-{kind}-{on}", patient_id="p", code=Code(systems.MCS, kind), at=day(on), quantity=value, unit=unit
    )
    return made | changes


FEV1, MRC, CAT, EXACERBATIONS = "MCS88023", "MCS88021", "MCS88137", "MCS88022"


@pytest.mark.parametrize(
    ("name", "exacerbations", "admissions", "mrc", "cat", "grade"),
    [
        ("abcd", 0, None, 2, 5, "A"),  # no exacerbations: no admissions for COPD either
        ("abcd", 1, 0, 2, 5, "A"),
        ("abcd", 1, 0, 3, 5, "B"),
        ("abcd", 1, None, 3, 5, None),  # was the one exacerbation an admission? nobody knows
        ("abcd", 1, 1, 2, 5, "C"),
        ("abcd", 2, None, 2, 5, "C"),
        ("abcd", 2, None, 2, 10, "D"),
        ("abe2023", 0, None, 2, 9, "A"),
        ("abe2023", 1, 0, 2, 10, "B"),
        ("abe2023", 1, 1, 2, 10, "E"),
        ("abe2023", 2, None, 1, 0, "E"),
        ("abe2026", 0, None, 3, 0, "B"),
        ("abe2026", 1, None, 1, 0, "E"),
        ("abe2026", 0, None, 1, 0, "A"),
        ("abe2026", None, None, 1, 0, None),  # nobody asked: not the same as none
        ("abe2023", None, None, 1, 0, None),
        ("abe2026", 0, None, None, 10, "B"),  # many symptoms by either scale are enough
        ("abe2026", 0, None, None, 5, None),
        ("abe2026", 0, None, None, None, None),
    ],
)
def test_gold_by_guideline(
    name: str, exacerbations: int | None, admissions: int | None, mrc: int | None, cat: int | None, grade: str | None
) -> None:
    told = ((EXACERBATIONS, exacerbations), (MRC, mrc), (CAT, cat))
    resources_ = [measured(code, value) for code, value in told if value is not None]
    if admissions is not None:
        own = {"coding": [{"system": systems.OBSERVATION_SYSTEM, "code": "kol-indlaeggelser"}]}
        resources_.append(measured("x", admissions, code=own))
    assert facts(guideline(name), Record(tuple(resources_)), TODAY).grade == grade


def test_no_exacerbations_is_an_answer_and_an_unasked_question_is_told() -> None:
    none = propose_level(KOL, LOW, Record((measured(EXACERBATIONS, 0), measured(MRC, 1), measured(CAT, 2))), TODAY)
    assert none.level is Level.ONE
    assert none.grade == "A"
    assert "exacerbations" not in none.unknown
    unasked = propose_level(KOL, LOW, Record((measured(MRC, 1), measured(CAT, 2))), TODAY)
    assert unasked.level is Level.ONE
    assert unasked.grade is None
    assert {"exacerbations", "copd_admissions", "fev1_percent"} <= set(unasked.unknown)


def test_the_highest_field_is_the_proposal_and_only_its_fields_are_reasons() -> None:
    found = propose_level(KOL, LOW | {"social": "3", "psykisk": 2}, Record(()), TODAY)
    assert found.level is Level.THREE
    assert found.reason_ids == ("social",)
    assert "Hverdag" in found.reasons[0].text.da
    assert "3" in found.reasons[0].text.en
    inputs = {item.name: item.value for item in found.inputs}
    assert inputs["kol-behovsvurdering/psykisk"] == "2"


def test_a_missing_field_blocks_level_1_but_not_a_level_something_else_gives() -> None:
    partly = {"biologisk": "1", "psykisk": "1"}
    nothing = propose_level(KOL, partly, Record(()), TODAY)
    assert nothing.level is None
    assert nothing.incomplete is not None
    assert {"social", "sundhedskompetence"} <= set(nothing.unknown)
    assert len(nothing.missing) == 2
    raised = propose_level(KOL, partly, Record((measured(FEV1, 42, unit="%"),)), TODAY)
    assert raised.level is Level.TWO
    assert raised.incomplete is None
    assert "fev1-under-50" in raised.reason_ids


def test_answers_of_2_or_3_stand_even_when_other_fields_are_missing() -> None:
    assert propose_level(KOL, {"biologisk": "2"}, Record(()), TODAY).level is Level.TWO


@pytest.mark.parametrize(
    ("value", "unit", "level"),
    [(29.9, "%", 3), (30, "%", 2), (49.9, "%", 2), (50, "%", 1), (0.42, "1", 2), (0.42, "", 1), (42, "L", 1)],
)
def test_fev1_thresholds_and_units(value: float, unit: str, level: int) -> None:
    found = propose_level(KOL, LOW, Record((measured(FEV1, value, unit=unit),)), TODAY)
    assert found.level == level
    if unit == "L" or (value < 5 and unit == ""):
        assert "fev1_percent" in found.unknown  # a unit we cannot read, or a number that cannot be true


def test_reasons_name_value_and_source() -> None:
    found = propose_level(KOL, LOW, Record((measured(FEV1, 42.5, unit="%"),)), TODAY)
    reason = next(item for item in found.reasons if item.id == "fev1-under-50")
    assert "42.5 %" in reason.text.da
    assert [(item.name, item.value, item.source) for item in reason.inputs] == [
        ("fev1_percent", "42.5", f"Observation/m-{FEV1}-2027-02-20")
    ]


def test_old_future_unfinished_and_bounded_measurements_are_not_used() -> None:
    for resource in (
        measured(FEV1, 42, unit="%", on="2025-08-01"),  # older than 548 days
        measured(FEV1, 42, unit="%", on="2027-03-02"),
        measured(FEV1, 42, unit="%", status="preliminary"),
        measured(FEV1, 42, unit="%", status="entered-in-error"),
        measured(FEV1, 42, valueQuantity={"value": 42, "comparator": "<", "code": "%"}),
    ):
        assert "fev1_percent" in propose_level(KOL, LOW, Record((resource,)), TODAY).unknown


def test_the_newest_measurement_counts() -> None:
    record = Record((measured(FEV1, 80, unit="%", on="2027-02-25"), measured(FEV1, 25, unit="%", on="2027-02-01")))
    assert propose_level(KOL, LOW, record, TODAY).level is Level.ONE


def test_an_admission_the_hospital_told_raises_to_3_and_silence_says_nothing() -> None:
    contact = {
        "resourceType": "Encounter",
        "id": "v1",
        "status": "finished",
        "class": {"code": "IMP"},
        "period": {"start": "2027-01-01", "end": "2027-01-05"},
    }
    found = propose_level(KOL, LOW, Record((contact,)), TODAY)
    assert found.level is Level.THREE
    assert "admission" in found.reason_ids
    for other in (
        contact | {"status": "cancelled"},
        contact | {"class": {"code": "AMB"}},
        contact | {"period": {"start": "2025-01-01", "end": "2025-01-05"}},
    ):
        assert propose_level(KOL, LOW, Record((other,)), TODAY).level is Level.ONE
    assert "admissions_seen" not in propose_level(KOL, LOW, Record(()), TODAY).unknown


def test_a_block_takes_every_proposal_away_and_says_what_to_assess() -> None:
    block = Block(
        id="red-flag",
        when=Condition(input="mrc", op="eq", value=5),
        reason=Text(da="Vurdér åndenød først.", en="Assess the breathlessness first."),
        source="standard-niveau",
    )
    strict = replace(KOL, level=KOL.level.model_copy(update={"blocks": (block,)}))
    found = propose_level(strict, LOW | {"social": "3"}, Record((measured(MRC, 5),)), TODAY)
    assert found.level is None
    assert found.is_blocked
    assert found.blocked[0].text.da == "Vurdér åndenød først."
    assert not propose_level(strict, LOW, Record(()), TODAY).is_blocked  # unknown blocks nothing


def test_stored_answers_are_used_and_newer_ones_win() -> None:
    def response(rid: str, at: str, value: str) -> dict[str, Any]:
        return {
            "resourceType": "QuestionnaireResponse",
            "id": rid,
            "status": "completed",
            "questionnaire": KOL.forms["kol-behovsvurdering"].canonical,
            "authored": at,
            "item": [
                {
                    "linkId": "g",
                    "item": [{"linkId": name, "answer": [{"valueCoding": {"code": value}}]} for name in LOW],
                }
            ],
        }

    record = Record((response("q1", "2027-02-01T10:00:00Z", "3"), response("q2", "2027-02-02T10:00:00Z", "1")))
    found = propose_level(KOL, None, record, TODAY)
    assert found.level is Level.ONE
    assert found.reasons[0].inputs[0].source == "QuestionnaireResponse/q2"
    assert propose_level(KOL, {"social": "2"}, record, TODAY).level is Level.TWO


def test_rule_and_guideline_are_kept_with_the_proposal() -> None:
    found = propose_level(guideline("abcd"), LOW, Record(()), TODAY)
    assert (found.rule_version, found.guideline) == (KOL.level.version, "abcd")


def test_answers_become_inputs() -> None:
    assert answer_known(True, None, None).milli == 1000  # type: ignore[union-attr]
    assert answer_known({"code": "ja"}, None, None).milli is None  # type: ignore[union-attr]
    assert answer_known({"code": "2"}, None, None).milli == 2000  # type: ignore[union-attr]
    assert answer_known({"value": 1.5, "code": "L"}, None, None).milli == 1500  # type: ignore[union-attr]
    assert answer_known("", None, None) is None
    assert answer_known({}, None, None) is None


@given(st.integers(-10_000_000, 10_000_000))
def test_thousandths_read_as_people_write_them(milli: int) -> None:
    text = number_text(milli)
    assert "E" not in text
    assert round(float(text) * 1000) == milli


@given(
    fields=st.fixed_dictionaries({name: st.sampled_from(["1", "2", "3"]) for name in LOW}),
    fev1=st.none() | st.integers(5, 120),
    mrc=st.none() | st.integers(1, 5),
    exacerbations=st.none() | st.integers(0, 5),
)
def test_more_need_never_proposes_less(
    fields: dict[str, str], fev1: int | None, mrc: int | None, exacerbations: int | None
) -> None:
    given_values = ((FEV1, fev1, "%"), (MRC, mrc, ""), (EXACERBATIONS, exacerbations, ""))
    record = Record(tuple(measured(code, value, unit=unit) for code, value, unit in given_values if value is not None))
    found = propose_level(KOL, fields, record, TODAY)
    assert found.level is not None
    assert found.level >= max(int(value) for value in fields.values())
    if fev1 is not None and fev1 < 30:
        assert found.level is Level.THREE
    assert {reason.at_least for reason in found.reasons} >= {found.level}
    assert days.iso(TODAY) == "2027-03-01"
