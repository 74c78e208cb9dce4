"""What a column of a package's list says, in words, and how a list is ordered by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tovholder.cockpit.columns import NOTHING, Cell
from tovholder.cockpit.queries import ClinicRow
from tovholder.packages.model import Package
from tovholder.packages.model_screens import Column
from tovholder.web.cockpit_view import Shown
from tovholder.web.templatetags.tovholder import ago, day, due

# Columns that have a place of their own in a row: beside the name, or the level, the flags and the deadline.
_PLACED = frozenset({"age", "level", "flags", "phase"})
_DEADLINE = "episode.deadline_day"
_MEASURED = "measurement."
_LAST = 10**12


def has_place(column: Column) -> bool:
    """Whether the row shows the column anyway."""
    return column.show in _PLACED or column.fact == _DEADLINE


def is_measurement(column: Column) -> bool:
    """Whether the column is something measured, which may never have been."""
    return column.fact.startswith(_MEASURED)


def said(package: Package, column: Column, cell: Cell, today: int, language: str) -> str:
    """The cell in words; what the column says of an empty one, or nothing."""
    value = cell.value
    if value is None and column.show != "count":
        return column.missing.model_dump()[language] if column.missing is not None else ""
    if column.show == "date" and isinstance(value, int):
        return day(value, "compact")
    if column.show == "days-left" and isinstance(value, int):
        return due(value - today)
    if column.show == "days-since" and isinstance(value, int):
        return ago(today - value)
    if column.show == "count":
        return str(value or 0)
    text = _named(package, column, str(value), language) if column.show == "code" else str(value)
    if column.show == "number" and isinstance(value, int):
        whole, rest = divmod(value, 1000) if column.fact.endswith("_milli") else (value, 0)
        text = number_format(whole + rest / 1000 if rest else whole, use_l10n=True)
    if cell.day is not None and is_measurement(column):
        return _("%(value)s (%(day)s)") % {"value": text, "day": day(cell.day, "compact")}
    return text


def _named(package: Package, column: Column, code: str, language: str) -> str:
    """What a form of the package calls the band or group a code stands for; the code where none does."""
    for form in package.forms.values():
        for score in form.scoring.scores:
            if score.code is None or score.code.code != column.where.get("code"):
                continue
            titles = {group.code: group.title for group in score.groups} | {
                band.code: band.title for band in score.bands
            }
            if code in titles:
                return titles[code][language]
    return code


def shown(
    package: Package, cells: Mapping[str, Cell], names: frozenset[str] | None, today: int, language: str
) -> tuple[Shown, ...]:
    """The columns that have no place of their own. names: only these; None: all. Unknown measurements are left to the
    line that says what is missing.
    """
    found = []
    for column in package.cockpit.columns:
        if has_place(column) or (names is not None and column.id not in names):
            continue
        cell = cells.get(column.id, NOTHING)
        known = cell.value is not None or column.show == "count"
        if not known and (column.missing is None or is_measurement(column)):
            continue
        if column.show == "count" and not cell.value:
            continue
        title = {"da": column.title.da, "en": column.title.en}
        found.append(Shown(title, said(package, column, cell, today, language), known))
    return tuple(found)


def missing(package: Package, cells: Mapping[str, Cell]) -> tuple[Mapping[str, str], ...]:
    """Titles of what was never measured."""
    return tuple(
        {"da": column.title.da, "en": column.title.en}
        for column in package.cockpit.columns
        if is_measurement(column) and cells.get(column.id, NOTHING).value is None
    )


def key(column: Column, cell: Cell, row: ClinicRow) -> tuple[int, Any]:
    """Where a row comes when the list is ordered by the column: what is not known comes last, whichever way."""
    value: int | str | None = cell.value
    if column.show == "flags":
        value = len(row.flags)
    elif column.show == "age" and isinstance(value, int):
        value = -value  # the younger first
    if value is None:
        return (1, 0)
    return (0, value if isinstance(value, int) else value.casefold())
