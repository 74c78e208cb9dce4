"""Inclusion: codes under both systems' names, age, own doctor, doubtful and finished diagnoses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.world import day
from tovholder import packages
from tovholder.fhir import systems
from tovholder.packages.common import Text
from tovholder.plan.clock import ClockEvent
from tovholder.plan.inclusion import clock_for, evaluate_inclusion
from tovholder.plan.inputs import age
from tovholder.plan.record import Diagnosis, PatientFacts, patient_facts

KOL = packages.get("kol")
TODAY = day("2027-03-01")
PERSON = PatientFacts("p", day("1960-05-01"), "clinic")


def diagnosis(code: str = "R95", system: str = systems.ICPC2, **changes: object) -> Diagnosis:
    base = Diagnosis("c1", system, code, "active", "confirmed", None, day("2027-02-20"))
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("system", "code", "included"),
    [
        (systems.ICPC2, "R95", True),
        (systems.ICPC2_HL7, "R95", True),
        (systems.ICPC2, "r95", True),
        (systems.ICPC2, "R96", False),  # asthma
        (systems.ICPC2, "R950", False),  # no children asked for
        (systems.SKS_DIAGNOSIS, "DJ44", True),
        (systems.SKS_DIAGNOSIS, "DJ449", True),
        (systems.SKS_DIAGNOSIS, "DJ44.9", True),
        (systems.SKS, "DJ441A", True),
        (systems.SKS_DIAGNOSIS, "DJ45", False),
        (systems.LOINC, "R95", False),
        ("", "R95", False),
    ],
)
def test_codes(system: str, code: str, included: bool) -> None:
    found = evaluate_inclusion(KOL, PERSON, [diagnosis(code, system)], TODAY)
    assert found.included is included
    assert found.reason_ids[0] == ("diagnosis" if included else "no_diagnosis")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verification_status": "refuted"}, "refuted"),
        ({"verification_status": "entered-in-error"}, "refuted"),
        ({"verification_status": "provisional"}, "not_confirmed"),
        ({"verification_status": "differential"}, "not_confirmed"),
        ({"clinical_status": "resolved"}, "not_active"),
        ({"clinical_status": "inactive"}, "not_active"),
    ],
)
def test_a_doubtful_or_finished_diagnosis_does_not_include_and_says_why(change: dict[str, str], reason: str) -> None:
    found = evaluate_inclusion(KOL, PERSON, [diagnosis(**change)], TODAY)
    assert not found.included
    assert reason in found.reason_ids
    assert found.condition_id is None


def test_statuses_nobody_sends_count_as_a_standing_diagnosis() -> None:
    assert evaluate_inclusion(KOL, PERSON, [diagnosis(clinical_status=None, verification_status=None)], TODAY).included
    assert evaluate_inclusion(KOL, PERSON, [diagnosis(clinical_status="relapse")], TODAY).included


CODED = KOL.inclusion.model_copy(
    update={
        "coded_age_min": 18,
        "reasons": KOL.inclusion.reasons.model_copy(
            update={"coded_too_young": Text(da="Kodet som {age}-årig, {minimum}", en="Coded at {age}, {minimum}")}
        ),
    }
)
ADULTS = replace(KOL, inclusion=CODED)


@pytest.mark.parametrize(
    ("recorded", "onset", "included"),
    [
        ("1978-05-01", None, True),  # the eighteenth birthday
        ("1978-04-30", None, False),
        (None, "1978-04-30", False),
        ("2020-01-01", "1970-01-01", True),  # coded as an adult, whenever it began
        (None, None, True),  # nobody knows when: a person confirms
    ],
)
def test_a_diagnosis_may_have_to_be_coded_from_an_age_on(
    recorded: str | None, onset: str | None, included: bool
) -> None:
    found = evaluate_inclusion(
        ADULTS,
        PERSON,
        [
            diagnosis(
                recorded_day=None if recorded is None else day(recorded),
                onset_day=None if onset is None else day(onset),
            )
        ],
        TODAY,
    )
    assert found.included is included
    assert ("coded_too_young" in found.reason_ids) is not included
    if not included:
        assert found.reasons[0].text.en == "Coded at 17, 18"


def test_coded_again_as_an_adult_includes_on_that_diagnosis() -> None:
    held = [diagnosis(id="c0", recorded_day=day("1975-01-01")), diagnosis(recorded_day=day("2019-01-01"))]
    found = evaluate_inclusion(ADULTS, PERSON, held, TODAY)
    assert (found.included, found.condition_id, found.diagnosis_day) == (True, "c1", day("2019-01-01"))


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        ("2009-03-01", "2027-03-01", 18),
        ("2009-03-02", "2027-03-01", 17),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2008-02-29", "2028-02-29", 20),
        ("2027-03-01", "2027-03-01", 0),
    ],
)
def test_age_on_birthdays(born: str, today: str, years: int) -> None:
    assert age(day(born), day(today)) == years
    found = evaluate_inclusion(KOL, replace(PERSON, birth_day=day(born)), [diagnosis()], day(today))
    assert ("age" if years >= 18 else "too_young") in found.reason_ids
    assert found.included == (years >= 18)


def test_unknown_age_no_own_doctor_and_death_each_speak_against() -> None:
    for person, reason in (
        (replace(PERSON, birth_day=None), "age_unknown"),
        (replace(PERSON, organization_id=None), "no_own_doctor"),
        (replace(PERSON, deceased=True), "deceased"),
    ):
        found = evaluate_inclusion(KOL, person, [diagnosis()], TODAY)
        assert not found.included
        assert [item.id for item in found.reasons if item.against] == [reason]
    assert not evaluate_inclusion(KOL, None, [diagnosis()], TODAY).included


def test_reasons_are_told_in_both_languages_with_what_was_found() -> None:
    reasons = {item.id: item.text for item in evaluate_inclusion(KOL, PERSON, [diagnosis()], TODAY).reasons}
    assert "R95" in reasons["diagnosis"].da
    assert "66" in reasons["age"].en


def test_the_earliest_standing_diagnosis_gives_the_day_and_an_undated_one_comes_last() -> None:
    early = diagnosis(id="c2", recorded_day=day("2027-01-10"))
    wrong = diagnosis(id="c0", recorded_day=day("2026-01-10"), verification_status="refuted")
    undated = diagnosis(id="c3", recorded_day=None)
    found = evaluate_inclusion(KOL, PERSON, [undated, diagnosis(), early, wrong], TODAY)
    assert (found.condition_id, found.diagnosis_day) == ("c2", day("2027-01-10"))
    only_undated = evaluate_inclusion(KOL, PERSON, [undated], TODAY)
    assert only_undated.included
    assert only_undated.diagnosis_day is None


def test_the_day_recorded_is_the_diagnosis_day_and_onset_only_stands_in_for_it() -> None:
    assert diagnosis(onset_day=day("2015-06-01")).day == day("2027-02-20")
    assert diagnosis(onset_day=day("2015-06-01"), recorded_day=None).day == day("2015-06-01")


def test_conditions_spent_on_earlier_courses_are_left_out() -> None:
    assert not evaluate_inclusion(KOL, PERSON, [diagnosis()], TODAY, without=frozenset({"c1"})).included


def test_the_clock_of_the_package() -> None:
    new = clock_for(KOL, diagnosed_day=day("2027-02-20"), inclusion_day=TODAY)
    assert (new.rule, new.event, new.deadline_day) == ("kol-plan-30@1", ClockEvent.DIAGNOSIS, day("2027-03-22"))
    old = clock_for(KOL, diagnosed_day=day("2019-05-01"), inclusion_day=TODAY)
    assert (old.event, old.legacy, old.deadline_day) == (ClockEvent.INCLUSION, True, TODAY + 30)
    assert clock_for(KOL, diagnosed_day=None, inclusion_day=TODAY).missing


def test_the_own_doctor_is_the_organisation_among_the_general_practitioners() -> None:
    facts = patient_facts(
        {
            "id": "p",
            "birthDate": "1960",
            "deceasedDateTime": "2027-02-01T23:30:00Z",
            "generalPractitioner": [{"reference": "Practitioner/d"}, {"reference": "Organization/o"}],
        }
    )
    assert facts.organization_id == "o"
    assert facts.birth_day is None  # a year alone is no birthday
    assert facts.deceased
    assert facts.deceased_day == day("2027-02-02")
