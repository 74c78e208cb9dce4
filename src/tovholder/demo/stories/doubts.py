"""Owns the patients about whom something is unknown, in doubt or decided otherwise than proposed."""

from __future__ import annotations

from tovholder.demo.scene import Scene
from tovholder.plan import actions as plan


def unknown(scene: Scene) -> None:
    """Half an assessment, lung function measured three years ago, no word about exacerbations: no level proposed."""
    scene.registered(1500)
    scene.measured(1120, numbers={"fev1": 61, "mrc": 3}, smoking="dagligt")
    scene.diagnosed(21, recorded=3300)
    scene.started(13)
    scene.measured(13, numbers={"mrc": 3})
    plan.record_response(
        scene.nurse(13, 11),
        patient_id=scene.patient_id,
        episode_id=scene.episode_id,
        package="kol",
        form_id="kol-aarsstatus",
        answers={
            "lungefunktion-maalt": "ej-muligt",
            "mrc": 3,
            "rygning": "dagligt",
            "rehabilitering": "ej-spurgt",
            "influenza": "ej-spurgt",
            "motion": "ej-spurgt",
            "bemaerkninger": "Var forkølet, så lungefunktionen kunne ikke måles. Husker ikke, om han har haft forværringer.",
        },
    )
    scene.half_assessed(13, biologisk=2, social=1)


def different(scene: Scene) -> None:
    """The rules said level 1; the doctor knew more."""
    scene.registered(1500)
    scene.measured(470, numbers={"fev1": 77, "mrc": 2, "cat": 9, "exacerbations": 0, "bmi": 25.9}, smoking="ophørt")
    scene.diagnosed(190, recorded=1700)
    scene.started(181)
    scene.measured(
        181,
        numbers={"fev1": 75, "mrc": 2, "cat": 9, "exacerbations": 0, "bmi": 25.2, "weight": 76.0, "saturation": 96},
        smoking="ophørt",
    )
    scene.assessed(181, (1, 1, 1, 1))
    scene.decided(181, 2, "Er lige blevet alene efter 50 års ægteskab og ringer ikke selv. Vi ringer til ham.")
    scene.planned(175, "Jeg vil kunne cykle ned i klubben to gange om ugen.")
    control = scene.booked(scene.nurse(120), "kol-kontrol", scene.at(66, 9))
    scene.kept(scene.nurse(66, 10), control)
    scene.measured(66, numbers={"cat": 10, "saturation": 96, "technique": 1})
    scene.booked(scene.nurse(30), "kol-kontrol", scene.ahead(25, 9))


def suspected(scene: Scene) -> None:
    """KOL is suspected; lung function is not measured yet, so he is not proposed, and the list says why."""
    scene.registered(900)
    scene.measured(11, numbers={"mrc": 2}, smoking="dagligt")
    scene.diagnosed(11, recorded=11, verification="provisional")
    scene.booked(scene.nurse(9), "spirometri", scene.ahead(5, 8))
