"""Finding a patient one treats by number, break-glass, what was stated and checked afterwards: over the API and the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from lib import people, world
from lib.world import World
from tovholder import store
from tovholder.access import Context, Role, emergencies, evidence
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.store import consents, opening

pytestmark = pytest.mark.django_db
CPR = "6105600000"
CPR_OF_NOBODY = "0101010000"
WHO_MAY_STATE = (Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER)
WHY = "Patienten er bevidstløs på skadestuen."


@pytest.fixture
def here() -> Iterator[World]:
    with world.bound():
        yield world.build()


@pytest.fixture
def hospital(here: World) -> Context:
    with store.unit_of_work(here.system) as uow:
        place = uow.create(people.clinic("Sygehuset", kind="hospital")).id
    return replace(people.context(Role.HOSPITAL, place, now=here.now), person="h1", units=(place,))


def acts(action: str) -> list[tuple[str, str, str]]:
    """Outcome, detail and patient of the events of an act."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.outcome, e.detail, COALESCE(p.patient_id, '') FROM access_auditevent AS e"
            " LEFT JOIN access_auditpatient AS p ON p.event_id = e.id WHERE e.action = %s ORDER BY e.id",
            [action],
        )
        return cursor.fetchall()


def now_with(ctx: Context) -> Context:
    """The context as the next request's."""
    return replace(ctx, emergencies=emergencies.open_of(emergencies.person_of(ctx), ctx.organization, ctx.now))


def shut_out(here: World, patient: str, organization: str) -> None:
    ctx = here.citizen(patient)
    with store.unit_of_work(ctx) as uow:
        uow.create(consents.block_resource(ctx, patient, actor=f"Organization/{organization}"))


def refused(ctx: Context, number: str = CPR, reason: str = "visit") -> Category:
    with pytest.raises(Problem) as told:
        opening.open_patient(ctx, number, reason=reason, text="")
    return told.value.category


# -- $open ---------------------------------------------------------------------------------------------------------


def test_a_professional_finds_the_patient_by_number_and_sees_them_until_it_is_checked(
    here: World, hospital: Context
) -> None:
    patient = here.patient()
    condition = here.diagnose(patient)
    with pytest.raises(Problem):
        store.read(hospital, "Condition", condition)
    found = opening.open_patient(hospital, "610560-0000", reason="admitted", text="Indlagt i nat")
    assert found.id == patient
    assert store.read(hospital, "Condition", condition)
    (said,) = evidence.of_patient(patient)
    assert (said.reason, said.text, said.status, said.organization) == (
        "admitted", "Indlagt i nat", "open", hospital.organization,
    )  # fmt: skip
    assert [row[2] for row in acts("stated")] == [patient]
    opening.open_patient(hospital, CPR, reason="admitted", text="")
    assert len(evidence.of_patient(patient)) == 1
    late = replace(hospital, now=here.later(15).now)
    with pytest.raises(Problem):
        store.read(late, "Condition", condition)


def test_no_match_and_not_allowed_are_told_alike_and_all_are_in_the_trail(here: World, hospital: Context) -> None:
    patient = here.patient()
    with pytest.raises(Problem) as nobody:
        opening.open_patient(hospital, "0101010000", reason="visit", text="")
    shut_out(here, patient, str(hospital.organization))
    with pytest.raises(Problem) as blocked:
        opening.open_patient(hospital, CPR, reason="visit", text="")
    with pytest.raises(Problem) as role:
        opening.open_patient(here.citizen(patient), CPR, reason="visit", text="")
    told = [(error.value.category, error.value.message, error.value.issues) for error in (nobody, blocked, role)]
    assert told[0] == told[1] == told[2] and told[0][0] is Category.NOT_FOUND
    assert evidence.of_patient(patient) == []


@pytest.mark.parametrize("role", [role for role in Role if role not in WHO_MAY_STATE])
def test_nobody_else_may_state_a_relation(here: World, role: Role) -> None:
    here.patient()
    assert refused(people.context(role, here.other_clinic, now=here.now)) is Category.NOT_FOUND


@pytest.mark.parametrize("role", WHO_MAY_STATE)
def test_staff_under_instruction_state_as_others_who_treat_and_are_checked_alike(here: World, role: Role) -> None:
    patient = here.patient()
    ctx = replace(people.context(role, here.other_clinic, now=here.now), person="p1", units=(here.other_clinic,))
    assert opening.open_patient(ctx, CPR, reason="visit", text="").id == patient
    assert [one.actor for one in evidence.of_organization(here.other_clinic)] == [ctx.actor]
    assert opening.check_stated(here.later(15).now) == (0, 1)
    with pytest.raises(Problem):
        store.read(replace(ctx, now=here.later(16).now), "Patient", patient)


def test_of_two_patients_with_one_number_nobody_is_found(here: World, hospital: Context) -> None:
    here.patient()
    here.patient(family="Hansen")
    assert refused(hospital) is Category.NOT_FOUND
    assert refused(hospital, "not a number") is Category.NOT_FOUND
    assert refused(hospital, reason="curiosity") is Category.INVALID


# -- looking afterwards ----------------------------------------------------------------------------------------------


def encounter(patient: str, organization: str, start: str, end: str = "", status: str = "finished") -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": status,
        "class": {"system": systems.ACT_CODE, "code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"},
        "serviceProvider": {"reference": f"Organization/{organization}"},
        "period": {"start": start, **({"end": end} if end else {})},
    }


def test_what_was_stated_is_confirmed_by_a_contact_in_the_record(here: World, hospital: Context) -> None:
    patient = here.patient()
    opening.open_patient(hospital, CPR, reason="admitted", text="")
    assert opening.check_stated(here.later(3).now) == (0, 0)
    with store.unit_of_work(here.later(4).system) as uow:
        uow.create(encounter(patient, str(hospital.organization), "2027-03-01", "2027-03-03"))
    assert opening.check_stated(here.later(5).now) == (1, 0)
    (said,) = evidence.of_patient(patient)
    assert said.status == "confirmed" and said.evidence.startswith("Encounter/")
    assert len(acts("stated-checked")) == 1
    assert store.read(replace(hospital, now=here.later(40).now), "Patient", patient)


def test_what_nothing_bears_out_ends_and_the_patient_is_told(here: World, hospital: Context) -> None:
    patient = here.patient()
    opening.open_patient(hospital, CPR, reason="admitted", text="")
    assert opening.check_stated(here.later(14).now) == (0, 0)
    assert opening.check_stated(here.later(15).now) == (0, 1)
    assert opening.check_stated(here.later(16).now) == (0, 0)
    (said,) = evidence.of_patient(patient)
    assert said.status == "failed" and evidence.of_organization(hospital.organization) == [said]
    assert [row[2] for row in acts("stated-failed")] == [patient]
    (message,) = store.search_all(here.citizen(patient), "Communication", [("patient", patient)])
    assert message.resource["topic"]["coding"][0]["code"] == opening.NOT_CONFIRMED
    assert CPR not in str(message.resource)


def test_a_rebuild_keeps_what_was_stated(here: World, hospital: Context) -> None:
    from tovholder.store.rebuild import shadow

    patient = here.patient()
    opening.open_patient(hospital, CPR, reason="admitted", text="")
    shut_out(here, patient, here.prevention)
    shadow.make()
    shadow.exchange()
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM access_relation")
        assert cursor.fetchall() == [("stated",)]


# -- contacts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "end", "last"),
    [("finished", "2027-03-03", 92), ("in-progress", "", 400 + 90), ("planned", "", None), ("cancelled", "", None)],
)
def test_a_contact_lets_the_hospital_see_from_its_start_until_a_while_after_its_end(
    here: World, hospital: Context, status: str, end: str, last: int | None
) -> None:
    patient = here.patient()
    with store.unit_of_work(here.system) as uow:
        uow.create(encounter(patient, str(hospital.organization), "2027-03-01", end, status))
    sees = [
        store.sees(replace(hospital, now=here.later(after).now), patient) for after in (0, last or 0, (last or 0) + 1)
    ]
    assert sees == ([True, True, False] if last is not None else [False, False, False])


def test_an_old_contact_lets_nobody_in(here: World, hospital: Context) -> None:
    patient = here.patient()
    with store.unit_of_work(here.system) as uow:
        uow.create(encounter(patient, str(hospital.organization), "2020-01-01", "2020-01-03"))
    assert not store.sees(hospital, patient)


# -- break-glass -------------------------------------------------------------------------------------------------------


def test_break_glass_opens_for_one_person_on_one_patient_for_a_time(here: World, hospital: Context) -> None:
    patient = here.patient()
    shut_out(here, patient, str(hospital.organization))
    assert not store.sees(now_with(hospital), patient)
    opened = emergencies.open_glass(hospital, patient, reason="danger", text=WHY)
    assert opened.until == days.millis(here.now) + 60 * 60_000
    assert store.sees(now_with(hospital), patient)
    colleague = replace(hospital, person="h2", actor="Practitioner/another")
    assert not store.sees(now_with(colleague), patient)
    late = now_with(replace(hospital, now=days.noon(here.today + 1)))
    assert late.emergencies == () and not store.sees(late, patient)
    assert [row[2] for row in acts("glass-opened")] == [patient]


def test_ended_early_the_blocks_hold_at_once(here: World, hospital: Context) -> None:
    patient = here.patient()
    emergencies.open_glass(hospital, patient, reason="danger", text=WHY)
    emergencies.open_glass(hospital, patient, reason="consent", text=WHY)
    assert len(now_with(hospital).emergencies) == 1
    assert emergencies.end(hospital, patient)
    assert now_with(hospital).emergencies == () and not emergencies.end(hospital, patient)
    assert [one.is_open(here.now) for one in emergencies.of_patient(patient)] == [False, False]
    assert len(acts("glass-ended")) == 2


@pytest.mark.parametrize(("reason", "text"), [("curiosity", WHY), ("danger", ""), ("danger", "x" * 1001), ("", WHY)])
def test_without_a_reason_nothing_opens(here: World, hospital: Context, reason: str, text: str) -> None:
    patient = here.patient()
    with pytest.raises(Problem) as told:
        emergencies.open_glass(hospital, patient, reason=reason, text=text)
    assert told.value.category is Category.INVALID
    assert emergencies.of_patient(patient) == []


def test_only_some_roles_may_and_no_app(here: World) -> None:
    from tovholder.access.domain import Grants

    patient = here.patient()
    may = {role for role in Role if emergencies.may(people.context(role, here.other_clinic, now=here.now))}
    assert may == {Role.GP, Role.HOSPITAL}
    app = replace(here.gp, grants=Grants((("read", "*", ("",)),)))
    for ctx in (here.staff, here.receiver, here.citizen(patient), app):
        with pytest.raises(Problem) as told:
            emergencies.open_glass(ctx, patient, reason="danger", text=WHY)
        assert told.value.category is Category.FORBIDDEN
    for where in (CPR_OF_NOBODY, ""):
        opened = opening.break_glass(here.gp, where, reason="danger", text=WHY)
        assert (opened.number, opened.patient) == (0, "")
    at_nothing = emergencies.open_glass(here.gp, "nobody", reason="danger", text=WHY)
    real = emergencies.open_glass(here.gp, patient, reason="danger", text=WHY)
    assert (at_nothing.until, at_nothing.reason) == (real.until, real.reason) and at_nothing.number == 0
    assert emergencies.of_patient("nobody") == [] == emergencies.of_patient("")


def test_somebody_else_follows_it_up(here: World, hospital: Context) -> None:
    patient = here.patient()
    emergencies.open_glass(hospital, patient, reason="danger", text=WHY)
    (one,) = emergencies.listed(here.gp)  # the clinic that holds the rope
    assert emergencies.listed(hospital) == [one]
    assert emergencies.listed(people.context(Role.GP, here.other_clinic, now=here.now)) == []
    for ctx in (here.staff, people.context(Role.GP, here.other_clinic, now=here.now), hospital):
        with pytest.raises(Problem):
            emergencies.follow_up(ctx, one.number, status="justified", note="")
    emergencies.follow_up(here.gp, one.number, status="justified", note="Talt med patienten.")
    (after,) = emergencies.of_patient(patient)
    assert (after.status, after.note, after.followed_by) == ("justified", "Talt med patienten.", here.gp.actor)
    own = emergencies.open_glass(here.gp, patient, reason="duty", text=WHY)
    with pytest.raises(Problem) as told:
        emergencies.follow_up(here.gp, own.number, status="justified", note="")
    assert told.value.category is Category.FORBIDDEN
