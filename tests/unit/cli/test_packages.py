"""``tovholder package``: what there is, and what is wrong with a package, with file, line and what to write instead."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tovholder.packages.loader import BUILTIN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the KOL package with one example patient, so that a check is short."""
    made = tmp_path / "kol"
    shutil.copytree(BUILTIN / "kol", made)
    for path in (made / "examples").iterdir():
        if path.stem != "udeblevet":
            path.unlink()
    return made


def spoil(path: Path, old: str, new: str) -> int:
    """Put something wrong into a file; returns its line."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_list(cli):
    result = cli("package", "list")
    assert result.code == 0
    assert re.search(r"^kol@\d+\.\d+\.\d+  KOL  \(from 2027-01-01, \d+ flags, ", result.out, re.MULTILINE)


@pytest.mark.slow
def test_the_kol_package_runs_all_its_examples(cli):
    result = cli("package", "check", BUILTIN / "kol")
    assert result.code == 0, result.out
    assert re.search(r"^\d{3,} ok, 0 failed\.$", result.out, re.MULTILINE)


def test_an_unknown_key_is_told_with_file_line_and_the_keys_there_are(cli, folder: Path):
    line = spoil(folder / "plan.toml", "horizon_months", "horizon_month")
    result = cli("package", "check", folder)
    assert result.code == 1
    told = next(held for held in result.out.splitlines() if f"plan.toml:{line}" in held)
    assert "horizon_month" in told
    assert "horizon_months" in told.partition("expected")[2]


def test_a_forbidden_function_is_told_with_file_line_and_what_to_write(cli, folder: Path):
    spoil(folder / "rules" / "not-started.toml", "e.eligible_day <= :today - :start_days", "e.eligible_day <= ABS(7)")
    result = cli("package", "check", folder)
    assert result.code == 1
    told = [
        held for held in result.out.splitlines() if re.search(r"rules/not-started\.toml:\d+", held) and "ABS" in held
    ]
    assert told
    assert "expected" in told[0]


def test_a_folder_that_is_not_there(cli, tmp_path: Path):
    result = cli("package", "check", tmp_path / "nowhere")
    assert result.code in (1, 5)
    assert "nowhere" in result.said
