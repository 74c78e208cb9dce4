"""What differs between two versions of a package is told in words, in its part, and nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib import versions
from tovholder import packages
from tovholder.packages import difference, load
from tovholder.packages.difference import Difference, Part


def told(tmp_path: Path, file: str, old: str, new: str) -> tuple[Difference, ...]:
    before, after = versions.put(tmp_path / "a", "8.0.0"), versions.put(tmp_path / "b", "8.0.0")
    versions.edit(after / file, old, new)
    return difference.between(load(before), load(after))


@pytest.mark.parametrize(
    ("file", "old", "new", "part", "what", "word"),
    [
        ("inclusion.toml", "age_min = 18", "age_min = 35", Part.INCLUSION, "changed", "35"),
        ("package.toml", "[parameters.noshow_days]\nvalue = 14", "[parameters.noshow_days]\nvalue = 28",
         Part.PARAMETERS, "changed", "28"),
        ("package.toml", "days = 21", "days = 28", Part.RIGHTS, "changed", "28"),
        ("plan.toml", "after_months = 12", "after_months = 10", Part.ACTIVITIES, "changed", "efter 10 måneder"),
        ("plan.toml", 'performer = "nurse"', 'performer = "gp"', Part.ACTIVITIES, "changed", "lægen"),
        ("plan.toml", 'when = { input = "mrc", op = "ge", value = 3 }', 'when = { input = "mrc", op = "ge", value = 2 }',
         Part.ACTIVITIES, "changed", "er mindst 2"),
        ("plan.toml", "Jeg vil holde op med at ryge.", "Jeg vil være røgfri.", Part.GOALS, "changed", "røgfri"),
        ("plan.toml", "horizon_months = 12", "horizon_months = 24", Part.PLAN, "changed", "24"),
        ("rules/control-overdue.toml", "levels = [2, 3]", "levels = [1, 2, 3]", Part.FLAGS, "changed", "1, 2, 3"),
        ("rules/control-overdue.toml", "GROUP BY c.patient_id", "  GROUP  BY c.patient_id", None, "", ""),
        ("rules/control-overdue.toml", "c.due_day < :today", "c.due_day <= :today", Part.FLAGS, "changed", "rules/"),
        ("forms/kol-behovsvurdering.json", '"version": "1"', '"version": "2"', Part.FORMS, "changed", "udgave 2"),
    ],
)  # fmt: skip
def test_each_part_is_told_in_words(
    tmp_path: Path, file: str, old: str, new: str, part: Part | None, what: str, word: str
) -> None:
    found = told(tmp_path, file, old, new)
    if part is None:
        assert found == ()
        return
    (only,) = found
    assert (only.part, only.what) == (part, what)
    assert any(word in detail.after.da for detail in only.details)
    assert all(detail.before.en and detail.after.en for detail in only.details)


def test_new_and_gone_entries_say_what_they_are(tmp_path: Path) -> None:
    found = difference.between(load(versions.put(tmp_path, "8.0.0")), load(versions.changed(tmp_path)))
    by_id = {item.id: item for item in found}
    assert set(by_id) == {"selvbehandling", "spirometri", "aarsstatus", "noshow_days"}
    new = by_id["selvbehandling"]
    assert (new.what, by_id["spirometri"].what) == ("added", "removed")
    assert new.told is not None
    assert "after 1 months" in new.told.en


def test_a_version_does_not_differ_from_itself() -> None:
    for package in packages.builtin().values():
        assert difference.between(package, package) == ()


def test_any_two_versions_that_come_with_us_can_be_told_apart() -> None:
    for package_id in packages.builtin():
        for version in packages.versions(package_id)[:-1]:
            assert difference.between(packages.version(package_id, version), packages.get(package_id))
