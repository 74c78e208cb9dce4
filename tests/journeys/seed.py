"""Fills an empty database with what the journeys begin with, and prints the ids as JSON. Run in its own process."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from lib.people import clinic, condition, context, patient, system  # noqa: E402
from tovholder import store  # noqa: E402
from tovholder.access import Role, people  # noqa: E402
from tovholder.access.people import Persona  # noqa: E402
from tovholder.appointments import actions as appointments  # noqa: E402
from tovholder.base import days, json  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.plan import actions, queries  # noqa: E402

OTHERS = 6  # enough beside the patient of the journey that no figure is held back
MISSED_DAYS_AGO = 16
STARTED_DAYS_AGO = 20


def measured(patient_id: str, code: str, value: float, when: datetime) -> dict[str, Any]:
    """One measurement."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:oid:1.2.208.184.100.8", "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": when.date().isoformat(),
        "valueQuantity": {"value": value},
    }


def followed(ctx: Any, patient_id: str, level: int | None = None) -> None:
    """Another patient of the clinic, with a plan made in time; at the proposed level, where none is named."""
    episode = queries.episode_view(ctx, patient_id, "kol").episode
    about: dict[str, Any] = {"patient_id": patient_id, "episode_id": episode.id}
    actions.start_episode(ctx, **about)
    view = queries.episode_view(ctx, patient_id, "kol")
    form = view.package.forms[view.package.level.base.form]
    answers = {}
    for item in _questions(form.questionnaire["item"]):
        if item["linkId"] in view.package.level.base.link_ids:
            option = item["answerOption"][0]
            answers[item["linkId"]] = next(value for key, value in option.items() if key.startswith("value"))
    actions.record_needs_assessment(ctx, **about, answers=answers)
    proposal = actions.propose_level(ctx, **about)
    actions.decide_level(ctx, **about, level=level or int(proposal.level or 1), override_reason="aftalt")
    actions.make_plan(ctx, **about)
    actions.confirm_plan(ctx, **about, no_goal_reason="Vender tilbage til det ved næste kontrol")


def _questions(level: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for item in level:
        found += [item] if "answerOption" in item else []
        found += _questions(item.get("item", []))
    return found


def main() -> dict[str, Any]:
    """Make the world."""
    call_command("migrate", verbosity=0)
    now = system_clock()
    recorded = (now - timedelta(days=25)).astimezone(days.COPENHAGEN).date().isoformat()
    with store.unit_of_work(system(now)) as uow:
        home = uow.create(
            clinic("Lægerne Prøvestræde", region="DK-83")
            | {"telecom": [{"system": "phone", "value": "00 00 00 00"}], "address": [{"line": ["Prøvestræde 1"]}]}
        ).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Prøvelæge", "given": ["Mette"]}]}).id
        main_patient = uow.create(patient(home, family="Prøvesen")).id
        uow.create(condition(main_patient, recorded=recorded))
        for back, fev1, mrc in ((700, 62.0, 2), (400, 58.0, 2), (20, 51.5, 3)):
            uow.create(measured(main_patient, "MCS88023", fev1, now - timedelta(days=back)))
            uow.create(measured(main_patient, "MCS88021", mrc, now - timedelta(days=back)))
        by_keyboard = uow.create(patient(home, family="Tastesen")).id
        uow.create(condition(by_keyboard, recorded=recorded))
        long_ago = (now - timedelta(days=120)).astimezone(days.COPENHAGEN).date().isoformat()
        with_back_pain = uow.create(patient(home, family="Lændesen")).id
        uow.create(condition(with_back_pain, "L86", recorded=long_ago))
        others = []
        for number in range(OTHERS):
            other = uow.create(patient(home, family=f"Nabo {number}")).id
            uow.create(condition(other, recorded=recorded))
            others.append(other)
    ctx = context(Role.GP, home, now=now, actor=f"Practitioner/{doctor}")
    for other in others:
        followed(ctx, other)
    missed = appointments.book(
        system(now),
        patient_id=main_patient,
        kind="kol-kontrol",
        start=now - timedelta(days=MISSED_DAYS_AGO),
        organization_id=home,
    )
    for persona in (
        Persona("laege", "Mette Prøvelæge", "Læge i Lægerne Prøvestræde", Role.GP, home, doctor, ""),
        Persona("patient", "Prøve Prøvesen", "Patient med KOL", Role.CITIZEN, "", "", main_patient),
        Persona("rygpatient", "Prøve Lændesen", "Patient med ondt i ryggen", Role.CITIZEN, "", "", with_back_pain),
        Persona("bruno", "Bruno Test Elmer", "Officiel testperson", Role.CITIZEN, "", "", "Bruno"),
        Persona("system", "System", "System", Role.SYSTEM, "", "", ""),
        Persona("drift", "Dorte Drift", "Driftsansvarlig", Role.OPERATOR, "", "", ""),
        Persona("analytiker", "Anders Analytiker", "Analytiker", Role.ANALYST, "", "", ""),
    ):
        people.save_persona(persona)
    started = (now - timedelta(days=STARTED_DAYS_AGO)).astimezone(days.COPENHAGEN).date().isoformat()
    token = people.make_token("system", now)
    return {
        "clinic": home,
        "token": token,
        "patient": main_patient,
        "back": with_back_pain,
        "missed": missed.id,
        "started": started,
        "others": OTHERS,
        "neighbour": others[-1],
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(json.dumps(main()) + b"\n")
