"""The rights table as the page and the CSV file show it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tovholder.base import days
from tovholder.monitoring.domain import THRESHOLD, Cell
from tovholder.monitoring.queries import TOTAL, UNKNOWN, RightsTable
from tovholder.web.figures_view import FigureRow, FiguresPage
from tovholder.web.templatetags.tovholder import month_name

MONTHS = (3, 6, 12, 24)
# Regions as time-valid names: Region Østdanmark is Hovedstaden and Sjælland merged on 1 January 2027.
_REGIONS: Mapping[str, Any] = {
    TOTAL: gettext_lazy("Hele landet"),
    UNKNOWN: gettext_lazy("Region ukendt"),
    "DK-81": gettext_lazy("Nordjylland"),
    "DK-82": gettext_lazy("Midtjylland"),
    "DK-83": gettext_lazy("Syddanmark"),
    "DK-84": gettext_lazy("Hovedstaden"),
    "DK-85": gettext_lazy("Sjælland"),
    "DK-OEST": gettext_lazy("Østdanmark"),
}


def page(
    table: RightsTable,
    *,
    today: int,
    months: int,
    package: str,
    packages: tuple[tuple[str, Mapping[str, str]], ...],
) -> FiguresPage:
    """The page of one package: newest month first, the whole country first in each. packages: id and title of each."""
    rows = [_row(cell, today) for cell in table.cells]
    rows.sort(key=lambda row: (not row.whole_country, row.region))
    rows.sort(key=lambda row: row.month, reverse=True)
    return FiguresPage(
        title=table.indicator.title,
        definition=table.indicator.definition,
        period_rule=table.indicator.period_rule,
        standard_percent=table.indicator.standard_percent,
        as_of_day=today,
        rows=tuple(rows),
        headline=_headline(rows),
        months=months,
        choices=MONTHS,
        package=package,
        packages=packages,
        threshold=THRESHOLD,
        chart=_chart(table, today),
    )


def _headline(rows: list[FigureRow]) -> FigureRow | None:
    """The whole country in the newest month that is over: a month that still runs would look too low."""
    whole = [row for row in rows if row.whole_country]
    over = [row for row in whole if not row.preliminary]
    return next(iter(over or whole), None)


def _row(cell: Cell, today: int) -> FigureRow:
    return FigureRow(
        month=cell.period,
        region=cell.place,
        region_name=_REGIONS.get(cell.place, cell.place),
        whole_country=cell.place == TOTAL,
        denominator=cell.denominator,
        numerator=cell.numerator,
        missing=cell.missing,
        share=cell.share,
        best=cell.best,
        unstarted=cell.unstarted,
        declined=cell.declined,
        preliminary=cell.period >= days.month_of(today),
        small=cell.small,
    )


def _chart(table: RightsTable, today: int) -> dict[str, Any]:
    """The months that are over: of a month that runs, those done early are known first, and it would look too good."""
    periods = [period for period in table.periods if period < days.month_of(today)]
    places = [TOTAL, *(place for place in table.regions if place not in (TOTAL, UNKNOWN))]
    return {
        "months": [month_name(period) for period in periods],
        "held": _("skjult"),
        "series": [
            {
                "name": str(_REGIONS.get(place, place)),
                "whole": place == TOTAL,
                "values": [_share(table.cell(period, place)) for period in periods],
            }
            for place in places
        ],
    }


def _share(cell: Cell | None) -> float | None:
    return None if cell is None or cell.share is None else round(cell.share * 100, 1)


def as_csv(page: FiguresPage) -> str:
    """The table as a spreadsheet reads it in Denmark: semicolons, decimal comma, held-back cells empty."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        [
            _("Måned"),
            _("Regionskode"),
            _("Region"),
            _("Havde ret"),
            _("Plan i tide"),
            _("Andel i procent"),
            _("Ikke startet"),
            _("Sagde nej"),
            _("Dato mangler"),
            _("Skjult"),
            _("Foreløbig"),
        ]
    )
    for row in page.rows:
        # Nor does the page show the share of a month that is not over: it would look too good.
        share = "" if row.share is None or row.preliminary else f"{row.share * 100:.1f}".replace(".", ",")
        named = [
            _number(row, "denominator"),
            _number(row, "numerator"),
            share,
            *(_number(row, name) for name in ("unstarted", "declined", "missing")),
        ]
        writer.writerow(
            [row.month, row.region, str(row.region_name)]
            + ["" if value is None else value for value in named]
            + [_("ja") if row.suppressed else _("nej"), _("ja") if row.preliminary else _("nej")]
        )
    return out.getvalue()


def _number(row: FigureRow, name: str) -> int | str | None:
    value: int | None = getattr(row, name)
    return f"<{THRESHOLD}" if value is None and name in row.small else value
