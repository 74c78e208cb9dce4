"""Open flags of a course as pages show them, each with the form of the referral that answers it."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from tovholder.cockpit.ranking import OpenFlag
from tovholder.web import view_models as v


def flags(found: Iterable[OpenFlag], patient_id: str, package_id: str) -> tuple[v.Flag, ...]:
    """The flags, in the order they come."""
    return tuple(
        v.Flag(
            item.rule_id,
            item.title,
            item.severity,
            item.reason,
            item.since_day,
            item.age_days,
            item.action,
            reverse("web:refer", args=[patient_id, package_id, item.refer]) if item.refer else "",
        )
        for item in found
    )
