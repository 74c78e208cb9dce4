"""Authorization requests that cannot be answered: told to the app where that is safe, else on a page of ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from lib import smart
from lib.smart import Asking, app, ask
from tovholder.access import limits
from tovholder.access.models import AuditEvent, SmartRequest

pytestmark = pytest.mark.django_db

SCOPE = "patient/Observation.rs"


def asked(asking: Asking, scope: str = SCOPE, **changed: Any) -> Any:
    return Browser().get("/smart/authorize", asking.params(scope, **changed))


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.example.dk/",
        smart.REDIRECT + "/",
        smart.REDIRECT + "?x=1",
        smart.REDIRECT + "#x",
        smart.REDIRECT.upper(),
        "https://app.example.dk",
        "https://app.example.dk.evil.dk/index.html",
        "https://app.example.dk@evil.dk/index.html",
        "https://app.example.dk/../index.html",
        "//app.example.dk/index.html",
        "javascript:alert(1)",
        "",
        None,
    ],
)
def test_no_open_redirect(redirect: str | None) -> None:
    answer = asked(Asking(app()), redirect_uri=redirect)
    assert answer.status_code == 400
    assert "Location" not in answer
    assert "Refresh" not in answer
    assert "evil" not in answer.content.decode()


@pytest.mark.parametrize("client", ["unknown", "", None, "a b", "x" * 5000])
def test_an_unknown_app(client: str | None) -> None:
    assert asked(Asking(app()), client_id=client).status_code == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://elsewhere.example.dk/fhir"}, "invalid_request"),
        ({"aud": "http://testserver/fhir/Patient"}, "invalid_request"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "nonsense patient/Nonsense.rs"}, "invalid_scope"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example.dk"}, "request_not_supported"),
        ({"prompt": "none"}, "interaction_required"),
        ({"nonce": "x" * 3000}, "invalid_request"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_to_the_app(changed: dict[str, Any], error: str) -> None:
    asking = Asking(app())
    answer = asked(asking, **({"scope": SCOPE} | changed))
    assert answer.status_code == 302
    assert answer["Location"].startswith(smart.REDIRECT + "?")
    told = smart.told(answer["Location"])
    assert told["error"] == error
    assert told["iss"] == "http://testserver"  # RFC 9207: refusals say whose they are, too
    assert told.get("state", "") == changed.get("state", asking.state) or changed.get("state", "") is None
    assert not SmartRequest.objects.exists()


def test_a_parameter_that_stands_twice() -> None:
    asking = Asking(app())
    params = asking.params(SCOPE)
    for name in ("state", "scope", "aud", "code_challenge"):
        answer = Browser().get("/smart/authorize", [*params.items(), (name, params[name])])
        assert smart.told(answer["Location"])["error"] == "invalid_request"
    for name in ("client_id", "redirect_uri"):
        answer = Browser().get("/smart/authorize", [*params.items(), (name, params[name])])
        assert answer.status_code == 400


def test_by_post_as_by_get() -> None:
    asking = Asking(app())
    answer = Browser(enforce_csrf_checks=True).post("/smart/authorize", asking.params(SCOPE))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/smart/adgang/")
    assert Browser().put("/smart/authorize").status_code in (405, 501)


def test_the_address_of_the_request_tells_nothing() -> None:
    asking = Asking(app())
    where = asked(asking, launch="secret-launch")["Location"]
    assert asking.client.id not in where
    assert "secret-launch" not in where
    assert not SmartRequest.objects.filter(digest__contains=where.rsplit("/", 1)[1]).exists()


def test_an_answer_needs_our_own_form() -> None:
    """Another site cannot make a person's browser say yes."""
    page = asked(Asking(app()))["Location"]
    assert Browser(enforce_csrf_checks=True).post(page, {"do": "ja"}).status_code == 403


def test_a_thousand_tries_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPAN", 10**9)  # however slow the machine, they all fall within one
    client = app()
    asking = Asking(client)
    params = asking.params(SCOPE)
    seen = [Browser().get("/smart/authorize", params).status_code for _ in range(300)]
    assert 302 in seen
    assert seen[-1] == 429
    seen = [
        ask(
            "/smart/token",
            grant_type="authorization_code",
            code=f"guess-{number}",
            redirect_uri=smart.REDIRECT,
            code_verifier="x" * 43,
            client_id=client.id,
        ).status_code
        for number in range(1000)
    ]
    assert set(seen) == {400, 429}
    assert seen.count(400) <= 200
    assert seen[-1] == 429
    events = AuditEvent.objects.filter(action="token-failed")
    assert events.filter(detail="rate").count() <= 2  # a flood of tries is none of events
    assert events.count() <= 202
