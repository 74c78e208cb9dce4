"""Commands that move and remake data, through the real command on one small population."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tovholder import packages


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, make_cli: Callable[[Path], Any]) -> Any:
    """A home with one small clinic's package patients in it."""
    cli = make_cli(tmp_path_factory.mktemp("filled"))
    assert cli("migrate").code == 0
    made = cli("synth", "population", "--clinics", 0, "--package-clinics", 1)
    assert made.code == 0
    loaded = cli("import", "population")
    total = re.search(r"(\d+) resources in population", made.out)
    assert total is not None
    assert loaded.code == 0, loaded.err
    assert f"{total[1]} stored, 0 unchanged, 0 set aside." in loaded.out
    return cli


@pytest.fixture
def copy(filled: Any, tmp_path: Path, make_cli: Callable[[Path], Any]) -> Any:
    """A copy of it, to spoil."""
    home = tmp_path / "copy"
    shutil.copytree(filled.home, home, ignore=shutil.ignore_patterns("population"))
    return make_cli(home)


def test_loading_again_changes_nothing(filled):
    result = filled("import", "population/04-Patient.ndjson")
    assert result.code == 0
    assert re.search(r"^0 stored, [1-9]\d* unchanged, 0 set aside\.$", result.out, re.MULTILINE)


def test_bad_lines_are_set_aside_with_place_and_reason_and_good_ones_go_in(copy):
    good = '{"resourceType":"Patient","id":"good","gender":"female"}'
    bad = [
        '{"resourceType":"Patient","id":"a",',
        '{"resourceType":"Patient","id":"b","gender":"kvinde"}',
        '{"resourceType":"Patience","id":"c"}',
        '{"resourceType":"Patient","id":"d","birthDate":"1960-13-01"}',
    ]
    (copy.home / "mixed.ndjson").write_text("\n".join([bad[0], good, *bad[1:]]) + "\n", encoding="utf-8")
    result = copy("import", "mixed.ndjson", "nowhere.json", "--rejects", "aside.ndjson")
    assert result.code == 1
    assert "1 stored, 0 unchanged, 5 set aside." in result.out
    assert re.search(r"^nowhere\.json: no such file", result.err, re.MULTILINE)
    assert "Set aside in aside.ndjson: 4." in result.err
    assert "Could not be read at all: 1, named above." in result.err
    for place in ("mixed.ndjson:1: ", "mixed.ndjson:3: Patient.gender", "mixed.ndjson:4: ", "mixed.ndjson:5: Patient."):
        assert place in result.err
    assert sorted((copy.home / "aside.ndjson").read_text(encoding="utf-8").splitlines()) == sorted(bad)


def test_a_file_that_is_not_there_leaves_what_was_set_aside_before(copy):
    (copy.home / "rejected.ndjson").write_bytes(b"to be mended\n")
    result = copy("import", "nowhere.ndjson")
    assert result.code == 1
    assert "Mend them" not in result.err
    assert (copy.home / "rejected.ndjson").read_bytes() == b"to be mended\n"


def test_a_folder_with_nothing_to_load_is_told(copy):
    (copy.home / "letters").mkdir()
    (copy.home / "letters" / "letter.txt").write_bytes(b"Dear")
    result = copy("import", "letters")
    assert (result.code, "Nothing to load was found there." in result.err) == (0, True)


def test_a_torn_file_is_set_aside_and_what_was_whole_goes_in(copy):
    (copy.home / "torn.ndjson.gz").write_bytes(gzip.compress(b'{"resourceType":"Patient","id":"x"}\n' * 500)[:-20])
    (copy.home / "whole.ndjson").write_bytes(b'{"resourceType":"Patient","id":"y"}\n')
    result = copy("import", "torn.ndjson.gz", "whole.ndjson")
    assert result.code == 1
    assert "torn.ndjson.gz" in result.err
    assert "1 set aside" in result.out
    with sqlite3.connect(copy.home / "tovholder.sqlite3") as held:
        assert held.execute("SELECT COUNT(*) FROM store_resource WHERE rid = 'y'").fetchone() == (1,)
    held.close()


def test_what_cannot_be_set_aside_stops_a_load_before_it_begins(copy):
    (copy.home / "y.ndjson").write_bytes(b'{"resourceType":"Patient","id":"y"}\n')
    result = copy("import", "y.ndjson", "--rejects", "nowhere/aside.ndjson")
    assert (result.code, "--rejects" in result.err) == (3, True)


def test_trouble_of_the_machine_is_told_without_a_trace(copy):
    (copy.home / "tovholder.sqlite3").write_bytes(b"no database" * 1000)
    result = copy("rebuild")
    assert result.code == 7
    assert "file is not a database" in result.err
    assert "Traceback" not in result.said


def test_rebuild_gives_the_same_rows(filled):
    result = filled("rebuild", "--check")
    assert result.code == 0, result.said
    assert "Same rows as before." in result.out


def test_rebuild_tells_and_mends_what_was_different(copy):
    with sqlite3.connect(copy.home / "tovholder.sqlite3") as held:
        held.execute("DELETE FROM fact_measurement WHERE rowid IN (SELECT MIN(rowid) FROM fact_measurement)")
    held.close()
    result = copy("rebuild", "--check")
    assert result.code == 1
    assert "Different: fact_measurement" in result.out


def test_flags_that_are_due_are_raised_by_the_run(copy):
    with sqlite3.connect(copy.home / "tovholder.sqlite3") as held:
        held.execute("DELETE FROM cockpit_flag WHERE cleared_ms IS NOT NULL")
        due = held.execute("DELETE FROM cockpit_flag").rowcount
    held.close()
    assert due > 0
    assert f"{due} flags raised, 0 cleared." in copy("flags", "run").out


def test_figures_are_the_same_on_duckdb(filled):
    result = filled("monitor", "run")
    assert result.code == 0
    equal = set(re.findall(r"^([a-z0-9-]+): equal on DuckDB$", result.out, re.MULTILINE))
    assert equal == {indicator.id for package in packages.builtin().values() for indicator in package.indicators}
    assert re.search(r"^[1-9]\d* patients: [1-9]\d* contributions\.$", result.out, re.MULTILINE)


@pytest.mark.slow
def test_a_population_is_the_same_for_the_same_seed(cli):
    def made(folder: str, seed: int) -> dict[str, bytes]:
        arguments = ("--seed", seed, "--anchor", "2027-03-01", "--clinics", 0, "--package-clinics", 1)
        assert cli("synth", folder, *arguments).code == 0
        return {path.name: path.read_bytes() for path in sorted((cli.home / folder).iterdir())}

    first = made("a", 7)
    assert made("b", 7) == first
    assert made("c", 8) != first
    assert json.loads(first["04-Patient.ndjson"].splitlines()[0])["resourceType"] == "Patient"


@pytest.mark.parametrize(
    ("arguments", "told"), [(("--anchor", "marts"), "write it as YYYY-MM-DD"), (("--clinics", -1), "equal to 0")]
)
def test_a_population_nobody_can_make(cli, arguments: tuple[Any, ...], told: str):
    result = cli("synth", "population", *arguments)
    assert result.code == 2
    assert told in result.err


def test_a_home_of_an_earlier_version_is_told_what_to_do_and_filled_when_asked(copy):
    """Facts of patients as they were before a column came; the record is whole all the time."""
    with sqlite3.connect(copy.home / "tovholder.sqlite3") as base:
        base.execute("ALTER TABLE fact_patient DROP COLUMN elsewhere")
        base.execute("UPDATE store_schema SET hash = 'earlier' WHERE name = 'fact_patient'")
        people = base.execute("SELECT COUNT(*) FROM fact_patient").fetchone()
    told = copy("jobs")
    assert (told.code, "run: tovholder migrate --rebuild" in told.err) == (7, True)
    later = copy("migrate", "--no-rebuild")
    assert (later.code, "fact_patient" in later.out, "tovholder rebuild" in later.out) == (0, True, True)
    filled = copy("migrate", "--rebuild")
    assert (filled.code, "resources read" in filled.out) == (0, True), filled.err
    assert copy("jobs").code == 0
    with sqlite3.connect(copy.home / "tovholder.sqlite3") as base:
        assert base.execute("SELECT COUNT(*) FROM fact_patient WHERE elsewhere = 0").fetchone() == people
