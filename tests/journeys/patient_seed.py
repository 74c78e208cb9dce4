"""A patient with two packages and a past, in the journeys' database: run in its own process, prints the ids as JSON."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from journeys.seed import _questions, measured  # noqa: E402
from lib.people import condition, context, patient, system  # noqa: E402
from tovholder import store  # noqa: E402
from tovholder.access import Role, people  # noqa: E402
from tovholder.access.people import Persona  # noqa: E402
from tovholder.appointments import actions as appointments  # noqa: E402
from tovholder.base import days, json  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.fhir import systems  # noqa: E402
from tovholder.plan import actions, queries, resources  # noqa: E402
from tovholder.plan.values import Code, Goal, Limits, Referral  # noqa: E402

_EPISODE = systems.EPISODE_OF_CARE_EXTENSION


def main(clinic: str) -> dict[str, Any]:
    """COPD with a plan a year old, back pain just begun, an admission since, a referral on its way."""
    now = system_clock()

    def on(back: int) -> str:
        return (now - timedelta(days=back)).astimezone(days.COPENHAGEN).date().isoformat()

    with store.unit_of_work(system(now - timedelta(days=500))) as uow:
        person = uow.create(
            patient(clinic, family="Helesen", born="1951-03-09")
            | {"identifier": [{"system": systems.CPR, "value": "0903510000"}]}
        ).id
        uow.create(condition(person, recorded=on(500)))
        hospital = uow.create({"resourceType": "Organization", "name": "Lungemedicinsk Afdeling, Prøvehospitalet"}).id
        trainer = uow.create({"resourceType": "Organization", "name": "Prøveby Sundhedscenter"}).id
        for back, fev1, mrc, cat in ((700, 62.0, 2, 14), (480, 58.0, 2, 17), (200, 55.0, 3, 21), (30, 51.5, 3, 24)):
            for code, value in (("MCS88023", fev1), ("MCS88021", mrc), ("MCS88137", cat)):
                uow.create(measured(person, code, value, now - timedelta(days=back)))
        nurse = uow.create(
            {"resourceType": "Practitioner", "name": [{"family": "Prøvesygeplejerske", "given": ["Tove"]}]}
        ).id
    then = context(Role.GP, clinic, now=now - timedelta(days=495), actor=f"Practitioner/{nurse}")
    about = _planned(then, person, "kol")
    gp = context(Role.GP, clinic, now=now, actor=f"Practitioner/{nurse}")
    with store.unit_of_work(system(now)) as uow:
        uow.create(condition(person, "L86", recorded=on(130)))
        uow.create(
            {
                "resourceType": "Condition",
                "code": {"text": "Forhøjet blodtryk"},
                "recordedDate": on(900)[:4],
                "subject": {"reference": f"Patient/{person}"},
            }
        )
        uow.create(
            {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"system": systems.ACT_CODE, "code": "IMP"},
                "subject": {"reference": f"Patient/{person}"},
                "period": {"start": f"{on(45)}T10:00:00+01:00", "end": f"{on(41)}T12:00:00+01:00"},
                "serviceProvider": {"reference": f"Organization/{hospital}"},
            }
        )
        goal = Goal(
            patient_id=person,
            episode_id=about["episode_id"],
            text="CAT på højst 15",
            limits=Limits(measure=Code(systems.MCS, "MCS88137", "CAT"), at_most_milli=15000),
        )
        uow.create(resources.goal_resource(goal))
        request = uow.create(
            {
                "resourceType": "ServiceRequest",
                "status": "active",
                "intent": "order",
                "subject": {"reference": f"Patient/{person}"},
                "code": {"text": "Rehabilitering"},
            }
        ).id
        sent = Referral(
            patient_id=person,
            episode_id=about["episode_id"],
            request_id=request,
            kind="rehabilitering",
            receiver_id=trainer,
            receiver_kind="prevention",
            status="requested",
            sent_day=days.day_of(now) - 25,
            title="KOL-rehabilitering",
        )
        uow.create(resources.referral_resource(sent))
    appointments.book(
        system(now), patient_id=person, kind="kol-kontrol", start=now - timedelta(days=9), organization_id=clinic
    )
    appointments.book(
        system(now), patient_id=person, kind="kol-kontrol", start=now + timedelta(days=21), organization_id=hospital
    )
    back = queries.episode_view(gp, person, "lrs").episode
    actions.start_episode(gp, patient_id=person, episode_id=str(back.id), confirmed=True)
    people.save_persona(Persona("kollega", "Tove Prøvesygeplejerske", "Sygeplejerske", Role.STAFF, clinic, nurse, ""))
    people.save_persona(Persona("helepatient", "Prøve Helesen", "Patient i to pakker", Role.CITIZEN, "", "", person))
    return {"patient": person, "yesterday": on(1)}


def _planned(ctx: Any, person: str, package: str) -> dict[str, Any]:
    view = queries.episode_view(ctx, person, package)
    about = {"patient_id": person, "episode_id": str(view.episode.id)}
    actions.start_episode(ctx, **about)
    form = view.package.forms[view.package.level.base.form]
    answers = {}
    for item in _questions(form.questionnaire["item"]):
        if item["linkId"] in view.package.level.base.link_ids:
            option = item["answerOption"][1]
            answers[item["linkId"]] = next(value for key, value in option.items() if key.startswith("value"))
    actions.record_needs_assessment(ctx, **about, answers=answers)
    proposal = actions.propose_level(ctx, **about)
    actions.decide_level(ctx, **about, level=int(proposal.level or 2), override_reason="aftalt")
    actions.make_plan(ctx, **about)
    actions.confirm_plan(ctx, **about, goals=[actions.GoalDraft("Gå til bageren uden pause")])
    return about


if __name__ == "__main__":
    sys.stdout.buffer.write(json.dumps(main(sys.argv[1])) + b"\n")
