"""Where the clinic decides otherwise than the rules propose, rule by rule, with the reasons that were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import packages
from tovholder.access import blocks
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.plan.drift import BASE, RuleDrift, drift
from tovholder.web.view_models import Text
from tovholder.web.views.common import for_roles

FEW = 10  # fewer decisions than this are told as few: a share of them says nothing
_MONTHS = {"12": 12, "24": 24, "36": 36}
_REASONS = 20


@dataclass(frozen=True, slots=True)
class Reason:
    """What a clinician wrote, and what they chose instead of what."""

    level: int
    proposed: int
    text: str
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule."""

    key: str
    title: Any
    at_least: int | None
    proposed: int
    followed: int
    raised: int
    lowered: int
    share: float | None  # of the decisions that followed; None where there are few
    reasons: tuple[Reason, ...]
    more: int
    versions: str


@dataclass(frozen=True, slots=True)
class Group:
    """One package's rules."""

    title: Text
    rows: tuple[Row, ...]


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.GP, Role.STAFF)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The page, over the last year or more."""
    asked = request.GET.get("maaneder", "12")
    months = _MONTHS.get(asked, 12)
    since = days.add_months(ctx.today, -months)
    told = drift(ctx, since=since)
    language = get_language() or "da"
    groups: dict[str, list[Row]] = {}
    for item in told.rules:
        groups.setdefault(item.package, []).append(_row(item, language))
    return render(
        request,
        "web/klinik/drift.html",
        {
            "groups": tuple(_group(name, rows) for name, rows in groups.items()),
            "decisions": told.decisions,
            "without": told.without_proposal,
            "since": since,
            "months": tuple((key, number, number == months) for key, number in _MONTHS.items()),
            "few": FEW,
            "shut_out": bool(blocks.concerned(ctx)[0]),
        },
    )


def _group(name: str, rows: list[Row]) -> Group:
    titles = packages.get(name).titles
    return Group({"da": titles.da, "en": titles.en}, tuple(rows))


def _row(item: RuleDrift, language: str) -> Row:
    return Row(
        key=f"{item.package}-{item.rule}",
        title=_("Behovsvurderingens højeste felt") if item.rule == BASE else _plain(item.title[language]),
        at_least=item.at_least,
        proposed=item.proposed,
        followed=item.followed,
        raised=item.raised,
        lowered=item.lowered,
        share=item.followed / item.proposed if item.proposed >= FEW else None,
        reasons=tuple(Reason(*one) for one in item.reasons[:_REASONS]),
        more=max(0, len(item.reasons) - _REASONS),
        versions=", ".join(sorted(one for one in item.versions if one)),
    )


def _plain(words: str) -> str:
    """A rule's words without the places a patient's own values go."""
    kept = words
    while "{" in kept and "}" in kept:
        start, end = kept.index("{"), kept.index("}")
        kept = f"{kept[:start]}…{kept[end + 1 :]}"
    return kept
