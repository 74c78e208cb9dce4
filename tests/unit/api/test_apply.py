"""PlanDefinition $apply: the page's plan for every example of every package; others' definitions; refusals; nothing stored."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lib.api import Caller
from lib.people import clinic, condition, context, patient, system
from tovholder import packages, store
from tovholder.access import Role, system_context
from tovholder.access.domain import Grants
from tovholder.access.models import AuditEvent
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.fhir.validate import validate
from tovholder.packages import Package
from tovholder.packages.fhir import export
from tovholder.packages.model import Example
from tovholder.plan import applying, definitions, queries, resources
from tovholder.plan.applying import Wish
from tovholder.store import ports
from tovholder.store.models import VersionRow

pytestmark = pytest.mark.django_db

EXAMPLES = [(package, example) for package in packages.builtin().values() for example in package.examples]


@pytest.fixture
def unwatched() -> Iterator[None]:
    """What an example's patient brings is stored as it is: who may write it is asked elsewhere."""
    guards, steps = dict(ports._guards), ports.steps()
    ports.bind(guards={}, steps=[])
    yield
    ports.bind(guards=guards, steps=steps)


@pytest.mark.parametrize(("package", "example"), EXAMPLES, ids=[f"{p.id}-{e.id}" for p, e in EXAMPLES])
def test_same_plan_as_the_page(unwatched: None, package: Package, example: Example):
    now = datetime.combine(example.today, datetime.min.time(), days.COPENHAGEN).replace(hour=9)
    ctx = system_context(now, "test")
    with store.unit_of_work(ctx) as uow:
        for resource in example.resources:
            uow.update(dict(resource))
    person = next(str(item["id"]) for item in example.resources if item["resourceType"] == "Patient")
    made = applying.apply_plan(ctx, export.plan_definition(package), Wish(person))
    assert [str(issue) for issue in validate(made)] == []
    if not any(resources.package_of(dict(item)) == package.id for item in example.resources):
        assert made["status"] == "draft"  # no page yet: nobody has found the patient
        return
    page = queries.episode_view(ctx, person, package.id)
    requests = [item for item in made.get("contained", ()) if item["resourceType"] == "ServiceRequest"]
    told = [resources.read_activity(item) for item in requests]
    assert [
        (
            item.step,
            item.kind,
            item.title,
            item.performer_kind,
            item.due_day,
            item.window_start_day,
            item.window_end_day,
        )
        for item in told
    ] == [
        (item.id, item.kind, item.title.da, item.performer, item.due_day, item.window_start_day, item.window_end_day)
        for item in page.preview
    ]
    assert {(item.package, item.step_version, item.episode_id) for item in told} <= {
        (package.id, package.version, page.episode.id)
    }
    goals = [item["description"]["text"] for item in made.get("contained", ()) if item["resourceType"] == "Goal"]
    assert goals == [text.da for text in page.suggested_goals]
    noted = made.get("note", [{"text": ""}])[0]["text"]
    titles = {item.id: item.title.da for item in package.plan.activities}
    assert all(titles[name] in noted for name in page.undecided) and bool(noted) == bool(page.undecided)


# -- Over the API -----------------------------------------------------------------------------------------------------------


class World:
    """A clinic with a patient who has COPD, a doctor there, and one elsewhere."""

    def __init__(self) -> None:
        with store.unit_of_work(system()) as uow:
            self.clinic = uow.create(clinic()).id
            self.elsewhere = uow.create(clinic("Fremmede Læger")).id
            self.me = uow.create(patient(self.clinic)).id
            self.somebody = uow.create(patient(self.elsewhere, family="Sørensen")).id
            self.doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Holst"}]}).id
            uow.create(condition(self.me))
        definitions.publish(system_context(system().now, definitions.ACTOR))
        self.gp = Caller(Role.GP, self.clinic)

    def apply(self, definition: Any, who: Caller | None = None, kind: str = "PlanDefinition", **more: Any) -> Any:
        name = kind[0].lower() + kind[1:]
        given = {"valueCanonical": definition} if isinstance(definition, str) else {"resource": definition}
        told = [{"name": "subject", "valueString": f"Patient/{self.me}"}, {"name": name, **given}]
        told += [{"name": key, "valueString": value} for key, value in more.items()]
        body = {"resourceType": "Parameters", "parameter": told}
        return (who or self.gp).send("POST", f"/{kind}/$apply", body)


@pytest.fixture
def world() -> World:
    return World()


KOL = f"{systems.BASE}/PlanDefinition/kol"
ACTIVITY: dict[str, Any] = {
    "resourceType": "ActivityDefinition",
    "id": "blood",
    "url": "http://example.org/ActivityDefinition/blood",
    "version": "2",
    "status": "active",
    "kind": "ServiceRequest",
    "code": {"coding": [{"system": "http://example.org/codes", "code": "blood", "display": "Blood test"}]},
}
PLAN: dict[str, Any] = {
    "resourceType": "PlanDefinition",
    "url": "http://example.org/PlanDefinition/checks",
    "version": "1",
    "status": "active",
    "title": "Checks",
    "contained": [ACTIVITY],
    "goal": [{"id": "fit", "description": {"text": "Stay fit"}}],
    "action": [
        {
            "id": "first",
            "title": "First blood test",
            "goalId": ["fit"],
            "timingDuration": {"value": 2, "unit": "week", "system": systems.UCUM, "code": "wk"},
            "definitionCanonical": "#blood",
        }
    ],
}


def refused(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    issues = answer.json()["issue"]
    assert all(item["code"] == "not-supported" and item["diagnostics"] for item in issues)
    return [item["expression"][0] for item in issues]


def contained(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in plan.get("contained", ()) if item["resourceType"] == kind]


def test_a_package_is_applied_however_it_is_named(world: World):
    version = packages.get("kol").version
    plan = export.plan_definition(packages.get("kol"))
    ways = [world.apply(KOL), world.apply(f"{KOL}|{version}"), world.apply(plan)]
    asked = f"subject=Patient/{world.me}"
    ways.append(world.gp.send("GET", f"/PlanDefinition/tovholder-kol-{version}/$apply?{asked}"))
    ways.append(world.gp.send("GET", f"/PlanDefinition/$apply?{asked}&planDefinition={KOL}"))
    ways.append(world.gp.send("POST", f"/PlanDefinition/$apply?{asked}", plan))
    assert [answer.status_code for answer in ways] == [200] * 6, ways[-1].content
    made = [answer.json() for answer in ways]
    assert all(item == made[0] for item in made)
    assert made[0]["instantiatesCanonical"] == [f"{KOL}|{version}"]
    assert contained(made[0], "ServiceRequest")


def test_in_whose_hands_and_in_which_language(world: World):
    more = {
        "practitioner": f"Practitioner/{world.doctor}",
        "organization": f"Organization/{world.clinic}",
        "userLanguage": "en",
    }
    made = world.apply(KOL, **more).json()
    assert made["author"] == {"reference": f"Practitioner/{world.doctor}"}
    titles = {item["code"]["text"] for item in contained(made, "ServiceRequest")}
    assert "COPD annual status" in titles
    step = contained(made, "ServiceRequest")[0]
    assert step["requester"] == {"reference": f"Practitioner/{world.doctor}"}
    own = [item for item in contained(made, "ServiceRequest") if "performer" in item]
    assert own and all(item["performer"] == [{"reference": f"Organization/{world.clinic}"}] for item in own)


def test_nothing_is_stored_and_who_looked_is(world: World):
    before = VersionRow.objects.count()
    seen = AuditEvent.objects.count()
    assert world.apply(KOL).status_code == 200
    assert VersionRow.objects.count() == before
    assert AuditEvent.objects.count() > seen


def test_somebody_elses_definition(world: World):
    made = world.apply(PLAN).json()
    assert [str(issue) for issue in validate(made)] == []
    (step,), (goal,) = contained(made, "ServiceRequest"), contained(made, "Goal")
    start = days.parse_day(made["created"])
    assert start is not None
    assert step["code"] == {**ACTIVITY["code"], "text": "First blood test"}
    assert step["occurrencePeriod"]["start"] == days.iso(start + 14)
    assert (step["status"], step["intent"], goal["lifecycleStatus"]) == ("draft", "proposal", "proposed")
    assert {"reference": f"#{goal['id']}"} in [item.get("valueReference") for item in step["extension"]]
    assert made["instantiatesCanonical"] == ["http://example.org/PlanDefinition/checks|1"]


def test_a_stored_definition_with_its_stored_activity(world: World):
    with store.unit_of_work(system()) as uow:
        uow.create({key: value for key, value in ACTIVITY.items() if key != "id"})
        plan = copy.deepcopy(PLAN)
        del plan["contained"]
        plan["action"][0]["definitionCanonical"] = "http://example.org/ActivityDefinition/blood|2"
        stored = uow.create(plan).id
    answer = world.gp.send("GET", f"/PlanDefinition/{stored}/$apply?subject=Patient/{world.me}")
    (step,) = contained(answer.json(), "ServiceRequest")
    assert step["instantiatesCanonical"] == ["http://example.org/ActivityDefinition/blood|2"]


def test_a_condition_is_asked_of_the_record(world: World):
    def asked(expression: str) -> int:
        plan = copy.deepcopy(PLAN)
        told = {"language": "text/fhirpath", "expression": expression}
        plan["action"][0]["condition"] = [{"kind": "applicability", "expression": told}]
        return len(contained(world.apply(plan).json(), "ServiceRequest"))

    assert asked("entry.resource.ofType(Condition).exists()") == 1
    assert asked("entry.resource.ofType(Observation).exists()") == 0
    assert asked("%resource.entry.resource.where($this is Patient).gender = 'female'") == 1


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.gender = 'female'",  # would find nothing in a Bundle, and never be true
        "%patient.gender = 'female'",
        "entry.resource.ofType(Patient)",  # no truth
        "today() > @2027-01-01",
        "%inputs.mrc.number >= 3",  # of which package?
        "%level in (2)",
        "entry.resource.where(",
        "gender = 'female'",
    ],
)
def test_a_condition_that_would_silently_be_nothing_is_refused(world: World, expression: str):
    plan = copy.deepcopy(PLAN)
    told = {"language": "text/fhirpath", "expression": expression}
    plan["action"][0]["condition"] = [{"kind": "applicability", "expression": told}]
    assert refused(world.apply(plan)) == ["PlanDefinition.action[0].condition[0].expression"]


@pytest.mark.parametrize(
    "expression",
    [
        "entry.resource.where('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.matches('(a+)+$')).exists()",
        "entry.select($this.combine($this)).exists()",
        "entry.descendants().descendants().exists()",
        "entry.select(%resource.entry.select(%resource.entry)).exists()",
        f"iif(%inputs.mrc.number >= {'9' * 5000}, true, false)",
        f"%level in ({'9' * 3000})",
        f"%inputs.mrc.number >= {'9' * 400}",
        "entry.resource.exists()" + " and true" * 1000,
    ],
)
def test_an_expression_that_would_keep_the_server_busy_is_refused(world: World, expression: str):
    plan = copy.deepcopy(PLAN)
    told = {"language": "text/fhirpath", "expression": expression}
    plan["library"] = [f"{systems.BASE}/Library/kol|{packages.get('kol').version}"]
    plan["action"][0]["condition"] = [{"kind": "applicability", "expression": told}]
    (place,) = refused(world.apply(plan))
    assert place.startswith("PlanDefinition.action[0].condition[0].expression")


def test_the_record_may_be_asked_once_more_within_an_argument(world: World):
    plan = copy.deepcopy(PLAN)
    asked = "entry.resource.where(%resource.entry.resource.ofType(Patient).exists()).exists()"
    plan["action"][0]["condition"] = [
        {"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": asked}}
    ]
    assert len(contained(world.apply(plan).json(), "ServiceRequest")) == 1


@pytest.mark.parametrize("years", [101, 8500, 36500])
def test_a_time_beyond_every_calendar_is_refused(world: World, years: int):
    length = {"value": years, "system": systems.UCUM, "code": "a"}
    plan = copy.deepcopy(PLAN)
    plan["action"][0]["timingDuration"] = length
    assert refused(world.apply(plan)) == ["PlanDefinition.action[0].timingDuration"]
    plan = copy.deepcopy(PLAN)
    plan["extension"] = [{"url": systems.extension_url("plan-horizon"), "valueDuration": length}]
    (place,) = refused(world.apply(plan))
    assert place.startswith("PlanDefinition.extension(")


def test_a_plan_of_too_many_steps_or_actions_is_refused(world: World):
    plan = copy.deepcopy(PLAN)
    first = {
        "url": systems.extension_url("activity-first"),
        "valueDuration": {"value": 0, "system": systems.UCUM, "code": "d"},
    }
    bounds = {"value": 100, "system": systems.UCUM, "code": "a"}
    repeat = {"frequency": 1, "period": 1, "periodUnit": "mo", "boundsDuration": bounds}
    action = plan["action"][0]
    del action["timingDuration"]
    action["timingTiming"] = {"extension": [first], "repeat": repeat}
    assert refused(world.apply(plan)) == ["PlanDefinition.action"]
    plan = copy.deepcopy(PLAN)
    plan["action"] = [{**plan["action"][0], "id": f"a{number}"} for number in range(501)]
    assert refused(world.apply(plan)) == ["PlanDefinition.action"]


def test_what_others_use_is_refused_with_its_place(world: World):
    """The shapes of published examples: order sets with choices, chained actions, CQL, values worked out."""
    plan = copy.deepcopy(PLAN)
    action = plan["action"][0]
    plan["library"] = ["http://example.org/Library/suicide-risk"]
    action["relatedAction"] = [{"actionId": "first", "relationship": "after-end", "offsetDuration": {"value": 1}}]
    assert refused(world.apply(plan)) == ["PlanDefinition.action[0].relatedAction"]
    del action["relatedAction"]
    cql = {"language": "text/cql", "expression": "Should Assess"}
    action["condition"] = [{"kind": "applicability", "expression": cql}]
    places = refused(world.apply(plan))
    assert places == ["PlanDefinition.library", "PlanDefinition.action[0].condition[0].expression.language"]
    del plan["library"], action["condition"]
    plan["action"] = [{"selectionBehavior": "exactly-one", "action": [action, {**action, "id": "second"}]}]
    assert refused(world.apply(plan)) == ["PlanDefinition.action[0].selectionBehavior"]
    plan["action"] = [{"selectionBehavior": "all", "action": [action, {**action, "id": "second"}]}]
    assert len(contained(world.apply(plan).json(), "ServiceRequest")) == 2


def test_faults_of_an_activity_are_told_where_it_is_named(world: World):
    plan = copy.deepcopy(PLAN)
    plan["contained"][0] |= {"kind": "MedicationRequest", "dosage": [{"text": "1"}]}
    place = "PlanDefinition.action[0].definitionCanonical.resolve()"
    assert refused(world.apply(plan)) == [f"{place}.dosage", f"{place}.kind"]
    del plan["contained"]
    plan["action"][0]["definitionCanonical"] = "http://example.org/ActivityDefinition/none"
    assert refused(world.apply(plan))[0] == "PlanDefinition.action[0].definitionCanonical"


def test_parameters_are_understood_or_refused(world: World):
    def status(query: str) -> int:
        return int(world.gp.send("GET", f"/PlanDefinition/$apply?{query}").status_code)

    mine = f"subject=Patient/{world.me}"
    assert status(mine) == 400
    assert status(f"planDefinition={KOL}") == 400
    assert status(f"{mine}&planDefinition={KOL}&subject=Patient/{world.me}") == 400
    assert status(f"subject=Group/1&planDefinition={KOL}") == 400
    assert status(f"{mine}&planDefinition={KOL}&setting=home") == 400
    assert status(f"{mine}&planDefinition={KOL}&colour=red") == 400
    assert status(f"{mine}&planDefinition={KOL}&userLanguage=kl") == 400
    assert status(f"{mine}&planDefinition={KOL}|9.9.9") == 404
    assert status(f"{mine}&planDefinition=http://example.org/none") == 404
    assert status(f"{mine}&planDefinition={KOL}&practitioner=Practitioner/none") == 404
    assert world.apply({**PLAN, "status": "wrong"}).status_code == 400
    assert world.apply(ACTIVITY).status_code == 400


def test_the_encounter_is_the_patients(world: World):
    with store.unit_of_work(system()) as uow:
        codes = {"class": {"system": systems.ACT_CODE, "code": "AMB"}, "status": "finished"}
        whose = {
            person: uow.create({"resourceType": "Encounter", **codes, "subject": {"reference": f"Patient/{person}"}}).id
            for person in (world.me, world.somebody)
        }
    caller = Caller(Role.SYSTEM)
    assert world.apply(KOL, caller, encounter=f"Encounter/{whose[world.somebody]}").status_code == 400
    made = world.apply(KOL, caller, encounter=f"Encounter/{whose[world.me]}").json()
    assert made["encounter"] == {"reference": f"Encounter/{whose[world.me]}"}


def test_only_the_clinic_and_only_its_own_patients(world: World):
    assert world.apply(KOL, Caller(Role.GP, world.elsewhere, name="other")).status_code == 404
    assert world.apply(KOL, Caller(Role.STAFF, world.clinic)).status_code == 200
    assert world.apply(KOL, Caller(Role.CITIZEN, patient=world.me)).status_code == 403
    assert world.apply(KOL, Caller(Role.HOSPITAL, world.elsewhere)).status_code == 403


def test_an_activity_alone(world: World):
    made = world.apply(ACTIVITY, kind="ActivityDefinition").json()
    assert [str(issue) for issue in validate(made)] == []
    assert (made["resourceType"], made["status"], made["intent"]) == ("ServiceRequest", "draft", "proposal")
    ours = f"{systems.BASE}/ActivityDefinition/kol-aarsstatus"
    told = world.apply(ours, kind="ActivityDefinition").json()
    assert told["code"]["coding"] == [{"system": systems.ACTIVITY_SYSTEM, "code": "kol-aarsstatus"}]
    timed = {**ACTIVITY, "timingDateTime": "2027-01-01"}
    assert refused(world.apply(timed, kind="ActivityDefinition"))[0] == "ActivityDefinition.timingDateTime"


# -- Beside what others store --------------------------------------------------------------------------------------------------


def test_packages_are_found_like_any_other_definition(world: World):
    version = packages.get("kol").version
    (found,) = world.gp.send("GET", f"/PlanDefinition?url={KOL}&version={version}").json()["entry"]
    assert found["resource"]["id"] == f"tovholder-kol-{version}"
    titled = world.gp.send("GET", "/PlanDefinition?title=Behandlingsplan for KOL&status=active").json()["entry"]
    assert [entry["resource"]["url"] for entry in titled] == [KOL]
    library = f"{systems.BASE}/Library/kol|{version}"
    (used,) = world.gp.send("GET", f"/PlanDefinition?depends-on={library}").json().get("entry", [found])
    assert used["resource"]["url"] == KOL
    codes = f"{systems.BASE}/ValueSet/kol-inclusion-icpc-2"
    expanded = world.gp.send("GET", f"/ValueSet/$expand?url={codes}")
    assert [item["code"] for item in expanded.json()["expansion"]["contains"]] == ["R95"]
    assert Caller(Role.SYSTEM).send("GET", f"/Group/tovholder-kol-{version}").status_code == 200


def test_earlier_versions_stay_as_retired(world: World):
    every = packages.versions("kol")
    found = world.gp.send("GET", f"/PlanDefinition?url={KOL}").json()["entry"]
    told = {entry["resource"]["version"]: entry["resource"]["status"] for entry in found}
    assert told == {version: "active" if version == every[-1] else "retired" for version in every}


def test_publishing_again_changes_nothing(world: World):
    assert definitions.publish(system_context(system().now, definitions.ACTOR)) == 0


def test_nobody_else_changes_what_packages_are(world: World):
    caller = Caller(Role.SYSTEM)
    place = f"/PlanDefinition/tovholder-kol-{packages.get('kol').version}"
    held = caller.send("GET", place).json()
    assert caller.send("PUT", place, held).status_code == 200  # loading an export again
    assert caller.send("PUT", place, {**held, "title": "Min egen"}).status_code == 422
    assert caller.send("DELETE", place).status_code == 422
    mine = {key: value for key, value in held.items() if key not in ("id", "meta")}
    assert caller.send("POST", "/PlanDefinition", {**mine, "title": "Min egen"}).status_code == 422
    other = {**mine, "url": "http://example.org/PlanDefinition/kol"}
    assert caller.send("POST", "/PlanDefinition", other).status_code == 201


@pytest.mark.parametrize("version", ["99.0.0", "2", ""])
def test_nobody_else_tells_another_version_of_ours(world: World, version: str):
    told = copy.deepcopy(PLAN) | {"url": KOL, "version": version}
    if not version:
        del told["version"]
    with pytest.raises(Problem) as refusal, store.unit_of_work(system()) as uow:
        uow.create(told)
    assert refusal.value.issues[0].path == "PlanDefinition.url"
    assert world.apply(f"{KOL}|99.0.0").status_code == 404


def test_a_version_put_by_elsewhere_comes_with_the_record(world: World):
    told = copy.deepcopy(PLAN) | {"id": "tovholder-kol-0.9.0", "url": KOL, "version": "0.9.0"}
    with pytest.raises(Problem), store.unit_of_work(system()) as uow:
        uow.update(told)
    with store.unit_of_work(system()) as uow:
        uow.update(told | {"status": "retired"})
    assert world.apply(f"{KOL}|0.9.0").status_code == 400  # what is no longer in use is not applied


def test_an_id_of_ours_that_is_taken_is_told():
    taken = {**PLAN, "id": f"tovholder-kol-{packages.get('kol').version}"}
    guards, steps = dict(ports._guards), ports.steps()
    ports.bind(guards={}, steps=[])
    with store.unit_of_work(system()) as uow:
        uow.update(taken)
    ports.bind(guards=guards, steps=steps)
    with pytest.raises(Exception, match="somebody else's"):
        definitions.publish(system_context(system().now, definitions.ACTOR))
    assert store.read(system(), "PlanDefinition", taken["id"]).resource["title"] == "Checks"


def test_capability_statement_tells_it(world: World):
    rest = world.gp.send("GET", "/metadata").json()["rest"][0]
    for kind in ("PlanDefinition", "ActivityDefinition"):
        told = next(item for item in rest["resource"] if item["type"] == kind)
        assert {item["name"] for item in told["operation"]} >= {"apply"}


def test_an_app_that_may_see_a_part_alone_gets_no_plan(world: World):
    """A plan made from half a record looks whole: such an app is told what it lacks instead."""
    ctx = context(Role.GP, world.clinic)
    kol = export.plan_definition(packages.get("kol"))
    every = tuple((action, "*", ("",)) for action in ("read", "search"))
    assert applying.apply_plan(replace(ctx, grants=Grants(every)), kol, Wish(world.me))["status"] == "draft"
    some = tuple((action, kind, ("",)) for action in ("read", "search") for kind in ("Patient", "Condition"))
    laboratory = (*every[:1], ("search", "Patient", ("",)), ("search", "Observation", ("category=laboratory",)))
    for given in (some, laboratory):
        with pytest.raises(Problem) as caught:
            applying.apply_plan(replace(ctx, grants=Grants(given)), kol, Wish(world.me))
        assert caught.value.category is Category.FORBIDDEN
