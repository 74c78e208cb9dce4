"""The file of login providers: read whole, and everything that is wrong with it told at once, with its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib import homes
from tovholder.access import Role, issuers
from tovholder.base.errors import Problem

GOOD = """
[[issuer]]
id = "mitid"
kind = "citizen"
title = { da = "Log ind med MitID", en = "Log in with MitID" }
issuer = "https://login.example"
client_id = "tovholder"
secret_env = "MITID_SECRET"
scopes = ["openid", "ssn"]
acr = ["substantial"]
claims = { cpr = "https://data.example/cprNumber", acr = "loa" }

[[issuer]]
id = "seb"
kind = "staff"
title = "Log ind med SEB"
issuer = "https://seb.example/x"
client_id = "tovholder"
secret_env = "MITID_SECRET"
claims = { organization = "org/sor", role = "roles" }
roles = { "læge" = "gp" }
provision = true
"""


def load(text: str, **more: Any) -> tuple[issuers.Issuer, ...]:
    environ = {"MITID_SECRET": "a-secret"}
    return issuers.load(
        text, "login.toml", environ, folder=more.get("folder", Path()), loopback=more.get("near", False)
    )


def wrong(text: str, **more: Any) -> str:
    with pytest.raises(Problem) as told:
        load(text, **more)
    return "\n".join(map(str, told.value.issues))


def test_a_good_file() -> None:
    mitid, seb = load(GOOD)
    assert (mitid.id, mitid.scopes, mitid.acr) == ("mitid", ("openid", "ssn"), ("substantial",))
    assert seb.title == {"da": "Log ind med SEB", "en": "Log ind med SEB"}
    assert seb.roles == {"læge": Role.GP} and seb.provision
    assert "a-secret" not in repr(mitid)


def test_claims_by_their_whole_name_or_inside_each_other() -> None:
    mitid, seb = load(GOOD)
    assert mitid.claim({"https://data.example/cprNumber": "x"}, "cpr") == "x"
    assert seb.claim({"org": {"sor": "1"}}, "organization") == "1"
    assert seb.claim({"org": "1"}, "organization") is None
    assert mitid.claim({"cpr": "x"}, "cpr") is None  # it has another name there


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "mitid"', 'id = "Mit ID"', "issuer[1].id"),
        ('id = "mitid"', 'id = "seb"', "two issuers"),
        ('id = "mitid"', 'id = "persona"', "issuer[1].id"),
        ('kind = "citizen"', 'kind = "dog"', "citizen, staff"),
        ('issuer = "https://login.example"', 'issuer = "http://login.example"', "https://"),
        ('issuer = "https://login.example"', 'issuer = "http://127.0.0.1:1"', "https://"),
        ('issuer = "https://login.example"', 'issuer = "https://login.example?x=1"', "issuer[1].issuer"),
        ('client_id = "tovholder"', "", "issuer[1].client_id: missing"),
        ('secret_env = "MITID_SECRET"', "", "neither or both"),
        ('secret_env = "MITID_SECRET"', 'secret_env = "ANOTHER"', "empty"),
        ('secret_env = "MITID_SECRET"', 'secret = "written down"', "does not belong in the file"),
        ('secret_env = "MITID_SECRET"', 'key_file = "nothing.pem"', "no such private key"),
        ('scopes = ["openid", "ssn"]', 'scopes = ["ssn"]', "openid is missing"),
        ('scopes = ["openid", "ssn"]', "scopes = 7", "not a list"),
        ('acr = ["substantial"]', 'algorithms = ["none"]', "not one we take"),
        ('acr = ["substantial"]', 'algorithms = ["HS256"]', "not one we take"),
        ('acr = ["substantial"]', "algorithms = []", "not one we take"),
        ('acr = ["substantial"]', "colour = 1", "unknown key"),
        ("claims = { cpr", "claims = { role", "claims.role"),
        ('title = { da = "Log ind med MitID", en = "Log in with MitID" }', "title = 7", "issuer[1].title"),
        ('"læge" = "gp"', '"læge" = "konge"', "not a role a provider may give"),
        ('"læge" = "gp"', '"læge" = "system"', "not a role a provider may give"),
        ('"læge" = "gp"', '"læge" = "operator"', "not a role a provider may give"),
        ('roles = { "læge" = "gp" }', "", "lets nobody in"),
        ("provision = true", 'provision = "yes"', "true or false"),
        ("provision = true", 'organization_kind = "street"', "sor, ydernummer, cvr"),
    ],
)
def test_each_fault_is_told_with_its_place(old: str, new: str, told: str) -> None:
    assert told in wrong(GOOD.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "issuer = 1", "[[issuer]]\nid = ", "[issuer]\n", "[[other]]\n"])
def test_what_is_no_such_file(text: str) -> None:
    assert "login.toml" in wrong(text)


def test_all_faults_are_told_at_once() -> None:
    assert len(wrong("[[issuer]]\n").splitlines()) >= 4


def test_an_issuer_on_this_machine_needs_no_https_outside_production() -> None:
    near = GOOD.replace("https://login.example", "http://127.0.0.1:9000")
    assert load(near, near=True)[0].issuer == "http://127.0.0.1:9000"
    assert "https://" in wrong(GOOD.replace("https://login.example", "http://login.example"), near=True)


@pytest.mark.parametrize("kind", ["public", "of another kind", "no key"])
def test_a_key_must_be_the_private_one_of_its_algorithm(tmp_path: Path, kind: str) -> None:
    from joserfc import jwk

    key = jwk.RSAKey.generate_key(2048)
    raw = {"public": key.as_pem(private=False), "of another kind": key.as_pem(private=True), "no key": b"x"}[kind]
    (tmp_path / "key.pem").write_bytes(raw)
    algorithm = "ES256" if kind == "of another kind" else "RS256"
    text = GOOD.replace('secret_env = "MITID_SECRET"', f'key_file = "key.pem"\nkey_algorithm = "{algorithm}"', 1)
    assert "key_file" in wrong(text, folder=tmp_path)


@pytest.mark.slow
def test_a_server_does_not_start_with_a_file_that_has_faults(tmp_path: Path) -> None:
    with homes.made(tmp_path / "home") as home:
        file = tmp_path / "login.toml"
        file.write_text(GOOD.replace('kind = "staff"', 'kind = "dog"'), encoding="utf-8")
        environ = home.environ | {"TOVHOLDER_LOGIN": str(file), "MITID_SECRET": ""}
        command = [sys.executable, "-m", "tovholder.cli.main", "serve", "--port", "0"]
        told = subprocess.run(command, env=environ, cwd=os.sep, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "issuer[2].kind" in told.stderr and "secret_env" in told.stderr and "Traceback" not in told.stderr
