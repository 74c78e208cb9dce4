"""Authorization requests: checked, kept while a person answers, answered with a code or a refusal (RFC 6749 §4.1)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.db import transaction

from tovholder import database
from tovholder.access import Context, audit_acts, policy
from tovholder.access.audit import Entry
from tovholder.access.domain import Role
from tovholder.access.models import SmartCode, SmartGrant, SmartRequest
from tovholder.access.smart import clients, launches, scopes, tokens
from tovholder.access.smart.clients import digest
from tovholder.access.smart.domain import (
    CHOOSING_ROLES,
    CODE_SECONDS,
    REQUEST_SECONDS,
    Asked,
    Client,
    Surroundings,
    Use,
)
from tovholder.access.smart.scopes import Scopes
from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem, not_found

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # of S256: 32 bytes (RFC 7636 §4.2)
_LONGEST = 2000
_NAMES = (
    "response_type",
    "client_id",
    "redirect_uri",
    "launch",
    "scope",
    "state",
    "aud",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "response_mode",
    "request",
    "request_uri",
)


class Refusal(Exception):
    """An answer the app is told at its own address: an error code of RFC 6749 §4.1.2.1 (or OpenID Connect's)."""

    def __init__(self, redirect: str, base: str, state: str, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.address = _with_query(redirect, base, error=error, error_description=description, state=state)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request a person answers. wish: what was asked and the client may be given at most."""

    id: str
    client: Client
    asked: Asked
    base: str
    wish: Scopes
    patient: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an app would be given by this person. choose: a patient must be chosen first. silent: nobody is asked."""

    scopes: Scopes
    into: Surroundings
    choose: bool
    silent: bool


# -- asked ---------------------------------------------------------------------------------------------------------


def receive(params: Mapping[str, list[str]], base: str, now: datetime) -> str:
    """Check an authorization request and keep it; returns the id of the page where it is answered.

    Raises Problem where the app cannot be told at an address of its own (unknown app, another address than it is
    registered with: an open redirect otherwise), and Refusal for all else.
    """
    told = {name: params[name][0] for name in _NAMES if params.get(name)}
    client = clients.find(told.get("client_id", ""))
    if client is None or client.use is not Use.APP or len(params.get("client_id", ())) != 1:
        raise _unusable("client_id", "no app is registered with that id")
    redirect = told.get("redirect_uri", "")
    if redirect not in client.redirects or len(params.get("redirect_uri", ())) != 1:
        raise _unusable("redirect_uri", "not an address the app is registered with, letter by letter")
    state = told.get("state", "")

    def refuse(error: str, description: str) -> Refusal:
        return Refusal(redirect, base, state[:_LONGEST], error, description)

    if any(len(params.get(name, ())) > 1 or len(told.get(name, "")) > _LONGEST for name in _NAMES if name != "scope"):
        raise refuse("invalid_request", "a parameter stands twice or is too long")
    if "request" in told or "request_uri" in told:
        raise refuse("request_not_supported", "parameters are sent one by one")
    if told.get("response_type") != "code":
        raise refuse("unsupported_response_type", "response_type must be code")
    if told.get("response_mode", "query") != "query":
        raise refuse("invalid_request", "response_mode must be query")
    if told.get("prompt") == "none":
        raise refuse("interaction_required", "a person always sees which app it is")
    if not state:
        raise refuse("invalid_request", "state is missing")
    if told.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(told.get("code_challenge", "")):
        raise refuse("invalid_request", "PKCE with S256 is required (RFC 7636)")
    if told.get("aud", "").rstrip("/") != base:
        raise refuse("invalid_request", "aud must be the address of this FHIR server")
    if len(params.get("scope", ())) > 1:
        raise refuse("invalid_request", "scope stands twice")
    if len(told.get("scope", "")) > scopes.LONGEST:
        raise refuse("invalid_scope", f"the scopes are longer than {scopes.LONGEST} characters")
    wish = scopes.narrowed(scopes.parse(told.get("scope", "")), scopes.parse(client.scopes))
    if wish.unjudged:
        raise refuse("invalid_scope", "a filter in a scope is a plain search of the resource's own type")
    if wish.is_empty:
        raise refuse("invalid_scope", "nothing of what was asked may be given to this app")
    asked = Asked(
        client.id,
        redirect,
        told.get("scope", ""),
        state,
        told["code_challenge"],
        nonce=told.get("nonce", "")[:300],
        launch=told.get("launch", ""),
    )
    request_id = secrets.token_urlsafe(24)
    with database.write_turn(), transaction.atomic():
        SmartRequest.objects.create(
            digest=digest("request", request_id),
            client_id=client.id,
            asked=json.dumps(asdict(asked)).decode(),
            base=base,
            until_ms=days.millis(now) + REQUEST_SECONDS * 1000,
        )
    return request_id


def _unusable(field: str, message: str) -> Problem:
    # Told on a page of ours: there is no address it could safely be told at.
    return Problem(
        Category.INVALID,
        "The app's request cannot be answered",
        [Issue(field, message, "what the app is registered with")],
        kept="nothing was given",
    )


# -- under way -----------------------------------------------------------------------------------------------------


def find(request_id: str, ctx: Context | None, hat: str, now: datetime) -> Waiting:
    """A request that waits; the patient chosen for it by this person. Raises Problem(NOT_FOUND) when it is over."""
    row = SmartRequest.objects.filter(
        digest=digest("request", request_id), until_ms__gt=days.millis(now), answered_ms__isnull=True
    ).first()
    client = clients.find(row.client_id) if row is not None else None
    if row is None or client is None:
        raise not_found("The request")
    asked = Asked(**json.loads(row.asked))
    own = ctx is not None and str(row.user_id) == ctx.person and row.hat == hat
    wish = scopes.narrowed(scopes.parse(asked.scope), scopes.parse(client.scopes))
    return Waiting(request_id, client, asked, row.base, wish, row.patient_id if own else "")


def choose(waiting: Waiting, ctx: Context, hat: str, patient: str) -> Waiting:
    """Keep the patient this person chose; the caller has seen to it that they may see that patient."""
    with database.write_turn(), transaction.atomic():
        SmartRequest.objects.filter(digest=digest("request", waiting.id)).update(
            user_id=ctx.person, hat=hat, patient_id=patient
        )
    return replace(waiting, patient=patient)


def offer(waiting: Waiting, ctx: Context, hat: str, session: str) -> Offer:
    """What the app would be given by this person: what was asked, what it may have, what the policy gives them.

    Raises Refusal when that is nothing, or when the launch is not one made for this app, person and session.
    """
    client, asked = waiting.client, waiting.asked
    if not clients.may_use(client, ctx.role, ctx.organization):
        raise refusal(waiting, "access_denied", "the app is not for this person")
    into, wish = Surroundings(), waiting.wish
    if asked.launch and scopes.LAUNCH in wish.special:
        found = launches.find(asked.launch, client.id, ctx, hat, session)
        if found is None:
            raise refusal(waiting, "invalid_request", "the launch is not known here")
        into = found
    else:
        wish = scopes.without(wish, [scopes.LAUNCH])
    if not into.encounter:
        wish = scopes.without(wish, [scopes.LAUNCH_ENCOUNTER])
    if wish.needs_patient and not into.patient:
        into = replace(into, patient=_own(ctx) or waiting.patient)
    choose_first = wish.needs_patient and not into.patient
    if choose_first and ctx.role not in CHOOSING_ROLES:
        raise refusal(waiting, "access_denied", "there is no patient to choose")
    given = scopes.permitted(
        scopes.at_levels(wish, scopes.PATIENT, scopes.USER),
        lambda action, kind: not policy.decide(ctx, action, kind).nothing,
    )
    if given.is_empty or (wish.resources and not given.resources):
        raise refusal(waiting, "access_denied", "this person may give nothing of what was asked")
    own_app = bool(client.organization) and client.organization == ctx.organization
    silent = client.preapproved and own_app and ctx.role in CHOOSING_ROLES
    return Offer(given, into, choose_first, silent and not choose_first)


def _own(ctx: Context) -> str:
    return ctx.patient or "" if ctx.role in (Role.CITIZEN, Role.REPRESENTATIVE) else ""


def refusal(waiting: Waiting, error: str, description: str) -> Refusal:
    """What the app is told instead of a code."""
    return Refusal(waiting.asked.redirect, waiting.base, waiting.asked.state, error, description)


# -- answered ------------------------------------------------------------------------------------------------------


def deny(waiting: Waiting, now: datetime) -> str:
    """The person says no; returns the address the app is told so at."""
    with database.write_turn(), transaction.atomic():
        _answered(waiting, now)
    return refusal(waiting, "access_denied", "the person said no").address


def allow(waiting: Waiting, given: Offer, ctx: Context, hat: str, session: str, authenticated_ms: int) -> str:
    """The person says yes (or need not be asked); returns the app's address with a code. Raises Problem, Refusal."""
    if given.choose:
        raise Problem(Category.INVALID, "Choose a patient first", kept="nothing was given")
    moment = days.millis(ctx.now)
    code = secrets.token_urlsafe(32)
    online = scopes.ONLINE in given.scopes.special and scopes.OFFLINE not in given.scopes.special
    with database.write_turn(), transaction.atomic():
        if not _answered(waiting, ctx.now):
            raise not_found("The request")  # answered in another window
        if scopes.LAUNCH in given.scopes.special and not launches.use(waiting.asked.launch, ctx.now):
            raise refusal(waiting, "invalid_request", "the launch is not known here")
        grant = SmartGrant.objects.create(
            client_id=waiting.client.id,
            user_id=ctx.person,
            hat=hat,
            session=session if online else "",
            scope=str(given.scopes),
            surroundings=launches.written(given.into),
            nonce=waiting.asked.nonce,
            base=waiting.base,
            authenticated_ms=authenticated_ms,
            created_ms=moment,
        )
        SmartCode.objects.create(
            digest=digest("code", code),
            grant=grant,
            redirect=waiting.asked.redirect,
            challenge=waiting.asked.challenge,
            until_ms=moment + CODE_SECONDS * 1000,
        )
        patients = frozenset({given.into.patient} - {""})
        audit_acts.record(Entry(replace(ctx, client=waiting.client.told), "token", patients, "allowed"))
    return _with_query(waiting.asked.redirect, waiting.base, code=code, state=waiting.asked.state)


def _answered(waiting: Waiting, now: datetime) -> bool:
    found = SmartRequest.objects.filter(digest=digest("request", waiting.id), answered_ms__isnull=True)
    return bool(found.update(answered_ms=days.millis(now)))


def _with_query(address: str, base: str, **told: str) -> str:
    """An app's address with our answer, which says whose it is (``iss``, RFC 9207): an app of many servers can tell."""
    parts = urlsplit(address)
    query = urlencode([*((name, value) for name, value in told.items() if value), ("iss", tokens.issuer(base))])
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))
