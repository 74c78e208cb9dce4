"""``tovholder package diff`` and ``simulate``: told in words or for machines, and every fault with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib import versions


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_cli):
    """A home with an empty record."""
    cli = make_cli(tmp_path_factory.mktemp("made"))
    assert cli("migrate").code == 0
    return cli


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    return versions.changed(tmp_path)


def test_two_versions_told_in_words_and_for_machines(made):
    told = made("package", "diff", "kol@1", "kol")
    assert told.code == 0, told.said
    assert "kol 1.0.0 → " in told.out
    assert "Live plans here" in told.out
    found = json.loads(made("package", "diff", "kol@1.0.0", "kol", "--json").out)
    assert (found["package"], found["from"]) == ("kol", "1.0.0")
    assert len(found["differences"]) > 0
    assert "plans" not in found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kol", "kol@1", "the earlier version first"),
        ("kol@1", "kol@1", "is not later than"),
        ("kol@1", "lrs", "two packages"),
        ("kol@7", "kol", "kol has no version 7 here"),
        ("gigt", "kol", "gigt"),
    ],
)
def test_what_cannot_be_compared_is_refused(made, old: str, new: str, told: str):
    result = made("package", "diff", old, new)
    assert result.code != 0
    assert told in result.err


@pytest.mark.slow
def test_a_simulation_with_its_page(cli, changed: Path, tmp_path: Path):
    page = tmp_path / "trial.html"
    result = cli("package", "simulate", changed, "--on", "synth", "12", "--weeks", "2", "--html", page, "--json")
    assert result.code == 0, result.said
    found = json.loads(result.out)
    assert (found["patients"], found["simulated"]) == (12, versions.NEW)
    assert "<svg" in page.read_text(encoding="utf-8")


def test_a_faulty_package_is_told_with_file_and_line_and_nothing_is_written(cli, changed: Path, tmp_path: Path):
    line = versions.edit(changed / "plan.toml", 'kind = "kol-kontrol"', 'kind = "ukendt"')
    page = tmp_path / "trial.html"
    result = cli("package", "simulate", changed, "--html", page)
    assert result.code != 0
    assert "plan.toml:" in result.err
    assert "ukendt is no kind of appointment here" in result.err
    assert line > 0
    assert not page.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--on", "moon"), "synth or record"),
        (("--language", "fr"), "da or en"),
        (("--html", "/nowhere/x.html"), "--html"),
    ],
)
def test_options_that_will_not_do_are_told(cli, changed: Path, arguments: tuple[str, ...], told: str):
    result = cli("package", "simulate", changed, *arguments)
    assert result.code != 0
    assert told in result.err
