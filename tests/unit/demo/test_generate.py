"""What is generated is valid FHIR, points at itself, is the same every time, and stays within its budget."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tovholder.base import days, json
from tovholder.demo.synth import SynthConfig, generate, write_ndjson
from tovholder.demo.synth.generate import ORDER, file_name
from tovholder.fhir import systems as s
from tovholder.fhir.references import patient_of, references
from tovholder.fhir.validate import validate
from tovholder.plan.domain import Phase
from tovholder.plan.resources import read_appointment, read_decision, read_episode, read_plan, read_referral
from tovholder.plan.resources.extensions import coding

Json = dict[str, Any]
SMALL = SynthConfig(
    seed=11, anchor=date(2026, 11, 23), list_size=200, package_clinics=3, package_patients_per_clinic=16
)
DEMO = SynthConfig(seed=2027, anchor=date(2026, 11, 23))
TODAY = days.day_of(DEMO.anchor)


@pytest.fixture(scope="module")
def small() -> list[Json]:
    return list(generate(SMALL))


@pytest.fixture(scope="module")
def demo() -> dict[str, list[Json]]:
    begun = time.perf_counter()
    found: dict[str, list[Json]] = defaultdict(list)
    for resource in generate(DEMO):
        found[resource["resourceType"]].append(resource)
    many = sum(map(len, found.values()))
    print(f"{many} resources, {many / (time.perf_counter() - begun):.0f} a second")
    return found


def test_every_resource_is_valid_r4(small: list[Json]) -> None:
    assert [(item["resourceType"], issue) for item in small for issue in validate(item)] == []


def test_ids_are_unique_and_every_reference_leads_somewhere(small: list[Json]) -> None:
    names = [f"{item['resourceType']}/{item['id']}" for item in small]
    assert len(names) == len(set(names))
    known = set(names)
    assert {target for item in small for _, target in references(item) if target not in known} == set()


def test_no_resource_of_one_patient_points_at_anothers(small: list[Json]) -> None:
    whose = {f"{item['resourceType']}/{item['id']}": patient_of(item) for item in small}
    for item in small:
        for _, target in references(item):
            assert whose[target] in (None, whose[f"{item['resourceType']}/{item['id']}"])


def test_the_same_config_gives_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    write_ndjson(SMALL, tmp_path / "a")
    write_ndjson(SMALL, tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    other = SynthConfig(seed=12, anchor=SMALL.anchor, full_clinics=0, package_clinics=1, package_patients_per_clinic=8)
    again = SynthConfig(seed=13, anchor=SMALL.anchor, full_clinics=0, package_clinics=1, package_patients_per_clinic=8)
    assert [item["id"] for item in generate(other)] != [item["id"] for item in generate(again)]


def test_files_hold_what_is_generated_and_progress_counts_them(tmp_path: Path, small: list[Json]) -> None:
    told: list[int] = []
    counts = write_ndjson(SMALL, tmp_path, told.append)
    assert len(told) == 1 + SMALL.clinics
    assert sum(told) == sum(counts.values())
    assert counts == Counter(item["resourceType"] for item in small)
    for kind, many in counts.items():
        lines = (tmp_path / file_name(kind)).read_bytes().splitlines()
        assert len(lines) == many
        assert json.loads(lines[0])["resourceType"] == kind
    assert sorted(counts, key=ORDER.index) == [path.stem.split("-")[1] for path in sorted(tmp_path.iterdir())]


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    first = write_ndjson(SMALL, tmp_path)
    assert write_ndjson(SMALL, tmp_path) == first
    assert len((tmp_path / file_name("Patient")).read_bytes().splitlines()) == first["Patient"]


def test_the_demo_stays_within_its_budget(demo: Mapping[str, list[Json]]) -> None:
    assert sum(map(len, demo.values())) <= 65_000
    assert 1_700 <= len(demo["EpisodeOfCare"]) <= 2_300
    assert 2_400 <= len(demo["Patient"]) <= 2_800


def test_prevalence_on_the_full_list_is_3_percent(demo: Mapping[str, list[Json]]) -> None:
    clinic = next(item for item in demo["Organization"] if item["name"] == "Lægerne Åtorvet")
    patients = {item["id"] for item in demo["Patient"] if _gp(item) == clinic["id"]}
    kol = {patient_of(item) for item in demo["Condition"] if coding(item["code"], s.ICPC2) == "R95"}
    assert 1_590 <= len(patients) <= 1_600  # the dead are on the list they were on; those who moved are not
    assert 44 <= len(patients & kol) <= 48


def test_every_cpr_number_is_unique(demo: Mapping[str, list[Json]]) -> None:
    numbers = [item["identifier"][0]["value"] for item in demo["Patient"]]
    assert len(numbers) == len(set(numbers))


def test_nothing_that_has_happened_lies_in_the_future(demo: Mapping[str, list[Json]]) -> None:
    done = ("Observation", "Encounter", "QuestionnaireResponse", "RiskAssessment", "Communication", "Condition")
    for kind in done:
        for item in demo[kind]:
            for text in (
                item.get("effectiveDateTime"),
                item.get("authored"),
                item.get("sent"),
                item.get("recordedDate"),
            ):
                day = days.parse_day(text)
                assert day is None or day <= TODAY
    for item in demo["Appointment"]:
        held = read_appointment(item)
        assert held.start is not None
        day = days.day_of(held.start)
        if held.status in ("fulfilled", "noshow") or held.outcome_unknown:
            assert day <= TODAY
        elif held.status == "booked":
            assert day >= TODAY


def test_nothing_is_measured_or_done_after_a_death(demo: Mapping[str, list[Json]]) -> None:
    died = {
        item["id"]: days.parse_day(item["deceasedDateTime"]) for item in demo["Patient"] if "deceasedDateTime" in item
    }
    assert len(died) >= 5
    for kind, element in (("Observation", "effectiveDateTime"), ("QuestionnaireResponse", "authored")):
        for item in demo[kind]:
            day = died.get(str(patient_of(item)))
            assert day is None or (days.parse_day(item[element]) or 0) <= day
    for item in demo["Appointment"]:
        held = read_appointment(item)
        assert held.patient_id not in died or held.status != "booked"


def test_courses_are_in_every_phase_and_their_clocks_are_the_packages(demo: Mapping[str, list[Json]]) -> None:
    episodes = [read_episode(item) for item in demo["EpisodeOfCare"]]
    phases = Counter(item.phase for item in episodes)
    assert all(phases[phase] >= 15 for phase in Phase), phases
    waiting = [item for item in episodes if item.phase is Phase.ELIGIBLE and item.clock and item.clock.deadline_day]
    assert any((item.clock.days_left(TODAY) or 0) < 0 for item in waiting if item.clock)
    assert any(0 <= (item.clock.days_left(TODAY) or 0) <= 7 for item in waiting if item.clock)
    for item in episodes:
        assert item.clock is not None
        assert item.clock.missing == (item.diagnosed_day is None)
        if (
            not item.clock.missing
        ):  # built before 2027: everybody counts from inclusion, as legacy where the package says so
            assert (item.clock.legacy, item.clock.start_day) == (item.package != "lrs", item.eligible_day)
    assert any(item.pauses for item in episodes)
    assert len({(item.patient_id, item.package) for item in episodes}) == len(episodes)


def test_back_pain_that_stayed_is_a_course_of_its_own_beside_kol(demo: Mapping[str, list[Json]]) -> None:
    episodes = [read_episode(item) for item in demo["EpisodeOfCare"]]
    people = {package: {item.patient_id for item in episodes if item.package == package} for package in ("kol", "lrs")}
    assert 50 <= len(people["lrs"]) <= 140
    assert len(people["lrs"] & people["kol"]) >= 15
    assert people["lrs"] - people["kol"]
    diagnoses = {item["id"]: item for item in demo["Condition"]}
    for item in episodes:
        if item.package == "lrs":
            found = diagnoses[str(item.condition_id)]
            assert found["clinicalStatus"]["coding"][0]["code"] == "active"
            assert (item.eligible_day or 0) - (days.parse_day(found["recordedDate"]) or 0) > 84
            assert any("mere end 12 uger" in reason for reason in item.inclusion_reasons)
    codes = Counter(item["code"]["coding"][0]["code"] for item in demo["Observation"])
    assert min(codes[code] for code in ("lrs-rmdq", "lrs-smerte", "lrs-sygemelding-uger", "MCS88148")) >= 40


def test_diabetes_and_heart_disease_are_courses_beside_kol_and_one_measurement_serves_all(
    demo: Mapping[str, list[Json]],
) -> None:
    episodes = [read_episode(item) for item in demo["EpisodeOfCare"]]
    people = {name: {item.patient_id for item in episodes if item.package == name} for name in ("kol", "t2d", "hjerte")}
    assert len(people["t2d"]) >= 150
    assert len(people["hjerte"]) >= 300
    assert len(people["kol"] & people["t2d"] & people["hjerte"]) >= 30
    for name in ("t2d", "hjerte"):
        phases = Counter(item.phase for item in episodes if item.package == name)
        assert min(phases[phase] for phase in (Phase.ELIGIBLE, Phase.STARTUP, Phase.CONTINUING)) >= 5, phases
    measured = Counter(
        (patient_of(item), item["effectiveDateTime"][:10])
        for item in demo["Observation"]
        if item["code"]["coding"][0]["code"] == "NPU27300"
    )
    assert len(measured) > 200
    assert max(measured.values()) == 1  # never one blood test for each package


def test_older_kol_plans_follow_the_version_before(demo: Mapping[str, list[Json]]) -> None:
    plans = [held for item in demo["CarePlan"] if (held := read_plan(item)).package == "kol" and held.confirmed_day]
    by_version: dict[str, list[int]] = {}
    for held in plans:
        by_version.setdefault(held.package_version or "", []).append(held.confirmed_day or 0)
    assert set(by_version) == {"1.0.0", "2.0.0"}
    assert max(by_version["1.0.0"]) < min(by_version["2.0.0"])


def test_built_after_the_law_new_diagnoses_start_the_clock_themselves() -> None:
    config = SynthConfig(seed=3, anchor=date(2027, 9, 1), full_clinics=0, package_clinics=4)
    kinds = Counter(
        (held.clock.event, held.clock.legacy)
        for item in generate(config)
        if item["resourceType"] == "EpisodeOfCare" and (held := read_episode(item)).clock and held.package == "kol"
    )
    assert set(kinds) == {("diagnosis", False), ("inclusion", True), ("unknown", False)}


def test_levels_are_decided_mostly_as_proposed_and_each_is_there(demo: Mapping[str, list[Json]]) -> None:
    decisions = [held for item in demo["Observation"] if (held := read_decision(item))]
    levels = Counter(held.level for held in decisions)
    assert min(levels[1], levels[2], levels[3]) > 60
    other = [held for held in decisions if held.level != held.proposed_level]
    assert 0.02 < len(other) / len(decisions) < 0.2
    assert all(held.override_reason for held in other)


def test_confirmed_plans_have_a_goal_or_the_reason_for_none_and_drafts_have_not_stopped_a_clock(
    demo: Mapping[str, list[Json]],
) -> None:
    plans = [read_plan(item) for item in demo["CarePlan"]]
    assert {str(item.status) for item in plans} >= {"draft", "active", "revoked"}
    for item in plans:
        if item.confirmed_day is None:
            assert str(item.status) in ("draft", "revoked")
        else:
            assert bool(item.goal_ids) != bool(item.no_goal_reason)
            assert item.made_day <= item.confirmed_day == item.shared_day
    confirmed = {item.episode_id: item.confirmed_day for item in plans if item.confirmed_day is not None}
    clocks = {str(held.id): held.clock for item in demo["EpisodeOfCare"] if (held := read_episode(item))}
    states = Counter(str(clock.state(TODAY, confirmed.get(identity))) for identity, clock in clocks.items() if clock)
    assert all(states[name] >= 10 for name in ("met", "met-late", "broken", "running", "unknown")), states


def test_appointments_and_referrals_have_every_outcome(demo: Mapping[str, list[Json]]) -> None:
    meetings = [read_appointment(item) for item in demo["Appointment"]]
    assert {item.status for item in meetings} == {"fulfilled", "booked", "noshow", "cancelled"}
    assert sum(item.outcome_unknown for item in meetings) >= 10
    assert all(item.cancel_reason and item.cancelled_by for item in meetings if item.status == "cancelled")
    referrals = [read_referral(item) for item in demo["Task"]]
    assert {item.status for item in referrals} >= {
        "requested", "accepted", "in-progress", "completed", "cancelled", "rejected"
    }  # fmt: skip
    waits = [item.started_day - item.sent_day for item in referrals if item.started_day is not None]
    assert any(wait <= 21 for wait in waits)
    assert any(wait > 21 for wait in waits)


def test_measurements_have_series_zeroes_and_gaps(demo: Mapping[str, list[Json]]) -> None:
    series: dict[tuple[str | None, str], list[Json]] = defaultdict(list)
    for item in demo["Observation"]:
        code = coding(item["code"], s.MCS)
        if code:
            series[(patient_of(item), code)].append(item)
    assert sum(len(held) >= 3 for (_, code), held in series.items() if code == "MCS88023") > 100
    assert any(item["valueInteger"] == 0 for (_, code), held in series.items() if code == "MCS88022" for item in held)
    lately = {key for key, held in series.items() if (days.parse_day(held[-1]["effectiveDateTime"]) or 0) > TODAY - 365}
    seen = {patient for patient, _ in lately}
    assert 0.05 < sum((patient, "MCS88021") not in lately for patient in seen) / len(seen) < 0.3


def test_months_by_region_have_cells_below_and_above_five(demo: Mapping[str, list[Json]]) -> None:
    region = {item["id"]: next(_codes(item, "region"), None) for item in demo["Organization"]}
    cells = Counter(
        (region[str(held.organization_id)], days.month_of(held.eligible_day or 0))
        for item in demo["EpisodeOfCare"]
        if (held := read_episode(item)).package == "kol"  # a figure is told for one package
    )
    assert len({name for name, _ in cells}) == 5
    assert len({month for _, month in cells}) >= 14
    assert sum(many < 5 for many in cells.values()) >= 3
    assert sum(many >= 5 for many in cells.values()) >= 30


def _gp(patient: Json) -> str | None:
    held = patient.get("generalPractitioner") or ()
    return next((item["reference"].split("/")[1] for item in held), None)


def _codes(resource: Json, name: str) -> Iterator[str]:
    for item in resource.get("extension") or ():
        if item["url"] == s.extension_url(name):
            yield item["valueCode"]
