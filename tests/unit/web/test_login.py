"""Logging in at a login provider that runs in a process of its own: who is let in, who is not, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from lib import oidc
from lib.oidc import Provider, comes_back, leaves, logs_in
from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Role, issuers, staff
from tovholder.access.models import Assignment, Identity, Session, User
from tovholder.access.people import Persona, save_persona
from tovholder.base.clock import system_clock

pytestmark = pytest.mark.django_db
CPR = "6105600000"
CITIZEN = 'claims = { cpr = "cpr" }\nacr = ["substantial", "high"]'
STAFF = (
    'claims = { organization = "place", role = "work" }\norganization_kind = "ydernummer"\nprovision = true\n'
    'roles = { "læge" = "gp", "sygeplejerske" = "staff", "analytiker" = "analyst" }'
)
CLOSED = 'claims = { subject = "login" }'


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with oidc.ours() as found:
        yield found


@pytest.fixture(autouse=True)
def _in_force(provider: Provider) -> Iterator[None]:
    provider.plain()
    oidc.use(
        oidc.row(provider, "borger", "citizen", CITIZEN)
        + oidc.row(provider, "ansat", "staff", STAFF)
        + oidc.row(provider, "lukket", "staff", CLOSED)
    )
    yield
    issuers.use(())


@pytest.fixture
def world() -> dict[str, str]:
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic()).id
        person = uow.create(patient(organization)).id
    return {"organization": organization, "patient": person}


def citizen(provider: Provider, cpr: str = CPR, **more: Any) -> None:
    provider.control(claims={"sub": "c-1", "cpr": cpr, "name": "Prøve Jensen", "acr": "substantial"} | more)


def doctor(provider: Provider, work: Any = "læge", place: Any = "000001", **more: Any) -> None:
    provider.control(claims={"sub": "s-1", "name": "Mette Prøvelæge", "place": place, "work": work} | more)


def is_in(client: Client) -> bool:
    """Whether somebody is logged in, as the role page tells."""
    return client.get("/login/rolle").status_code == 200


def refused(answer: Any) -> bool:
    return answer.status_code == 403 and "Du blev ikke logget ind" in answer.content.decode()


# -- who is let in -------------------------------------------------------------------------------------------------


def test_a_citizen_comes_to_their_plan_and_the_number_is_kept_nowhere_else(
    provider: Provider, world: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    citizen(provider, cpr="610560-0000")
    browser = Client()
    assert logs_in(browser, "borger")["Location"] == "/minplan/"
    assert "Prøve" in browser.get("/minplan/").content.decode()
    user = User.objects.get(person__gt="")
    assert Assignment.objects.get(user=user).patient_id == world["patient"]
    with connection.cursor() as cursor:
        for table in (name for name in connection.introspection.table_names() if name.startswith("access_")):
            cursor.execute(f"SELECT * FROM {table}")
            told = repr(cursor.fetchall())
            assert CPR not in told and "610560-0000" not in told and "'c-1'" not in told, table
    assert CPR not in caplog.text and "Jensen" not in caplog.text


def test_the_same_citizen_is_the_same_user(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    logs_in(Client(), "borger")
    citizen(provider, sub="another-subject", cpr="610560-0000")
    logs_in(Client(), "borger")
    assert User.objects.filter(person__gt="").count() == 1
    assert Identity.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [{"cpr": "0101010101"}, {"cpr": ""}, {"cpr": None}, {"cpr": 6105600000}, {"acr": "low"}, {"acr": None}],
    ids=str,
)
def test_a_citizen_nobody_knows_or_not_surely_themselves_is_refused(
    provider: Provider, world: dict[str, str], wrong: dict[str, Any]
) -> None:
    citizen(provider, **wrong)
    browser = Client()
    assert refused(logs_in(browser, "borger"))
    assert not is_in(browser)


def test_staff_get_the_roles_their_claims_give_in_the_organisation_they_name(
    provider: Provider, world: dict[str, str]
) -> None:
    doctor(provider)
    browser = Client()
    assert logs_in(browser, "ansat")["Location"] == "/klinik/"
    page = browser.get("/klinik/").content.decode()
    assert "Mette Prøvelæge" in page and "Læge, Lægerne Prøvestræde" in page
    row = Assignment.objects.get()
    assert (row.role, row.organization_id, row.source) == ("gp", world["organization"], "ansat")
    assert store.read(system(), "Practitioner", row.practitioner_id).resource["name"][0]["family"] == "Prøvelæge"
    logs_in(Client(), "ansat")
    assert Assignment.objects.count() == 1


def test_what_the_claims_give_no_longer_is_gone_at_the_next_login(provider: Provider, world: dict[str, str]) -> None:
    doctor(provider, work=["læge", "analytiker"])
    browser = Client()
    assert logs_in(browser, "ansat")["Location"] == "/login/rolle?next="
    doctor(provider, work="analytiker")
    assert logs_in(browser, "ansat")["Location"] == "/monitorering/"
    doctor(provider, work="portør")
    assert refused(logs_in(browser, "ansat"))


def test_claims_change_nothing_an_operator_gave(provider: Provider, world: dict[str, str]) -> None:
    ctx = system(system_clock())
    staff.add(ctx, "mette", "Mette")
    staff.link(ctx, "mette", "ansat", "s-1")
    staff.assign(ctx, "mette", staff.Given(Role.ANALYST, title="Analytiker"))
    doctor(provider, work="portør")
    assert logs_in(Client(), "ansat")["Location"] == "/monitorering/"


@pytest.mark.parametrize(
    "claims",
    [
        {"place": "999999"},
        {"place": ["000001", "999999"]},
        {"place": None},
        {"work": "portør"},
        {"work": {"nested": "læge"}},
        {"work": None},
    ],
    ids=str,
)
def test_staff_without_a_role_we_know_are_refused_and_no_user_is_made(
    provider: Provider, world: dict[str, str], claims: dict[str, Any]
) -> None:
    doctor(provider, **claims)
    assert refused(logs_in(Client(), "ansat"))
    assert User.objects.count() == 0


def test_roles_held_in_several_organisations_are_told_in_pairs(provider: Provider, world: dict[str, str]) -> None:
    more = STAFF.replace('role = "work"', 'role = "work", assignments = "places"')
    oidc.use(oidc.row(provider, "ansat", "staff", more))
    with store.unit_of_work(system()) as uow:
        other = clinic("Lægerne Andetsteds")
        other["identifier"][0]["value"] = "000002"
        there = uow.create(other).id
    pairs = [{"place": "000001", "work": "læge"}, {"place": "000002", "work": ["sygeplejerske"]}, "nonsense"]
    doctor(provider, places=pairs)
    assert logs_in(Client(), "ansat").status_code == 302
    found = {(row.role, row.organization_id) for row in Assignment.objects.all()}
    assert found == {("gp", world["organization"]), ("staff", there)}


def test_staff_nobody_made_a_user_for_are_refused_where_claims_make_none(provider: Provider) -> None:
    provider.control(claims={"sub": "x", "login": "mette-1", "name": "Mette"})
    unknown = logs_in(Client(), "lukket")
    assert refused(unknown)
    ctx = system(system_clock())
    staff.add(ctx, "mette", "Mette")
    staff.link(ctx, "mette", "lukket", "mette-1")
    without_role = logs_in(Client(), "lukket")
    staff.assign(ctx, "mette", staff.Given(Role.ANALYST, title="Analytiker"))
    assert logs_in(Client(), "lukket")["Location"] == "/monitorering/"
    staff.close(ctx, "mette")
    closed = logs_in(Client(), "lukket")
    # Nothing on the page tells the three apart.
    pages = {same(answer) for answer in (unknown, without_role, closed)}
    assert len(pages) == 1


def same(answer: Any) -> str:
    """A refusal without the number of its request."""
    assert refused(answer)
    text: str = answer.content.decode()
    found = text.replace(answer.headers["X-Request-Id"], "")
    for _ in range(found.count('name="csrfmiddlewaretoken"')):
        start = found.index('name="csrfmiddlewaretoken"')
        found = found[:start] + found[found.index(">", start) :]
    return found


# -- what is not believed ------------------------------------------------------------------------------------------

LIES = [
    "none", "wrong-key", "symmetric", "changed", "unknown-kid", "issuer", "audience", "audiences", "azp", "expired", "old",
    "future", "not-yet", "nonce", "no-nonce", "no-sub", "at_hash", "words", "answer-issuer", "no-answer-issuer",
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_true_lets_nobody_in(
    provider: Provider, world: dict[str, str], lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    citizen(provider)
    provider.control(lie=lie)
    browser = Client()
    assert refused(logs_in(browser, "borger"))
    assert not is_in(browser)
    assert not Session.objects.filter(user__isnull=False).exists()
    told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert any(one.get("event") == "login refused" and one.get("reason") for one in told), told
    assert CPR not in caplog.text and "Jensen" not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT action, outcome, actor FROM access_auditevent WHERE action = 'login-failed'")
        assert cursor.fetchall() == [("login-failed", "refused", "unknown:")]
    provider.plain()
    assert logs_in(browser, "borger")["Location"] == "/minplan/"


def test_an_answer_counts_once(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    browser = Client()
    address = leaves(browser, "borger")
    assert comes_back(browser, address).status_code == 302
    assert refused(comes_back(browser, address))


def test_a_code_is_taken_once_whoever_brings_it(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    one, other = Client(), Client()
    first, second = leaves(one, "borger"), leaves(other, "borger")
    assert comes_back(one, first).status_code == 302
    mixed = second.replace(second.split("code=")[1].split("&")[0], first.split("code=")[1].split("&")[0])
    assert refused(comes_back(other, mixed))


def test_another_browser_s_answer_is_refused(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    victim, attacker = Client(), Client()
    leaves(victim, "borger")
    assert refused(comes_back(victim, leaves(attacker, "borger")))
    assert refused(comes_back(Client(), leaves(attacker, "borger")))
    assert not is_in(victim)


def test_a_code_of_another_login_of_the_same_browser_is_refused(provider: Provider, world: dict[str, str]) -> None:
    """PKCE and nonce: state and code must be of one login."""
    citizen(provider)
    browser = Client()
    first, second = leaves(browser, "borger"), leaves(browser, "borger")
    mixed = second.replace(second.split("code=")[1].split("&")[0], first.split("code=")[1].split("&")[0])
    assert refused(comes_back(browser, mixed))


def test_an_answer_at_another_issuer_s_address_is_refused(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    browser = Client()
    address = leaves(browser, "borger")
    assert refused(comes_back(browser, address.replace("/borger/", "/ansat/")))


@pytest.mark.parametrize(
    "query", [{}, {"state": "x"}, {"state": "", "code": "x"}, {"code": "x"}, {"error": "nonsense"}]
)
def test_an_answer_nobody_asked_for_is_refused(query: dict[str, str]) -> None:
    assert refused(Client().get("/login/hos/borger/retur", query))


def test_a_login_that_took_too_long_is_refused(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    browser = Client()
    address = leaves(browser, "borger")
    store_ = browser.session
    for asked in store_["logins"].values():
        asked["began"] -= 3600
    store_.save()
    assert refused(comes_back(browser, address))


def test_who_says_no_at_the_provider_is_told_so_and_comes_to_the_front_page(provider: Provider) -> None:
    browser = Client()
    state = leaves(browser, "borger").split("state=")[1].split("&")[0]
    answer = browser.get("/login/hos/borger/retur", {"state": state, "error": "access_denied"}, follow=True)
    assert "Login blev afbrudt" in answer.content.decode()
    assert not is_in(browser)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "https:evil",
        "javascript:alert(1)",
        "/minplan/../\x1f",
    ],
)
def test_nobody_is_sent_elsewhere(provider: Provider, world: dict[str, str], elsewhere: str) -> None:
    citizen(provider)
    assert logs_in(Client(), "borger", then=elsewhere)["Location"] == "/minplan/"
    save_persona(Persona("anna", "Anna", "Læge", Role.GP, world["organization"], "p", ""))
    answer = Client().post("/login/persona", {"persona": "anna", "next": elsewhere})
    assert answer["Location"] == "/klinik/"


@pytest.mark.parametrize("page", ["", "formular/kol-aarsstatus"])
def test_the_page_that_was_wanted_comes_after_login(provider: Provider, world: dict[str, str], page: str) -> None:
    doctor(provider)
    with store.unit_of_work(system()) as uow:
        uow.create(condition(world["patient"]))
    wanted = f"/klinik/patient/{world['patient']}/kol/{page}"
    browser = Client()
    asked = browser.get(wanted)
    assert asked["Location"] == f"/?next={wanted}".replace("/", "%2F").replace("%2F?next=", "/?next=", 1)
    assert wanted.replace("/", "%2F") in browser.get(asked["Location"]).content.decode()
    assert logs_in(browser, "ansat", then=wanted)["Location"] == wanted
    assert browser.get(wanted).status_code == 200


def test_an_unknown_provider_is_not_found() -> None:
    for path in ("/login/hos/nobody", "/login/hos/nobody/retur"):
        assert Client().get(path).status_code == 404
    assert Client().post("/login/hos/nobody/afmeld").status_code == 404


def test_a_provider_that_does_not_answer_is_told_so() -> None:
    oidc.use(oidc.row(Provider("http://127.0.0.1:1"), "borger", "citizen", CITIZEN))
    assert Client().get("/login/hos/borger").status_code == 503


@pytest.mark.parametrize(
    "metadata", [{"issuer": "http://127.0.0.1:1"}, {"token_endpoint": "ftp://x/"}, {"jwks_uri": None}]
)
def test_a_provider_whose_metadata_are_another_s_is_not_used(provider: Provider, metadata: dict[str, Any]) -> None:
    provider.control(metadata=metadata)
    assert Client().get("/login/hos/borger").status_code == 503


# -- how it is asked -----------------------------------------------------------------------------------------------


def test_what_is_asked_of_the_provider(provider: Provider) -> None:
    browser = Client()
    leaves(browser, "borger")
    asked = provider.asked
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43 and len(asked["nonce"]) >= 43 and asked["acr_values"] == "substantial high"
    assert asked["redirect_uri"] == "http://testserver/login/hos/borger/retur"
    assert "prompt" not in asked
    leaves(browser, "borger")
    again = provider.asked
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_a_key_that_is_new_is_fetched_and_an_old_one_is_forgotten(
    provider: Provider, world: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    citizen(provider)
    logs_in(Client(), "borger")
    provider.control(rotate=True)
    from tovholder.access import oidc as relying

    assert refused(logs_in(Client(), "borger"))  # just asked for: not again at once for every stranger's key
    monkeypatch.setattr(relying, "AGAIN", 0.0)
    assert logs_in(Client(), "borger")["Location"] == "/minplan/"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_our_own_key_instead_of_a_secret(
    provider: Provider, world: dict[str, str], tmp_path: Any, algorithm: str
) -> None:
    from joserfc import jwk

    key: Any = jwk.RSAKey.generate_key(2048) if algorithm == "RS256" else jwk.ECKey.generate_key("P-256")
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=True))
    more = f'{CITIZEN}\nkey_file = "key.pem"\nkey_id = "ours"\nkey_algorithm = "{algorithm}"'
    oidc.use(oidc.row(provider, "borger", "citizen", more), tmp_path)
    provider.control(client_key=key.as_dict(private=False))
    citizen(provider)
    assert logs_in(Client(), "borger")["Location"] == "/minplan/"
    stranger = jwk.RSAKey.generate_key(2048)
    provider.control(client_key=stranger.as_dict(private=False))
    assert refused(logs_in(Client(), "borger"))


def test_claims_may_come_from_userinfo_if_it_is_the_same_person_s(provider: Provider, world: dict[str, str]) -> None:
    oidc.use(oidc.row(provider, "borger", "citizen", f"{CITIZEN}\nuserinfo = true"))
    provider.control(claims={"sub": "c-1", "acr": "high"}, userinfo={"cpr": CPR})
    assert logs_in(Client(), "borger")["Location"] == "/minplan/"
    provider.control(userinfo={"cpr": CPR, "sub": "another"})
    assert refused(logs_in(Client(), "borger"))
    provider.control(claims={"sub": "c-1", "acr": "low"}, userinfo={"cpr": CPR, "acr": "high"})
    assert refused(logs_in(Client(), "borger"))  # how sure it is, is what was signed


# -- proving anew, and logging out ---------------------------------------------------------------------------------


def test_proving_anew_asks_the_provider_and_takes_nobody_else(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    provider.control(since=7200)
    browser = Client()
    logs_in(browser, "borger")
    before = Session.objects.get(user__isnull=False)
    sent = browser.get("/login/igen", {"next": "/minplan/"})
    back = oidc.through(sent["Location"])
    assert (provider.asked["prompt"], provider.asked["max_age"]) == ("login", "0")
    assert comes_back(browser, back)["Location"] == "/minplan/"
    after = Session.objects.get(user__isnull=False)
    assert after.authenticated_ms > before.authenticated_ms + 7_000_000
    assert after.digest != before.digest and after.began_ms == before.began_ms

    provider.control(claims={"sub": "c-2", "cpr": CPR, "acr": "high"})
    assert refused(comes_back(browser, oidc.through(browser.get("/login/igen")["Location"])))
    for lie in ("stale", "no-auth_time"):
        citizen(provider)
        provider.control(lie=lie)
        assert refused(comes_back(browser, oidc.through(browser.get("/login/igen")["Location"]))), lie
    assert Session.objects.get(user__isnull=False).authenticated_ms == after.authenticated_ms


def test_when_somebody_proved_who_they_are_is_what_the_provider_says(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    provider.control(lie="no-auth_time")
    logs_in(Client(), "borger")
    assert Session.objects.get(user__isnull=False).authenticated_ms == 0


def test_logging_out_goes_on_to_the_provider_without_anybody_s_token(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    browser = Client()
    logs_in(browser, "borger")
    answer = browser.post("/logud")
    url = answer.headers["Refresh"].partition("url=")[2]
    assert url.startswith(f"{provider.url}/end?") and "id_token_hint" not in url
    assert "http%3A%2F%2Ftestserver%2Flogget-ud" in url
    assert not is_in(browser)
    assert "Du er logget ud" in browser.get("/logget-ud").content.decode()
    oidc.use(oidc.row(provider, "borger", "citizen", f"{CITIZEN}\nid_token_hint = true"))
    logs_in(browser, "borger")
    assert "id_token_hint=ey" in browser.post("/logud").headers["Refresh"]


def test_the_provider_may_log_somebody_out(provider: Provider, world: dict[str, str]) -> None:
    import requests

    citizen(provider)
    browser = Client(enforce_csrf_checks=True)
    logs_in(browser, "borger")

    def told(subject: str, lie: str = "") -> int:
        token = requests.post(f"{provider.url}/logout-token", json={"sub": subject, "lie": lie}, timeout=10).json()[
            "token"
        ]
        return Client(enforce_csrf_checks=True).post("/login/hos/borger/afmeld", {"logout_token": token}).status_code

    for lie in ("no-event", "nonce", "wrong-key"):
        assert told("c-1", lie) == 400
    assert told("somebody-else") == 200
    assert is_in(browser)
    copied: list[str] = []

    def again(token: str) -> int:
        return Client(enforce_csrf_checks=True).post("/login/hos/borger/afmeld", {"logout_token": token}).status_code

    copied.append(
        requests.post(f"{provider.url}/logout-token", json={"sub": "c-1", "lie": ""}, timeout=10).json()["token"]
    )
    assert again(copied[0]) == 200
    assert not is_in(browser)
    logs_in(browser, "borger")
    assert again(copied[0]) == 400  # a copy of it ends no session begun since
    assert is_in(browser)
    assert told("c-1") == 200
    assert not is_in(browser)
    assert Client().post("/login/hos/borger/afmeld", {"logout_token": "x.y.z"}).status_code == 400


def test_logging_in_and_out_stand_in_the_trail(provider: Provider, world: dict[str, str]) -> None:
    citizen(provider)
    browser = Client()
    logs_in(browser, "borger")
    browser.post("/logud")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, actor, detail FROM access_auditevent WHERE action IN ('login', 'logout') ORDER BY id"
        )
        told = cursor.fetchall()
    actor = f"Patient/{world['patient']}"
    assert [(action, who) for action, who, _ in told] == [("login", actor), ("logout", actor)]


# -- how often -----------------------------------------------------------------------------------------------------


def test_a_thousand_tries_are_stopped_and_cost_no_more_writes(
    provider: Provider, world: dict[str, str], settings: Any
) -> None:
    import dataclasses

    settings.ENV = dataclasses.replace(
        settings.ENV, attempts=dataclasses.replace(settings.ENV.attempts, address=50, everybody=80)
    )
    browser = Client(REMOTE_ADDR="192.0.2.1")
    statuses = [browser.get("/login/hos/borger/retur", {"state": "x", "code": str(n)}).status_code for n in range(1000)]
    assert (statuses[:50], set(statuses[50:])) == ([403] * 50, {429})
    with connection.cursor() as cursor:
        cursor.execute("SELECT tried_by, MAX(tries) FROM access_attempt GROUP BY tried_by")
        counted = cursor.fetchall()
        cursor.execute("SELECT COUNT(*) FROM access_auditevent WHERE action = 'login-failed'")
        ((events,),) = cursor.fetchall()
    assert all(tries <= 51 for _, tries in counted) and len(counted) == 2
    assert all("192.0.2.1" not in name for name, _ in counted)
    assert events == 50
    other = Client(REMOTE_ADDR="192.0.2.2")
    citizen(provider)
    assert logs_in(other, "borger")["Location"] == "/minplan/"


def test_one_account_is_tried_no_more_than_so_often(provider: Provider, world: dict[str, str], settings: Any) -> None:
    import dataclasses

    settings.ENV = dataclasses.replace(settings.ENV, attempts=dataclasses.replace(settings.ENV.attempts, account=3))
    citizen(provider)
    statuses = [logs_in(Client(REMOTE_ADDR=f"192.0.2.{n}"), "borger").status_code for n in range(5)]
    assert statuses == [302, 302, 302, 429, 429]
