"""A clinic with a doctor and a patient newly diagnosed, and browsers logged in as either; everybody is made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.test import Client

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Role, people
from tovholder.access.people import Persona
from tovholder.base import days
from tovholder.base.clock import system_clock


@dataclass(frozen=True)
class World:
    """Ids of what was made."""

    clinic: str
    other_clinic: str
    doctor: str
    patient: str

    @property
    def course(self) -> str:
        """The address of the patient's page."""
        return f"/klinik/patient/{self.patient}/kol/"


def make(*, diagnosed_days_ago: int = 3) -> World:
    """Two clinics, a doctor, a patient with COPD on the first clinic's list, and the people who can log in."""
    now = system_clock()
    recorded = (now - timedelta(days=diagnosed_days_ago)).astimezone(days.COPENHAGEN).date().isoformat()
    with store.unit_of_work(system(now)) as uow:
        ours = uow.create(clinic("Lægerne Prøvestræde")).id
        others = uow.create(clinic("Lægerne Andetsteds")).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Prøvelæge", "given": ["Mette"]}]}).id
        person = uow.create(patient(ours, family="Prøvesen")).id
        uow.create(condition(person, recorded=recorded))
    for persona in (
        Persona("laege", "Mette Prøvelæge", "Læge", Role.GP, ours, doctor, ""),
        Persona("anden", "En Anden", "Læge", Role.GP, others, "anden", ""),
        Persona("patient", "Prøve Prøvesen", "Patient", Role.CITIZEN, "", "", person),
        Persona("analytiker", "Anders Analytiker", "Analytiker", Role.ANALYST, "", "", ""),
        Persona("hospital", "Hanne Hospital", "Sygeplejerske", Role.HOSPITAL, others, "hanne", ""),
    ):
        people.save_persona(persona)
    return World(ours, others, doctor, person)


def browser(name: str) -> Client:
    """A browser where somebody has chosen to be this person, the way a person does."""
    client = Client()
    answer = client.post("/login/persona", {"persona": name})
    assert answer.status_code == 302, answer.content
    return client
