"""The clinic's list as lines of a spreadsheet: one for each course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from tovholder.base import days
from tovholder.cockpit.columns import NOTHING
from tovholder.cockpit.queries import ClinicRow
from tovholder.packages.model_screens import Column
from tovholder.web.presenters import cockpit_cells
from tovholder.web.presenters.cockpit import Clinic
from tovholder.web.presenters.cockpit_rows import Person
from tovholder.web.templatetags.tovholder import say
from tovholder.web.wording import PHASES


def lines(clinic: Clinic, found: Sequence[Person]) -> Iterator[list[str]]:
    """The heading, and a line for each course of those who were chosen. What is not known is empty."""
    own = [
        column
        for column in (clinic.package.cockpit.columns if clinic.package is not None else ())
        if not cockpit_cells.has_place(column)
    ]
    yield [
        _("Patient"),
        _("Alder"),
        _("Pakke"),
        _("Fase"),
        _("Niveau"),
        _("Flag"),
        _("Udskudt"),
        _("Frist for plan"),
        _("Seneste kontrol"),
        _("Næste kontrol"),
        _("Næste skridt"),
        _("Tildelt"),
        *(say({"da": column.title.da, "en": column.title.en}) for column in own),
    ]
    for person in found:
        for row in person.rows:
            yield [*_course(row, clinic), *(_cell(column, row, clinic) for column in own)]


def _course(row: ClinicRow, clinic: Clinic) -> list[str]:
    return [
        row.name,
        "" if row.age is None else str(row.age),
        say(row.package_title),
        str(PHASES.get(row.phase, row.phase)),
        "" if row.level is None else str(row.level),
        ", ".join(say(flag.title) for flag in row.flags),
        ", ".join(f"{say(flag.title)} ({days.iso(snooze.until_day)})" for flag, snooze in row.sleeping),
        _day(row.deadline_day),
        _day(row.last_control_day),
        _day(row.next_control_day),
        say(row.next_step.title) if row.next_step is not None else "",
        clinic.names.get(row.assigned_to, "") if row.assigned_to else "",
    ]


def _day(value: int | None) -> str:
    return "" if value is None else days.iso(value)


def _cell(column: Column, row: ClinicRow, clinic: Clinic) -> str:
    cell = clinic.cells.get(row.episode_id, {}).get(column.id, NOTHING)
    if cell.value is None and column.show != "count":
        return ""
    if column.show in ("date", "days-left", "days-since") and isinstance(cell.value, int):
        return days.iso(cell.value)
    assert clinic.package is not None  # its columns are those asked for
    told = cell if column.show != "number" else type(cell)(cell.value)
    return cockpit_cells.said(clinic.package, column, told, clinic.today, clinic.language)
