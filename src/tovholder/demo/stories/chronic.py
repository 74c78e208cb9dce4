"""Owns what has happened to the patients with type 2 diabetes or heart disease alone, told in days before now."""

from __future__ import annotations

from tovholder.demo.scene import Scene
from tovholder.fhir import systems as s
from tovholder.plan.actions.medicine import Change
from tovholder.plan.values import Code
from tovholder.referral import actions as referral

DIABETES = Code(s.ICPC2, "T90", "Type 2-diabetes")
INFARCTION = Code(s.ICPC2, "K75", "Akut myokardieinfarkt")
ANGINA = Code(s.ICPC2, "K74", "Iskæmisk hjertesygdom med angina")


def diabetes(scene: Scene) -> None:
    """Level 2: blood sugar has risen, new medicine was begun two months ago, and nobody has followed it up."""
    scene.registered(1400)
    scene.measured(940, numbers={"hba1c": 53, "ldl": 2.9, "sbp": 142, "dbp": 86, "egfr": 81, "acr": 9, "bmi": 32.4})
    scene.measured(575, numbers={"hba1c": 57, "ldl": 2.6, "sbp": 139, "dbp": 84, "egfr": 79, "bmi": 32.9}, feet="ja")
    scene.diagnosed(240, recorded=2100, code=DIABETES)
    scene.started(231)
    scene.measured(
        231,
        numbers={
            "hba1c": 63, "ldl": 2.4, "sbp": 138, "dbp": 82, "egfr": 77, "acr": 12, "bmi": 33.1, "weight": 91.4,
            "hypos": 0,
        },
        smoking="ophørt",
        feet="ja",
    )  # fmt: skip
    scene.assessed(231, (2, 1, 1, 2))
    scene.decided(231, 2)
    scene.planned(
        226,
        "Jeg vil kunne gå med turklubben hver onsdag.",
        "Jeg vil undgå insulin, så længe det går.",
        without=("rygestop", "fysisk-traening", "afklarende-samtale"),
    )
    scene.treated(226, Change.START, "Metformin", "A10BA02", "HbA1c over målet", dosage="500 mg 2 gange dagligt")
    diet = scene.referred(
        225, "kostvejledning", scene.clinic.prevention, "prevention", "Vil gerne have sin mand med til samtalerne."
    )
    referral.accept(scene.prevention(221), patient_id=scene.patient_id, referral_id=diet)
    referral.start(scene.prevention(210), patient_id=scene.patient_id, referral_id=diet)
    referral.complete(
        scene.prevention(138),
        patient_id=scene.patient_id,
        referral_id=diet,
        answer="Tre samtaler. Har lagt aftensmaden om og tabt to kilo. Ønsker ikke mere nu.",
    )
    first = scene.booked(scene.nurse(200), "t2d-kontrol", scene.at(132, 9), 20)
    scene.kept(scene.nurse(132, 10), first)
    scene.measured(132, numbers={"hba1c": 72, "sbp": 136, "dbp": 82, "weight": 90.2})
    scene.treated(
        62, Change.START, "Empagliflozin", "A10BK03", "HbA1c 72 trods metformin", dosage="10 mg dagligt", follow=34
    )


def heart(scene: Scene) -> None:
    """A heart attack four months ago; rehabilitation runs, the blood pressure is not down yet."""
    scene.registered(1600)
    scene.measured(800, numbers={"ldl": 3.6, "sbp": 151, "dbp": 92, "bmi": 28.8}, smoking="dagligt")
    scene.diagnosed(122, recorded=122, code=INFARCTION)
    scene.started(112)
    scene.measured(
        112,
        numbers={"ldl": 2.1, "sbp": 149, "dbp": 88, "egfr": 72, "bmi": 28.1, "weight": 86.3, "ccs": 1},
        smoking="ophørt",
    )
    scene.assessed(112, (2, 2, 1, 1))
    scene.decided(112, 2, "Følges tæt i rehabiliteringen; klinikken tager blodtryk og medicin.")
    scene.planned(
        104,
        "Jeg vil turde tage i sommerhus igen uden at være bange for mit hjerte.",
        without=("rygestop", "kostvejledning", "fysisk-traening", "afklarende-samtale"),
    )
    scene.treated(104, Change.START, "Atorvastatin", "C10AA05", "LDL over 1,4 efter blodprop", dosage="80 mg dagligt")
    scene.treated(104, Change.START, "Ramipril", "C09AA05", "Blodtryk over målet", dosage="5 mg dagligt")
    training = scene.referred(
        103, "hjerterehabilitering", scene.clinic.prevention, "prevention", "Bange for at presse sig selv."
    )
    referral.accept(scene.prevention(99), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.prevention(86), patient_id=scene.patient_id, referral_id=training)
    control = scene.booked(scene.nurse(70), "hjerte-kontrol", scene.at(31, 9), 20)
    scene.kept(scene.nurse(31, 10), control)
    scene.measured(31, numbers={"ldl": 1.5, "sbp": 146, "dbp": 86, "weight": 85.0})
    scene.treated(31, Change.CHANGE, "Ramipril", "C09AA05", "Blodtryk 146/86", dosage="10 mg dagligt", follow=-4)
    scene.booked(scene.prevention(20), "hjerterehabilitering", scene.ahead(3, 13), 60)
