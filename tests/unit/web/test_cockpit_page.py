"""The clinic's list as a page: ordering, addresses that keep the view, and what no patient has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.utils import translation

from tovholder.cockpit.queries import ClinicRow
from tovholder.cockpit.ranking import NextStep
from tovholder.web.presenters import cockpit

TODAY = 20_000
ME = "Practitioner/m"
CAT: Mapping[str, str] = {"da": "CAT (samlet score, 0-40)", "en": "CAT (total score, 0-40)"}
OXYGEN: Mapping[str, str] = {"da": "Ilt i hjemmet", "en": "Oxygen at home"}


@pytest.fixture(autouse=True)
def danish() -> Iterator[None]:
    with translation.override("da"):
        yield


def row(name: str, **changes: Any) -> ClinicRow:
    given: dict[str, Any] = {
        "patient_id": name.lower(),
        "name": name,
        "age": 70,
        "package": "kol",
        "package_title": {"da": "KOL", "en": "COPD"},
        "episode_id": f"e-{name}",
        "phase": "continuing",
        "level": 1,
        "flags": (),
        "clock_start_day": None,
        "deadline_day": None,
        "days_left": None,
        "plan_confirmed": True,
        "plan_confirmed_day": None,
        "next_step": None,
        "last_control_day": None,
        "next_control_day": None,
        "noshows_12m": 0,
        "missing": (),
        "rank": (1, 0, name),
        "overall": (6, 0, name),
    }
    return ClinicRow(**given | changes)


def page(*rows: ClinicRow, **given: Any) -> Any:
    """The list over all packages, as somebody looks at it."""
    clinic = cockpit.Clinic(
        rows=sorted(rows, key=lambda row: row.overall),
        packages={},
        package=None,
        cells={},
        me=ME,
        names={ME: "Mette", "Practitioner/b": "Bo Kollega"},
        today=TODAY,
        language="da",
    )
    return cockpit.page(clinic, cockpit.Wish(**({"view": "alle"} | given)))


class TestOrder:
    ROWS = (
        row("Bo", level=1, days_left=3, overall=(0, 0, "")),
        row("Åse", level=3, next_control_day=TODAY + 9, overall=(5, 0, "")),
        row("anne", level=None, days_left=-4, next_control_day=TODAY + 2),
    )

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("", ["Bo", "Åse", "anne"]),
            ("navn", ["anne", "Bo", "Åse"]),
            ("niveau", ["Åse", "Bo", "anne"]),
            ("frist", ["anne", "Bo", "Åse"]),
            ("kontrol", ["anne", "Åse", "Bo"]),
            ("findes-ikke", ["Bo", "Åse", "anne"]),
        ],
    )
    def test_by_each_column_and_as_it_was_otherwise(self, order: str, names: list[str]) -> None:
        assert [item.name for item in page(*self.ROWS, order=order).rows] == names

    def test_addresses_keep_what_was_chosen(self) -> None:
        shown = page(*self.ROWS, order="navn", level="3")
        tab = next(item for item in shown.tabs if item.key == "alle")
        assert tab.url.endswith("?vis=alle&orden=navn")
        chip = next(item for item in shown.levels if item.key == "level-2")
        assert chip.url.endswith("?vis=alle&niveau=2&orden=navn")
        column = next(item for item in shown.columns if item.key == "frist")
        assert column.url.endswith("?vis=alle&niveau=3&orden=frist")
        assert [item.key for item in shown.columns if item.current] == ["navn"]


class TestWhatIsMissing:
    def test_what_nobody_has_is_told_once_and_not_in_each_row(self) -> None:
        rows = [row(f"P{number}", missing=(OXYGEN,)) for number in range(5)]
        rows.append(row("Q", missing=(CAT, OXYGEN)))
        shown = page(*rows, row("Nej", phase="declined"))
        assert shown.never_measured == (OXYGEN,)
        assert {item.name: [text["da"] for text in item.missing] for item in shown.rows if item.missing} == {
            "Q": ["CAT"]
        }

    def test_of_few_patients_nothing_is_said_about_the_clinic(self) -> None:
        shown = page(row("P", missing=(OXYGEN,)), row("Q", missing=(OXYGEN,)))
        assert shown.never_measured == ()
        assert [len(item.missing) for item in shown.rows] == [1, 1]


@pytest.mark.parametrize(
    ("kind", "day", "label"),
    [
        ("overdue", TODAY - 5, "Skulle være gjort"),
        ("book", TODAY + 5, "Senest"),
        ("rebook", TODAY - 5, "Udeblev"),
        ("level", TODAY - 5, ""),  # the deadline has a column of its own
    ],
)
def test_the_day_of_the_next_step_says_what_it_is(kind: str, day: int, label: str) -> None:
    shown = page(row("P", next_step=NextStep(kind, {"da": "Gør det", "en": "Do it"}, day))).rows[0].next_step
    assert str(shown.day_label) == label


class TestSeveralPackages:
    KOL: Mapping[str, str] = {"da": "KOL", "en": "COPD"}
    BACK: Mapping[str, str] = {"da": "Lænd", "en": "Back"}

    def two(self, **changes: Any) -> tuple[ClinicRow, ClinicRow]:
        lungs = row("Bo", patient_id="bo", level=1, overall=(6, 0, ""), days_left=9, next_control_day=TODAY + 30)
        back = row(
            "Bo",
            **(
                {
                    "patient_id": "bo",
                    "episode_id": "e-2",
                    "package": "lrs",
                    "package_title": self.BACK,
                    "level": 3,
                    "overall": (1, 0, ""),
                    "days_left": -2,
                    "next_control_day": TODAY + 3,
                    "noshows_12m": 1,
                }
                | changes
            ),
        )
        return lungs, back

    def test_a_patient_stands_once_with_the_highest_level_and_where_it_is_from(self) -> None:
        shown = page(*self.two(), row("Åse", patient_id="aase"))
        assert [item.name for item in shown.rows] == ["Bo", "Åse"]
        first = shown.rows[0]
        assert (first.level, first.level_from) == (3, self.BACK)
        assert [course.title for course in first.courses] == [self.BACK, self.KOL]
        assert (first.days_left, first.next_control_day, first.noshows_12m) == (-2, TODAY + 3, 1)
        assert first.url.endswith("/lrs/")  # the course that needs us most
        assert next(tab.count for tab in shown.tabs if tab.key == "alle") == 2
        assert [tab.count for tab in shown.levels] == [2, 1, 0, 1, 0]

    def test_of_one_package_nothing_is_said_about_where_the_level_is_from(self) -> None:
        assert page(row("Åse")).rows[0].level_from == {}

    def test_whose_it_is_and_what_is_put_off_are_filters(self) -> None:
        rows = (row("Bo", assigned_to=ME), row("Åse", assigned_to="Practitioner/b"), row("Ida"))
        assert [item.name for item in page(*rows, view="mine").rows] == ["Bo"]
        told = {item.name: item.assigned for item in page(*rows).rows}
        assert told == {"Bo": "dig", "Åse": "Bo Kollega", "Ida": ""}
        assert page(*rows, view="udskudt").rows == ()


def test_what_is_not_known_comes_last_whichever_way() -> None:
    rows = (row("Bo", days_left=3), row("Åse"), row("Ida", days_left=-1))
    assert [item.name for item in page(*rows, order="frist").rows] == ["Ida", "Bo", "Åse"]
    assert [item.name for item in page(*rows, order="frist", way="ned").rows] == ["Bo", "Ida", "Åse"]


def test_a_long_list_is_shown_piece_by_piece() -> None:
    rows = [row(f"P{number:03}") for number in range(120)]
    first = page(*rows)
    assert (len(first.rows), first.shown, first.more_url) == (50, 120, "/klinik/?vis=alle&antal=100")
    assert page(*rows, count=150).more_url == ""
    # What narrows or turns the list begins from the top again.
    assert "antal" not in next(tab.url for tab in page(*rows, count=100).tabs if tab.key == "frist")
