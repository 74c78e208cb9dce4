"""The commands on a PostgreSQL server: the same work as on a file, and what is told when the server is not there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib import homes
from lib.people import clinic, condition, patient

pytestmark = [pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[homes.Home]:
    with homes.made(tmp_path / "home", migrated=False) as found:
        yield found


@pytest.mark.postgresql("the same commands on a file are tested one by one beside this")
def test_from_an_empty_database_to_flags_and_figures(home: homes.Home, make_cli: Callable[[Path], object]) -> None:
    cli = make_cli(home.folder)
    env = {"TOVHOLDER_DATABASE_URL": home.database_url}
    refused = cli("import", "x", **env)
    assert (refused.code, "run: tovholder migrate" in refused.err) == (7, True)
    assert cli("migrate", **env).code == 0
    assert cli("migrate", **env).code == 0
    people = [clinic() | {"id": "o"}]
    for number in range(30):
        people += [patient("o") | {"id": f"p{number}"}, condition(f"p{number}") | {"id": f"c{number}"}]
    (home.folder / "in.ndjson").write_text("\n".join([*map(json.dumps, people), '{"resourceType": "Nothing"}']))
    loaded = cli("import", "in.ndjson", **env)
    assert (loaded.code, "61 stored, 0 unchanged, 1 set aside" in loaded.out) == (1, True), loaded.said
    again = cli("import", "in.ndjson", **env)
    assert "0 stored, 61 unchanged" in again.out
    assert home.rows("SELECT COUNT(*) FROM fact_episode WHERE phase = 'eligible'") == [(30,)]
    checked = cli("rebuild", "--check", **env)
    assert (checked.code, "Same rows as before" in checked.out) == (0, True), checked.said
    assert "30 patients" in cli("flags", "run", **env).out
    figures = cli("monitor", "run", **env)
    assert (figures.code, "equal on DuckDB" in figures.out) == (0, True), figures.said


def test_a_server_that_is_not_there_is_told_at_once_and_without_the_password(
    tmp_path: Path, make_cli: Callable[[Path], object]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = make_cli(tmp_path / "home")("migrate", TOVHOLDER_DATABASE_URL=f"postgresql://u:s3cret@127.0.0.1:{port}/n")
    assert told.code == 7
    assert "PostgreSQL at 127.0.0.1 does not answer" in told.err
    assert "refused" in told.err.lower()
    assert "s3cret" not in told.said


def test_an_address_that_names_no_database_is_told(tmp_path: Path, make_cli: Callable[[Path], object]) -> None:
    told = make_cli(tmp_path / "home")("migrate", TOVHOLDER_DATABASE_URL="postgresql://u:s3cret@127.0.0.1")
    assert told.code == 2
    assert "names no database" in told.err
    assert "s3cret" not in told.said
