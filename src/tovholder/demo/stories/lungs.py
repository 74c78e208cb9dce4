"""Owns what has happened to the patients with KOL, told in days before now."""

from __future__ import annotations

from tovholder import store
from tovholder.appointments import actions as appointments
from tovholder.demo.scene import Scene
from tovholder.plan import actions as plan
from tovholder.referral import actions as referral


def new(scene: Scene) -> None:
    """Diagnosed 24 days ago; nobody has started; the deadline is in six days."""
    scene.registered(900)
    scene.measured(24, numbers={"fev1": 63, "mrc": 3, "cat": 15, "exacerbations": 0, "bmi": 27.4}, smoking="dagligt")
    scene.diagnosed(24)


def undecided(scene: Scene) -> None:
    """Started and assessed twenty days ago; the level is not decided, and the deadline is near."""
    scene.registered(900)
    scene.measured(410, numbers={"fev1": 58, "mrc": 3, "cat": 16, "exacerbations": 1, "bmi": 25.1}, smoking="ophørt")
    scene.diagnosed(26, recorded=2300)
    scene.started(20)
    scene.measured(20, numbers={"fev1": 55, "cat": 18, "weight": 74.2, "saturation": 94})
    scene.assessed(20, (2, 2, 1, 2))


def missed(scene: Scene) -> None:
    """Level 2 with a confirmed plan; stayed away from a control eighteen days ago and has no new time."""
    scene.registered(1400)
    scene.measured(925, numbers={"fev1": 64, "mrc": 2, "cat": 11, "exacerbations": 0, "bmi": 29.6}, smoking="dagligt")
    scene.measured(560, numbers={"fev1": 61, "mrc": 3, "cat": 14, "exacerbations": 1, "bmi": 29.0}, smoking="dagligt")
    scene.diagnosed(212, recorded=1500)
    scene.started(204)
    scene.measured(
        204,
        numbers={"fev1": 57, "mrc": 3, "cat": 17, "exacerbations": 1, "bmi": 28.6, "weight": 77.1, "saturation": 95},
        smoking="dagligt",
    )
    scene.assessed(204, (2, 2, 1, 1))
    scene.decided(204, 2)
    scene.planned(
        199,
        "Jeg vil kunne passe mine børnebørn en hel eftermiddag.",
        "Jeg vil holde op med at ryge inden jul.",
        without=("afklarende-samtale", "rehabilitering"),  # rygestop first
    )
    quitting = scene.referred(
        198, "rygestop", scene.clinic.prevention, "prevention", "Vil gerne på hold sammen med sin mand."
    )
    referral.accept(scene.prevention(195), patient_id=scene.patient_id, referral_id=quitting)
    referral.start(scene.prevention(184), patient_id=scene.patient_id, referral_id=quitting)
    referral.complete(scene.prevention(120), patient_id=scene.patient_id, referral_id=quitting)
    scene.measured(95, numbers={"cat": 16, "saturation": 95, "technique": 1})
    control = scene.booked(scene.nurse(60), "kol-kontrol", scene.at(18, 9))
    appointments.mark_noshow(scene.nurse(18, 15), patient_id=scene.patient_id, appointment_id=control)


def together(scene: Scene) -> None:
    """Level 3: hospital, prevention centre and physiotherapist take part, and the patient writes own goals."""
    scene.registered(1400)
    scene.measured(1240, numbers={"fev1": 49, "mrc": 3, "cat": 19, "exacerbations": 1, "bmi": 23.4}, smoking="dagligt")
    scene.measured(870, numbers={"fev1": 45, "mrc": 3, "cat": 21, "exacerbations": 2, "bmi": 22.8}, smoking="ophørt")
    scene.measured(500, numbers={"fev1": 41, "mrc": 4, "cat": 24, "exacerbations": 2, "bmi": 22.1}, smoking="ophørt")
    scene.admitted(170, 5)
    scene.diagnosed(165, recorded=2900)
    scene.started(158)
    scene.measured(
        158,
        numbers={"fev1": 36, "mrc": 4, "cat": 27, "exacerbations": 3, "bmi": 21.3, "weight": 64.5, "saturation": 91},
        smoking="ophørt",
    )
    scene.assessed(158, (3, 2, 2, 2))
    scene.decided(158, 3)
    scene.planned(152, "Jeg vil kunne gå ned til bådene og hjem igen.")
    rehabilitation = scene.referred(
        151, "rehabilitering", scene.clinic.prevention, "prevention", "Bor alene på anden sal; har brug for transport."
    )
    referral.accept(scene.prevention(148), patient_id=scene.patient_id, referral_id=rehabilitation)
    referral.start(scene.prevention(136), patient_id=scene.patient_id, referral_id=rehabilitation)
    talk = scene.booked(scene.prevention(148, 14), "afklarende-samtale", scene.at(136, 13), 45)
    scene.kept(scene.prevention(136, 15), talk)
    training_start = scene.booked(scene.prevention(120), "rehabilitering", scene.at(85, 13), 60)
    scene.kept(scene.prevention(85, 15), training_start)
    training = scene.referred(
        110, "fysioterapi", scene.clinic.physio, "physio", "Vejrtrækningsteknik og hjemmeøvelser."
    )
    referral.accept(scene.physio(107), patient_id=scene.patient_id, referral_id=training)
    referral.start(scene.physio(99), patient_id=scene.patient_id, referral_id=training)
    first = scene.booked(scene.physio(107, 14), "fysioterapi", scene.at(99, 14), 45)
    scene.kept(scene.physio(99, 16), first)
    plan.add_goal(
        scene.citizen(90),
        patient_id=scene.patient_id,
        episode_id=scene.episode_id,
        text="Jeg vil til mit barnebarns konfirmation til foråret.",
    )
    lungs = scene.referred(64, "lungeambulatorium", scene.clinic.hospital, "hospital", "Vurdering af iltbehov.")
    referral.accept(scene.hospital(60), patient_id=scene.patient_id, referral_id=lungs)
    scene.measured(40, numbers={"cat": 25, "saturation": 91, "weight": 63.8, "technique": 1})
    control = scene.booked(scene.nurse(50), "kol-kontrol", scene.at(40, 10))
    scene.kept(scene.nurse(40, 11), control)
    scene.booked(scene.physio(6), "fysioterapi", scene.ahead(4, 14), 45)
    scene.booked(scene.hospital(12), "spirometri", scene.ahead(11, 9))
    scene.booked(scene.prevention(8), "rehabilitering", scene.ahead(2, 13), 60)


def steady(scene: Scene) -> None:
    """Level 1: the plan is kept, the goal is reached, the yearly status is booked."""
    scene.registered(1400)
    scene.measured(1060, numbers={"fev1": 85, "mrc": 2, "cat": 10, "exacerbations": 1, "bmi": 26.1}, smoking="dagligt")
    scene.measured(690, numbers={"fev1": 84, "mrc": 2, "cat": 9, "exacerbations": 0, "bmi": 25.4}, smoking="dagligt")
    scene.diagnosed(326, recorded=1100)
    scene.started(319)
    scene.measured(
        319,
        numbers={"fev1": 83, "mrc": 2, "cat": 8, "exacerbations": 0, "bmi": 25.0, "weight": 70.4, "saturation": 97},
        smoking="ophørt",
    )
    scene.assessed(319, (1, 1, 1, 1))
    scene.decided(319, 1)
    scene.planned(312, "Jeg vil kunne cykle til stranden uden at stå af.")
    scene.measured(130, numbers={"cat": 6, "weight": 69.2, "saturation": 98, "technique": 1})
    goals = store.search(scene.citizen(100), "Goal", [("patient", f"Patient/{scene.patient_id}")])
    plan.update_goal(
        scene.citizen(100),
        patient_id=scene.patient_id,
        goal_id=goals.entries[0].id,
        achievement="achieved",
    )
    scene.booked(scene.nurse(14), "kol-aarsstatus", scene.ahead(49, 9), 45)


def declined(scene: Scene) -> None:
    """Was offered the course and did not want it."""
    scene.registered(900)
    scene.measured(75, numbers={"fev1": 72, "mrc": 2, "cat": 8, "exacerbations": 0}, smoking="aldrig røget")
    scene.diagnosed(62, recorded=820)
    plan.decline_episode(
        scene.doctor(55),
        patient_id=scene.patient_id,
        episode_id=scene.episode_id,
        reason="Synes ikke, at sygdommen fylder nok. Vil gerne spørges igen om et år.",
    )
