"""Values to FHIR and back: what we write is valid R4, comes back as it was, and leaves others' content alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.validate import validate
from tovholder.plan import resources
from tovholder.plan.clock import ClockEvent, Pause, RightsClock
from tovholder.plan.domain import ActivityStatus, Level, Phase, PlanStatus
from tovholder.plan.values import (
    Activity,
    Appointment,
    Code,
    Decision,
    Episode,
    Goal,
    Plan,
    Proposal,
    ProposalInput,
    Referral,
)

D = 20830  # 2027-01-12
EPISODE = Episode(
    id="e1",
    patient_id="p1",
    package="kol",
    package_version="1.0.0",
    phase=Phase.FURTHER,
    organization_id="o1",
    condition_id="c1",
    diagnosed_day=D,
    eligible_day=D,
    offered_day=D + 1,
    started_day=D + 2,
    decided_by="Practitioner/d1",
    inclusion_reasons=("Diagnosen KOL (R95) er registreret.", "Patienten er 66 år."),
    clock=RightsClock("kol-plan-30@1", ClockEvent.DIAGNOSIS, D, 30),
    pauses=(Pause(D + 3, D + 9, "rejse"), Pause(D + 12, None, "vil tænke over det")),
    care_manager="Practitioner/d1",
)
PLAN = Plan(
    id="cp1",
    patient_id="p1",
    episode_id="e1",
    package="kol",
    package_version="1.0.0",
    status=PlanStatus.ACTIVE,
    title="Behandlingsplan for KOL",
    made_day=D + 3,
    author="Practitioner/d1",
    confirmed_day=D + 5,
    confirmed_by="Practitioner/d1",
    shared_day=D + 5,
    start_day=D + 5,
    end_day=D + 370,
    review_day=D + 370,
    condition_ids=("c1",),
    goal_ids=("g1", "g2"),
    activity_ids=("s1",),
)
GOAL = Goal(
    id="g1",
    patient_id="p1",
    episode_id="e1",
    text="Gå en tur med hunden hver dag",
    achievement="in-progress",
    expressed_by="Patient/p1",
    start_day=D,
    target_day=D + 90,
    target="hver dag",
    code=Code(systems.MCS, "MCS88149", "Mål for motion"),
    condition_ids=("c1",),
)
PROPOSAL = Proposal(
    id="r1",
    patient_id="p1",
    episode_id="e1",
    level=Level.TWO,
    made=datetime(2027, 1, 14, 9, 30, tzinfo=UTC),
    rule="kol-level",
    rule_version="1",
    reasons=("FEV1 er 42 % af forventet (under 50 %).",),
    unknown=("exacerbations",),
    inputs=(ProposalInput("fev1_percent", "42", "Observation/m1"), ProposalInput("age", "66")),
)
DECISION = Decision(
    id="l1",
    patient_id="p1",
    episode_id="e1",
    level=Level.THREE,
    decided_day=D + 4,
    decided_by="Practitioner/d1",
    organization_id="o1",
    proposal_id="r1",
    proposed_level=Level.TWO,
    override_reason="Bor alene og har lige mistet sin ægtefælle",
    rule_version="1",
    review_day=D + 365,
    derived_from=("QuestionnaireResponse/q1",),
)
ACTIVITY = Activity(
    id="s1",
    patient_id="p1",
    episode_id="e1",
    plan_id="cp1",
    package="kol",
    kind="kol-kontrol",
    title="KOL-kontrol",
    status=ActivityStatus.COMPLETED,
    performer_kind="gp",
    due_day=D + 180,
    window_start_day=D + 166,
    window_end_day=D + 210,
    done_day=D + 181,
    performer_id="o1",
    authored_day=D + 5,
)
APPOINTMENT = Appointment(
    id="a1",
    patient_id="p1",
    kind="kol-kontrol",
    title="KOL-kontrol",
    status="cancelled",
    start=datetime(2027, 3, 28, 7, 0, tzinfo=UTC),
    end=datetime(2027, 3, 28, 7, 30, tzinfo=UTC),
    created_day=D,
    organization_id="o1",
    practitioner_id="d1",
    episode_id="e1",
    activity_id="s1",
    cancel_reason="illness",
    cancel_text="har influenza",
    cancelled_by="patient",
    outcome_unknown=False,
    correction=None,
)
REFERRAL = Referral(
    id="t1",
    patient_id="p1",
    episode_id="e1",
    request_id="s1",
    kind="rehabilitering",
    receiver_id="o2",
    receiver_kind="prevention",
    status="completed",
    sent_day=D,
    requester="Practitioner/d1",
    accepted_day=D + 2,
    started_day=D + 9,
    completed_day=D + 60,
    title="Henvisning til rehabilitering",
)

CASES: list[tuple[Any, Callable[..., dict[str, Any]], Callable[[Mapping[str, Any]], Any]]] = [
    (EPISODE, resources.episode_resource, resources.read_episode),
    (PLAN, resources.plan_resource, resources.read_plan),
    (GOAL, resources.goal_resource, resources.read_goal),
    (PROPOSAL, resources.proposal_resource, resources.read_proposal),
    (DECISION, resources.decision_resource, resources.read_decision),
    (ACTIVITY, resources.activity_resource, resources.read_activity),
    (APPOINTMENT, resources.appointment_resource, resources.read_appointment),
    (REFERRAL, resources.referral_resource, resources.read_referral),
]
VARIANTS = [
    replace(EPISODE, phase=Phase.ELIGIBLE, offered_day=None, started_day=None, pauses=(), care_manager=None),
    replace(EPISODE, phase=Phase.DECLINED, declined_day=D + 4, decline_reason="vil ikke", started_day=None),
    replace(EPISODE, phase=Phase.ENDED, ended_day=D + 100, end_reason="moved-practice"),
    replace(EPISODE, clock=RightsClock("kol-plan-30@1", ClockEvent.UNKNOWN, None, 30), diagnosed_day=None),
    replace(EPISODE, clock=RightsClock("kol-plan-30@1", ClockEvent.INCLUSION, D, 30, legacy=True)),
    replace(PLAN, status=PlanStatus.DRAFT, confirmed_day=None, confirmed_by=None, shared_day=None, goal_ids=()),
    replace(PLAN, no_goal_reason="Patienten ønsker ikke at sætte mål nu", goal_ids=()),
    replace(GOAL, code=None, target="", target_day=None, expressed_by="Practitioner/d1", achievement=None),
    replace(PROPOSAL, level=None, blocked="Vurdér røde flag først", reasons=(), inputs=()),
    replace(DECISION, override_reason=None, proposal_id=None, proposed_level=None, derived_from=()),
    replace(APPOINTMENT, status="booked", cancel_reason=None, cancel_text="", cancelled_by=None, outcome_unknown=True),
    replace(
        APPOINTMENT, status="proposed", start=None, end=None, cancel_reason=None, cancel_text="", cancelled_by=None
    ),
    replace(
        REFERRAL, status="cancelled", stop_reason="no-show", stop_text="kom ikke", started_day=None, completed_day=None
    ),
]
BY_TYPE = {type(value): (write, read) for value, write, read in CASES}


@pytest.mark.parametrize("value", [case[0] for case in CASES] + VARIANTS, ids=lambda value: type(value).__name__)
def test_what_we_write_is_valid_fhir_and_reads_back_the_same(value: Any) -> None:
    write, read = BY_TYPE[type(value)]
    resource = write(value)
    assert [str(issue) for issue in validate(resource) if issue.severity in ("error", "fatal")] == []
    assert read(resource) == value


@pytest.mark.parametrize("value", [case[0] for case in CASES], ids=lambda value: type(value).__name__)
def test_writing_into_a_stored_resource_keeps_what_is_not_ours_and_is_stable(value: Any) -> None:
    write, read = BY_TYPE[type(value)]
    stored = write(value)
    foreign = {"url": "http://example.org/own", "valueString": "behold mig"}
    stored["extension"] = [foreign, *stored["extension"]]
    stored["identifier"] = [*stored.get("identifier", []), {"system": "http://example.org", "value": "7"}]
    stored["meta"] = {"versionId": "4"}
    again = write(value, stored)
    assert foreign in again["extension"]
    assert {"system": "http://example.org", "value": "7"} in again["identifier"]
    assert again["meta"] == {"versionId": "4"}
    assert read(again) == value
    assert write(value, again) == again


def test_the_contract_of_an_episode() -> None:
    made = resources.episode_resource(EPISODE)
    assert made["status"] == "onhold"
    assert made["type"][0]["coding"][0] == {"system": systems.PACKAGE_SYSTEM, "code": "kol"}
    by_url = {item["url"]: item for item in made["extension"]}
    assert by_url[systems.extension_url("episode-phase")]["valueCode"] == "further"
    assert by_url[systems.extension_url("paused-days")]["valueInteger"] == 6
    assert by_url[systems.extension_url("pause-open")]["valueDate"] == days.iso(D + 12)
    clock = {part["url"]: part for part in by_url[systems.extension_url("rights-clock")]["extension"]}
    assert clock["deadline"]["valueDate"] == days.iso(D + 30) and clock["legacy"]["valueBoolean"] is False


def test_a_draft_has_no_confirmed_day_and_a_clock_without_date_no_deadline() -> None:
    draft = resources.plan_resource(replace(PLAN, status=PlanStatus.DRAFT, confirmed_day=None, shared_day=None))
    assert systems.extension_url("confirmed") not in {item["url"] for item in draft["extension"]}
    unknown = replace(EPISODE, clock=RightsClock("r@1", ClockEvent.UNKNOWN, None, 30))
    made = resources.episode_resource(unknown)
    clock = next(item for item in made["extension"] if item["url"].endswith("rights-clock"))
    assert {part["url"] for part in clock["extension"]} == {"rule", "event", "days", "legacy"}


def test_a_foreign_episode_without_our_extensions_is_read_leniently() -> None:
    read = resources.read_episode(
        {"resourceType": "EpisodeOfCare", "id": "x", "status": "active", "patient": {"reference": "Patient/p"}}
    )
    assert read.phase is Phase.STARTUP and read.package == "" and read.clock is None


def test_an_observation_that_is_no_decision_reads_as_none() -> None:
    measured = resources.measurement_resource(
        patient_id="p1", code=Code(systems.MCS, "MCS88021", "MRC"), at=D, integer=3
    )
    assert resources.read_decision(measured) is None
    assert not resources.is_decision(measured)
    broken = resources.decision_resource(DECISION) | {
        "valueCodeableConcept": {"coding": [{"system": systems.LEVEL_SYSTEM, "code": "5"}]}
    }
    assert resources.read_decision(broken) is None and resources.is_decision(broken)


def test_records_are_valid_fhir() -> None:
    made = [
        resources.condition_resource(patient_id="p1", codes=[Code(systems.ICPC2, "R95", "KOL")], recorded_day=D),
        resources.measurement_resource(
            patient_id="p1",
            code=Code(systems.MCS, "MCS88023"),
            at=datetime(2027, 1, 1, tzinfo=UTC),
            quantity=42.5,
            unit="%",
        ),
        resources.measurement_resource(
            patient_id="p1", code=Code(systems.MCS, "MCS88011"), at=D, coded=Code(systems.MCS, "ophørt")
        ),
        resources.response_resource(
            patient_id="p1",
            questionnaire=f"{systems.BASE}/Questionnaire/kol-behovsvurdering|1",
            items=[{"linkId": "social", "answer": [{"valueInteger": 2}]}],
            authored=datetime(2027, 1, 1, tzinfo=UTC),
            author="Practitioner/d1",
            episode_id="e1",
        ),
    ]
    for resource in made:
        assert [str(issue) for issue in validate(resource) if issue.severity in ("error", "fatal")] == []
