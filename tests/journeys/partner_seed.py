"""A clinic that has referred, and those who receive: physiotherapist, chiropractor, prevention. Run in its own process."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from journeys.seed import _questions, measured  # noqa: E402
from lib.people import clinic, condition, context, patient, system  # noqa: E402
from tovholder import packages, store  # noqa: E402
from tovholder.access import Role, people  # noqa: E402
from tovholder.access.people import Persona  # noqa: E402
from tovholder.base import days, json  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.fhir import systems  # noqa: E402
from tovholder.plan import actions, queries  # noqa: E402
from tovholder.referral import actions as referral  # noqa: E402

_FLAGS = "lrs-roede-flag"


def planned(ctx: Any, patient_id: str, package: str) -> dict[str, Any]:
    """The course with a confirmed plan; returns whom and which it is about."""
    about: dict[str, Any] = {
        "patient_id": patient_id, "episode_id": queries.episode_view(ctx, patient_id, package).episode.id,
    }  # fmt: skip
    actions.start_episode(ctx, **about, confirmed=True)
    base = queries.episode_view(ctx, patient_id, package).package.level.base
    form = queries.episode_view(ctx, patient_id, package).package.forms[base.form]
    answers = {}
    for item in _questions(form.questionnaire["item"]):
        if item["linkId"] in base.link_ids:
            option = item["answerOption"][1]
            answers[item["linkId"]] = next(value for key, value in option.items() if key.startswith("value"))
    actions.record_needs_assessment(ctx, **about, answers=answers)
    if package == "lrs":
        asked = next(one for one in packages.get("lrs").forms[_FLAGS].scoring.scores if one.id == "i-alt").link_ids
        actions.record_response(ctx, **about, package="lrs", form_id=_FLAGS, answers=dict.fromkeys(asked, False))
    actions.propose_level(ctx, **about)
    actions.decide_level(ctx, **about, level=2, override_reason="aftalt")
    actions.make_plan(ctx, **about)
    actions.confirm_plan(ctx, **about, goals=[actions.GoalDraft("Passe haven igen", by_patient=True)])
    return about


def main() -> dict[str, Any]:
    """Make the world."""
    call_command("migrate", verbosity=0)
    now = system_clock()
    recorded = (now - timedelta(days=120)).astimezone(days.COPENHAGEN).date().isoformat()

    def person(uow: Any, family: str, cpr: str, code: str) -> str:
        numbered = {"identifier": [{"system": systems.CPR, "value": cpr}]}
        phone = {"telecom": [{"system": "phone", "value": "00 22 33 44"}]}
        made: str = uow.create(patient(home, family=family) | numbered | phone).id
        uow.create(condition(made, code, recorded=recorded))
        return made

    with store.unit_of_work(system(now)) as uow:
        home = uow.create(
            clinic("Lægerne Prøvestræde", region="DK-83") | {"telecom": [{"system": "phone", "value": "00 00 00 00"}]}
        ).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Prøvelæge", "given": ["Mette"]}]}).id
        physio = uow.create(clinic("Bevægelse Fysioterapi", kind="physio")).id
        bones = uow.create(clinic("Kiropraktik ved Åen", kind="chiropractor")).id
        in_town = uow.create(clinic("Fysioterapi i Byen", kind="physio")).id
        lung = uow.create(clinic("Lungemedicinsk Ambulatorium", kind="hospital")).id
        air = person(uow, "Luftsen", "0105600005", "R95")
        for back, value in ((400, 55.0), (30, 48.0)):
            uow.create(measured(air, "MCS88023", value, now - timedelta(days=back)))
        centre = uow.create(clinic("Sundhedscenter Nær", kind="prevention")).id
        uow.create(clinic("Sundhedscenter Fjern", kind="prevention"))
        back = person(uow, "Rygsen", "0105600001", "L86")
        alone = person(uow, "Alenesen", "0105600002", "L86")
        filed = person(uow, "Filsen", "0105600004", "L86")
        lungs = person(uow, "Lungesen", "0105600003", "R95")
        frida = uow.create({"resourceType": "Practitioner", "name": [{"family": "Fys", "given": ["Frida"]}]}).id
    gp = context(Role.GP, home, now=now, actor=f"Practitioner/{doctor}")
    about = planned(gp, back, "lrs")
    referral.send(
        gp, **about, kind="fysioterapi", receiver_id=physio, receiver_kind="physio", text="Er bange for at bukke sig."
    )
    planned(gp, alone, "lrs")
    then = context(Role.GP, home, now=now - timedelta(days=40), actor=f"Practitioner/{doctor}")
    about = planned(then, filed, "lrs")
    sent = referral.send(then, **about, kind="fysioterapi", receiver_id=in_town, receiver_kind="physio")
    other = context(Role.PARTNER, in_town, now=now - timedelta(days=38), actor="Practitioner/per")
    referral.accept(other, patient_id=filed, referral_id=str(sent.id))
    about = planned(gp, lungs, "kol")
    referral.send(
        gp, **about, kind="rehabilitering", receiver_id=centre, receiver_kind="prevention",
        sent_day=days.day_of(now) - 18,
    )  # fmt: skip
    about = planned(gp, air, "kol")
    referral.send(
        gp, **about, kind="lungeambulatorium", receiver_id=lung, receiver_kind="hospital",
        text="Tiltagende åndenød trods behandling.",
    )  # fmt: skip
    for persona in (
        Persona("lis", "Lis Lunge", "Overlæge", Role.HOSPITAL, lung, "lis", ""),
        Persona("laege", "Mette Prøvelæge", "Læge", Role.GP, home, doctor, ""),
        Persona("fys", "Frida Fys", "Fysioterapeut", Role.PARTNER, physio, frida, ""),
        Persona("fysby", "Per Fys", "Fysioterapeut", Role.PARTNER, in_town, "per", ""),
        Persona("filpatient", "Prøve Filsen", "Patient", Role.CITIZEN, "", "", filed),
        Persona("kir", "Kim Kir", "Kiropraktor", Role.PARTNER, bones, "kim", ""),
        Persona("foreb", "Fie Forebyg", "Sygeplejerske, sundhedscenter", Role.PREVENTION, centre, "fie", ""),
        Persona("rygpatient", "Prøve Rygsen", "Patient", Role.CITIZEN, "", "", back),
        Persona("alene", "Prøve Alenesen", "Patient", Role.CITIZEN, "", "", alone),
    ):
        people.save_persona(persona)
    return {"back": back, "alone": alone, "lungs": lungs}


if __name__ == "__main__":
    sys.stdout.buffer.write(json.dumps(main()) + b"\n")
