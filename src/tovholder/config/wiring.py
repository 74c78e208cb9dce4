"""Binds the record's ports to the contexts above it: which guards check which type, which derivations run in order, which
access policy decides, and which profiles writes are held to."""

from __future__ import annotations

import os

from django.conf import settings

from tovholder import packages
from tovholder.access import issuers, policy
from tovholder.access.smart import scopes
from tovholder.appointments import guards as appointment_guards
from tovholder.base.errors import Problem
from tovholder.cockpit.flags import FlagStep
from tovholder.config.env import SettingsError
from tovholder.fhir import profiles_policy
from tovholder.monitoring.contributions import ContributionStep
from tovholder.packages.installed import Installed
from tovholder.plan import definitions, derive, left
from tovholder.plan import guards as plan_guards
from tovholder.referral import guards as referral_guards
from tovholder.referral import table as referral_table
from tovholder.store import consents, criteria, ports


def _use_policy() -> None:
    """Nobody is let in by a policy with a fault in it: then the process does not start, and every fault is told."""
    try:
        chosen = policy.load(settings.ENV.policy or policy.FILE)
        criteria.check_all(chosen)
    except Problem as problem:
        told = "\n  ".join(str(issue) for issue in problem.issues)
        raise SettingsError(
            f"{'TOVHOLDER_POLICY: ' if settings.ENV.policy else ''}{problem.message}\n  {told}"
        ) from None
    policy.use(chosen)


def _use_issuers() -> None:
    """Who vouches for people: told before anybody comes, and all that is wrong with it at once."""
    if settings.ENV.login is None:
        issuers.use(())
        return
    try:
        issuers.use(issuers.read(settings.ENV.login, os.environ, loopback=settings.PERSONAS_ALLOWED))
    except Problem as problem:
        told = "\n  ".join(str(issue) for issue in problem.issues)
        raise SettingsError(f"TOVHOLDER_LOGIN: {problem.message}\n  {told}") from None


def bind() -> None:
    """Called once when Django is ready."""
    own_plans = {kind: [*found, *left.GUARDS.get(kind, [])] for kind, found in plan_guards.GUARDS.items()}
    ports.bind(
        guards=consents.GUARDS | own_plans | appointment_guards.GUARDS | referral_guards.GUARDS | definitions.GUARDS,
        # Order matters: links need episodes, flags and figures need both.
        steps=[*derive.STEPS, FlagStep(), ContributionStep()],
        passes=plan_guards.PASSES,
    )
    own = Installed(settings.ENV.licensed_texts, settings.ENV.plan_sources, settings.ENV.packages)
    if own != Installed():
        try:
            packages.install(own)
        except Problem as problem:
            told = "\n  ".join(str(issue) for issue in problem.issues)
            raise SettingsError(f"TOVHOLDER_PLAN_SOURCES: {told}") from None
    _use_policy()
    _use_issuers()
    if settings.ENV.referral_table is not None:
        try:
            referral_table.load(settings.ENV.referral_table)
        except Problem as problem:
            told = "\n  ".join(str(issue) for issue in problem.issues)
            raise SettingsError(f"TOVHOLDER_REFERRAL_TABLE: {problem.message}\n  {told}") from None
    scopes.use_judge(criteria.check)
    if settings.ENV.profiles is not None:
        try:
            profiles_policy.use(profiles_policy.read(settings.ENV.profiles))
        except Problem as problem:
            raise SettingsError(f"TOVHOLDER_PROFILES: {problem.issues[0]}") from None
