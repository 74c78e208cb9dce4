"""The fact tables: their columns, what each FHIR shape becomes, and that no valid resource can stop a write."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

import tovholder.store
from lib.mutations import places
from tovholder.base.days import parse_day
from tovholder.fhir import systems as s
from tovholder.fhir import view_select, views
from tovholder.fhir.views import View, load_views

FACTS = Path(tovholder.store.__file__).parent / "facts"
TABLES = load_views(FACTS)
LETTERS = {"text": "t", "code": "t", "day": "d", "int": "i", "milli": "m", "flag": "f"}
COLUMNS = {
    "patient": "patient_id t, birth_day d, sex t, organization_id t, elsewhere f, municipality t, deceased_day d, deceased f, "
    "active f",
    "diagnosis": "diagnosis_id t, patient_id t, system t, code t, clinical_status t, verification_status t, onset_day "
    "d, recorded_day d, abatement_day d, category t",
    "episode": "episode_id t, patient_id t, package t, package_version t, phase t, status t, organization_id t, "
    "condition_id t, diagnosis_day d, eligible_day d, offered_day d, started_day d, declined_day d, "
    "ended_day d, end_reason t, clock_rule t, clock_event t, clock_start_day d, deadline_day d, legacy f, "
    "paused_days i, pause_open_day d, handed_day d, taken_day d, held_before t",
    "plan": "plan_id t, patient_id t, episode_id t, package t, package_version t, status t, made_day d, "
    "confirmed_day d, confirmed_by t, shared_day d, start_day d, end_day d, review_day d, kept_version t, "
    "look_again_day d, has_goal f, no_goal_reason t",
    "goal": "goal_id t, patient_id t, plan_episode_id t, lifecycle_status t, achievement t, by_patient f, "
    "start_day d, target_day d, code t",
    "level": "level_id t, patient_id t, episode_id t, level i, decided_day d, status t, proposed_level i, "
    "override_reason t, rule_version t, review_day d",
    "activity": "activity_id t, patient_id t, episode_id t, plan_id t, package t, kind t, status t, due_day d, "
    "window_start_day d, window_end_day d, done_day d, performer_kind t",
    "appointment": "appointment_id t, patient_id t, status t, start_day d, created_day d, organization_id t, "
    "cancel_reason t, cancelled_by t, outcome_unknown f, kind t, activity_id t, episode_id t",
    "referral": "referral_id t, patient_id t, episode_id t, request_id t, kind t, receiver_id t, receiver_kind t, "
    "status t, sent_day d, accepted_day d, started_day d, completed_day d, stop_reason t, seen_day d, follows_id t",
    "measurement": "measurement_id t, patient_id t, system t, code t, day d, value_milli m, value_code t, unit t, "
    "status t, episode_id t",
    "response": "response_id t, patient_id t, episode_id t, questionnaire t, questionnaire_version t, status t, "
    "authored_day d",
    "contact": "contact_id t, patient_id t, kind t, type t, status t, start_day d, end_day d, organization_id t",
    "attempt": "attempt_id t, patient_id t, episode_id t, flag_rule t, channel t, outcome t, status t, day d",
    "handling": "handling_id t, patient_id t, episode_id t, kind t, flag_rule t, until_day d, stood t, assigned_to t, "
    "handled_by t, sent t, day d",
    "invitation": "invitation_id t, patient_id t, round_id t, number i, channel t, standing t, sent t, day d, "
    "activity_id t, episode_id t",
    "exemption": "exemption_id t, patient_id t, until_day d",
    "organization": "organization_id t, kind t, region t, sundhedsraad t, municipality t, part_of t",
    "period": "period_id t, kind t, start_day d, end_day d",
    "episode_link": "resource_id t, resource_type t, patient_id t, episode_id t, why t, confidence i",
}


def to(text: str) -> dict[str, str]:
    return {"reference": text}


def ext(name: str, **value: Any) -> dict[str, Any]:
    return {"url": s.extension_url(name), **value}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


EPISODE = {"url": s.EPISODE_OF_CARE_EXTENSION, "valueReference": to("EpisodeOfCare/e")}
SUBJECT = {"subject": to("Patient/p")}
SHAPES: dict[str, dict[str, Any]] = {
    "patient": {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "1950-02-03",
        "gender": "male",
        "generalPractitioner": [to("Practitioner/d"), to("Organization/o")],
        "address": [
            {
                "extension": [
                    {"url": s.MUNICIPALITY_EXTENSION, "valueCodeableConcept": coded(s.MUNICIPALITY, "0101")},
                ]
            }
        ],
    },
    "diagnosis": {
        "resourceType": "Condition",
        "id": "c",
        **SUBJECT,
        "clinicalStatus": coded(s.CONDITION_CLINICAL, "active"),
        "verificationStatus": coded(s.CONDITION_VERIFICATION, "confirmed"),
        "category": [coded(s.CONDITION_CATEGORY, "problem-list-item"), coded("x", "y")],
        "code": {"coding": [{"system": s.ICPC2, "code": "R95"}, {"system": s.SKS_DIAGNOSIS, "code": "DJ449"}]},
        "onsetPeriod": {"start": "2020-01-01"},
        "recordedDate": "2020-01-02",
    },
    "episode": {
        "resourceType": "EpisodeOfCare",
        "id": "e",
        "status": "onhold",
        "patient": to("Patient/p"),
        "type": [coded(s.PACKAGE_SYSTEM, "kol")],
        "managingOrganization": to("Organization/o"),
        "diagnosis": [{"condition": to("Condition/c")}],
        "period": {"start": "2026-01-05", "end": "2027-01-01"},
        "extension": [
            ext("episode-phase", valueCode="startup"),
            ext("package-version", valueString="1"),
            ext("diagnosed", valueDate="2026-01-01"),
            ext("eligible", valueDate="2026-01-02"),
            ext("offered", valueDate="2026-01-03"),
            ext("started", valueDate="2026-01-05"),
            ext("declined", valueDate="2026-01-06"),
            ext("end-reason", valueCode="moved"),
            ext(
                "rights-clock",
                extension=[
                    {"url": "rule", "valueString": "kol-plan-30@1"},
                    {"url": "event", "valueCode": "diagnosis"},
                    {"url": "start", "valueDate": "2026-01-01"},
                    {"url": "deadline", "valueDate": "2026-01-31"},
                    {"url": "legacy", "valueBoolean": True},
                ],
            ),
            ext(
                "pause", extension=[{"url": "start", "valueDate": "2026-01-10"}, {"url": "reason", "valueString": "x"}]
            ),
            ext(
                "pause", extension=[{"url": "start", "valueDate": "2026-02-10"}, {"url": "reason", "valueString": "y"}]
            ),
            ext("paused-days", valueInteger=4),
            ext("pause-open", valueDate="2026-02-10"),
            ext("handed", valueDate="2026-03-01"),
            ext("taken", valueDate="2026-03-02"),
            ext(
                "holding",
                extension=[
                    {"url": "organization", "valueReference": to("Organization/first")},
                    {"url": "start", "valueDate": "2026-01-05"},
                    {"url": "end", "valueDate": "2026-03-01"},
                ],
            ),
            ext(
                "holding",
                extension=[
                    {"url": "organization", "valueReference": to("Organization/o")},
                    {"url": "start", "valueDate": "2026-03-01"},
                ],
            ),
        ],
    },
    "plan": {
        "resourceType": "CarePlan",
        "id": "cp",
        "status": "active",
        **SUBJECT,
        "category": [coded(s.PACKAGE_SYSTEM, "kol")],
        "period": {"start": "2026-01-05", "end": "2027-01-05"},
        "goal": [to("Goal/g")],
        "extension": [
            EPISODE,
            ext("made", valueDate="2026-01-05"),
            ext("confirmed", valueDate="2026-01-06"),
            ext("confirmed-by", valueReference=to("PractitionerRole/d")),
            ext("shared", valueDate="2026-01-06"),
            ext("review", valueDate="2027-01-05"),
            ext("package-version", valueString="1"),
            ext("no-goal-reason", valueString="x"),
        ],
    },
    "goal": {
        "resourceType": "Goal",
        "id": "g",
        "lifecycleStatus": "active",
        "achievementStatus": coded(s.GOAL_ACHIEVEMENT, "improving"),
        **SUBJECT,
        "description": {"text": "gå en tur", "coding": [{"system": s.MCS, "code": "M1"}]},
        "startDate": "2026-01-05",
        "target": [{"dueDate": "2026-06-01"}, {"dueDate": "2026-07-01"}],
        "expressedBy": to("Patient/p"),
        "extension": [EPISODE],
    },
    "level": {
        "resourceType": "Observation",
        "id": "l",
        "status": "final",
        "code": coded(s.OBSERVATION_SYSTEM, "tovholder-level"),
        **SUBJECT,
        "effectiveDateTime": "2026-01-05",
        "valueCodeableConcept": coded(s.LEVEL_SYSTEM, "2"),
        "extension": [
            EPISODE,
            ext("proposed-level", valueInteger=3),
            ext("override-reason", valueString="x"),
            ext("rule-version", valueString="kol-level@1"),
            ext("review", valueDate="2027-01-05"),
        ],
    },
    "activity": {
        "resourceType": "ServiceRequest",
        "id": "sr",
        "status": "active",
        **SUBJECT,
        "code": coded(s.ACTIVITY_SYSTEM, "spirometri"),
        "occurrencePeriod": {"start": "2026-02-01", "end": "2026-03-01"},
        "performerType": coded(s.RECEIVER_SYSTEM, "gp"),
        "basedOn": [to("ServiceRequest/other"), to("CarePlan/cp")],
        "extension": [
            EPISODE,
            ext("due", valueDate="2026-02-15"),
            ext("done", valueDate="2026-02-16"),
            ext("package", valueCode="kol"),
        ],
    },
    "appointment": {
        "resourceType": "Appointment",
        "id": "a",
        "status": "cancelled",
        "serviceType": [coded(s.KIND_SYSTEM, "kol-kontrol")],
        "start": "2026-12-31T23:30:00Z",
        "created": "2026-12-01",
        "cancelationReason": coded(s.REASON_SYSTEM, "ill"),
        "participant": [{"actor": to("Organization/o")}, {"actor": to("Patient/p")}, {"status": "accepted"}],
        "basedOn": [to("ServiceRequest/sr")],
        "extension": [
            ext("organization", valueReference=to("Organization/o")),
            ext("outcome-unknown", valueBoolean=True),
            ext("cancelled-by", valueCode="patient"),
            EPISODE,
        ],
    },
    "referral": {
        "resourceType": "Task",
        "id": "t",
        "status": "completed",
        "code": coded(s.TASK_SYSTEM, "referral"),
        "focus": to("ServiceRequest/sr"),
        "for": to("Patient/p"),
        "authoredOn": "2026-01-07T10:00:00+01:00",
        "basedOn": [to("Task/refused")],
        "owner": to("Organization/o2"),
        "executionPeriod": {"start": "2026-01-20"},
        "statusReason": coded(s.REASON_SYSTEM, "done"),
        "extension": [
            EPISODE,
            ext("accepted", valueDate="2026-01-06"),
            ext("completed", valueDate="2026-03-01"),
            ext("kind", valueCode="rehabilitering"),
            ext("receiver-kind", valueCode="prevention"),
            ext("first-sent", valueDate="2026-01-05"),
            ext("seen", valueDate="2026-03-02"),
        ],
    },
    "measurement": {
        "resourceType": "Observation",
        "id": "m",
        "status": "final",
        "code": {
            "coding": [{"system": s.MCS, "code": "MCS88015"}, {"system": s.NPU, "code": "NPU1"}, {"display": "x"}]
        },
        **SUBJECT,
        "effectiveDateTime": "2026-01-05T10:00:00+01:00",
        "valueQuantity": {"value": 1.85, "unit": "liter", "code": "L"},
        "extension": [EPISODE],
    },
    "response": {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "questionnaire": f"{s.BASE}/Questionnaire/kol-behovsvurdering|1",
        **SUBJECT,
        "authored": "2026-01-05T10:00:00+01:00",
        "extension": [EPISODE],
    },
    "contact": {
        "resourceType": "Encounter",
        "id": "en",
        "status": "finished",
        "class": {"system": s.ACT_CODE, "code": "AMB"},
        "type": [coded("x", "visit")],
        **SUBJECT,
        "period": {"start": "2026-01-05T10:00:00+01:00", "end": "2026-01-05T10:30:00+01:00"},
        "serviceProvider": to("Organization/o"),
    },
    "attempt": {
        "resourceType": "Communication",
        "id": "co",
        "status": "completed",
        **SUBJECT,
        "sent": "2026-01-05T10:00:00+01:00",
        "medium": [coded("x", "PHONE")],
        "extension": [EPISODE, ext("flag-rule", valueCode="kol-control"), ext("outcome", valueCode="no-answer")],
    },
    "handling": {
        "resourceType": "Communication",
        "id": "ha",
        "status": "completed",
        **SUBJECT,
        "sent": "2026-01-05T10:00:00+01:00",
        "sender": to("Practitioner/d"),
        "extension": [
            EPISODE,
            ext("flag-rule", valueCode="kol-control"),
            ext("flag-handling", valueCode="snooze"),
            ext("snoozed-until", valueDate="2026-02-01"),
            ext("flag-stood", valueString="high|20000|2"),
        ],
    },
    "invitation": {
        "resourceType": "CommunicationRequest",
        "id": "in",
        "status": "completed",
        "statusReason": coded(s.INVITATION_STANDING_SYSTEM, "read"),
        "category": [coded(s.COMMUNICATION_CATEGORY_SYSTEM, "invitation")],
        "groupIdentifier": {"value": "round"},
        **SUBJECT,
        "about": [to("ServiceRequest/sr") | {"extension": [EPISODE]}, to("ServiceRequest/sr2")],
        "occurrenceDateTime": "2026-01-05T10:00:00+01:00",
        "medium": [coded(s.CHANNEL_SYSTEM, "letter")],
        "extension": [ext("recall-number", valueInteger=2)],
    },
    "exemption": {
        "resourceType": "CommunicationRequest",
        "id": "ex",
        "status": "active",
        "category": [coded(s.COMMUNICATION_CATEGORY_SYSTEM, "recall-exemption")],
        **SUBJECT,
        "occurrencePeriod": {"end": "2026-06-01"},
    },
    "organization": {
        "resourceType": "Organization",
        "id": "o",
        "name": "x",
        "type": [coded(s.ORGANIZATION_KIND_SYSTEM, "gp")],
        "partOf": to("Organization/r"),
        "extension": [
            ext("region", valueCode="DK-84"),
            ext("sundhedsraad", valueCode="sr1"),
            ext("municipality", valueCode="0101"),
        ],
    },
}


def d(text: str) -> int:
    day = parse_day(text)
    assert day is not None
    return day


def days(*texts: str) -> tuple[int, ...]:
    return tuple(map(d, texts))


ROWS: dict[str, list[tuple[Any, ...]]] = {
    "patient": [("p", d("1950-02-03"), "male", "o", 0, "0101", None, 0, 1)],
    "diagnosis": [
        ("c", "p", system, code, "active", "confirmed", d("2020-01-01"), d("2020-01-02"), None, "problem-list-item")
        for system, code in ((s.ICPC2, "R95"), (s.SKS_DIAGNOSIS, "DJ449"))
    ],
    "episode": [
        (
            *("e", "p", "kol", "1", "startup", "onhold", "o", "c"),
            *days("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-05", "2026-01-06", "2027-01-01"),
            *("moved", "kol-plan-30@1", "diagnosis", d("2026-01-01"), d("2026-01-31"), 1, 4, d("2026-02-10")),
            *(*days("2026-03-01", "2026-03-02"), "first"),
        )
    ],
    "plan": [
        (
            *("cp", "p", "e", "kol", "1", "active", d("2026-01-05"), d("2026-01-06"), "d"),
            *days("2026-01-06", "2026-01-05", "2027-01-05", "2027-01-05"),
            *(None, None, 1, "x"),
        )
    ],
    "goal": [("g", "p", "e", "active", "improving", 1, d("2026-01-05"), d("2026-06-01"), "M1")],
    "level": [("l", "p", "e", 2, d("2026-01-05"), "final", 3, "x", "kol-level@1", d("2027-01-05"))],
    "activity": [
        (
            *("sr", "p", "e", "cp", "kol", "spirometri", "active"),
            *days("2026-02-15", "2026-02-01", "2026-03-01", "2026-02-16"),
            "gp",
        )
    ],
    "appointment": [
        ("a", "p", "cancelled", d("2027-01-01"), d("2026-12-01"), "o", "ill", "patient", 1, "kol-kontrol", "sr", "e")
    ],
    "referral": [
        (
            *("t", "p", "e", "sr", "rehabilitering", "o2", "prevention", "completed"),
            *days("2026-01-05", "2026-01-06", "2026-01-20", "2026-03-01"),
            "done",
            d("2026-03-02"),
            "refused",
        )
    ],
    "measurement": [
        ("m", "p", system, code, d("2026-01-05"), 1850, None, "L", "final", "e")
        for system, code in ((s.MCS, "MCS88015"), (s.NPU, "NPU1"))
    ],
    "response": [("q", "p", "e", f"{s.BASE}/Questionnaire/kol-behovsvurdering", "1", "completed", d("2026-01-05"))],
    "contact": [("en", "p", "AMB", "visit", "finished", d("2026-01-05"), d("2026-01-05"), "o")],
    "attempt": [("co", "p", "e", "kol-control", "PHONE", "no-answer", "completed", d("2026-01-05"))],
    "handling": [
        (
            "ha",
            "p",
            "e",
            "snooze",
            "kol-control",
            d("2026-02-01"),
            "high|20000|2",
            None,
            "d",
            "2026-01-05T10:00:00+01:00",
            d("2026-01-05"),
        )
    ],
    "invitation": [
        ("in", "p", "round", 2, "letter", "read", "2026-01-05T10:00:00+01:00", d("2026-01-05"), activity, episode)
        for activity, episode in (("sr", "e"), ("sr2", None))
    ],
    "exemption": [("ex", "p", d("2026-06-01"))],
    "organization": [("o", "gp", "DK-84", "sr1", "0101", "r")],
}


def view(name: str) -> View:
    table = TABLES[name]
    assert isinstance(table, View)
    return table


def rows(name: str, **changes: Any) -> list[dict[str, Any]]:
    resource = {key: value for key, value in {**SHAPES[name], **changes}.items() if value is not None}
    names = [column for column, _ in view(name).columns]
    return [dict(zip(names, row, strict=True)) for row in view(name).rows(resource)]


def test_the_tables_have_exactly_their_columns() -> None:
    found = {
        name: ", ".join(f"{column} {LETTERS[conversion]}" for column, conversion in table.columns)
        for name, table in TABLES.items()
    }
    assert found == COLUMNS


def test_every_column_is_described_and_only_reference_tables_are_unscoped() -> None:
    for name, table in TABLES.items():
        assert table.description, name
        for column, _ in table.columns:
            assert table.descriptions[column].endswith("."), f"{name}.{column}"
    assert {name for name, table in TABLES.items() if table.unscoped} == {"organization", "period"}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_shape_becomes_its_rows(name: str) -> None:
    assert view(name).rows(SHAPES[name]) == ROWS[name]


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"patient", "organization", "appointment", "diagnosis", "goal"}))
def test_entered_in_error_gives_no_rows(name: str) -> None:
    assert rows(name, status="entered-in-error") == []


def test_entered_in_error_where_status_stands_elsewhere() -> None:
    assert rows("goal", lifecycleStatus="entered-in-error") == []
    assert rows("diagnosis", verificationStatus=coded(s.CONDITION_VERIFICATION, "entered-in-error")) == []
    assert len(rows("diagnosis", verificationStatus=None)) == 2
    assert rows("appointment", status="entered-in-error")[0]["status"] == "entered-in-error"


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"patient", "organization"}))
def test_what_is_about_no_patient_of_ours_gives_no_rows(name: str) -> None:
    for stranger in ("Group/g", "https://elsewhere.example/Patient/p"):
        everyone = {"subject": to(stranger), "patient": to(stranger), "for": to(stranger)}
        changes = {key: value for key, value in everyone.items() if key in SHAPES[name]}
        assert rows(name, **(changes or {"participant": [{"actor": to(stranger)}]})) == []


def test_a_level_is_no_measurement_and_the_other_way_round() -> None:
    assert view("measurement").rows(SHAPES["level"]) == []
    assert view("level").rows(SHAPES["measurement"]) == []
    elsewhere = {**SHAPES["level"], "code": coded("http://other.example", "tovholder-level")}
    assert view("level").rows(elsewhere) == []
    assert len(view("measurement").rows(elsewhere)) == 1


def test_an_activity_has_our_code_or_our_package() -> None:
    assert rows("activity", code=coded("x", "y"))[0]["kind"] is None
    assert rows("activity", extension=None)[0]["kind"] == "spirometri"
    assert rows("activity", code=coded("x", "y"), extension=None) == []


def test_other_tasks_plans_and_episodes_are_not_ours() -> None:
    assert rows("referral", code=coded("x", "referral")) == []
    assert rows("referral", code=coded(s.TASK_SYSTEM, "call")) == []
    assert rows("referral", extension=[ext("resent", valueReference=to("Task/later"))]) == []  # another round took over
    assert rows("plan", category=[coded("x", "kol")]) == []
    assert rows("episode", type=None) == []


def test_an_attempt_has_an_outcome_or_a_category() -> None:
    assert rows("attempt", extension=[EPISODE]) == []
    assert rows("attempt", extension=[EPISODE], category=[coded("x", "y")])[0]["outcome"] is None


def test_measurement_values() -> None:
    value = {"valueQuantity": None}
    assert rows("measurement", **value, valueInteger=3)[0]["value_milli"] == 3000
    coded_value = rows("measurement", **value, valueCodeableConcept=coded("x", "smoker"))[0]
    assert (coded_value["value_milli"], coded_value["value_code"]) == (None, "smoker")
    text = rows("measurement", **value, valueString="3")[0]
    assert (text["value_milli"], text["value_code"]) == (None, None)
    assert rows("measurement", valueQuantity={"value": -0.0005, "unit": "liter"})[0]["value_milli"] == -1
    assert rows("measurement", valueQuantity={"value": 1, "unit": "liter"})[0]["unit"] == "liter"


def test_measurement_days() -> None:
    when = {"effectiveDateTime": None}
    assert rows("measurement", **when) == []
    assert rows("measurement", effectiveDateTime="2026-01")[0]["day"] is None
    assert rows("measurement", **when, effectivePeriod={"start": "2026-01-05"})[0]["day"] == d("2026-01-05")
    assert rows("measurement", **when, effectiveInstant="2026-01-04T23:30:00Z")[0]["day"] == d("2026-01-05")


def test_a_group_appointment_stands_once_per_patient() -> None:
    seats = [{"actor": to(f"Patient/{name}")} for name in ("p", "q", "p")]
    assert [row["patient_id"] for row in rows("appointment", participant=seats)] == ["p", "q"]


def test_flags_and_counts_are_never_empty() -> None:
    bare = {"resourceType": "EpisodeOfCare", "id": "e", "status": "planned", "patient": to("Patient/p")}
    names = [column for column, _ in view("episode").columns]
    row = dict(zip(names, view("episode").rows({**bare, "type": [coded(s.PACKAGE_SYSTEM, "lrs")]})[0], strict=True))
    assert (row["package"], row["legacy"], row["paused_days"]) == ("lrs", 0, 0)
    assert rows("plan", goal=None)[0]["has_goal"] == 0
    assert rows("goal", expressedBy=to("Practitioner/d"))[0]["by_patient"] == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"deceasedBoolean": True}, (None, 1)),
        ({"deceasedBoolean": False}, (None, 0)),
        ({"deceasedDateTime": "2026-01-05"}, (d("2026-01-05"), 1)),
        ({"deceasedDateTime": "2026"}, (None, 1)),
    ],
)
def test_the_dead(changes: dict[str, Any], expected: tuple[int | None, int]) -> None:
    row = rows("patient", **changes)[0]
    assert (row["deceased_day"], row["deceased"]) == expected


def test_only_a_record_marked_so_is_out_of_use() -> None:
    assert [rows("patient", active=active)[0]["active"] for active in (None, True, False)] == [1, 1, 0]


def test_start_of_a_referral_is_told_by_either_element() -> None:
    told = [*SHAPES["referral"]["extension"], ext("started", valueDate="2026-01-19")]
    assert rows("referral", extension=told)[0]["started_day"] == d("2026-01-19")


def lists_doubled(value: Any) -> Any:
    """Every list twice as long: what may repeat does."""
    if isinstance(value, dict):
        return {key: lists_doubled(child) for key, child in value.items()}
    if isinstance(value, list):
        return [lists_doubled(child) for child in value + value]
    return value


def changed(resource: dict[str, Any], source: random.Random) -> dict[str, Any]:
    """A copy with a few elements gone, doubled or dated otherwise."""
    made = copy.deepcopy(resource)
    for _ in range(source.randint(1, 5)):
        candidates = [(parent, key) for parent, key in places(made) if key not in ("resourceType", "id", "url")]
        if not candidates:
            break
        parent, key = source.choice(candidates)
        what = source.random()
        if what < 0.5:
            del parent[key]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif isinstance(parent[key], str) and parent[key][:2] in ("19", "20"):
            parent[key] = source.choice(["2026", "2026-02", "2026-02-28", "2026-02-28T23:30:00Z"])
    return made


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_what_may_repeat_stops_no_write(name: str) -> None:
    assert view(name).rows(lists_doubled(SHAPES[name]))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_fast_and_general_reading_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_select, "finder", lambda tree, build: None)
    monkeypatch.setattr(view_select, "leading_extension", lambda tree, build: None)
    monkeypatch.setattr(views, "tester", lambda tree, build: None)
    general = load_views(FACTS)[name]
    assert isinstance(general, View)
    source = random.Random(20260101)
    told = 0
    for _ in range(150):
        resource = changed(SHAPES[name], source)
        found = view(name).rows(resource)
        assert found == general.rows(resource), resource
        told += bool(found)
    assert told > 30
