"""What the command refuses: told in a line that says what to do, with an exit code, and nothing changed."""

from __future__ import annotations

import socket
import sqlite3

import pytest

from tovholder import __version__

KEY = "k" * 60


def test_the_version(cli):
    result = cli("--version")
    assert (result.code, result.out.strip()) == (0, __version__)


@pytest.mark.parametrize("command", [("serve",), ("migrate",)])
def test_production_without_a_key_names_the_variable(cli, command: tuple[str, ...]):
    result = cli(*command, TOVHOLDER_ENV="production")
    assert result.code == 2
    assert "TOVHOLDER_SECRET_KEY is missing or short" in result.err
    assert not list(cli.home.glob("*.sqlite3"))


def test_away_from_the_demo_it_says_where_it_looked_and_leaves_nothing_behind(cli):
    result = cli("token", "--persona", "system", TOVHOLDER_ENV="", TOVHOLDER_HOME=str(cli.home / "var"))
    assert result.code == 2
    assert f"There is no demo in {cli.home / 'var'}" in result.err
    assert list(cli.home.iterdir()) == []


def test_an_unknown_environment_names_those_there_are(cli):
    result = cli("migrate", TOVHOLDER_ENV="prod")
    assert result.code == 2
    assert "TOVHOLDER_ENV is 'prod'; set one of production, demo, test" in result.err


def test_no_token_for_a_persona_in_production(cli):
    result = cli("token", "--persona", "system", TOVHOLDER_ENV="production", TOVHOLDER_SECRET_KEY=KEY)
    assert result.code == 6
    assert "exists in the demo alone" in result.err
    assert result.out == ""


@pytest.mark.parametrize("command", [("import", "x"), ("serve",)])
def test_without_tables_it_says_to_migrate(cli, command: tuple[str, ...]):
    result = cli(*command)
    assert result.code == 7
    assert "run: tovholder migrate" in result.err


def test_the_demo_does_not_wait_to_say_that_its_port_is_taken(cli):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = cli("demo", "--port", port)
    assert result.code == 7
    assert f"already uses port {port} on 127.0.0.1; choose another, such as --port {port + 1}" in result.err
    assert list(cli.home.iterdir()) == []


def test_the_demo_leaves_a_database_alone_that_no_demo_made(cli):
    cli.home.mkdir()
    path = cli.home / "tovholder.sqlite3"
    with sqlite3.connect(path) as held:
        held.execute("CREATE TABLE somebodys (work TEXT)")
    held.close()
    before = path.read_bytes()
    for fresh in ((), ("--fresh",)):
        result = cli("demo", "--port", 0, *fresh)
        assert result.code == 4
        assert f"a database in {cli.home} that no demo made; set TOVHOLDER_HOME to another folder" in result.err
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("env", "code", "told"),
    [
        ({"TOVHOLDER_ENV": "production", "TOVHOLDER_SECRET_KEY": KEY}, 6, "TOVHOLDER_ENV is production"),
        ({"TOVHOLDER_DATABASE_URL": "sqlite:///elsewhere.sqlite3"}, 4, "unset TOVHOLDER_DATABASE_URL"),
    ],
)
def test_the_demo_keeps_to_itself(cli, env: dict[str, str], code: int, told: str):
    result = cli("demo", "--port", 0, **env)
    assert result.code == code
    assert told in result.err
    assert list(cli.home.iterdir()) == []
