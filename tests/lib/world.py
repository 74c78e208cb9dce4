"""A small made-up world in the real store: a clinic, its doctor, a receiver, and patients with a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from lib import people
from tovholder import store
from tovholder.access import Context, Role
from tovholder.appointments import guards as appointment_guards
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan import derive
from tovholder.plan import guards as plan_guards
from tovholder.referral import guards as referral_guards
from tovholder.store import consents, ports


def day(text: str) -> int:
    """The integer day of a written date."""
    return days.day_of(date.fromisoformat(text))


@contextmanager
def bound() -> Iterator[None]:
    """The store with the guards and derivations of plan, appointments and referral alone."""
    guards, steps = dict(ports._guards), ports.steps()
    all_guards = consents.GUARDS | plan_guards.GUARDS | appointment_guards.GUARDS | referral_guards.GUARDS
    ports.bind(guards=all_guards, steps=list(derive.STEPS))
    try:
        yield
    finally:
        ports.bind(guards=guards, steps=steps)


@dataclass
class World:
    """Ids of who exists, and contexts to act in."""

    clinic: str
    other_clinic: str
    doctor: str
    prevention: str
    now: datetime

    def at(self, text: str) -> World:
        """The same world on another day, at nine in the morning."""
        moment = datetime.fromisoformat(text).replace(hour=9, tzinfo=days.COPENHAGEN)
        return World(self.clinic, self.other_clinic, self.doctor, self.prevention, moment)

    def later(self, count: int) -> World:
        """Days later."""
        return World(self.clinic, self.other_clinic, self.doctor, self.prevention, self.now + timedelta(days=count))

    @property
    def today(self) -> int:
        return days.day_of(self.now)

    @property
    def gp(self) -> Context:
        return Context(f"Practitioner/{self.doctor}", Role.GP, self.clinic, self.now)

    @property
    def staff(self) -> Context:
        return Context("Practitioner/nurse", Role.STAFF, self.clinic, self.now)

    @property
    def receiver(self) -> Context:
        return Context("Practitioner/therapist", Role.PREVENTION, self.prevention, self.now)

    @property
    def system(self) -> Context:
        return people.system(self.now)

    def citizen(self, patient_id: str) -> Context:
        return Context(f"Patient/{patient_id}", Role.CITIZEN, None, self.now, patient=patient_id)

    def patient(self, **changes: str) -> str:
        """A patient on the clinic's list."""
        with store.unit_of_work(self.system) as uow:
            return uow.create(people.patient(changes.pop("organization", self.clinic), **changes)).id

    def diagnose(self, patient_id: str, code: str = "R95", **changes: str | None) -> str:
        """A diagnosis on the patient's list, recorded today unless told otherwise."""
        told = {"recorded": days.iso(self.today), **changes}
        with store.unit_of_work(self.system) as uow:
            return uow.create(people.condition(patient_id, code, **told)).id  # type: ignore[arg-type]

    def measure(self, patient_id: str, code: str, value: float, unit: str = "") -> str:
        """A measurement of today."""
        observed = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": systems.MCS, "code": code}]},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": days.iso(self.today),
            "valueQuantity": {"value": value, **({"unit": unit, "system": systems.UCUM, "code": unit} if unit else {})},
        }
        with store.unit_of_work(self.system) as uow:
            return uow.create(observed).id

    def rows(self, table: str, patient_id: str) -> list[dict[str, object]]:
        """Fact rows of a patient."""
        with store.unit_of_work(self.system) as uow:
            return uow.fact_rows(table, [patient_id])


def build() -> World:
    """A world on 1 March 2027."""
    now = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
    with store.unit_of_work(people.system(now)) as uow:
        clinic = uow.create(people.clinic()).id
        other = uow.create(people.clinic("Lægehuset Andegade")).id
        prevention = uow.create(people.clinic("Sundhedscenter Øst", kind="prevention")).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Holst", "given": ["Ida"]}]}).id
    return World(clinic, other, doctor, prevention, now)
