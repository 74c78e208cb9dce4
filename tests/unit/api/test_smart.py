"""What the server tells of itself to apps, who may call from a browser, keys, and apps that register themselves."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client as Browser
from joserfc import jwt
from joserfc.jwk import KeySet

from lib.smart import Asking, app
from tovholder.access import generation
from tovholder.access.models import SmartKey
from tovholder.access.smart import clients, keys, upkeep
from tovholder.base.clock import system_clock
from tovholder.config.wsgi import application

pytestmark = pytest.mark.django_db

ORIGIN = "https://app.example.dk"


@pytest.mark.parametrize("path", ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"])
def test_the_configuration(path: str) -> None:
    answer = Browser().get(path)
    assert answer["Content-Type"] == "application/json"
    told = answer.json()
    for name in (
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "introspection_endpoint",
        "revocation_endpoint",
    ):
        assert told[name].startswith("http://testserver/smart/"), name
    assert told["issuer"] == "http://testserver"
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name in (
        "launch-ehr",
        "launch-standalone",
        "client-confidential-asymmetric",
        "permission-v2",
        "sso-openid-connect",
    ):
        assert name in told["capabilities"]
    assert "registration_endpoint" not in told
    assert not answer.cookies


def test_the_capability_statement_names_it() -> None:
    told = Browser().get("/fhir/metadata").json()
    (rest,) = told["rest"]
    uris = {item["url"]: item["valueUri"] for item in rest["security"]["extension"][0]["extension"]}
    assert uris["token"] == "http://testserver/smart/token"
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    # DK SMART 1.0.0 asks for these two words (CapabilityStatement dk-smart-server-profile).
    assert told["implementationGuide"] == [
        "http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch"
    ]
    assert "json" in told["format"]


def ask(method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Through the server's own way in, where the API has a lane of its own; status and headers."""
    told: list[Any] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        **headers,
    }
    answer = application(environ, lambda status, given, *_: told.extend([int(status[:3]), dict(given)]))
    b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return told[0], told[1]


PLACES = (
    "/fhir/metadata",
    "/fhir/.well-known/smart-configuration",
    "/.well-known/smart-configuration",
    "/fhir/Patient",
)


@pytest.mark.django_db(transaction=True)
def test_a_known_origin_may_call_and_no_other() -> None:
    app(origins=(ORIGIN,))
    for path in PLACES:
        _, known = ask("GET", path, HTTP_ORIGIN=ORIGIN)
        assert known["Access-Control-Allow-Origin"] == ORIGIN, path
        assert "Access-Control-Allow-Credentials" not in known
        assert "Set-Cookie" not in known
        assert known["Vary"].count("Origin") == 1
        for origin in (
            "https://evil.example.dk",
            "null",
            ORIGIN + ".evil.dk",
            '"',
            ORIGIN + '"',
            "https://app.example.d",
        ):
            assert "Access-Control-Allow-Origin" not in ask("GET", path, HTTP_ORIGIN=origin)[1], (path, origin)
    for path in ("/fhir/Patient/_search", "/smart/token"):
        status, told = ask("OPTIONS", path, HTTP_ORIGIN=ORIGIN, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
        assert status == 204
        assert told["Access-Control-Allow-Origin"] == ORIGIN
        assert "Authorization" in told["Access-Control-Allow-Headers"]
        _, told = ask("OPTIONS", path, HTTP_ORIGIN="https://evil.dk", HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
        assert not [name for name in told if name.startswith("Access-Control")]
    assert "Allow" in ask("OPTIONS", "/fhir/Patient")[1]  # another OPTIONS is answered as before


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_no_origin_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> int:
        raise OperationalError

    app(origins=(ORIGIN,))
    monkeypatch.setattr(generation, "current", away)
    for method in ("GET", "OPTIONS"):
        asked = {"HTTP_ORIGIN": ORIGIN, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
        _, told = ask(method, "/fhir/metadata", **asked)
        assert "Access-Control-Allow-Origin" not in told
        assert told["X-Request-Id"]


@pytest.mark.django_db(transaction=True)
def test_an_app_that_ended_calls_no_more_from_a_browser() -> None:
    client = app(origins=(ORIGIN,))
    assert "Access-Control-Allow-Origin" in ask("GET", "/fhir/metadata", HTTP_ORIGIN=ORIGIN)[1]
    clients.end(client.id, system_clock())
    assert "Access-Control-Allow-Origin" not in ask("GET", "/fhir/metadata", HTTP_ORIGIN=ORIGIN)[1]


def test_pages_are_no_other_sites_to_read() -> None:
    app(origins=(ORIGIN,))
    for path in ("/", "/smart/apps", "/klinik/", "/smart/authorize"):
        assert "Access-Control-Allow-Origin" not in Browser().get(path, HTTP_ORIGIN=ORIGIN), path


def test_keys_stand_encrypted_and_are_renewed() -> None:
    now = system_clock()
    first = keys.signing_key("RS256", now)
    row = SmartKey.objects.get(kid=first.kid)
    assert '"d"' not in row.public
    assert "kty" not in row.private
    assert keys.signing_key("RS256", now).kid == first.kid
    assert keys.signing_key("ES384", now).algorithm == "ES384"
    text = jwt.encode({"alg": "RS256", "kid": first.kid}, {"a": 1}, first.key)
    assert keys.rotate(now + timedelta(days=10), older_than=keys.LIFE) == 0
    later = now + timedelta(days=91)
    upkeep.run(later)
    second = keys.signing_key("RS256", later)
    assert second.kid != first.kid
    published = {one["kid"] for one in keys.published(later)["keys"]}
    assert {first.kid, second.kid} <= published  # what it signed still runs
    assert jwt.decode(text, KeySet.import_key_set(keys.published(later)), algorithms=["RS256"]).claims == {"a": 1}
    assert first.kid not in {one["kid"] for one in keys.published(later + timedelta(hours=2))["keys"]}
    assert all("d" not in one for one in keys.published(later)["keys"])


def test_under_another_secret_key_our_own_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = system_clock()
    first = keys.signing_key("ES384", now)
    monkeypatch.setattr(settings, "SECRET_KEY", "x" * 60)
    second = keys.signing_key("ES384", now)
    assert second.kid != first.kid
    assert keys.signing_key("ES384", now).kid == second.kid


# -- registration ----------------------------------------------------------------------------------------------------

TOKEN = "initial-access-token-of-32-characters-or-more"
WISH = {
    "client_name": "Selvbetjent app",
    "redirect_uris": ["https://selv.example.dk/"],
    "token_endpoint_auth_method": "none",
    "scope": "patient/Observation.rs launch/patient system/*.rs",
}


def register(wish: Any, token: str = TOKEN) -> Any:
    body = wish if isinstance(wish, bytes) else orjson.dumps(wish)
    return Browser().post(
        "/smart/register", body, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
    )


def test_no_app_registers_itself_unless_it_is_set() -> None:
    assert register(WISH).status_code == 404


@pytest.fixture
def _open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, registration=TOKEN))


@pytest.mark.usefixtures("_open")
def test_an_app_registers_itself() -> None:
    assert register(WISH, "wrong").status_code == 401
    answer = register(WISH)
    assert answer.status_code == 201
    told = answer.json()
    assert set(told["scope"].split()) == {"patient/Observation.rs", "launch/patient"}  # no system scope
    assert "client_secret" not in told
    assert Browser().get("/.well-known/smart-configuration").json()["registration_endpoint"].endswith("/smart/register")
    asked = Browser().get("/smart/authorize", Asking(clients.get(told["client_id"])).params("patient/Observation.rs"))
    assert asked["Location"].startswith("/smart/adgang/")


@pytest.mark.usefixtures("_open")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uris": ["http://evil.example.dk/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://selv.example.dk/"}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"scope": "system/*.rs"}, "invalid_client_metadata"),
        ({"client_name": ""}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ],
    ids=str,
)
def test_what_an_app_cannot_register(changed: dict[str, Any], error: str) -> None:
    answer = register(WISH | changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.usefixtures("_open")
def test_what_is_no_registration() -> None:
    for body in (b"", b"[]", b"{", b"x" * 60_000):
        assert register(body).status_code == 400
