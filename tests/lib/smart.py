"""An app and a system as the authorization server meets them, in a test: keys, assertions, requests, tokens."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.conf import settings
from django.test import Client as Browser
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Context, Role, hats, people, sessions
from tovholder.access.models import User
from tovholder.access.people import Persona
from tovholder.access.smart import clients, requests
from tovholder.access.smart.domain import APP_ROLES, Client, Method, Use
from tovholder.base.clock import system_clock

BASE = "http://testserver/fhir"
TOKEN = "http://testserver/smart/token"
REDIRECT = "https://app.example.dk/index.html"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "openid fhirUser launch launch/patient offline_access online_access patient/*.cruds user/*.cruds"
PLENTY = "1000000/1000000/1000000"


def two_clinics() -> dict[str, str]:
    """A clinic with two patients, each with a diagnosis, and a clinic of strangers with one; ids by what they are here."""
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic()).id
        mine = uow.create(patient(organization)).id
        uow.create(condition(mine))
        other = uow.create(patient(organization, family="Hansen")).id
        uow.create(condition(other))
        stranger = uow.create(clinic("Fremmede Læger")).id
        theirs = uow.create(patient(stranger, family="Fremmed")).id
    return {"organization": organization, "mine": mine, "other": other, "stranger": stranger, "theirs": theirs}


def app(**told: Any) -> Client:
    """A registered app; public unless said otherwise."""
    given = {
        "id": "",
        "name": "Prøveapp",
        "use": Use.APP,
        "method": Method.PUBLIC,
        "roles": APP_ROLES,
        "redirects": (REDIRECT,),
        "scopes": SCOPES,
    }
    return clients.add(Client(**given | told), system_clock()).client


def keys(algorithm: str = "ES384", kid: str = "k1") -> tuple[Key, str]:
    """A key pair, and the set of public keys to register."""
    key: Key = (
        ECKey.generate_key("P-384", {"kid": kid}) if algorithm == "ES384" else RSAKey.generate_key(2048, {"kid": kid})
    )
    return key, orjson.dumps(KeySet([key]).as_dict(private=False)).decode()


def backend(jwks: str, **told: Any) -> Client:
    """A registered system."""
    given = {
        "id": "",
        "name": "Prøvesystem",
        "use": Use.SYSTEM,
        "method": Method.PRIVATE_KEY,
        "roles": (Role.SYSTEM,),
        "scopes": "system/*.rs",
        "jwks": jwks,
    }
    return clients.add(Client(**given | told), system_clock()).client


def assertion(client: Client, key: Key, *, algorithm: str = "ES384", header: Any = None, **claims: Any) -> str:
    """What a client signs to prove who it is; claims of None are left out."""
    told = {
        "iss": client.id,
        "sub": client.id,
        "aud": TOKEN,
        "exp": int(time.time()) + 240,
        "jti": secrets.token_hex(8),
    } | claims
    head = {"alg": algorithm, "kid": "k1", "typ": "JWT"} | (header or {})
    body = {name: value for name, value in told.items() if value is not None}
    return str(jwt.encode({n: v for n, v in head.items() if v is not None}, body, key, algorithms=[head["alg"]]))


def proved(client: Client, key: Key, **claims: Any) -> dict[str, str]:
    """The parameters of a client that proves itself by a key."""
    return {"client_assertion_type": ASSERTION, "client_assertion": assertion(client, key, **claims)}


@dataclass
class Person:
    """Somebody at a browser who is logged in."""

    browser: Browser
    name: str

    @staticmethod
    def of(role: Role, organization: str = "", *, patient: str = "", name: str = "") -> Person:
        name = name or str(role)
        people.save_persona(Persona(name, name, "", role, organization, "" if patient else "prac1", patient))
        made = Person(Browser(), name)
        made.browser.post("/login/persona", {"persona": name})
        return made

    @property
    def user(self) -> User:
        return User.objects.get(username=self.name)

    @property
    def hat(self) -> str:
        who = hats.who(str(self.user.pk))
        assert who is not None
        return who.hats[0].key

    @property
    def context(self) -> Context:
        found = hats.context_of(str(self.user.pk), self.hat, system_clock())
        assert found is not None
        return found

    @property
    def session(self) -> str:
        return sessions.digest(self.browser.cookies[settings.SESSION_COOKIE_NAME].value)


@dataclass
class Asking:
    """An app's authorization request, and what became of it."""

    client: Client
    verifier: str = ""
    state: str = ""

    def params(self, scope: str, **changed: Any) -> dict[str, str]:
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_hex(8)
        told = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.client.redirects[0],
            "scope": scope,
            "state": self.state,
            "aud": BASE,
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in told.items() if value is not None}

    def code(self, person: Person, scope: str, *, patient: str = "", **changed: Any) -> str:
        """The person says yes."""
        answer = person.browser.get("/smart/authorize", self.params(scope, **changed))
        assert answer.status_code == 302, answer.content
        where = answer["Location"]
        assert where.startswith("/smart/adgang/"), where
        now, ctx = system_clock(), person.context
        waiting = requests.find(where.rsplit("/", 1)[1], ctx, person.hat, now)
        if patient:
            waiting = requests.choose(waiting, ctx, person.hat, patient)
        offer = requests.offer(waiting, ctx, person.hat, person.session)
        found = told(requests.allow(waiting, offer, ctx, person.hat, person.session, 0))
        assert found["iss"] == BASE.removesuffix("/fhir")  # RFC 9207
        return found["code"]

    def exchange(self, code: str, /, **changed: Any) -> Any:
        """The answer of the token endpoint to the code."""
        params = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirects[0],
            "code_verifier": self.verifier,
            "client_id": self.client.id,
        } | changed
        return ask("/smart/token", **params)


def ask(path: str, *, authorization: str = "", **params: Any) -> Any:
    """POST a form; the answer, with ``.json()``."""
    from urllib.parse import urlencode

    told = urlencode({name: value for name, value in params.items() if value is not None})
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
    return Browser().post(path, told, content_type="application/x-www-form-urlencoded", **headers)


def told(address: str) -> dict[str, str]:
    """What an app is told in the query of its address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def fhir(token: str, path: str, method: str = "get") -> Any:
    """Ask the API with a token."""
    return getattr(Browser(), method)(f"/fhir/{path}", HTTP_AUTHORIZATION=f"Bearer {token}")
