"""Binds the record's ports to the contexts above it: which guards check which type, which derivations run in which order."""

from __future__ import annotations

from tovholder.appointments.guards import guard_appointment
from tovholder.cockpit.flags import FlagStep
from tovholder.monitoring.contributions import ContributionStep
from tovholder.plan import derive, guards
from tovholder.referral.guards import guard_referral
from tovholder.store import ports


def bind() -> None:
    """Called once when Django is ready."""
    ports.bind(
        guards={
            "EpisodeOfCare": [guards.guard_episode],
            "CarePlan": [guards.guard_plan],
            "Observation": [guards.guard_level],
            "Appointment": [guard_appointment],
            "Task": [guard_referral],
        },
        # Order matters: links need episodes, flags and figures need both.
        steps=[derive.FindEligible(), derive.LinkResources(), FlagStep(), ContributionStep()],
    )
