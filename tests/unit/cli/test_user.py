"""``tovholder user``: users and roles by hand and from a staff list; what cannot be used is set aside, told why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lib.people import clinic, system
from tovholder import store
from tovholder.access import issuers
from tovholder.access.models import Assignment, Identity, User
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.base.errors import Problem
from tovholder.cli.main import app

pytestmark = pytest.mark.django_db
LOGIN = """
[[issuer]]
id = "seb"
kind = "staff"
title = "SEB"
issuer = "https://seb.example"
client_id = "tovholder"
secret_env = "SEB"
"""


@pytest.fixture(autouse=True)
def _provider() -> Iterator[None]:
    issuers.use(issuers.load(LOGIN, "login.toml", {"SEB": "x"}, folder=Path(), loopback=False))
    yield
    issuers.use(())


@pytest.fixture
def place() -> str:
    with store.unit_of_work(system()) as uow:
        return uow.create(clinic()).id


def run(*arguments: object) -> tuple[int, str]:
    """The command in this process; a refusal's own words."""
    found = CliRunner().invoke(app, ["user", *map(str, arguments)])
    if isinstance(found.exception, Problem):
        return 9, "; ".join(map(str, found.exception.issues))
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


def made(place: str) -> int:
    assert run("add", "mette", "--name", "Mette Prøvelæge", "--issuer", "seb", "--login", "uuid-1")[0] == 0
    code, told = run("assign", "mette", "--role", "gp", "--organization", "ydernummer:000001", "--to", "2099-12-31")
    assert code == 0, told
    return int(told)


def test_a_user_is_made_with_a_role_in_an_organisation(place: str) -> None:
    number = made(place)
    row = Assignment.objects.get(pk=number)
    assert (row.role, row.organization_id, row.title) == ("gp", place, "Læge, Lægerne Prøvestræde")
    assert row.to_day == days.parse_day("2099-12-31")
    assert store.read(system(), "Practitioner", row.practitioner_id).resource["name"][0]["text"] == "Mette Prøvelæge"
    assert Identity.objects.get().issuer == "seb" and "uuid-1" not in Identity.objects.get().subject
    code, told = run("list")
    assert code == 0 and "mette" in told and "2099-12-31" in told
    (listed,) = json.loads(run("list", "--json")[1])
    assert (listed["username"], listed["role"], listed["organization"]) == ("mette", "gp", place)
    run("assign", "mette", "--role", "gp", "--organization", place)
    assert Assignment.objects.count() == 1 and Assignment.objects.get().to_day is None


def test_a_role_ends_and_a_user_is_closed(place: str) -> None:
    number = made(place)
    today = days.day_of(system_clock())
    assert run("end", "mette", number)[0] == 0
    assert Assignment.objects.get().to_day == today - 1
    assert "ended" in run("list")[1]
    assert run("close", "mette")[0] == 0
    assert not User.objects.get().is_active and "closed" in run("list")[1]
    assert run("reopen", "mette")[0] == 0 and User.objects.get().is_active
    assert run("logout", "mette")[0] == 0 and User.objects.get().not_before_ms > 0


def test_what_an_operator_does_stands_in_the_trail(place: str) -> None:
    made(place)
    run("close", "mette")
    found = [entry.resource for entry in store.search(system(), "AuditEvent", [("_count", "50")]).entries]
    told = json.dumps(found, default=str)
    assert str(User.objects.get().pk) in told and "closed" in told
    assert "Mette" not in told and "uuid-1" not in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "0101010101", "--name", "x"), "CPR"),
        (("add", "x", "--name", "010101-0101"), "CPR"),
        (("add", "x", "--name", "x", "--issuer", "seb"), "one is missing"),
        (("add", "x", "--name", "x", "--issuer", "mitid", "--login", "y"), "seb"),
        (("assign", "nobody", "--role", "analyst"), "not found"),
        (("assign", "mette", "--role", "citizen"), "not a role"),
        (("assign", "mette", "--role", "system"), "not a role"),
        (("assign", "mette", "--role", "gp"), "organization: empty"),
        (("assign", "mette", "--role", "gp", "--organization", "sor:1"), "not in the record"),
        (("assign", "mette", "--role", "analyst", "--from", "1/1"), "YYYY-MM-DD"),
        (("assign", "mette", "--role", "analyst", "--from", "2027-01-02", "--to", "2027-01-01"), "before from"),
        (("assign", "mette", "--role", "analyst", "--right", "everything"), "not rights"),
        (("end", "mette", "999"), "not found"),
        (("close", "nobody"), "not found"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_told(place: str, arguments: tuple[str, ...], why: str) -> None:
    made(place)
    before = (User.objects.count(), Assignment.objects.count())
    code, told = run(*arguments)
    assert code == 9 and why in told, told
    assert (User.objects.count(), Assignment.objects.count()) == before


LIST = """username;name;issuer;login;role;organization;practitioner;from;to;title;rights
mette;Mette Prøvelæge;seb;uuid-1;gp;ydernummer:000001;;2027-01-01;;;
mette;Mette Prøvelæge;seb;uuid-1;staff;ydernummer:000001;;;;Vikar;
lise;Lise Dahl;;;analyst;;;;;;pseudonymised-facts
;Uden Navn;;;analyst;;;;;;
0101010101;Forkert;;;analyst;;;;;;
per;Per;seb;;analyst;;;;;;
pia;Pia;mitid;x;analyst;;;;;;
kim;Kim;;;konge;cvr:1;;;;;
eva;Eva;;;gp;ydernummer:999999;;;;;
ib;Ib;seb;uuid-1;analyst;;;;;;
bo;Bo;;;analyst
"""


def test_a_staff_list_is_taken_row_by_row(place: str, tmp_path: Path) -> None:
    file, aside = tmp_path / "staff.csv", tmp_path / "aside.csv"
    file.write_text("\ufeff" + LIST, encoding="utf-8")
    code, told = run("import", file, "--rejects", aside)
    assert code == 1 and "3 roles given, 8 rows set aside" in told
    for line, why in {
        5: "username: empty",
        6: "CPR",
        7: "belong together",
        8: "not a login provider",
        9: "not a role",
        10: "not in the record",
        11: "Another user has this login",
        12: "more or fewer values",
    }.items():
        assert any(f"line {line}:" in one and why in one for one in told.splitlines()), (line, told)
    assert aside.read_text(encoding="utf-8").splitlines()[0].startswith("\ufeffusername") is False
    assert len(aside.read_text(encoding="utf-8").splitlines()) == 9
    mette = Assignment.objects.filter(user__username="mette").order_by("id")
    assert [(row.role, row.title) for row in mette] == [("gp", "Læge, Lægerne Prøvestræde"), ("staff", "Vikar")]
    assert len({row.practitioner_id for row in mette}) == 1
    assert Assignment.objects.get(user__username="lise").rights == "pseudonymised-facts"
    assert {user.username for user in User.objects.all()} == {"mette", "lise"}
    # Once more changes nothing.
    run("import", file, "--rejects", aside)
    assert Assignment.objects.count() == 3 and Identity.objects.count() == 1


@pytest.mark.parametrize("text", ["", "username,name\nx,y\n", "username,name,role,cpr\nx,y,gp,z\n", 'a,"b\n', "\xff"])
def test_a_file_that_is_no_staff_list_is_refused_whole(tmp_path: Path, text: Any) -> None:
    file = tmp_path / "staff.csv"
    file.write_bytes(text.encode("latin-1"))
    code, told = run("import", file)
    assert code == 9, told
    assert not User.objects.exists()
