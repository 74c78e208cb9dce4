"""tovholder backup and restore, through the real command: online, checked, never half, and what comes back is the same."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tovholder.database import temporary as postgres

COMMAND = [sys.executable, "-m", "tovholder.cli.main"]
WRITER = """
import sys
import django
django.setup()
from tovholder.access import system_context
from tovholder.base.clock import system_clock
from tovholder.store import unit_of_work
while True:
    with unit_of_work(system_context(system_clock(), "writer")) as uow:
        uow.create({"resourceType": "Patient", "name": [{"family": "Skriver"}]})
    print("stored", flush=True)
"""


def people(count: int) -> str:
    rows = (
        {"resourceType": "Patient", "id": f"p{n}", "gender": "female", "birthDate": "1950-01-01"} for n in range(count)
    )
    return "\n".join(map(json.dumps, rows))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, make_cli: Callable[[Path], Any]) -> Any:
    """A home with some people, and a backup of it called first.sqlite3."""
    cli = make_cli(tmp_path_factory.mktemp("filled"))
    (cli.home / "people.ndjson").write_text(people(50), encoding="utf-8")
    assert cli("migrate").code == 0
    assert cli("import", "people.ndjson").code == 0
    made = cli("backup", "first.sqlite3")
    assert made.code == 0, made.said
    assert re.match(
        r"50 resources \(50 versions\) and 1 audit events in first.sqlite3 \([\d.]+ MiB\), checked.", made.out
    )
    return cli


@pytest.fixture
def other(filled: Any, tmp_path: Path, make_cli: Callable[[Path], Any]) -> Any:
    """An empty home with a copy of the backup in it."""
    for name in ("first.sqlite3", "first.sqlite3.manifest.json"):
        shutil.copy(filled.home / name, tmp_path / name)
    return make_cli(tmp_path)


@pytest.mark.sqlite("a home of its own")
@pytest.mark.slow
def test_what_comes_back_is_the_same_and_is_exchanged_only_when_told(filled: Any, other: Any) -> None:
    restored = other("restore", "first.sqlite3")
    assert restored.code == 0, restored.said
    assert "50 resources (50 versions) and 1 audit events restored" in restored.out
    assert "Next: tovholder serve" in restored.out
    assert other("rebuild", "--check").code == 0
    told = json.loads((other.home / "first.sqlite3.manifest.json").read_text(encoding="utf-8"))
    assert other("audit", "verify", "--head", told["state"]["audit_head"]).code == 0
    again = other("restore", "first.sqlite3")
    assert (again.code, "--replace" in again.err) == (4, True)
    with closing(sqlite3.connect(other.home / "tovholder.sqlite3")) as somebody:
        somebody.execute("SELECT COUNT(*) FROM store_resource").fetchone()
        somebody.execute("BEGIN")
        somebody.execute("SELECT COUNT(*) FROM store_resource").fetchone()
        busy = other("restore", "first.sqlite3", "--replace")
        assert (busy.code, "stop the server" in busy.err) == (7, True)
    exchanged = other("restore", "first.sqlite3", "--replace")
    assert exchanged.code == 0, exchanged.said
    kept = re.search(r"is now (\S+)", exchanged.out)
    assert kept is not None
    with closing(sqlite3.connect(kept[1])) as old:
        assert old.execute("SELECT COUNT(*) FROM store_resource").fetchone() == (50,)
    assert [path.name for path in other.home.glob("*.part")] == []


@pytest.mark.sqlite("a home of its own")
def test_any_byte_that_changed_and_any_that_is_missing_is_found(other: Any) -> None:
    whole = (other.home / "first.sqlite3").read_bytes()
    chosen = random.Random(1)
    for spoilt in (
        bytes(whole[: chosen.randrange(len(whole))]),
        *(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (chosen.randrange(len(whole)),)),
    ):
        (other.home / "first.sqlite3").write_bytes(spoilt)
        refused = other("restore", "first.sqlite3")
        assert (refused.code, "damaged" in refused.err) == (3, True)
        assert not (other.home / "tovholder.sqlite3").exists()
    (other.home / "first.sqlite3").write_bytes(whole)
    (other.home / "first.sqlite3.manifest.json").unlink()
    missing = other("restore", "first.sqlite3")
    assert (missing.code, "There is no manifest" in missing.err) == (5, True)


@pytest.mark.sqlite("a home of its own")
def test_a_backup_overwrites_nothing_and_says_where_it_cannot_go(filled: Any) -> None:
    before = (filled.home / "first.sqlite3").read_bytes()
    assert filled("backup", "first.sqlite3").code == 4
    assert (filled.home / "first.sqlite3").read_bytes() == before
    assert filled("backup", "nowhere/there.sqlite3").code == 3
    (filled.home / "folder").mkdir()
    assert filled("backup", "folder").code == 0
    names = sorted(path.name for path in (filled.home / "folder").iterdir())
    assert re.fullmatch(r"tovholder-\d{8}T\d{6}Z\.sqlite3", names[0])
    assert names[1] == f"{names[0]}.manifest.json"


@pytest.mark.sqlite("a home of its own")
@pytest.mark.slow
def test_a_backup_made_while_somebody_writes_is_of_one_moment(filled: Any, other: Any) -> None:
    assert other("restore", "first.sqlite3").code == 0
    environ = other.environ(DJANGO_SETTINGS_MODULE="tovholder.config.settings")
    writer = subprocess.Popen([sys.executable, "-c", WRITER], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        for _ in range(5):
            assert writer.stdout.readline() == "stored\n"
        made = other("backup", "busy.sqlite3")
        assert made.code == 0, made.said
    finally:
        writer.kill()
        written = 55 + writer.communicate()[0].count("stored")
    with closing(sqlite3.connect(other.home / "busy.sqlite3")) as raw:
        ((resources, versions, facts, events),) = raw.execute(
            "SELECT (SELECT COUNT(*) FROM store_resource), (SELECT COUNT(*) FROM store_version),"
            " (SELECT COUNT(*) FROM fact_patient), (SELECT COUNT(*) FROM access_auditevent)"
        )
    assert 55 <= resources <= written
    assert (versions, facts, events) == (resources, resources, 1 + resources - 50)  # one event for the import
    state = json.loads((other.home / "busy.sqlite3.manifest.json").read_text(encoding="utf-8"))["state"]
    assert (state["resources"], state["audit_events"]) == (resources, events)


def killed_in_the_middle(cli: Any, part: str, *arguments: str) -> None:
    process = subprocess.Popen([*COMMAND, *arguments], cwd=cli.home, env=cli.environ(), stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while not any(path.stat().st_size > 50_000_000 for path in cli.home.glob(part)):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.sqlite("a home of its own")
@pytest.mark.slow
def test_kill_9_leaves_no_file_that_pretends_to_be_whole(filled: Any, other: Any) -> None:
    assert other("restore", "first.sqlite3").code == 0
    database = other.home / "tovholder.sqlite3"
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("CREATE TABLE filler (bytes BLOB)")
        raw.executemany("INSERT INTO filler VALUES (zeroblob(?))", [(10_000_000,)] * 30)
        raw.commit()
    killed_in_the_middle(other, "large.sqlite3.*.part", "backup", "large.sqlite3")
    assert not (other.home / "large.sqlite3").exists()
    assert other("backup", "large.sqlite3").code == 0
    database.unlink()
    killed_in_the_middle(other, "tovholder.sqlite3.*.part", "restore", "large.sqlite3")
    assert not database.exists()
    assert other("restore", "first.sqlite3").code == 0
    killed_in_the_middle(other, "tovholder.sqlite3.*.part", "restore", "large.sqlite3", "--replace")
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'filler'").fetchone() == (0,)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert other("restore", "large.sqlite3", "--replace").code == 0
    assert [path.name for path in other.home.glob("*.part")] == []  # what the killed ones left is gone, too


@pytest.mark.postgresql("a dump of one snapshot")
@pytest.mark.slow
def test_a_dump_goes_into_an_empty_database_and_comes_back_the_same(
    tmp_path: Path, make_cli: Callable[[Path], Any]
) -> None:
    server = os.environ["TOVHOLDER_DATABASE_URL"].rpartition("/")[0]
    names = ("backup_one", "backup_two")
    for name in names:
        postgres.drop(f"{server}/postgres", name)
        postgres.create(f"{server}/postgres", name)
    one, two = ({"TOVHOLDER_DATABASE_URL": f"{server}/{name}"} for name in names)
    cli = make_cli(tmp_path)
    try:
        (cli.home / "people.ndjson").write_text(people(50), encoding="utf-8")
        assert cli("migrate", **one).code == 0
        assert cli("import", "people.ndjson", **one).code == 0
        made = cli("backup", "record.dump", **one)
        assert made.code == 0, made.said
        assert cli("restore", "record.dump", **one).code == 4
        restored = cli("restore", "record.dump", **two)
        assert restored.code == 0, restored.said
        assert "Next: tovholder serve" in restored.out
        told = json.loads((tmp_path / "record.dump.manifest.json").read_text(encoding="utf-8"))
        assert cli("audit", "verify", "--head", told["state"]["audit_head"], **two).code == 0
        assert cli("rebuild", "--check", **two).code == 0
        whole = bytearray((tmp_path / "record.dump").read_bytes())
        whole[len(whole) // 2] ^= 1
        (tmp_path / "record.dump").write_bytes(whole)
        assert cli("restore", "record.dump", **two).code == 3
    finally:
        for name in names:
            postgres.drop(f"{server}/postgres", name)
