"""Binds the record's ports to the contexts above it: which guards check which type, which derivations run in order, and
which profiles writes are held to."""

from __future__ import annotations

from django.conf import settings

from tovholder.appointments import guards as appointment_guards
from tovholder.base.errors import Problem
from tovholder.cockpit.flags import FlagStep
from tovholder.config.env import SettingsError
from tovholder.fhir import profiles_policy
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
        passes=plan_guards.PASSES,
    )
    if settings.ENV.profiles is not None:
        try:
            profiles_policy.use(profiles_policy.read(settings.ENV.profiles))
        except Problem as problem:
            raise SettingsError(f"TOVHOLDER_PROFILES: {problem.issues[0]}") from None
