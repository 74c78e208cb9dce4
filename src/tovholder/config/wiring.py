"""Binds the record's ports to the contexts above it: which guards check which type, which derivations run in which order."""

from __future__ import annotations

from tovholder.appointments.guards import appointment_guard
from tovholder.cockpit.flags import FlagStep
from tovholder.monitoring.contributions import ContributionStep
from tovholder.plan import derive, guards, links
from tovholder.referral.guards import referral_guard
from tovholder.store import ports


def bind() -> None:
    """Called once when Django is ready."""
    ports.bind(
        guards={
            "EpisodeOfCare": [guards.episode_guard],
            "CarePlan": [guards.plan_guard],
            "Observation": [guards.level_guard],
            "ServiceRequest": [guards.activity_guard],
            "Goal": [guards.goal_guard],
            "QuestionnaireResponse": [guards.response_guard],
            "Appointment": [appointment_guard],
            "Task": [referral_guard],
        },
        # Order matters: links need episodes, flags and figures need both.
        steps=[derive.FindEligible(), links.LinkResources(), FlagStep(), ContributionStep()],
    )
