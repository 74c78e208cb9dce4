"""What the record answers of a referral: with its source and age, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from lib.people import condition, patient
from lib.world import day
from tovholder import packages
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.packages.common import Text
from tovholder.packages.conditions import Known
from tovholder.packages.model_screens import Fill, ReferralField
from tovholder.plan.domain import Level
from tovholder.plan.record import Record
from tovholder.plan.values import Decision, Goal
from tovholder.referral.prefill import Answered, Sender, State, input_text, months_before, prefill
from tovholder.referral.table import Asked, builtin, fields
from tovholder.workbench.made_records import Gaps
from tovholder.workbench.referral_bench import measure

TODAY = day("2027-03-01")
SENDER = Sender(name="Ida Holst", reference="Practitioner/i", clinic="Lægerne", clinic_reference="Organization/o")


def asked(kind: str, name: str = "", **more: Any) -> Asked:
    field = ReferralField(
        id="f", title=Text(da="Felt", en="Field"), required=True, fill=Fill(kind=kind, name=name), **more
    )
    return Asked(field, "package")


def answer(kind: str, name: str = "", *resources: dict[str, Any], **given: Any) -> Answered:
    package = packages.get("kol")
    more = {key: given.pop(key) for key in ("stale_months",) if key in given}
    made = prefill(
        package,
        package.referrals[0],
        [asked(kind, name, **more)],
        Record(resources),
        today=TODAY,
        sender=SENDER,
        **given,
    )
    return made[0]


def mrc(value: float, on: str, identity: str = "m1") -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": identity, "status": "final", "effectiveDateTime": on,
        "code": {"coding": [{"system": systems.MCS, "code": "MCS88021"}]},
        "valueQuantity": {"value": value},
    }  # fmt: skip


def test_a_measurement_tells_where_and_when() -> None:
    found = answer("input", "mrc", mrc(3, "2027-02-01"), mrc(4, "2025-02-01", "m0"))
    assert (found.value, found.source, found.state) == ("3", "Observation/m1", State.FILLED)
    assert found.day == day("2027-02-01")


@pytest.mark.parametrize(
    ("on", "state"),
    [
        ("2026-03-01", State.FILLED),
        ("2026-02-28", State.STALE),
        ("2019-01-01", State.STALE),
        ("2027-03-02", State.MISSING),
    ],
)
def test_twelve_months_to_the_day(on: str, state: State) -> None:
    assert answer("input", "mrc", mrc(3, on)).state is state


def test_a_fields_own_limit_and_none_at_all() -> None:
    assert answer("input", "mrc", mrc(3, "2026-12-15"), stale_months=2).state is State.STALE
    assert answer("input", "mrc", mrc(3, "2010-12-15"), stale_months=0).state is State.FILLED


def test_a_value_without_a_day_is_not_taken_for_new() -> None:
    undated = {key: value for key, value in mrc(3, "").items() if key != "effectiveDateTime"}
    found = answer("input", "mrc", undated)
    assert found.state in (State.STALE, State.MISSING) and found.day is None


def test_out_of_range_or_in_an_unknown_unit_is_missing_not_guessed() -> None:
    assert answer("input", "mrc", mrc(30, "2027-02-01")).state is State.MISSING
    strange = mrc(3, "2027-02-01") | {"valueQuantity": {"value": 3, "comparator": "<"}}
    assert answer("input", "mrc", strange).state is State.MISSING


def test_the_diagnosis_is_that_of_the_package_and_never_old() -> None:
    found = answer("diagnosis", "", condition("p", "R95", recorded="2012-01-01") | {"id": "c1"})
    assert "R95" in found.value and found.source == "Condition/c1" and found.state is State.FILLED
    refuted = condition("p", "R95", verification="refuted") | {"id": "c1"}
    assert answer("diagnosis", "", refuted).state is State.MISSING
    assert answer("diagnosis", "", condition("p", "A01") | {"id": "c1"}).state is State.MISSING


def test_level_and_goals_tell_their_days() -> None:
    decided = Decision(
        id="d", patient_id="p", episode_id="e", level=Level(2), decided_day=TODAY - 500, decided_by="Practitioner/i"
    )
    assert (answer("level", decision=decided).value, answer("level", decision=decided).state) == (
        "Niveau 2",
        State.STALE,
    )
    assert answer("level").state is State.MISSING
    goals = [
        Goal(id="g1", patient_id="p", episode_id="e", text="Gå en tur", start_day=TODAY - 5),
        Goal(id="g2", patient_id="p", episode_id="e", text="Opgivet", lifecycle="cancelled", start_day=TODAY),
    ]
    found = answer("goals", goals=goals)
    assert (found.value, found.source, found.day) == ("Gå en tur", "Goal/g1", TODAY - 5)


def test_the_person_as_the_record_knows_them() -> None:
    person = patient() | {"id": "p", "telecom": [{"system": "phone", "use": "old", "value": "0"}]}
    assert answer("patient", "name", person).value == "Prøve Jensen"
    assert answer("patient", "cpr", person).value == "610560-0000"
    assert answer("patient", "phone", person).state is State.MISSING  # an old number is none
    newer = person | {
        "telecom": [{"system": "phone", "value": "00 11"}, {"system": "phone", "use": "mobile", "value": "00 22"}]
    }
    assert answer("patient", "phone", newer).value == "00 22"
    danish = person | {"communication": [{"language": {"coding": [{"code": "da"}]}}]}
    assert answer("patient", "language", danish).state is State.MISSING
    assert answer("patient", "name").state is State.MISSING  # nobody read the patient


def test_fhirpath_is_told_with_the_resources_it_came_from() -> None:
    medicine = [
        {
            "resourceType": "MedicationStatement", "id": f"m{n}", "status": status, "dateAsserted": on,
            "medicationCodeableConcept": {"text": f"Middel {n}"},
        }
        for n, (status, on) in enumerate([("active", "2026-12-01"), ("stopped", "2027-01-01"), ("active", "2025-01-01")])
    ]  # fmt: skip
    path = "Bundle.entry.resource.where(resourceType = 'MedicationStatement' and status = 'active').medication.text"
    found = answer("fhirpath", path, *medicine)
    assert found.value == "Middel 0, Middel 2"
    assert found.sources == ("MedicationStatement/m0", "MedicationStatement/m2")
    assert found.day == day("2026-12-01")


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [
        ("2024-02-29", 12, "2023-02-28"),
        ("2027-03-31", 1, "2027-02-28"),
        ("2027-01-15", 1, "2026-12-15"),
        ("2027-12-31", 12, "2026-12-31"),
    ],
)
def test_months_back_stay_within_the_month(now: str, months: int, then: str) -> None:
    assert days.iso(months_before(day(now), months)) == then


def test_eighty_per_cent_and_what_a_miss_is() -> None:
    """The measurement itself: gaps lower it, no gaps leave only what a person writes, and demographics are far less."""
    held = packages.builtin().values()
    usual = measure(held, builtin(), TODAY, patients=25)
    assert usual.right >= 80 and usual.baseline < usual.right - 15
    whole = Gaps(**dict.fromkeys(Gaps().told(), 0.0))
    best = measure(held, builtin(), TODAY, patients=5, gaps=whole)
    for one in best.shares:
        assert one.right + one.written == one.required, one
    worst = measure(
        held, builtin(), TODAY, patients=5, gaps=Gaps(**(whole.told() | {"value_old": 1.0, "level_old": 1.0}))
    )
    assert worst.total("stale") > 0 and worst.clinical_right < best.clinical_right
    wrong = measure(held, builtin(), TODAY, patients=5, gaps=Gaps(**(whole.told() | {"phone_wrong": 1.0})))
    assert wrong.right < best.right


def test_every_package_is_measured() -> None:
    found = measure(packages.builtin().values(), builtin(), TODAY, patients=1)
    expected = {(p.id, k.id, r) for p in packages.builtin().values() for k in p.referrals for r in k.receiver_kinds}
    assert {(one.package, one.referral, one.receiver_kind) for one in found.shares} == expected


def test_required_fields_of_a_receiver_stay_required() -> None:
    kind = packages.get("kol").referral("fysioterapi")
    needed = {one.field.id for one in fields(builtin(), kind, "kol", "physio") if one.field.required}
    assert {"cpr", "navn", "henviser", "ydelse", "diagnose"} <= needed


def test_an_eye_doctor_and_a_podiatrist_read_an_answer_in_words() -> None:
    held = packages.get("t2d")
    sensed = next(one for one in held.level.inputs if one.name == "foot_ulcer")
    assert input_text(held, sensed.name, Known(milli=1000, code="1")) == "Ja"
    assert input_text(held, sensed.name, Known(milli=0, code="0")) == "Nej"
    assert input_text(held, "hba1c", Known(milli=53000)) == "53 mmol/mol"
    for referral, receiver, needed in (
        ("oejenlaege", "ophthalmologist", {"hba1c", "bt-sys", "bt-dia", "hastegrad", "cpr"}),
        ("fodterapeut", "podiatrist", {"hba1c", "egfr", "foelesans", "fodsaar", "cpr"}),
    ):
        asked = fields(builtin(), held.referral(referral), "t2d", receiver)
        assert needed <= {one.field.id for one in asked if one.field.required}
    usual = measure([held], builtin(), TODAY, patients=60)
    for one in usual.shares:
        if one.receiver_kind in ("ophthalmologist", "podiatrist"):
            assert one.right / one.required >= 0.8, one
