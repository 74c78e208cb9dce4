"""The filters and lists of a package's cockpit.toml, held against the clinic's rows."""

from __future__ import annotations

from collections.abc import Mapping

from tovholder.cockpit import columns
from tovholder.cockpit.columns import Cell
from tovholder.cockpit.queries import ClinicRow
from tovholder.packages.model import Package
from tovholder.packages.model_screens import Column, Filter


def passes(row: ClinicRow, choice: Filter, cells: Mapping[str, Cell], package: Package) -> bool:
    """Whether a row passes all that a filter of the file asks. What is not known passes no bound."""
    if choice.levels and (row.level if row.level is not None else "undecided") not in choice.levels:
        return False
    if choice.phases and row.phase not in choice.phases:
        return False
    if choice.flags and not {flag.rule_id for flag in row.flags} & set(choice.flags):
        return False
    if choice.any_flag and not row.flags:
        return False
    if choice.paused and not row.paused:
        return False
    if choice.column is not None and choice.at_least is not None:
        column = column_of(package, choice.column)
        number = columns.number(column, cells.get(column.id, columns.NOTHING)) if column is not None else None
        return number is not None and number >= choice.at_least
    return True


def column_of(package: Package, identity: str) -> Column | None:
    """A column of the package's list by its id."""
    return next((column for column in package.cockpit.columns if column.id == identity), None)
