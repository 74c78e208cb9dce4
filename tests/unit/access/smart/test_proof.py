"""How clients prove who they are: signed assertions and secrets, and every way they are refused."""

from __future__ import annotations

import base64
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client as Browser
from joserfc.jwk import KeySet, RSAKey

from lib import smart
from lib.smart import app, ask, assertion, backend, fhir, keys, proved
from tovholder import store
from tovholder.access import Context, Role
from tovholder.access.smart import clients, proof
from tovholder.access.smart.domain import Client, Method
from tovholder.base.clock import system_clock
from tovholder.base.errors import Problem
from tovholder.store import consents

pytestmark = pytest.mark.django_db

KEY, JWKS = keys()
OTHER, _ = keys()


def token(client: Client, scope: str = "system/Patient.rs", **params: Any) -> Any:
    return ask("/smart/token", grant_type="client_credentials", scope=scope, **params)


def with_text(text: str) -> dict[str, str]:
    return {"client_assertion_type": smart.ASSERTION, "client_assertion": text}


@pytest.fixture
def world() -> dict[str, str]:
    return smart.two_clinics()


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_system_gets_a_short_token_for_what_it_is_registered_for(world: dict[str, str], algorithm: str) -> None:
    key, jwks = keys(algorithm)
    client = backend(jwks, scopes="system/Patient.rs system/Condition.r")
    answer = token(client, "system/*.cruds", **proved(client, key, algorithm=algorithm)).json()
    assert set(answer["scope"].split()) == {"system/Patient.rs", "system/Condition.r"}
    assert answer["expires_in"] == 300
    assert "refresh_token" not in answer
    got = answer["access_token"]
    assert fhir(got, "Patient").json()["total"] == 3
    assert fhir(got, "Condition").json()["total"] == 0  # read, but not search
    assert fhir(got, f"Patient/{world['mine']}").status_code == 200
    assert fhir(got, "Observation").json()["total"] == 0
    assert fhir(got, f"Patient/{world['mine']}", "delete").status_code in (403, 404)


def test_a_system_that_acts_as_a_clinic_sees_that_clinics_patients(world: dict[str, str]) -> None:
    client = backend(JWKS, roles=(Role.GP,), organization=world["organization"], scopes="system/Patient.rs")
    got = token(client, **proved(client, KEY)).json()["access_token"]
    assert fhir(got, "Patient").json()["total"] == 2
    assert fhir(got, f"Patient/{world['theirs']}").status_code == 404


def test_a_system_reads_what_meets_its_search_alone(world: dict[str, str]) -> None:
    client = backend(JWKS, scopes="system/Patient.rs?family=fremmed")
    got = token(client, **proved(client, KEY)).json()["access_token"]
    assert fhir(got, "Patient").json()["total"] == 1
    assert fhir(got, f"Patient/{world['mine']}").status_code == 404


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": timedelta(seconds=-1)},
        {"exp": timedelta(hours=1)},
        {"exp": None},
        {"exp": "soon"},
        {"aud": "https://elsewhere.example.dk/token"},
        {"aud": None},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"jti": None},
        {"jti": ""},
        {"nbf": timedelta(minutes=10)},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": None}},
        {"header": {"jku": "https://evil.example.dk/keys"}},
    ],
    ids=range(14),
)
def test_an_assertion_that_does_not_hold_is_refused(claims: dict[str, Any]) -> None:
    client = backend(JWKS)
    # Counted from when this test runs, which in a long run is many minutes after it was collected.
    told = {name: int(time.time() + v.total_seconds()) if isinstance(v, timedelta) else v for name, v in claims.items()}
    answer = token(client, **proved(client, KEY, **told))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "access_token" not in answer.json()


def test_another_key_is_refused() -> None:
    client = backend(JWKS)
    assert token(client, **proved(client, OTHER)).status_code == 401


def test_alg_none_and_other_algorithms_are_refused() -> None:
    client = backend(JWKS)
    body = assertion(client, KEY).split(".")

    def part(told: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(told)).rstrip(b"=").decode()

    for algorithm in ("none", "None", "HS384", "ES256", "RS256", ""):
        header = part({"alg": algorithm, "kid": "k1", "typ": "JWT"})
        for signature in ("", body[2]):
            assert token(client, **with_text(f"{header}.{body[1]}.{signature}")).status_code == 401
    rsa, jwks = keys("RS384")
    other = backend(jwks)
    assert token(other, **proved(other, rsa, algorithm="RS256")).status_code == 401


def test_an_assertion_works_once() -> None:
    client = backend(JWKS)
    text = assertion(client, KEY)
    assert token(client, **with_text(text)).status_code == 200
    assert token(client, **with_text(text)).status_code == 401
    same = assertion(client, KEY, jti="j1")
    assert token(client, **with_text(same)).status_code == 200
    assert token(client, **proved(client, KEY, jti="j1")).status_code == 401
    another = backend(JWKS)  # another client's jti is its own
    assert token(another, **proved(another, KEY, jti="j1")).status_code == 200


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "....", "e30.e30.e30", "x" * 20_001], ids=len)
def test_what_is_no_assertion_is_refused(text: str) -> None:
    backend(JWKS)
    answer = ask("/smart/token", grant_type="client_credentials", scope="system/*.rs", **with_text(text))
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_client", "invalid_request")


def test_a_client_that_ended_is_refused_at_once(world: dict[str, str]) -> None:
    client = backend(JWKS)
    got = token(client, **proved(client, KEY)).json()["access_token"]
    assert fhir(got, "Patient").status_code == 200
    clients.end(client.id, system_clock())
    assert fhir(got, "Patient").status_code == 401
    assert token(client, **proved(client, KEY)).status_code == 401


def test_a_narrower_registration_holds_for_the_next_token(world: dict[str, str]) -> None:
    client = backend(JWKS)
    clients.change(replace(client, scopes="system/Patient.r"))
    answer = token(client, "system/*.rs", **proved(client, KEY)).json()
    assert answer["scope"] == "system/Patient.r"
    assert token(client, "system/Condition.rs", **proved(client, KEY)).json()["error"] == "invalid_scope"


@pytest.mark.parametrize("scope", ["patient/*.rs", "user/*.rs", "openid", "nonsense", "system/Nonsense.rs"])
def test_a_system_gets_no_other_scopes(scope: str) -> None:
    client = backend(JWKS)
    answer = token(client, scope, **proved(client, KEY))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_who_may_use_which_grant() -> None:
    client, public = backend(JWKS), app()
    told = ask("/smart/token", grant_type="client_credentials", scope="system/*.rs", client_id=public.id)
    assert told.json()["error"] == "unauthorized_client"
    told = ask("/smart/token", grant_type="refresh_token", refresh_token="x", **proved(client, KEY))
    assert told.json()["error"] == "unauthorized_client"
    told = ask("/smart/token", grant_type="password", username="a", password="b", client_id=public.id)
    assert told.json()["error"] == "unsupported_grant_type"
    assert (
        ask("/smart/token", grant_type="client_credentials", scope="system/*.rs", client_id=client.id).status_code
        == 401
    )


def test_an_export_is_fetched_with_what_it_was_asked_with() -> None:
    client, other = backend(JWKS), backend(JWKS)

    def asking(of: Client, scope: str) -> Browser:
        got = token(of, scope, **proved(of, KEY)).json()["access_token"]
        return Browser(headers={"Authorization": f"Bearer {got}", "Prefer": "respond-async"})

    started = asking(client, "system/Patient.rs system/Condition.rs").get("/fhir/$export")
    assert started.status_code == 202
    where = started["Content-Location"].removeprefix("http://testserver")
    assert asking(client, "system/Condition.rs system/Patient.rs").get(where).status_code == 202
    assert asking(client, "system/Patient.rs").get(where).status_code == 404
    assert asking(other, "system/Patient.rs system/Condition.rs").get(where).status_code == 404
    assert asking(client, "system/Patient.r").get("/fhir/$export").status_code == 403


# -- secrets ---------------------------------------------------------------------------------------------------------


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def test_a_secret_is_asked_in_its_own_way_alone() -> None:
    made = clients.add(
        Client(
            "",
            "Gammel app",
            smart.Use.APP,
            Method.SECRET_BASIC,
            (Role.GP,),
            redirects=(smart.REDIRECT,),
            scopes="user/*.rs",
        ),
        system_clock(),
    )
    told = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert (
        ask("/smart/token", authorization=basic(made.client.id, made.secret), **told).json()["error"] == "invalid_grant"
    )
    wrong = ask("/smart/token", authorization=basic(made.client.id, "x"), **told)
    assert (wrong.status_code, wrong["WWW-Authenticate"]) == (401, 'Basic realm="tovholder"')
    assert ask("/smart/token", client_id=made.client.id, client_secret=made.secret, **told).status_code == 401
    assert ask("/smart/token", client_id=made.client.id, **told).status_code == 401
    both = ask("/smart/token", authorization=basic(made.client.id, made.secret), client_secret="x", **told)
    assert both.json()["error"] == "invalid_request"
    for header in ("Basic ?", "Basic " + base64.b64encode(b"nocolon").decode()):
        assert ask("/smart/token", authorization=header, **told).status_code == 401


# -- keys that are fetched -------------------------------------------------------------------------------------------


class _Keys(http.server.BaseHTTPRequestHandler):
    answer: tuple[int, bytes] = (200, b"")
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        status, body = self.answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def jwks_uri() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proof.forget_keys()
    _Keys.asked = 0
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    server.server_close()


def test_keys_are_fetched_and_kept_a_while(jwks_uri: str) -> None:
    _Keys.answer = (200, JWKS.encode())
    client = backend("", jwks_uri=jwks_uri)
    for _ in range(3):
        assert token(client, **proved(client, KEY)).status_code == 200
    assert _Keys.asked == 1
    for _ in range(3):
        assert token(client, **proved(client, OTHER, header={"kid": "new"})).status_code == 401
    assert _Keys.asked == 1  # not again for each try with a key that is not there


@pytest.mark.parametrize(
    "answer", [(500, b""), (302, b""), (200, b"no json"), (200, b"[]"), (200, b"{" * 70_000)], ids=str
)
def test_keys_that_are_not_to_be_had(jwks_uri: str, answer: tuple[int, bytes]) -> None:
    _Keys.answer = answer
    client = backend("", jwks_uri=jwks_uri)
    assert token(client, **proved(client, KEY)).status_code == 401


def test_private_keys_are_not_taken_in() -> None:
    private = orjson.dumps(KeySet([KEY]).as_dict(private=True)).decode()
    for text in (private, "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "aaaa", "kid": "1"}]}', "x"):
        assert clients.key_set(text) is None


def test_weak_keys_and_keys_for_something_else_are_not_taken_in() -> None:
    other = RSAKey.generate_key(2048, {"kid": "o"}).as_dict(private=False)
    for key in (other | {"n": str(other["n"])[:171]}, other | {"use": "enc"}):
        assert clients.key_set(orjson.dumps({"keys": [key]}).decode()) is None
    assert clients.key_set(orjson.dumps({"keys": [other | {"use": "sig"}]}).decode()) is not None


def test_in_production_keys_come_from_a_public_https_address_alone() -> None:
    assert not proof.is_public("127.0.0.1", 443)
    assert not proof.is_public("10.0.0.1", 443)
    assert not proof.is_public("169.254.169.254", 443)
    assert not proof.is_public("name.invalid", 443)
    for inside in ("::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::", "fd00::1", "fe80::1", "224.0.0.1"):
        assert not proof.is_public(inside, 443), inside
    for outside in ("1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"):
        assert proof.is_public(outside, 443), outside


def test_a_system_is_given_what_is_blocked_by_a_right_of_its_own(world: dict[str, str]) -> None:
    client = backend(JWKS)
    assert not clients.get(client.id).sees_blocked
    clients.change(replace(client, sees_blocked=True))
    assert clients.get(client.id).sees_blocked and not clients.change(client).sees_blocked
    for told in ({"roles": (Role.GP,), "organization": world["organization"]},):
        with pytest.raises(Problem):
            clients.check(replace(client, sees_blocked=True, **told))
    with pytest.raises(Problem):
        clients.check(replace(app(), sees_blocked=True))
    patient = world["mine"]
    ctx = Context(f"Patient/{patient}", Role.CITIZEN, None, system_clock(), patient=patient)
    with store.unit_of_work(ctx) as uow:
        uow.create(consents.block_resource(ctx, patient, actor=""))

    def sees() -> tuple[int, int]:
        got = token(client, "system/*.rs", **proved(client, KEY)).json()["access_token"]
        return fhir(got, f"Patient/{patient}").status_code, fhir(got, "Patient").json()["total"]

    assert sees() == (404, 2)
    clients.change(replace(client, sees_blocked=True))
    assert sees() == (200, 3)
