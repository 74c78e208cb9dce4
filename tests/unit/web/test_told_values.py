"""Measured values as pages tell them: the package's names for them, and no codes or bare numbers that mean yes or no."""

from __future__ import annotations

import re

import pytest

from tovholder import packages
from tovholder.cockpit.columns import Cell
from tovholder.plan.inclusion import fill
from tovholder.plan.measures import Point, Series
from tovholder.web.presenters.cockpit_cells import said
from tovholder.web.presenters.pages import series
from tovholder.web.presenters.words import reason_words

TODAY = 20_800


def measured(package: str, name: str, *values: int) -> Series:
    """Measurements of an input of a package, a day apart, in thousandths."""
    asked = next(item for item in packages.get(package).level.inputs if item.name == name)
    limits = tuple(None if edge is None else int(edge * 1000) for edge in (asked.minimum, asked.maximum))
    points = tuple(Point(str(place), TODAY + place, value, None) for place, value in enumerate(values))
    bands = tuple(sorted(asked.bands, key=lambda band: band.at_least))
    return Series(
        asked.name, asked.title, asked.unit, "s", "c", points, bands=bands, limits=(limits[0], limits[1])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "language", "told"),
    [("Høj", "da", "Høj risiko"), ("Høj", "en", "High risk"), ("Lav", "en", "Low risk"), ("noget", "da", "noget")],
)
def test_a_code_in_a_list_is_told_as_the_form_calls_it(code: str, language: str, told: str) -> None:
    package = packages.get("lrs")
    column = next(item for item in package.cockpit.columns if item.id == "start-back")
    assert said(package, column, Cell(code), TODAY, language) == told


@pytest.mark.parametrize(("language", "told"), [("da", ["ingen", "1", "2 eller flere"]), ("en", None)])
def test_each_value_has_the_name_of_its_band(language: str, told: list[str] | None) -> None:
    (shown,) = series([measured("kol", "exacerbations", 0, 1_000, 3_000)], language)
    names = [band.text for band in shown.bands]
    assert [point.band for point in shown.points] == names
    assert told is None or names == told


def test_what_is_0_or_1_is_told_as_no_or_yes_and_not_drawn() -> None:
    (shown,) = series([measured("kol", "inhaler_technique", 1_000, 0)], "da")
    assert shown.yes_no
    assert [point.text for point in shown.points] == ["ja", "nej"]


class TestReasons:
    """Why somebody was found is kept in Danish; whoever reads English is told it in English."""

    def test_every_reason_of_every_package_is_told_with_what_filled_it(self) -> None:
        for held in packages.builtin().values():
            rules = held.inclusion
            texts = [one for name in type(rules.reasons).model_fields if (one := getattr(rules.reasons, name))]
            texts += [need.reason for need in (*rules.requires, *rules.blocks)]
            for text in texts:
                names = set(re.findall(r"\{(\w+)\}", text.da))
                told = fill(text, {name: f"{number}7" for number, name in enumerate(sorted(names))})
                assert reason_words(told.da, held, "en") == told.en
                assert reason_words(told.da, held, "da") == told.da

    def test_what_no_package_says_any_more_stays(self) -> None:
        held = packages.builtin()["kol"]
        assert reason_words("Skrevet af lægen: hoster meget.", held, "en") == "Skrevet af lægen: hoster meget."
