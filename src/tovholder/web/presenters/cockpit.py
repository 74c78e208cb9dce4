"""The clinic's list as the page shows it: rows, filters with counts, search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from tovholder.cockpit.queries import ClinicRow
from tovholder.web.view_models import CockpitPage, CockpitRow, Column, Flag, NextStep, Tab
from tovholder.web.wording import PHASES

SOON = 7

# Where on the patient's page the thing that waits is done.
_ANCHORS = {
    "assess-first": "niveau",
    "start": "start",
    "needs": "behov",
    "level": "niveau",
    "plan": "plan",
    "confirm": "plan",
    "resume": "pause-titel",
    "rebook": "foelg",
    "outcome": "foelg",
    "overdue": "plan",
    "review": "plan",
    "book": "foelg",
}
# What the day of the next step is. Those that wait for the plan's deadline have it in a column of its own.
_DAYS: Mapping[str, tuple[Any, Any]] = {
    "resume": (_("Pause siden"), _("Pause siden")),
    "rebook": (_("Udeblev"), _("Udeblev")),
    "outcome": (_("Aftalen var"), _("Aftalen var")),
    "overdue": (_("Skulle være gjort"), _("Senest")),
    "review": (_("Skulle være gjort"), _("Senest")),
    "book": (_("Skulle være gjort"), _("Senest")),
}
_ENOUGH = 5  # courses before it says anything that none of them has a measurement


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the list."""

    key: str
    title: Any
    holds: Callable[[ClinicRow], bool]


VIEWS = (
    View("i-dag", _("Har brug for os i dag"), lambda row: bool(row.flags)),
    View("frist", _("Frist overskredet eller tæt på"), lambda row: row.days_left is not None and row.days_left <= SOON),
    View("ikke-startet", _("Ikke startet"), lambda row: row.phase == "eligible"),
    View("alle", _("Alle forløb"), lambda row: True),
)
_LEVELS: tuple[tuple[str, Any, int | None], ...] = (
    ("level-3", _("Niveau 3"), 3),
    ("level-2", _("Niveau 2"), 2),
    ("level-1", _("Niveau 1"), 1),
    ("level-none", _("Ikke besluttet"), None),
)
_LAST = 10_000_000
# How the list may be ordered instead of by what is most pressing.
_ORDERS: Mapping[str, Callable[[ClinicRow], tuple[Any, ...]]] = {
    "navn": lambda row: (row.name.casefold(), row.rank),
    "niveau": lambda row: (-(row.level or 0), row.rank),
    "frist": lambda row: (_LAST if row.days_left is None else row.days_left, row.rank),
    "kontrol": lambda row: (row.next_control_day or row.last_control_day or _LAST, row.rank),
}
_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("navn", _("Patient")),
    ("niveau", _("Niveau")),
    ("", _("Hvorfor")),
    ("frist", _("Frist for plan")),
    ("kontrol", _("Kontrol")),
)
_LEVEL_PARAMETER = {"level-3": "3", "level-2": "2", "level-1": "1", "level-none": "ingen"}


def page(
    rows: Sequence[ClinicRow],
    *,
    today: int,
    view: str,
    level: str,
    order: str = "",
    search: str = "",
    found_by_number: Collection[str] | None = None,
) -> CockpitPage:
    """The list in one view. A search looks through everything, whatever filter stood before."""
    order = order if order in _ORDERS else ""
    if search:
        chosen = [row for row in rows if _matches(row, search, found_by_number)]
        view, level = "", ""
    else:
        wanted = next((one for one in VIEWS if one.key == view), None) or _first_view(rows)
        view = wanted.key
        in_view = [row for row in rows if wanted.holds(row)]
        levels = {_LEVEL_PARAMETER[key]: number for key, _title, number in _LEVELS}
        chosen = [row for row in in_view if row.level == levels[level]] if level in levels else in_view
    if order:
        chosen = sorted(chosen, key=_ORDERS[order])
    never = never_measured(rows)
    base = reverse("web:cockpit")

    def address(view: str, level: str = "", order: str = "") -> str:
        """Of the list looked at in this way."""
        given = {"vis": view, "niveau": level, "orden": order}
        return f"{base}?{urlencode({key: value for key, value in given.items() if value})}"

    level = level if level in _LEVEL_PARAMETER.values() else ""
    counted = chosen if search else [row for row in rows if next(v for v in VIEWS if v.key == view).holds(row)]
    return CockpitPage(
        rows=tuple(_row(row, never, today) for row in chosen),
        tabs=tuple(
            Tab(one.key, one.title, sum(map(one.holds, rows)), address(one.key, order=order), one.key == view)
            for one in VIEWS
        ),
        levels=(
            Tab("alle", "", len(counted), address(view or "alle", order=order), not search and not level),
            *(
                Tab(
                    key,
                    title,
                    sum(1 for row in counted if row.level == number),
                    address(view or "alle", _LEVEL_PARAMETER[key], order),
                    level == _LEVEL_PARAMETER[key],
                )
                for key, title, number in _LEVELS
            ),
        ),
        columns=tuple(
            Column(key or "vigtigst", title, address(view or "alle", level, key), key == order)
            for key, title in _COLUMNS
        ),
        never_measured=never,
        search=search,
        shown=len(chosen),
        total=len(rows),
    )


def _first_view(rows: Sequence[ClinicRow]) -> View:
    """Those who need us, or everybody when nobody does."""
    return next(one for one in VIEWS if one.key == "alle" or any(map(one.holds, rows)))


def _matches(row: ClinicRow, search: str, found_by_number: Collection[str] | None) -> bool:
    if found_by_number is not None:
        return row.patient_id in found_by_number
    name = row.name.casefold()
    return all(word in name for word in search.casefold().split())


def never_measured(rows: Sequence[ClinicRow]) -> tuple[Mapping[str, str], ...]:
    """What every course of the clinic lacks: that says something about the clinic's data, not about a patient."""
    asked = [row.missing for row in rows if row.phase != "declined"]
    if len(asked) < _ENOUGH:
        return ()
    return tuple(text for text in asked[0] if all(text in missing for missing in asked))


def _row(row: ClinicRow, never: Sequence[Mapping[str, str]], today: int) -> CockpitRow:
    url = reverse("web:patient", args=[row.patient_id, row.package])
    return CockpitRow(
        patient_id=row.patient_id,
        name=row.name,
        age=row.age,
        package_title=row.package_title,
        phase=row.phase,
        phase_label=PHASES.get(row.phase, row.phase),
        level=row.level,
        flags=tuple(
            Flag(flag.rule_id, flag.title, flag.severity, flag.reason, flag.since_day, flag.age_days)
            for flag in row.flags
        ),
        deadline_day=row.deadline_day,
        days_left=row.days_left,
        deadline_state=deadline_state(row),
        next_step=_next_step(row, url, today),
        last_control_day=row.last_control_day,
        next_control_day=row.next_control_day,
        noshows_12m=row.noshows_12m,
        missing=tuple(
            {language: text.partition(" (")[0] for language, text in title.items()}  # without its scale
            for title in row.missing
            if title not in never
        ),
        url=url,
    )


def deadline_state(row: ClinicRow) -> str:
    """How the deadline of the plan stands, as components/deadline.html names it."""
    if row.phase == "declined":
        return "none"
    if row.plan_confirmed:
        if row.deadline_day is None or row.plan_confirmed_day is None:
            return "confirmed"
        return "met" if row.plan_confirmed_day <= row.deadline_day else "met-late"
    if row.days_left is None:
        return "unknown"
    if row.days_left < 0:
        return "broken"
    return "soon" if row.days_left <= SOON else "running"


def _next_step(row: ClinicRow, url: str, today: int) -> NextStep | None:
    step = row.next_step
    if step is None or step.kind == "follow":
        return None
    anchor = _ANCHORS.get(step.kind)
    late, ahead = _DAYS.get(step.kind, ("", ""))
    label = late if step.day is not None and today > step.day else ahead
    return NextStep(step.kind, step.title, step.day, f"{url}#{anchor}" if anchor else url, label)
