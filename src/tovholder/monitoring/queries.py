"""Figures for the page: an indicator by month and region, suppressed, with what is missing and how sure we are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from tovholder import packages
from tovholder.access import Context, audit
from tovholder.access.policy import decide
from tovholder.base.errors import Category, Problem, not_found
from tovholder.monitoring.domain import Cell, suppress
from tovholder.packages.model import Indicator
from tovholder.store.reading import note

TOTAL = "DK"
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class RightsTable:
    """An indicator's figures: cells by period and region (``DK`` is the whole country), newest period last."""

    indicator: Indicator
    package_id: str
    periods: tuple[str, ...]
    regions: tuple[str, ...]
    cells: tuple[Cell, ...]

    def cell(self, period: str, region: str) -> Cell | None:
        """One figure; None where there is nobody."""
        return next((cell for cell in self.cells if cell.period == period and cell.place == region), None)


def indicators() -> list[tuple[str, Indicator]]:
    """Every indicator with its package's id."""
    return [(package.id, item) for package in packages.builtin().values() for item in package.indicators]


def rights_table(ctx: Context, indicator_id: str, *, months: int = 12) -> RightsTable:
    """The figures of an indicator for the last months with data. Raises Problem when unknown or not allowed."""
    if decide(ctx, "aggregate", "MeasureReport").nothing and not ctx.is_system:
        raise Problem(Category.FORBIDDEN, f"The role {ctx.role} may not read national figures", kept="nothing was read")
    known = {item.id: (package_id, item) for package_id, item in indicators()}
    if indicator_id not in known:
        raise not_found("That indicator")
    package_id, indicator = known[indicator_id]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT period_id, COALESCE(region, %s), SUM(in_denominator), SUM(in_numerator),"
            " SUM(missing),"
            " SUM(CASE WHEN in_denominator = 1 AND phase = 'eligible' THEN 1 ELSE 0 END),"
            " SUM(CASE WHEN in_denominator = 1 AND phase = 'declined' THEN 1 ELSE 0 END)"
            " FROM monitoring_contribution WHERE indicator = %s GROUP BY 1, 2 HAVING SUM(in_denominator) + SUM(missing) > 0",
            [UNKNOWN, indicator_id],
        )
        found = [Cell(*row) for row in cursor.fetchall()]
    note(audit.Entry(ctx, "aggregate", frozenset(), indicator_id))
    periods = tuple(sorted({cell.period for cell in found})[-months:])
    cells = [cell for cell in found if cell.period in periods]
    totals = [_total(period, [cell for cell in cells if cell.period == period]) for period in periods]
    regions = tuple(sorted({cell.place for cell in cells}, key=lambda place: (place == UNKNOWN, place)))
    return RightsTable(indicator, package_id, periods, regions, tuple(suppress([*cells, *totals], TOTAL)))


def _total(period: str, cells: list[Cell]) -> Cell:
    return Cell(
        period,
        TOTAL,
        sum(cell.denominator or 0 for cell in cells),
        sum(cell.numerator or 0 for cell in cells),
        sum(cell.missing or 0 for cell in cells),
        sum(cell.unstarted or 0 for cell in cells),
        sum(cell.declined or 0 for cell in cells),
    )
