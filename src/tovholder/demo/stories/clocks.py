"""Owns the patients whose right to a plan is broken or paused, told in days before now."""

from __future__ import annotations

from tovholder.demo.scene import Scene
from tovholder.demo.stories.chronic import DIABETES
from tovholder.plan import actions as plan


def late(scene: Scene) -> None:
    """Diabetes was found 72 days ago; started after a month, assessed half, and no plan: the right is broken."""
    scene.registered(900)
    scene.measured(74, numbers={"hba1c": 68, "sbp": 152, "dbp": 91}, smoking="dagligt")
    scene.diagnosed(72, recorded=72, code=DIABETES)
    scene.started(33)
    scene.measured(33, numbers={"ldl": 3.1, "egfr": 84, "bmi": 30.6})
    scene.assessed(33, (2, 1, 1, 2))


def waiting(scene: Scene) -> None:
    """Wished to wait until she is home again: the deadline stays, the pause stands beside it."""
    scene.registered(900)
    scene.measured(44, numbers={"fev1": 69, "mrc": 2, "cat": 13, "exacerbations": 0}, smoking="ophørt")
    scene.diagnosed(43, recorded=43)
    plan.pause_clock(
        scene.doctor(36),
        patient_id=scene.patient_id,
        episode_id=scene.episode_id,
        reason="Patientens ønske: er i Spanien hos sin søster til efter jul og vil begynde, når hun er hjemme.",
    )
