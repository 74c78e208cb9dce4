"""The figures as a file: what is withheld stays withheld, and a month that is not over has no share yet."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from tovholder.web.figures_view import FigureRow, FiguresPage
from tovholder.web.presenters.figures import as_csv

OVER = FigureRow(
    month="2027-01",
    region="DK",
    region_name="Hele landet",
    whole_country=True,
    denominator=8,
    numerator=6,
    missing=None,
    share=0.75,
    best=None,
    unstarted=0,
    declined=None,
    preliminary=False,
    small=frozenset({"missing"}),
)


def read(*rows: FigureRow) -> list[dict[str, str]]:
    page = FiguresPage(
        title="",
        definition="",
        period_rule="",
        standard_percent=None,
        as_of_day=0,
        rows=rows,
        headline=None,
        months=12,
        choices=(12,),
        package="kol",
        packages=(),
        threshold=5,
        chart={},
    )
    return list(csv.DictReader(io.StringIO(as_csv(page).lstrip("\ufeff")), delimiter=";"))


def test_a_small_number_is_told_as_such_and_another_that_is_withheld_is_empty() -> None:
    (row,) = read(OVER)
    assert (row["Dato mangler"], row["Sagde nej"], row["Ikke startet"]) == ("<5", "", "0")
    assert (row["Plan i tide"], row["Havde ret"], row["Andel i procent"]) == ("6", "8", "75,0")


def test_a_month_that_is_not_over_has_numbers_but_no_share() -> None:
    (row,) = read(replace(OVER, preliminary=True))
    assert (row["Plan i tide"], row["Andel i procent"], row["Foreløbig"]) == ("6", "", "ja")
