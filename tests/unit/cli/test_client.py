"""``tovholder client``: apps and systems registered, shown, given other keys, ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lib import smart
from tovholder.access import Role
from tovholder.access.models import AuditEvent, SmartKey
from tovholder.access.smart import clients
from tovholder.access.smart.domain import Method
from tovholder.base.errors import Problem
from tovholder.cli.main import app

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(app, ["client", *arguments])
    if isinstance(found.exception, Problem):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.output


def added(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("add", *arguments, "--json"))
    return told


def test_an_app_is_registered_shown_and_ended() -> None:
    told = added("Hverdag", "--scope", "launch patient/Goal.crs", "--scope", "openid", "--redirect", smart.REDIRECT)
    client = clients.get(told["client_id"])
    assert client.method is Method.PUBLIC
    assert client.origins == ("https://app.example.dk",)
    assert Role.CITIZEN in client.roles
    assert told["scopes"] == "launch openid patient/Goal.crs"
    assert "client_secret" not in told
    assert json.loads(run("show", client.id)) == told
    assert client.id in run("list")
    assert "0 grants" in run("end", client.id)
    assert "ended" in run("list")
    assert clients.find(client.id) is None
    assert AuditEvent.objects.filter(action="rights", detail__startswith=f"client/{client.id}").count() == 2


def test_a_system_and_its_other_keys(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(smart.keys()[1])
    second.write_text(smart.keys(kid="k2")[1])
    told = added("Udtræk", "--use", "system", "--scope", "system/*.rs", "--jwks", str(first), "--id", "udtraek")
    assert (told["client_id"], told["method"], told["roles"]) == ("udtraek", "private_key_jwt", ["system"])
    run("key", "udtraek", "--jwks", str(second))
    assert '"k2"' in clients.get("udtraek").jwks
    with pytest.raises(Problem, match="Say which keys"):
        run("key", "udtraek")


def test_a_secret_is_printed_once() -> None:
    told = added("Gammel", "--scope", "user/*.rs", "--redirect", smart.REDIRECT, "--method", "client_secret_basic")
    client = clients.get(told["client_id"])
    assert clients.is_secret_of(client, told["client_secret"])
    assert told["client_secret"] not in run("show", client.id)
    another = run("key", client.id).split(": ")[-1].strip()
    assert clients.is_secret_of(client, another)
    assert not clients.is_secret_of(client, told["client_secret"])


def test_our_own_keys_are_renewed() -> None:
    run("key")
    before = set(SmartKey.objects.filter(retired_ms=None).values_list("kid", flat=True))
    run("key")
    after = set(SmartKey.objects.filter(retired_ms=None).values_list("kid", flat=True))
    assert len(before) == len(after) == 2
    assert not before & after


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scope", "patient/*.rs"),
        ("--scope", "nonsense", "--redirect", smart.REDIRECT),
        ("--scope", "patient/*.rs", "--redirect", "http://evil.example.dk/"),
        ("--scope", "patient/*.rs", "--redirect", smart.REDIRECT, "--use", "thing"),
        ("--scope", "patient/*.rs", "--redirect", smart.REDIRECT, "--role", "king"),
        ("--scope", "patient/*.rs", "--redirect", smart.REDIRECT, "--preapproved"),
        ("--scope", "system/*.rs", "--use", "system"),
        ("--scope", "system/*.rs", "--use", "system", "--jwks-uri", "ftp://keys.example.dk"),
        ("--scope", "system/*.rs", "--use", "system", "--jwks-uri", "https://k.example.dk/", "--role", "gp"),
    ],
    ids=str,
)
def test_what_cannot_be_registered(arguments: tuple[str, ...]) -> None:
    with pytest.raises(Problem):
        run("add", "Navn", *arguments)
    assert clients.everyone() == []


def test_one_that_is_not_there() -> None:
    for command in ("show", "end"):
        with pytest.raises(Problem, match="was not found"):
            run(command, "nobody")
