"""What the patient saw on a day: the plan as their own page would have shown it then, from the versions of that moment."""

from __future__ import annotations

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.plan import queries
from tovholder.plan.views import MinPlanView


def seen_on(ctx: Context, patient_id: str, day: int) -> MinPlanView:
    """The patient's page as it stood when a day ended (of today: as it stands). One question for each type.

    What the patient keeps from the actor now is not among it. Raises Problem(NOT_FOUND) when not theirs to see.
    """
    patient = store.read(ctx, "Patient", patient_id).resource
    end = days.millis(days.midnight(day + 1)) - 1
    at = min(end, days.millis(ctx.now))
    found = {}
    for kind in queries.READ:
        versions = store.of_patient(ctx, kind, patient_id, at=at)
        told = (item.stored.resource for item in versions)
        found[kind] = tuple(item for item in told if item.get("status") != "entered-in-error")
    return queries.minplan_of(ctx, queries.Held(patient, found), today=day)
