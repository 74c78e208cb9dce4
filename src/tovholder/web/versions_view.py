"""What the page about new versions of packages shows: what is new, and what it would change in each plan that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from tovholder import packages
from tovholder.access import Context
from tovholder.base import days
from tovholder.cockpit import queries as cockpit_queries
from tovholder.packages.difference import TITLES, Difference, Part, between
from tovholder.packages.model import Package
from tovholder.plan import upgrade
from tovholder.plan.rebase import Change, Kept, What, Why
from tovholder.plan.upgrade import Live, Upgrade
from tovholder.web.templatetags.tovholder import day

PAGE = 25


@dataclass(frozen=True, slots=True)
class News:
    """One thing that differs in the package: what happened to it, its title, and how it reads now."""

    what: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartNews:
    """What differs in one part of the package."""

    title: str
    news: tuple[News, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is new since one earlier version."""

    version: str
    parts: tuple[PartNews, ...]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One plan that waits: whose it is, what would change, what stays, and what is looked at (``token``)."""

    plan_id: str
    patient_id: str
    name: str
    version: str
    level: int | None
    changes: tuple[str, ...]
    stays: tuple[str, ...]
    proposal: str
    hindrance: str
    reason: str
    look_again_day: int | None
    token: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PackageNews:
    """A package with plans that wait for its version in force."""

    id: str
    title: str
    version: str
    waiting: int
    kept: int
    rows: tuple[PlanRow, ...]
    earlier: tuple[Earlier, ...]
    number: int  # of the page
    pages: int
    shows_kept: bool


def gathered(
    ctx: Context, *, language: str, package: str = "", number: int = 1, kept: bool = False, chosen: Sequence[str] = ()
) -> tuple[PackageNews, ...]:
    """Every package with plans that wait; page and kept ones are chosen for ``package``, the others show the first."""
    waiting = upgrade.waiting(ctx)
    found = []
    for package_id in dict.fromkeys(item.package for item in sorted(waiting, key=lambda item: item.package)):
        own = [item for item in waiting if item.package == package_id]
        asked = package_id == package
        found.append(
            _package(ctx, own, language, number if asked else 1, kept=kept and asked, chosen=frozenset(chosen))
        )
    return tuple(found)


def _package(
    ctx: Context, own: Sequence[Live], language: str, number: int, *, kept: bool, chosen: frozenset[str]
) -> PackageNews:
    held = packages.get(own[0].package)
    listed = sorted((item for item in own if item.kept == kept), key=lambda item: item.plan_id)
    pages = max(1, -(-len(listed) // PAGE))
    number = min(max(1, number), pages)
    shown = listed[(number - 1) * PAGE : number * PAGE]
    names = cockpit_queries.patient_names(ctx, sorted({item.patient_id for item in shown}))
    rows = [
        _row(found, names.get(found.plan.patient_id, ""), language, chosen=str(found.plan.id) in chosen)
        for found in upgrade.look(ctx, shown)
    ]
    known = [version for version in packages.versions(held.id) if any(item.version == version for item in own)]
    return PackageNews(
        id=held.id,
        title=held.titles[language],
        version=held.version,
        waiting=sum(not item.kept for item in own),
        kept=sum(item.kept for item in own),
        rows=tuple(sorted(rows, key=lambda row: (row.name, row.plan_id))),
        earlier=tuple(Earlier(version, news(packages.version(held.id, version), held, language)) for version in known),
        number=number,
        pages=pages,
        shows_kept=kept,
    )


def news(old: Package, new: Package, language: str) -> tuple[PartNews, ...]:
    """What differs, part by part, in words."""
    found = between(old, new)
    return tuple(
        PartNews(TITLES[part][language], tuple(_news(item, language) for item in found if item.part == part))
        for part in Part
        if any(item.part == part for item in found)
    )


def _news(item: Difference, language: str) -> News:
    what = {"added": _("Nyt"), "removed": _("Udgår"), "changed": _("Ændret")}[item.what]
    lines = [item.told[language]] if item.told is not None and item.what == "added" else []
    lines += [
        _("%(label)s: fra %(before)s til %(after)s")
        % {"label": one.label[language], "before": one.before[language], "after": one.after[language]}
        for one in item.details
    ]
    return News(what, item.title[language], tuple(lines))


def _row(found: Upgrade, name: str, language: str, *, chosen: bool) -> PlanRow:
    plan = found.plan
    proposal = ""
    if found.proposed_before != found.proposed_after:
        none = _("intet forslag")
        proposal = _(
            "Forslaget til niveau ændres fra %(before)s til %(after)s. Niveauet er stadig dit at beslutte."
        ) % {
            "before": int(found.proposed_before) if found.proposed_before else none,
            "after": int(found.proposed_after) if found.proposed_after else none,
        }
    return PlanRow(
        plan_id=str(plan.id),
        patient_id=plan.patient_id,
        name=name,
        version=plan.package_version,
        level=int(found.level) if found.level else None,
        changes=(*(_change(item, language) for item in found.steps.changes), *_plan_changes(found)),
        stays=tuple(dict.fromkeys(_kept(item, language) for item in found.steps.kept)),
        proposal=proposal,
        hindrance=_hindrance(found.hindrance),
        reason=plan.kept_reason or "",
        look_again_day=plan.look_again_day,
        token=found.token,
        chosen=chosen,
    )


def _change(item: Change, language: str) -> str:
    new = item.step.title[language] if item.step else ""
    old = item.activity.title if item.activity else ""
    if item.what is What.ADDED:
        return _("Nyt trin: %(title)s, %(day)s") % {"title": new, "day": day(item.step.due_day if item.step else None)}
    if item.what is What.REMOVED:
        was = item.activity.due_day if item.activity else None
        return _("Udgår: %(title)s, %(day)s") % {"title": old, "day": day(was)}
    if item.what is What.MOVED:
        return _("Flyttes: %(title)s fra %(before)s til %(after)s") % {
            "title": old,
            "before": day(item.activity.due_day if item.activity else None),
            "after": day(item.step.due_day if item.step else None),
        }
    after = item.after
    if after is not None and item.activity is not None and after.title == item.activity.title:
        return _("Ændres: %(title)s (hvem der udfører det, eller hvornår det er i tide)") % {"title": old}
    return _("Hedder nu: %(after)s (før: %(before)s)") % {"after": new, "before": old}


def _plan_changes(found: Upgrade) -> tuple[str, ...]:
    before, after = found.plan, found.plan_after
    told = []
    if before.end_day != after.end_day:
        told.append(_("Planen løber til %(day)s") % {"day": day(after.end_day)})
    if before.review_day != after.review_day:
        told.append(_("Planen ses efter igen %(day)s") % {"day": day(after.review_day)})
    if before.title != after.title:
        told.append(_("Planen hedder nu: %(after)s (før: %(before)s)") % {"after": after.title, "before": before.title})
    return tuple(told)


def _kept(item: Kept, language: str) -> str:
    title = item.activity.title if item.activity else item.step.title[language] if item.step else ""
    words = {
        Why.BOOKED: _("%(title)s bliver, som det er: der er booket tid eller henvist"),
        Why.OVERDUE: _("%(title)s bliver, som det er: det er over tiden og ikke gjort"),
        Why.BY_HAND: _("%(title)s bliver, som I har skrevet det"),
        Why.LEFT_OUT: _("%(title)s kommer ikke med: det er valgt fra i planen"),
        Why.THERE: _("%(title)s står allerede i planen"),
    }
    return words[item.why] % {"title": title}


def _hindrance(code: str) -> str:
    return {
        "": "",
        "version-unknown": _("Planens version findes ikke her. Læg planen om i hånden på patientens side."),
        "later-version": _("Planen følger en senere version end den, der gælder her. Spørg dem, der driver systemet."),
        "no-level": _("Der er ikke besluttet et niveau. Beslut det på patientens side først."),
    }[code]


def last_day(today: int) -> str:
    """The last day a plan may be kept until, as a date control takes it."""
    return days.iso(today + upgrade.LONGEST_WAIT)
