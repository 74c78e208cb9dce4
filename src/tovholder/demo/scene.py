"""Owns the steps a persona patient's story is told in: each is the action a person would use, at its own moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from tovholder import packages, store
from tovholder.access import Context, Role, system_context
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.demo import readings
from tovholder.demo.personas import PatientPersona
from tovholder.demo.synth.cpr import reserved
from tovholder.demo.synth.organisations import Clinic, Place
from tovholder.demo.synth.persons import telecom
from tovholder.fhir import systems as s
from tovholder.forms import items_of
from tovholder.plan import actions as plan
from tovholder.plan import due
from tovholder.plan.actions.medicine import Change
from tovholder.plan.resources import condition_resource, read_episode, response_resource
from tovholder.plan.resources.extensions import Json
from tovholder.plan.values import Code
from tovholder.referral import actions as referral

KOL = Code(s.ICPC2, "R95", "KOL")


@dataclass
class Scene:
    """One patient's story as it unfolds: who acts when, counted in days before now."""

    clinic: Clinic
    persona: PatientPersona
    patient_id: str
    now: datetime
    episode_id: str = ""
    package: str = ""  # another than the persona's own

    def at(self, ago: int, hour: int = 10) -> datetime:
        """A moment so many days before now; one in a weekend is the Friday before, for clinics are closed then."""
        date_then = days.date_of(days.day_of(self.now) - ago)
        date_then -= timedelta(days=max(0, date_then.weekday() - 4))
        return min(datetime.combine(date_then, time(hour), days.COPENHAGEN), self.now)

    def ahead(self, after: int, hour: int = 10) -> datetime:
        """A moment so many days after now; one in a weekend is the Monday after."""
        date_then = days.date_of(days.day_of(self.now) + after)
        if date_then.weekday() > 4:
            date_then += timedelta(days=7 - date_then.weekday())
        return datetime.combine(date_then, time(hour), days.COPENHAGEN)

    def today(self, hour: int, minute: int = 0) -> datetime:
        """A time of the day the demo is built, whatever weekday it is."""
        return datetime.combine(days.date_of(days.day_of(self.now)), time(hour, minute), days.COPENHAGEN)

    def day(self, ago: int) -> int:
        """The integer day of that moment."""
        return days.day_of(self.at(ago))

    def doctor(self, ago: int, hour: int = 10) -> Context:
        """The patient's own doctor, then."""
        return self._worker(self.clinic.place, Role.GP, "gp", ago, hour)

    def nurse(self, ago: int, hour: int = 10) -> Context:
        """The clinic's nurse, then."""
        return self._worker(self.clinic.place, Role.STAFF, "nurse", ago, hour)

    def hospital(self, ago: int, hour: int = 10) -> Context:
        """The lung doctor, then."""
        return self._worker(self.clinic.hospital, Role.HOSPITAL, "hospital", ago, hour)

    def prevention(self, ago: int, hour: int = 10) -> Context:
        """The prevention nurse, then."""
        return self._worker(self.clinic.prevention, Role.PREVENTION, "prevention", ago, hour)

    def physio(self, ago: int, hour: int = 10) -> Context:
        """The physiotherapist, then."""
        return self._worker(self.clinic.physio, Role.PARTNER, "physio", ago, hour)

    def citizen(self, ago: int, hour: int = 20) -> Context:
        """The patient, then."""
        return Context(
            actor=f"Patient/{self.patient_id}",
            role=Role.CITIZEN,
            organization=None,
            now=self.at(ago, hour),
            patient=self.patient_id,
        )

    def department(self, kind: str, ago: int, hour: int = 10) -> Context:
        """Whoever at the hospital receives that kind of referral, then."""
        place = self.clinic.department(kind)
        return self._worker(place, Role.HOSPITAL, place.workers[0].kind, ago, hour)

    def _worker(self, place: Place, role: Role, work: str, ago: int, hour: int) -> Context:
        return Context(actor=place.worker(work).reference, role=role, organization=place.id, now=self.at(ago, hour))

    def system(self, ago: int) -> Context:
        """What came in from the clinic's and the hospital's systems, then."""
        return system_context(self.at(ago, 7), "demo")

    # What everybody's story begins with

    def registered(self, ago: int) -> None:
        """The person is on the clinic's list."""
        place = self.clinic.place
        born = _birth(self.persona, days.date_of(days.day_of(self.now)))
        patient: Json = {
            "resourceType": "Patient",
            "identifier": [
                {
                    "use": "official",
                    "system": s.CPR,
                    "value": reserved(born, self.persona.female, self.persona.number),
                }
            ],
            "active": True,
            "name": [
                {
                    "use": "official",
                    "family": self.persona.family,
                    "given": list(self.persona.given),
                    "text": " ".join([*self.persona.given, self.persona.family]),
                }
            ],
            "gender": "female" if self.persona.female else "male",
            "birthDate": born.isoformat(),
            "address": [
                {
                    "extension": [
                        {
                            "url": s.MUNICIPALITY_EXTENSION,
                            "valueCodeableConcept": {
                                "coding": [{"system": s.MUNICIPALITY, "code": place.municipality.code}]
                            },
                        }
                    ],
                    "use": "home",
                    "line": [self.persona.address],
                    "city": place.municipality.town,
                    "postalCode": place.municipality.postcode,
                    "country": "DK",
                }
            ],
            "generalPractitioner": [{"reference": f"Organization/{place.id}", "display": place.name}],
            **telecom(self.patient_id),
        }
        with store.unit_of_work(self.system(ago)) as uow:
            uow.create(patient, id=self.patient_id)

    def measured(
        self,
        ago: int,
        *,
        numbers: Mapping[str, float] | None = None,
        smoking: str | None = None,
        risk: str | None = None,
        eyes: str | None = None,
        feet: str | None = None,
    ) -> None:
        """A visit's measurements came in from the clinic's system; named as in readings.py."""
        nurse = self.clinic.place.worker("nurse").reference
        said = {"smoking": smoking, "risk": risk, "eyes": eyes, "feet": feet}
        with store.unit_of_work(self.system(ago), patients=[self.patient_id]) as uow:
            for resource in readings.resources(self.patient_id, self.at(ago, 9), nurse, numbers or {}, said):
                uow.create(resource)

    def diagnosed(
        self, ago: int, *, recorded: int | None = None, code: Code = KOL, verification: str = "confirmed"
    ) -> None:
        """The doctor writes the diagnosis; the course becomes possible in the same moment, or when the package's time
        has passed (``found``). recorded: days before now."""
        ctx = self.doctor(ago)
        with store.unit_of_work(ctx, patients=[self.patient_id]) as uow:
            uow.create(
                condition_resource(
                    patient_id=self.patient_id,
                    codes=[code],
                    recorded_day=self.day(ago if recorded is None else recorded),
                    recorder=ctx.actor,
                    verification_status=verification,
                )
            )
        self._course(ctx)

    def resolved(self, ago: int) -> None:
        """The doctor writes that what stood is over."""
        ctx = self.doctor(ago)
        with store.unit_of_work(ctx, patients=[self.patient_id]) as uow:
            for held in uow.find("Condition", [("patient", f"Patient/{self.patient_id}")]):
                uow.update(
                    dict(held)
                    | {
                        "clinicalStatus": {"coding": [{"system": s.CONDITION_CLINICAL, "code": "resolved"}]},
                        "abatementDateTime": days.iso(self.day(ago)),
                    }
                )

    def in_package(self, package: str) -> Scene:
        """The same patient's story in another of their packages."""
        other = replace(self, package=package)
        other._course(self.doctor(0))
        return other

    def found(self, ago: int) -> None:
        """The daily run looks, and finds that time has made the course possible."""
        due.look_at(self.system(ago), [self.patient_id])
        self._course(self.doctor(ago))

    def _course(self, ctx: Context) -> None:
        """The course of the package: the open one, else the last."""
        found = [
            value
            for entry in store.search(ctx, "EpisodeOfCare", [("patient", f"Patient/{self.patient_id}")]).entries
            if (value := read_episode(entry.resource)).package == (self.package or self.persona.package)
        ]
        found.sort(key=lambda value: (value.phase.is_open, value.eligible_day or 0))
        self.episode_id = str(found[-1].id) if found else ""

    def started(self, ago: int) -> None:
        """The clinic starts the course with the patient."""
        plan.start_episode(
            self.doctor(ago),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            offered_day=self.day(ago),
            care_manager=self.clinic.place.worker("gp").reference,
            confirmed=True,
        )

    def red_flags(self, ago: int, *yes: str, assessed: str = "") -> None:
        """The red flags of back pain are gone through; assessed: what the doctor makes of those answered with yes."""
        asked = next(
            held for held in packages.get("lrs").forms["lrs-roede-flag"].scoring.scores if held.id == "i-alt"
        ).link_ids
        answers: dict[str, object] = {link_id: link_id in yes for link_id in asked}
        plan.record_response(
            self.doctor(ago),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            package="lrs",
            form_id="lrs-roede-flag",
            answers=answers | ({"vurdering": assessed} if assessed else {}),
        )

    def half_assessed(self, ago: int, **needs: int) -> None:
        """Another system told of an assessment nobody has finished: only these of the four needs are answered."""
        held = packages.get(self.persona.package)
        form = held.forms[held.level.base.form]
        made = response_resource(
            patient_id=self.patient_id,
            questionnaire=form.canonical,
            items=items_of(form, {link: [str(need)] for link, need in needs.items()}),
            authored=self.at(ago, 9),
            author=self.clinic.place.worker("nurse").reference,
            episode_id=self.episode_id,
            status="in-progress",
        )
        with store.unit_of_work(self.system(ago), patients=[self.patient_id]) as uow:
            uow.create(made)
        plan.propose_level(self.doctor(ago), patient_id=self.patient_id, episode_id=self.episode_id)

    def assessed(self, ago: int, needs: tuple[int, int, int, int], notes: Mapping[str, str] | None = None) -> None:
        """The needs assessment is filled in together: biological, psychological, social, health literacy."""
        links = ("biologisk", "psykisk", "social", "sundhedskompetence")
        answers: dict[str, str] = {link: str(need) for link, need in zip(links, needs, strict=True)}
        plan.record_needs_assessment(
            self.doctor(ago),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            answers={**answers, **(notes or {})},
        )
        plan.propose_level(self.doctor(ago), patient_id=self.patient_id, episode_id=self.episode_id)

    def decided(self, ago: int, level: int, reason: str = "") -> None:
        """The doctor decides the level."""
        plan.decide_level(
            self.doctor(ago, 11),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            level=level,
            override_reason=reason,
        )

    def planned(self, ago: int, *goals: str, without: tuple[str, ...] = ()) -> None:
        """The plan is made from the package and confirmed as made together; without: activities not chosen."""
        plan.make_plan(self.doctor(ago, 11), patient_id=self.patient_id, episode_id=self.episode_id)
        plan.confirm_plan(
            self.doctor(ago, 12),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            goals=[plan.GoalDraft(text, target_day=days.add_months(self.day(ago), 6)) for text in goals],
            leave_out=without,
        )

    def booked(self, by: Context, kind: str, when: datetime, minutes: int = 30) -> str:
        """Somebody books a time at their own place; returns its id."""
        made = appointments.book(
            by, patient_id=self.patient_id, kind=kind, start=when, minutes=minutes, episode_id=self.episode_id or None
        )
        return str(made.id)

    def kept(self, by: Context, appointment: str) -> None:
        """The patient came."""
        appointments.mark_fulfilled(by, patient_id=self.patient_id, appointment_id=appointment)

    def referred(
        self, ago: int, kind: str, receiver: Place, receiver_kind: str, text: str, *, after: str | None = None
    ) -> str:
        """The doctor refers; returns the referral's id. after: the refused one it follows."""
        made = referral.send(
            self.doctor(ago, 13),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            kind=kind,
            receiver_id=receiver.id,
            receiver_kind=receiver_kind,
            text=text,
            after=after,
        )
        return str(made.id)

    def treated(
        self,
        ago: int,
        change: Change,
        name: str,
        atc: str,
        reason: str,
        *,
        dosage: str = "",
        follow: int | None = None,
    ) -> None:
        """The doctor starts, changes or stops medicine. follow: days before now it is to be followed up."""
        plan.record_medicine(
            self.doctor(ago, 12),
            patient_id=self.patient_id,
            episode_id=self.episode_id,
            change=change,
            name=name,
            atc=atc,
            reason=reason,
            dosage=dosage,
            due_day=None if follow is None else self.day(follow),
        )

    def admitted(self, ago: int, nights: int) -> None:
        """The hospital told of a stay for an exacerbation that ended then."""
        stay: Json = {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": s.ACT_CODE, "code": "IMP", "display": "inpatient encounter"},
            "subject": {"reference": f"Patient/{self.patient_id}"},
            "period": {
                "start": days.instant_text(self.at(ago + nights, 22)),
                "end": days.instant_text(self.at(ago, 11)),
            },
            "reasonCode": [
                {"coding": [{"system": s.SKS_DIAGNOSIS, "code": "DJ441"}], "text": "KOL med akut eksacerbation"}
            ],
            "serviceProvider": {"reference": f"Organization/{self.clinic.hospital.id}"},
        }
        with store.unit_of_work(self.system(ago), patients=[self.patient_id]) as uow:
            uow.create(stay)


def _birth(persona: PatientPersona, today: date) -> date:
    born = date(today.year - persona.age, *persona.birthday)
    if (today.month, today.day) < persona.birthday:
        born = date(today.year - persona.age - 1, *persona.birthday)
    return born
