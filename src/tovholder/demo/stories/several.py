"""Owns what has happened to the patients with more than one package, told in days before now."""

from __future__ import annotations

from tovholder import store
from tovholder.appointments import actions as appointments
from tovholder.appointments.together import book_together
from tovholder.base import days
from tovholder.demo.scene import Scene
from tovholder.demo.stories.chronic import ANGINA, DIABETES
from tovholder.plan import course, resources
from tovholder.plan.actions import editing, revisions
from tovholder.plan.actions.medicine import Change
from tovholder.plan.edits import Change as Edit
from tovholder.plan.edits import PlanEdit
from tovholder.plan.merge.domain import State
from tovholder.plan.merge.query import merged
from tovholder.referral import actions as referral

OFFERS = ("rygestop", "afklarende-samtale")


def several(scene: Scene) -> None:
    """KOL, diabetes and heart disease: three plans made on one day; controls are booked together."""
    scene.registered(2000)
    for ago, fev1, hba1c, systolic in ((960, 66, 55, 148), (590, 63, 57, 146)):
        scene.measured(
            ago,
            numbers={"fev1": fev1, "mrc": 2, "cat": 12, "exacerbations": 0, "hba1c": hba1c, "ldl": 2.3, "bmi": 30.2},
            smoking="ophørt",
        )
        scene.measured(ago, numbers={"sbp": systolic, "dbp": 84, "egfr": 66})
    scene.diagnosed(150, recorded=2600)
    scene.diagnosed(150, recorded=2300, code=DIABETES)
    scene.diagnosed(150, recorded=1500, code=ANGINA)
    courses = {name: scene.in_package(name) for name in ("kol", "t2d", "hjerte")}
    scene.measured(
        141,
        numbers={
            "fev1": 59, "mrc": 3, "cat": 17, "exacerbations": 1, "saturation": 95, "bmi": 30.8, "weight": 79.4,
            "hba1c": 59, "ldl": 2.0, "sbp": 144, "dbp": 82, "egfr": 61, "acr": 38, "hypos": 0, "ccs": 1,
        },
        smoking="ophørt",
        feet="ja",
        eyes="ja",
    )  # fmt: skip
    goals = {
        "kol": "Jeg vil kunne gå til koret og synge med uden at miste pusten.",
        "t2d": "Jeg vil nøjes med én blodprøve ad gangen.",
        "hjerte": "Jeg vil kunne tage trappen op til min søster på anden sal.",
    }
    left_out = {
        "kol": (*OFFERS, "rehabilitering"),
        "t2d": (*OFFERS, "kostvejledning", "fysisk-traening"),
        "hjerte": (*OFFERS, "kostvejledning", "fysisk-traening", "hjerterehabilitering"),
    }
    for name, one in courses.items():
        one.started(141)
        one.assessed(141, (2, 1, 2, 1))
        one.decided(141, 2, "Vurderet samlet for de tre sygdomme: klarer sig med aktiv opfølgning.")
        one.planned(134, goals[name], without=left_out[name])
    training = courses["kol"].referred(
        133, "rehabilitering", scene.clinic.prevention, "prevention", "Hold, som tager hensyn til hjerte og diabetes."
    )
    referral.accept(scene.prevention(130), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.prevention(119), patient_id=scene.patient_id, referral_id=training)
    referral.complete(
        scene.prevention(46),
        patient_id=scene.patient_id,
        referral_id=training,
        answer="Gik 80 meter længere ved afslutning. Fortsætter på seniorhold i idrætsforeningen.",
    )
    courses["hjerte"].treated(134, Change.START, "Atorvastatin", "C10AA05", "LDL 2,0 ved hjertesygdom", follow=90)
    seen = courses["t2d"].booked(scene.nurse(110), "t2d-kontrol", scene.at(52, 9), 40)
    scene.kept(scene.nurse(52, 11), seen)
    scene.measured(52, numbers={"cat": 15, "saturation": 96, "hba1c": 56, "ldl": 1.7, "sbp": 138, "dbp": 80})
    _book_together(scene)
    _left_by_a_colleague(courses["kol"])


def _book_together(scene: Scene) -> None:
    """The nurse books one time for the next steps that can be done in one visit."""
    ctx = scene.nurse(1, 14)
    for step in merged(ctx, scene.patient_id).steps:
        if len(step.origins) < 2 or step.state is not State.OPEN or step.last_day is None:
            continue
        wanted = max(step.first_day or 0, days.day_of(scene.now) + 6)
        when = scene.ahead(wanted - days.day_of(scene.now), 9)
        if days.day_of(when) <= step.last_day:
            ids = [origin.id for origin in step.origins]
            book_together(ctx, patient_id=scene.patient_id, activity_ids=ids, start=when, minutes=40)
            return


def _left_by_a_colleague(scene: Scene) -> None:
    """The nurse left a change of the plan as a draft; since then the doctor changed one of the same steps."""
    nurse, doctor = scene.nurse(4, 13), scene.doctor(2, 15)
    found = [
        (entry, step)
        for entry in store.search_all(nurse, "ServiceRequest", [("patient", f"Patient/{scene.patient_id}")])
        if (step := resources.read_activity(entry.resource)).episode_id == scene.episode_id
        and step.status.is_open
        and (step.due_day or 0) > nurse.today + 30
    ]
    found.sort(key=lambda pair: (pair[1].due_day or 0, pair[1].id or ""))
    stored, step = found[0]
    with store.unit_of_work(nurse, patients=[scene.patient_id]) as uow:
        held = course.valid_plan(uow, scene.patient_id, scene.episode_id)
        assert held is not None
        plan, value = held
    assert step.id is not None
    assert step.due_day is not None
    assert value.id is not None
    name = f"skridt-{step.id}"
    review = "" if value.review_day is None else days.iso(value.review_day)
    fields = {
        f"{name}-version": [str(stored.version)],
        f"{name}-was_title": [step.title],
        f"{name}-was_due": [days.iso(step.due_day)],
        f"{name}-was_out": [""],
        f"{name}-title": [f"{step.title} sammen med hjertekontrol"],
        f"{name}-due": [days.iso(step.due_day + 14)],
        f"plan-{value.id}-version": [str(editing.version_of(plan))],
        f"plan-{value.id}-was_review": [review],
        f"plan-{value.id}-review": [review],
    }
    revisions.save_revision_draft(nurse, patient_id=scene.patient_id, episode_id=scene.episode_id, fields=fields)
    was = editing.step_values(step)
    editing.edit_plan(
        doctor,
        patient_id=scene.patient_id,
        episode_id=scene.episode_id,
        edit=PlanEdit(
            plan=Edit(value.id, editing.version_of(plan), editing.plan_values(value), editing.plan_values(value), ""),
            steps=(Edit(step.id, stored.version, was, was | {"due": step.due_day + 7}, ""),),
        ),
    )


def one_more(scene: Scene) -> None:
    """Follows a KOL plan; diabetes was found three weeks ago and is not begun. Comes today with a cough."""
    scene.registered(1700)
    scene.measured(620, numbers={"fev1": 71, "mrc": 2, "cat": 10, "exacerbations": 0, "bmi": 31.5}, smoking="dagligt")
    scene.diagnosed(263, recorded=1900)
    scene.started(255)
    scene.measured(255, numbers={"fev1": 68, "mrc": 2, "cat": 12, "exacerbations": 1, "bmi": 32.0}, smoking="dagligt")
    scene.assessed(255, (2, 1, 1, 1))
    scene.decided(255, 2)
    scene.planned(249, "Jeg vil kunne bære brænde ind selv.", without=("rehabilitering", *OFFERS))
    control = scene.booked(scene.nurse(190), "kol-kontrol", scene.at(120, 10))
    scene.kept(scene.nurse(120, 11), control)
    scene.measured(25, numbers={"hba1c": 61, "ldl": 3.4, "sbp": 147, "dbp": 89})
    other = scene.in_package("t2d")
    other.diagnosed(24, recorded=24, code=DIABETES)
    appointments.book(
        scene.nurse(1, 15),
        patient_id=scene.patient_id,
        kind="konsultation",
        start=scene.today(10, 20),
        minutes=15,
        title="Konsultation: hoste gennem tre uger",
    )
