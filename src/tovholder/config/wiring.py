"""Binds the record's ports to the contexts above it: which guards check which type, which derivations run in order."""

from __future__ import annotations

from tovholder.appointments import guards as appointment_guards
from tovholder.cockpit.flags import FlagStep
from tovholder.monitoring.contributions import ContributionStep
from tovholder.plan import derive
from tovholder.plan import guards as plan_guards
from tovholder.referral import guards as referral_guards
from tovholder.store import ports


def bind() -> None:
    """Called once when Django is ready."""
    ports.bind(
        guards=plan_guards.GUARDS | appointment_guards.GUARDS | referral_guards.GUARDS,
        # Order matters: links need episodes, flags and figures need both.
        steps=[*derive.STEPS, FlagStep(), ContributionStep()],
    )
