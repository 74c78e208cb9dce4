"""Owns the patients whose referrals went every way a referral can go, told in days before now."""

from __future__ import annotations

from collections.abc import Mapping

from tovholder.access import Context, Role
from tovholder.demo.scene import Scene
from tovholder.demo.stories.chronic import ANGINA, DIABETES
from tovholder.referral import actions as referral
from tovholder.referral.prefill import State

# What the hospital doctor writes where the record had no answer, or only an old one.
WRITTEN: Mapping[str, str] = {
    "formaal": "Superviseret træning og hjælp til at komme i gang igen.",
    "hensyn": "Ingen særlige hensyn.",
}


def refused(scene: Scene) -> None:
    """Refused and resent, answered, taken back, and one nobody has answered yet."""
    scene.registered(1300)
    scene.diagnosed(88, recorded=1200, code=DIABETES)
    scene.started(80)
    scene.measured(
        80,
        numbers={"hba1c": 60, "ldl": 2.8, "sbp": 134, "dbp": 83, "egfr": 88, "acr": 41, "bmi": 34.7, "weight": 96.2},
        smoking="dagligt",
        feet="ja",
    )
    scene.assessed(80, (2, 2, 1, 1))
    scene.decided(80, 2)
    scene.planned(75, "Jeg vil kunne lege med mine børnebørn på gulvet.", without=("afklarende-samtale",))
    centre = scene.clinic.prevention
    diet = scene.referred(74, "kostvejledning", centre, "prevention", "Arbejder i skiftehold.")
    referral.reject(
        scene.prevention(70),
        patient_id=scene.patient_id,
        referral_id=diet,
        reason="no-capacity",
        text="Holdet er fuldt til efter nytår.",
    )
    again = scene.referred(
        67, "kostvejledning", centre, "prevention", "Tager gerne imod telefonsamtaler i stedet.", after=diet
    )
    referral.accept(scene.prevention(64), patient_id=scene.patient_id, referral_id=again)
    referral.start(scene.prevention(55), patient_id=scene.patient_id, referral_id=again)
    training = scene.referred(74, "fysisk-traening", centre, "prevention", "Ondt i knæene; helst i vand.")
    referral.accept(scene.prevention(71), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.prevention(62), patient_id=scene.patient_id, referral_id=training)
    referral.complete(
        scene.prevention(3),
        patient_id=scene.patient_id,
        referral_id=training,
        answer="Har deltaget 14 af 16 gange. Rejse-sætte-sig-test fra 9 til 14. Fortsætter i vandgymnastik.",
    )
    smoking = scene.referred(60, "rygestop", centre, "prevention", "Vil på hold.")
    referral.withdraw(
        scene.doctor(56),
        patient_id=scene.patient_id,
        referral_id=smoking,
        text="Har meldt sig til kommunens app i stedet.",
    )
    practices = scene.clinic.practices
    scene.referred(6, "oejenlaege", practices["ophthalmologist"], "ophthalmologist", "Øjnene er aldrig undersøgt.")
    feet = scene.referred(20, "fodterapeut", practices["podiatrist"], "podiatrist", "Hård hud på venstre fod.")
    referral.accept(_podiatrist(scene, 17), patient_id=scene.patient_id, referral_id=feet)


def _podiatrist(scene: Scene, ago: int) -> Context:
    place = scene.clinic.practices["podiatrist"]
    who = place.worker("podiatrist").reference
    return Context(actor=who, role=Role.PARTNER, organization=place.id, now=scene.at(ago))


def onward(scene: Scene) -> None:
    """The heart clinic took him, referred him on to rehabilitation, and handed him back with an answer."""
    scene.registered(1500)
    scene.diagnosed(96, recorded=420, code=ANGINA)
    scene.started(89)
    scene.measured(
        89,
        numbers={"ldl": 2.2, "sbp": 141, "dbp": 84, "egfr": 69, "bmi": 27.4, "weight": 84.9, "ccs": 2},
        smoking="ophørt",
    )
    scene.assessed(89, (2, 1, 1, 1))
    scene.decided(89, 2, "Ny vurdering i Hjerteambulatoriet afventes.")
    scene.planned(83, "Jeg vil kunne spille petanque en hel runde.", without=("rygestop", "hjerterehabilitering"))
    kind = "hjerteambulatorium"
    examined = scene.referred(
        82, kind, scene.clinic.department(kind), "hospital", "Tiltagende brystsmerter ved trappegang."
    )
    referral.accept(scene.department(kind, 78), patient_id=scene.patient_id, referral_id=examined)
    referral.start(scene.department(kind, 60), patient_id=scene.patient_id, referral_id=examined)
    doctor = scene.department(kind, 33)
    made = referral.onward(doctor, patient_id=scene.patient_id, referral_id=examined, kind="hjerterehabilitering")
    fields = {
        one.id: WRITTEN.get(one.id, "Ikke oplyst")
        for one in made.answers
        if one.state is not State.FILLED and one.asked.field.required
    }
    centre = scene.clinic.prevention
    next_one = referral.refer_on(
        doctor,
        patient_id=scene.patient_id,
        referral_id=examined,
        kind="hjerterehabilitering",
        receiver_id=centre.id,
        receiver_kind="prevention",
        fields=fields,
        text="Ballonudvidet for fire uger siden. Må træne uden begrænsning.",
    )
    referral.accept(scene.prevention(29), patient_id=scene.patient_id, referral_id=str(next_one.id))
    referral.hand_back(
        scene.department(kind, 5),
        patient_id=scene.patient_id,
        referral_id=examined,
        answer="Ballonudvidet; smertefri siden. Pausér ikke blodfortyndende medicin det første år. Kontrol hos jer.",
    )
