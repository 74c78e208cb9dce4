"""Who changed what of a plan: a Provenance beside the versions (R4 §6.4), written in the same unit."""

from __future__ import annotations

from collections.abc import Iterable

from tovholder.base import days
from tovholder.plan.values import Episode
from tovholder.store import Stored, UnitOfWork

_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def note_change(uow: UnitOfWork, value: Episode, written: Iterable[Stored]) -> None:
    """Say who made these versions. Without a person behind the act (a job, a system) there is nothing to say."""
    actor = uow.ctx.actor
    targets = [{"reference": f"{item.type}/{item.id}/_history/{item.version}"} for item in written]
    if "/" not in actor or not targets:
        return
    agent: dict[str, object] = {
        "type": {"coding": [{"system": _AGENT, "code": "author"}]},
        "who": {"reference": actor},
    }
    if uow.ctx.organization:
        agent["onBehalfOf"] = {"reference": f"Organization/{uow.ctx.organization}"}
    uow.create(
        {
            "resourceType": "Provenance",
            "target": [{"reference": f"Patient/{value.patient_id}"}, *targets],
            "recorded": days.instant_text(uow.ctx.now),
            "activity": {"coding": [{"system": _ACTIVITY, "code": "UPDATE"}]},
            "agent": [agent],
        }
    )
