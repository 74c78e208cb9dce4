"""Where clinicians decide otherwise than the rules propose: by package, level rule and proposed level, with reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.packages.common import Text
from tovholder.plan import resources
from tovholder.plan.resources.level import DECISION_CODE

BASE = "base"  # the needs assessment itself, which every package has as its first rule


@dataclass(slots=True)
class RuleDrift:
    """One rule of one package: how often it stood behind a proposal, and what was decided then.

    ``reasons``: (decided level, proposed level, words, day), newest first.
    """

    package: str
    rule: str
    title: Text
    at_least: int | None
    proposed: int = 0
    followed: int = 0
    raised: int = 0
    lowered: int = 0
    reasons: list[tuple[int, int, str, int]] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Drift:
    """All rules that stood behind a proposal, the most departed from first; and decisions nothing was proposed for."""

    rules: tuple[RuleDrift, ...]
    decisions: int
    without_proposal: int


def drift(ctx: Context, *, since: int) -> Drift:
    """What the clinic decided since a day against what was proposed. Two questions, whatever there is.

    A decision is counted once under each rule that gave the proposal: the highest reasons are told with it.
    """
    code = f"{systems.OBSERVATION_SYSTEM}|{DECISION_CODE}"
    decided = [
        one
        for item in store.search_all(ctx, "Observation", [("code", code)])
        if (one := resources.read_decision(item.resource)) is not None
        and one.status != "entered-in-error"
        and one.decided_day >= since
    ]
    proposals = {
        str(item.id): item.resource
        for item in store.search_all(ctx, "RiskAssessment", [("_lastUpdated", "ge2000-01-01")])
    }
    found: dict[tuple[str, str], RuleDrift] = {}
    without = 0
    for decision in decided:
        if decision.proposed_level is None:
            without += 1
            continue
        told = proposals.get(decision.proposal_id or "")
        package = _package(told)
        if told is None or package is None:
            without += 1
            continue
        proposed, level = int(decision.proposed_level), int(decision.level)
        behind = {
            rule: (title, at_least)
            for rule, title, at_least in _rules(package, resources.read_proposal(told).reasons, proposed)
        }
        for rule, (title, at_least) in behind.items():
            held = found.setdefault((package.id, rule), RuleDrift(package.id, rule, title, at_least))
            held.proposed += 1
            held.followed += level == proposed
            held.raised += level > proposed
            held.lowered += level < proposed
            held.versions.add(decision.rule_version or "")
            if level != proposed and decision.override_reason:
                held.reasons.append((level, proposed, decision.override_reason, decision.decided_day))
    for held in found.values():
        held.reasons.sort(key=lambda item: -item[3])
    ordered = sorted(found.values(), key=lambda item: (-(item.raised + item.lowered), item.package, item.rule))
    return Drift(tuple(ordered), len(decided), without)


def _package(proposal: Mapping[str, Any] | None) -> Package | None:
    if proposal is None:
        return None
    name = resources.read_proposal(proposal).rule.removesuffix("-level")
    return packages.builtin().get(name)


def _rules(package: Package, reasons: Iterable[str], proposed: int) -> Iterable[tuple[str, Text, int | None]]:
    """The rules whose reasons were told with the proposal and gave its level."""
    known = _patterns(package.id, package.version)
    for words in reasons:
        for rule, pattern, title, at_least in known:
            if pattern.fullmatch(words) and at_least in (None, proposed):
                yield rule, title, at_least
                break


@lru_cache(maxsize=32)
def _patterns(package_id: str, _version: str) -> tuple[tuple[str, re.Pattern[str], Text, int | None], ...]:
    """Each rule of a package by the words it tells in Danish, with anything in its places."""
    package = packages.get(package_id)
    found = [(BASE, _pattern(package.level.base.reason.da), package.level.base.reason, None)]
    return (
        *((item.id, _pattern(item.reason.da), item.reason, int(item.at_least)) for item in package.level.raisers),
        *found,
    )


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(part) for part in re.split(r"\{\w+\}", words)), re.DOTALL)
