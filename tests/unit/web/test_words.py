"""Dates, deadlines and figures in the reader's own way of writing them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django.utils import translation

from tovholder.access.domain import Role
from tovholder.access.people import RELATIVE, Persona
from tovholder.base import days
from tovholder.base.errors import Category
from tovholder.demo.personas import PATIENTS, STAFF
from tovholder.web import errors
from tovholder.web.templatetags import tovholder as tags
from tovholder.web.views.front import groups_of
from tovholder.web.wording import DEMO_TITLES

DAY = days.day_of(date(2027, 1, 3))


@pytest.fixture(params=["da", "en"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    with translation.override(request.param):
        yield request.param


def test_a_day(language: str) -> None:
    assert tags.day(DAY) == {"da": "3. januar 2027", "en": "3 January 2027"}[language]
    assert tags.day(DAY, "compact") == {"da": "03-01-2027", "en": "3 Jan 2027"}[language]
    assert tags.day(None) == ""


def test_an_hour_is_danish_time(language: str) -> None:
    moment = datetime(2027, 7, 1, 7, 5, tzinfo=UTC)
    assert tags.clock_time(moment) == {"da": "9.05", "en": "9:05"}[language]


def test_a_share(language: str) -> None:
    assert tags.percent(0.789) == {"da": "78,9 %", "en": "78.9%"}[language]
    assert tags.percent(None) == ""


def test_a_package_text_in_the_readers_language(language: str) -> None:
    assert tags.say({"da": "KOL", "en": "COPD"}) == {"da": "KOL", "en": "COPD"}[language]
    assert tags.say({"da": "KOL"}) == "KOL"
    assert tags.say(None) == ""


@pytest.mark.parametrize(
    ("left", "danish"),
    [(2, "2 dage tilbage"), (1, "1 dag tilbage"), (0, "Udløber i dag"), (-1, "1 dag over fristen"), (None, "")],
)
def test_a_deadline(left: int | None, danish: str) -> None:
    with translation.override("da"):
        assert tags.due(left) == danish


def test_every_category_of_error_has_its_page() -> None:
    assert set(errors.TOLD) == set(Category)
    with translation.override("da"):
        for told in errors.TOLD.values():
            assert all(str(text).strip() for text in (told.happened, told.kept, told.do))
            assert 400 <= told.status < 600


def test_everybody_one_can_choose_in_the_demo_is_told_of(language: str) -> None:
    people = [Persona(one.name, "", one.title, one.role, "", "", "") for one in STAFF]
    patients = [one for one in PATIENTS if one.can_log_in]
    people += [Persona(one.name, "", one.title, Role.CITIZEN, "", "", "") for one in patients]
    people.append(Persona("lone", "", RELATIVE, Role.REPRESENTATIVE, "", "", ""))
    titles = [persona.title for group in groups_of(people) for persona in group.personas]
    assert sorted(titles) == sorted(DEMO_TITLES)
    assert [title for title in titles if (tags.demo_title(title) == title) != (language == "da")] == []
    assert tags.demo_title("Overlæge") == "Overlæge"
