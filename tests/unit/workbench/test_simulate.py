"""What a changed package would do on a population, before anyone is affected: counted, drawn, and refused when faulty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lib import versions
from lib.versions import OLD
from tovholder import packages
from tovholder.base import days, json
from tovholder.base.errors import Category, Problem
from tovholder.demo import synth
from tovholder.workbench import simulate, simulation_page
from tovholder.workbench.population import Population
from tovholder.workbench.simulate import Simulation

TODAY = days.day_of(date(2027, 6, 1))
CONFIG = synth.SynthConfig(
    seed=3, anchor=date(2027, 6, 1), full_clinics=0, package_clinics=2, package_patients_per_clinic=12
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """COPD as first written in force."""
    with versions.old_in_force(tmp_path) as folder:
        yield folder


@pytest.fixture
def found(own: Path, tmp_path: Path) -> Simulation:
    new = simulate.read_package(versions.changed(tmp_path))
    seen: list[int] = []
    made = simulate.simulate(new, synth.generate(CONFIG), today=TODAY, weeks=3, most=15, progress=seen.append)
    assert sum(seen) == made.patients == 15
    return made


def test_both_versions_are_counted(found: Simulation) -> None:
    before, after = found.before, found.after
    assert before.included == after.included > 0
    assert sum(before.levels.values()) == before.included
    assert before.levels == after.levels  # the level rules are the same
    # The nurse's lung function test is gone, and a self-management plan after a month has come.
    month = days.month_of(days.add_months(TODAY, 1))
    assert (before.steps[month, "nurse"], after.steps[month, "nurse"] > 0) == (0, True)
    assert before.per_month()[days.month_of(days.add_months(TODAY, 12))] > 0
    assert days.month_of(days.add_months(TODAY, 12)) not in after.per_month()
    assert found.weeks == (TODAY - 14, TODAY - 7, TODAY)
    rule = "kol-noshow-unbooked"
    for week in found.weeks:  # told after 28 days instead of 14: never more of them
        assert after.per_week(rule).get(week, 0) <= before.per_week(rule).get(week, 0)
    others = [one.id for one in packages.get("kol").rules if one.id != rule]
    for other in others:
        assert before.per_week(other) == after.per_week(other)


def test_a_version_beside_itself_differs_in_nothing(own: Path) -> None:
    made = simulate.simulate(packages.get("kol"), synth.generate(CONFIG), today=TODAY, weeks=2, most=9)
    assert (made.before, made.differences) == (made.after, ())
    assert sum(made.after.per_week().values()) > 0


def test_an_earlier_day_is_asked_of_what_was_known_then() -> None:
    """A missed appointment stands as booked until its day, and a course as not yet started."""
    with Population() as population:
        for kind, row in (
            ("episode", ("e", "p", "kol", "1", "continuing", "active", "o", None, None, 100, None, 120)),
            ("appointment", ("a", "p", "kol-kontrol", "noshow", 130, 110, "o")),
        ):
            names = list(population.schema.tables[kind])[: len(row)]
            if kind == "appointment":
                names = [
                    "appointment_id",
                    "patient_id",
                    "kind",
                    "status",
                    "start_day",
                    "created_day",
                    "organization_id",
                ]
            population._insert(kind, names, [row])
        population.ready(0, 200)

        def seen(day: int) -> tuple[list[str], list[str]]:
            population.on(day)
            ask = population._connection.execute
            return (
                [row[0] for row in ask("SELECT phase FROM fact_episode")],
                [row[0] for row in ask("SELECT status FROM fact_appointment")],
            )

        assert seen(99) == ([], [])
        assert seen(115) == (["eligible"], ["booked"])
        assert seen(125) == (["continuing"], ["booked"])
        assert seen(130) == (["continuing"], ["noshow"])


def test_the_page_holds_both_charts_their_tables_and_no_patient(found: Simulation) -> None:
    for language, words in (
        ("da", ("Forventede besøg", "Flag, der står")),
        ("en", ("Expected visits", "Standing flags")),
    ):
        page = simulation_page.html(found, language)
        assert page.count("<svg") == 2
        assert page.count("<table>") >= 4
        assert all(word in page for word in words)
        assert not re.search(r"(src|href)=", page)  # nothing is fetched
        assert not re.search(r"\d{6}-?\d{4}", page)
    told = json.dumps(found.as_json()).decode()
    assert not any(
        item["id"] in told for item in synth.generate(CONFIG) if item["resourceType"] in ("Patient", "EpisodeOfCare")
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("plan.toml", 'performer = "gp"', 'performer = "vicar"', "plan.toml:"),
        ("plan.toml", 'kind = "kol-kontrol"', 'kind = "ukendt"', "ukendt is no kind of appointment here"),
        ("rules/control-overdue.toml", "FROM activity", "FROM aktivitet", "rules/control-overdue.toml:"),
        ("package.toml", f'version = "{versions.NEW}"', 'version = "0.9.0"', "0.9.0 is lower than the one in force"),
        ("package.toml", f'version = "{versions.NEW}"', 'version = "ny"', "is no version"),
    ],
)  # fmt: skip
def test_a_faulty_package_is_refused_with_file_and_line(
    own: Path, tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    folder = versions.changed(tmp_path)
    line = versions.edit(folder / file, old, new)
    with pytest.raises(Problem) as caught:
        simulate.read_package(folder)
    issues = [f"{issue.path} {issue.message}" for issue in caught.value.issues]
    assert any(told in text for text in issues), issues
    if "version" in old:
        assert any(text.startswith(f"package.toml:{line} ") for text in issues)
    assert packages.get("kol").version == OLD


def test_a_file_in_the_folder_names_the_package_and_a_hole_is_told(own: Path, tmp_path: Path) -> None:
    folder = versions.changed(tmp_path)
    assert simulate.read_package(folder / "rules" / "control-overdue.toml").version == versions.NEW
    (folder / "level.toml").unlink()
    with pytest.raises(Problem) as caught:
        simulate.read_package(folder / "plan.toml")
    assert [issue.path for issue in caught.value.issues] == ["level.toml"]
    for missing in (tmp_path / "nowhere", folder / "level.toml"):
        with pytest.raises(Problem) as caught:
            simulate.read_package(missing)
        assert caught.value.category is Category.NOT_FOUND
