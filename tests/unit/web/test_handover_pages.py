"""A change of practice with both clinics at their pages, and leaving and coming back; every slip told on the page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lib.people import clinic, system
from tovholder import store
from tovholder.access import Context, Role
from tovholder.base.clock import system_clock
from tovholder.base.errors import Problem
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", str(response.content.decode()))


@pytest.fixture
def world() -> worlds.World:
    """A course the clinic has begun, with a draft of a plan."""
    made = worlds.make()
    client = worlds.browser("laege")
    day = system_clock().date().isoformat()
    client.post(made.course + "start", {"offered": day, "started": day})
    return made


def at(world: worlds.World, page: str) -> str:
    return f"/klinik/patient/{world.patient}/{page}"


def known(page: str) -> str:
    found = re.search(r'name="known" value="([^"]+)"', page)
    assert found is not None, page
    return found.group(1)


def test_told_that_the_patient_has_moved_the_other_clinic_has_the_course_and_takes_it_over(world: worlds.World) -> None:
    ours, theirs = worlds.browser("laege"), worlds.browser("anden")
    assert "Ingen patienter venter" in text(theirs.get("/klinik/overdragelser"))
    asked = text(ours.get(at(world, "flyttet")))
    assert "1 forløb går over til den nye klinik i dag." in asked
    assert "1 frist løber videre hos den nye klinik." in asked
    stale = known(asked)
    assert ours.post(at(world, "flyttet"), {"do": "find", "name": ""}).status_code == 422
    assert "Overdrag til Lægerne Andetsteds" in text(
        ours.post(at(world, "flyttet"), {"do": "find", "name": "Lægerne And"})
    )
    assert theirs.get(at(world, "flyttet")).status_code == 404
    assert theirs.post(at(world, "flyttet"), {"to": world.other_clinic, "known": stale}).status_code == 404
    nothing = ours.post(at(world, "flyttet"), {"known": stale})
    assert nothing.status_code == 400 or nothing.status_code == 422
    strays: list[str] = []
    with store.unit_of_work(system(system_clock())) as uow:
        closed = clinic("Lægerne Nedlagt") | {"active": False}
        for nowhere in (clinic("Fysioterapi", kind="physio"), closed):  # whoever keeps no list: no patient is lost
            strays.append(uow.create(nowhere).id)
    for stray in strays:
        assert ours.post(at(world, "flyttet"), {"to": stray, "known": stale}).status_code == 422
    sent = ours.post(at(world, "flyttet"), {"to": world.other_clinic, "known": stale})
    assert sent.status_code == 302
    assert ours.get(at(world, "flyttet")).status_code == 404  # the other tab: no longer theirs to see
    assert ours.post(at(world, "flyttet"), {"to": world.other_clinic, "known": stale}).status_code == 404
    assert ours.get(world.course).status_code == 404

    listed = text(theirs.get("/klinik/overdragelser"))
    assert "Prøvesen" in listed and "Frist for planen" in listed
    page = text(theirs.get(at(world, "overdragelse")))
    assert "Forløbene kom fra Lægerne Prøvestræde." in page
    assert "dage til fristen for planen" in page
    assert theirs.post(at(world, "overdragelse"), {"do": "ask", "known": known(page), "text": ""}).status_code == 422
    asked_for = {"do": "ask", "known": known(page), "text": "Har patienten fået rygestoptilbud?"}
    assert theirs.post(at(world, "overdragelse"), asked_for).status_code == 302
    assert theirs.post(at(world, "overdragelse"), {"do": "take", "known": stale}).status_code == 409
    assert theirs.post(at(world, "overdragelse"), {"do": "take", "known": known(page)}).status_code == 302
    again = theirs.post(at(world, "overdragelse"), {"do": "take", "known": known(page)})
    assert again.status_code == 409
    assert "Ingen patienter venter" in text(theirs.get("/klinik/overdragelser"))
    assert "Intet venter på at blive overtaget." in text(theirs.get(at(world, "overdragelse")))


def test_moved_to_a_clinic_outside_the_system_nobody_holds_the_course_and_it_is_not_lost(world: worlds.World) -> None:
    ours = worlds.browser("laege")
    sent = ours.post(at(world, "flyttet"), {"to": "elsewhere", "known": known(text(ours.get(at(world, "flyttet"))))})
    assert sent.status_code == 302
    assert ours.get(world.course).status_code == 404
    about = [("patient", f"Patient/{world.patient}")]
    (course,) = store.search_all(system(system_clock()), "EpisodeOfCare", about)
    assert "managingOrganization" not in course.resource
    assert course.resource["status"] == "active"


def test_an_appointment_at_the_old_clinic_is_cancelled_or_kept_as_the_new_one_chooses(world: worlds.World) -> None:
    from datetime import timedelta

    from tovholder.appointments import actions

    now = system_clock()
    doctor = Context(f"Practitioner/{world.doctor}", Role.GP, world.clinic, now)
    made = [
        actions.book(doctor, patient_id=world.patient, kind="kol-aarsstatus", start=now + timedelta(days=count)).id
        or ""
        for count in (10, 20)
    ]
    ours, theirs = worlds.browser("laege"), worlds.browser("anden")
    ours.post(at(world, "flyttet"), {"to": world.other_clinic, "known": known(text(ours.get(at(world, "flyttet"))))})
    page = text(theirs.get(at(world, "overdragelse")))
    assert page.count("den tidligere klinik") >= 2
    wrong = theirs.post(at(world, "overdragelse"), {"do": "take", "known": known(page), "cancel": ["no-such"]})
    assert wrong.status_code == 404
    theirs.post(at(world, "overdragelse"), {"do": "take", "known": known(page), "cancel": [made[0]]})
    hand = system(now)
    states = [store.read(hand, "Appointment", one).resource["status"] for one in made]
    assert states == ["cancelled", "booked"]


def test_leaving_closes_the_record_to_everybody_beside_the_clinic_at_once_and_coming_back_opens_it(
    world: worlds.World,
) -> None:
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        uow.create(
            {
                "resourceType": "CareTeam",
                "status": "active",
                "subject": {"reference": f"Patient/{world.patient}"},
                "participant": [{"member": {"reference": f"Organization/{world.other_clinic}"}}],
            }
        )
    hospital = Context("Practitioner/hanne", Role.HOSPITAL, world.other_clinic, now)
    assert store.read(hospital, "Patient", world.patient).resource
    ours, own = worlds.browser("laege"), worlds.browser("patient")
    assert "1 forløb kan kun ses af klinikken og patienten." in text(ours.get(at(world, "deling")))
    assert ours.post(at(world, "deling"), {"do": "leave", "reason": ""}).status_code == 422
    assert ours.post(at(world, "deling"), {"do": "leave", "reason": "Vil ikke dele"}).status_code == 302
    later = Context("Practitioner/hanne", Role.HOSPITAL, world.other_clinic, system_clock())
    with pytest.raises(Problem):
        store.read(later, "Patient", world.patient)
    assert ours.get(world.course).status_code == 200
    assert "Delingen er stoppet" in text(ours.get(at(world, "deling")))
    assert ours.post(at(world, "deling"), {"do": "leave", "reason": "Igen"}).status_code == 409
    assert "Alle uden for klinikken" in text(own.get("/minplan/spaerringer"))
    assert "Du stoppede delingen" in text(own.get("/minplan/deling"))
    assert own.post("/minplan/deling", {"do": "return"}).status_code == 302
    back = Context("Practitioner/hanne", Role.HOSPITAL, world.other_clinic, system_clock())
    assert store.read(back, "Patient", world.patient).resource
    assert own.post("/minplan/deling", {"do": "leave"}).status_code == 302
    assert ours.post(at(world, "deling"), {"do": "return"}).status_code == 302


def test_another_clinic_learns_nothing_from_the_pages(world: worlds.World) -> None:
    theirs = worlds.browser("anden")
    for page in ("overdragelse", "flyttet", "deling"):
        assert theirs.get(at(world, page)).status_code == 404
        assert theirs.post(at(world, page), {"do": "leave", "reason": "x", "known": "x"}).status_code == 404
