"""Codes and refresh tokens become access tokens; what a token stands for; introspection, revocation, what is over.

RFC 6749 §4.1.3, §4.4, §6; RFC 7009; RFC 7636 §4.6; RFC 7662; refresh tokens rotate, and one used twice ends the grant.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.conf import settings
from django.db import transaction
from django.db.models import F
from joserfc import jwt

from tovholder import database
from tovholder.access import Context, audit_acts, generation, hats, policy
from tovholder.access.models import Assignment, Session, SmartCode, SmartGrant, SmartToken
from tovholder.access.smart import clients, keys, launches, scopes
from tovholder.access.smart.clients import digest
from tovholder.access.smart.domain import (
    ACCESS_SECONDS,
    ID_TOKEN_SECONDS,
    OFFLINE_SECONDS,
    ONLINE_SECONDS,
    SYSTEM_ACCESS_SECONDS,
    Client,
    Method,
    Surroundings,
    Use,
)
from tovholder.access.smart.scopes import Scopes
from tovholder.base import days

ACCESS, REFRESH = "access", "refresh"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Standing:
    """What an access token stands for, until a moment, on the days from and to (None: open) of its user's hat."""

    context: Context
    expires_at: datetime
    from_day: int
    to_day: int | None


# -- for the API ---------------------------------------------------------------------------------------------------


def standing(token: str, now: datetime) -> Standing | None:
    """What an access token of an app or system stands for; None for every token that is not one, or holds no longer.

    Remembered by whoever asks until rights change: whatever ends one here calls ``generation.bump``.
    """
    row = _token(token, ACCESS)
    if row is None or row.until_ms <= days.millis(now):
        return None
    held = _holding(row.grant, now)
    if held is None:
        return None
    context, hat = held
    into = launches.read(row.grant.surroundings)
    client = clients.of_row(row.grant.client)
    given = scopes.grants(_still(client, row.scope), into.patient or None)
    return Standing(
        replace(context, client=client.told, grants=given),
        datetime.fromtimestamp(row.until_ms / 1000, UTC),
        hat.from_day,
        hat.to_day,
    )


def _token(token: str, kind: str) -> SmartToken | None:
    found = SmartToken.objects.select_related("grant__client", "grant__user")
    return found.filter(digest=digest(kind, token), kind=kind).first()


def _holding(grant: SmartGrant, now: datetime) -> tuple[Context, hats.Hat] | None:
    """In whose context a grant acts now; None when it, its client, or its person's right to be there has ended."""
    if grant.ended_ms is not None or grant.client.ended_ms is not None:
        return None
    client = clients.of_row(grant.client)
    context = hats.context_of(str(grant.user_id), grant.hat, now, since_ms=grant.created_ms)
    user = hats.who(str(grant.user_id))
    hat = user.hat(grant.hat, days.day_of(now)) if user is not None else None
    if context is None or hat is None:
        return None
    if client.use is Use.APP and not clients.may_use(client, context.role, context.organization):
        return None
    return context, hat


def _still(client: Client, scope: str) -> Scopes:
    """What was given, and the client may be given today."""
    return scopes.narrowed(scopes.parse(scope), scopes.parse(client.scopes))


# -- the token endpoint --------------------------------------------------------------------------------------------


def exchange(client: Client, code: str, redirect: str, verifier: str, now: datetime) -> dict[str, Any]:
    """An authorization code for tokens, once. Raises InvalidGrantError; a code that comes again ends what came of it."""
    row = SmartCode.objects.select_related("grant__client", "grant__user").filter(digest=digest("code", code)).first()
    if row is None or row.grant.client_id != client.id:
        raise _no_grant()
    with database.write_turn(), transaction.atomic():
        first = SmartCode.objects.filter(digest=row.digest, used_ms__isnull=True).update(used_ms=days.millis(now))
        if not first:
            _end(row.grant, now, "replayed")
    if not first or row.until_ms <= days.millis(now) or row.redirect != redirect:
        raise _no_grant()
    if not _VERIFIER.fullmatch(verifier):
        raise _no_grant()
    if not secrets.compare_digest(create_s256_code_challenge(verifier), row.challenge):
        raise _no_grant()
    held = _holding(row.grant, now)
    if held is None:
        raise _no_grant()
    found = _still(client, row.grant.scope)
    answer = _issue(client, row.grant, held[0], found, now)
    return answer | _around(row.grant) | _identity(client, row.grant, held[0], found, now)


def refresh(client: Client, token: str, scope: str, now: datetime) -> dict[str, Any]:
    """A refresh token for new tokens, once; the scope may be narrowed. Raises InvalidGrantError, InvalidScopeError."""
    row = _token(token, REFRESH)
    if row is None or row.grant.client_id != client.id:
        raise _no_grant()
    whole = _still(client, row.scope)
    found = scopes.narrowed(scopes.parse(scope), whole) if scope else whole
    if found.is_empty or found.unjudged:
        raise InvalidScopeError(description="nothing of this was given")
    with database.write_turn(), transaction.atomic():
        first = SmartToken.objects.filter(digest=row.digest, used_ms__isnull=True).update(used_ms=days.millis(now))
        if not first:
            _end(row.grant, now, "replayed")
    held = _holding(row.grant, now) if first else None
    if held is None or row.until_ms <= days.millis(now) or not _session_lives(row.grant, now):
        raise _no_grant()
    return _issue(client, row.grant, held[0], found, now, whole=whole) | _around(row.grant)


def public_holder(token: str) -> dict[str, str]:
    """The client_id of the app in the open that a refresh token was given to, as a parameter; nothing for any other."""
    row = _token(token, REFRESH)
    if row is None or clients.of_row(row.grant.client).method is not Method.PUBLIC:
        return {}
    return {"client_id": row.grant.client_id}


def for_system(client: Client, scope: str, now: datetime) -> dict[str, Any]:
    """Tokens for a system that acts by itself (Backend Services). Raises UnauthorizedClientError, InvalidScopeError."""
    if client.use is not Use.SYSTEM:
        raise UnauthorizedClientError(description="an app acts for a person")
    assignment = Assignment.objects.select_related("user").filter(user__username=f"client:{client.id}").first()
    if assignment is None:
        raise UnauthorizedClientError(description="the client acts for nobody")
    hat = hats.of_assignment(assignment)
    wish = scopes.at_levels(scopes.narrowed(scopes.parse(scope), scopes.parse(client.scopes)), scopes.SYSTEM)
    with database.write_turn(), transaction.atomic():
        grant = SmartGrant.objects.filter(client_id=client.id, ended_ms__isnull=True, hat=hat.key).first()
        if grant is None:
            grant = SmartGrant.objects.create(
                client_id=client.id,
                user=assignment.user,
                hat=hat.key,
                scope=client.scopes,
                surroundings="{}",
                base="",
                created_ms=days.millis(now),
            )
    held = _holding(grant, now)
    if held is None:
        raise UnauthorizedClientError(description="the client may not act now")
    given = scopes.permitted(wish, lambda action, kind: not policy.decide(held[0], action, kind).nothing)
    if not given.resources or wish.unjudged:
        raise InvalidScopeError(description="nothing of what was asked may be given to this client")
    return _issue(client, grant, held[0], replace(given, special=frozenset()), now)


def _no_grant() -> InvalidGrantError:
    return InvalidGrantError(
        description="it is not known here, was used, has run out, or was given for another request"
    )


def _issue(
    client: Client, grant: SmartGrant, ctx: Context, found: Scopes, now: datetime, *, whole: Scopes | None = None
) -> dict[str, Any]:
    moment = days.millis(now)
    seconds = SYSTEM_ACCESS_SECONDS if client.use is Use.SYSTEM else ACCESS_SECONDS
    access = secrets.token_urlsafe(32)
    made = [_row(ACCESS, access, grant, str(found), moment, seconds)]
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": seconds,
        "scope": str(found),
    }
    lasting = whole or found
    if {scopes.OFFLINE, scopes.ONLINE} & lasting.special:
        answer["refresh_token"] = secrets.token_urlsafe(32)
        lasts = OFFLINE_SECONDS if scopes.OFFLINE in lasting.special else ONLINE_SECONDS
        made.append(_row(REFRESH, answer["refresh_token"], grant, str(lasting), moment, lasts))
    with database.write_turn(), transaction.atomic():
        for row in made:  # one by one: many at once is more than Django's way of it takes on PostgreSQL
            row.save(force_insert=True)
        what = "system" if client.use is Use.SYSTEM else "access"
        audit_acts.token_issued(ctx, client=client.told, what=what)  # type: ignore[arg-type]
    return answer


def _row(kind: str, token: str, grant: SmartGrant, scope: str, moment: int, seconds: int) -> SmartToken:
    return SmartToken(
        digest=digest(kind, token),
        grant=grant,
        kind=kind,
        scope=scope,
        created_ms=moment,
        until_ms=moment + seconds * 1000,
    )


def _around(grant: SmartGrant) -> dict[str, Any]:
    """Launch context beside the token (SMART App Launch 2.2 §launch context)."""
    into: Surroundings = launches.read(grant.surroundings)
    told: dict[str, Any] = {}
    if into.patient:
        told |= {"patient": into.patient, "need_patient_banner": True}
    if into.encounter:
        told["encounter"] = into.encounter
    if into.references:
        told["fhirContext"] = [
            {"reference": f"{kind}/{rid}"} | ({"role": role} if role else {}) for kind, rid, role in into.references
        ]
    if into.intent:
        told["intent"] = into.intent
    return told


def _identity(client: Client, grant: SmartGrant, ctx: Context, found: Scopes, now: datetime) -> dict[str, Any]:
    """The id_token (OpenID Connect Core §2) with fhirUser, where openid was given."""
    if scopes.OPENID not in found.special:
        return {}
    moment = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer(grant.base),
        "sub": str(grant.user_id),
        "aud": client.id,
        "iat": moment,
        "exp": moment + ID_TOKEN_SECONDS,
    }
    if grant.nonce:
        claims["nonce"] = grant.nonce
    if grant.authenticated_ms:
        claims["auth_time"] = grant.authenticated_ms // 1000
    who = fhir_user(ctx, grant.base)
    if who and {scopes.FHIR_USER, scopes.PROFILE} & found.special:
        claims |= {"fhirUser": who, "profile": who}
    key = keys.signing_key(client.algorithm, now)
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}
    return {"id_token": jwt.encode(header, claims, key.key, algorithms=[key.algorithm])}


def issuer(base: str) -> str:
    """Who we are as an issuer, of the FHIR server's address."""
    return base.removesuffix("/fhir")


def fhir_user(ctx: Context, base: str) -> str:
    """The address of the resource of the person; empty for one who has none."""
    kind = ctx.actor.partition("/")[0]
    return f"{base}/{ctx.actor}" if kind in ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson") else ""


def _session_lives(grant: SmartGrant, now: datetime) -> bool:
    """Of online_access: whether the person is still logged in where the app was allowed."""
    if not grant.session:
        return True
    row = Session.objects.filter(digest=grant.session, user=grant.user_id).first()
    moment, env = days.millis(now), settings.ENV
    return row is not None and (
        moment - row.seen_ms < env.idle_minutes * 60_000 and moment - row.began_ms < env.session_hours * 3_600_000
    )


# -- asked about, taken back -----------------------------------------------------------------------------------------


def introspect(client: Client, token: str, now: datetime) -> dict[str, Any]:
    """What a token stands for (RFC 7662 §2.2): an app is told of its own, a system of every one it has come by."""
    for kind in (ACCESS, REFRESH):
        row = _token(token, kind)
        if row is not None:
            break
    if row is None or row.until_ms <= days.millis(now) or row.used_ms is not None:
        return {"active": False}
    held = _holding(row.grant, now)
    if held is None or (client.use is not Use.SYSTEM and row.grant.client_id != client.id):
        return {"active": False}
    told: dict[str, Any] = {
        "active": True,
        "scope": row.scope,
        "client_id": row.grant.client_id,
        "sub": str(row.grant.user_id),
        "exp": row.until_ms // 1000,
        "iat": row.created_ms // 1000,
        "token_type": "Bearer" if kind == ACCESS else "refresh_token",
    }
    if row.grant.base:
        told["iss"] = issuer(row.grant.base)
        who = fhir_user(held[0], row.grant.base)
        if who and {scopes.FHIR_USER, scopes.PROFILE} & scopes.parse(row.scope).special:
            told["fhirUser"] = who
    return told | {name: value for name, value in _around(row.grant).items() if name != "need_patient_banner"}


def revoke(client: Client, token: str, now: datetime) -> None:
    """Take back a token of this client's own: a refresh token with all that came of its grant; another's is passed over."""
    for kind in (ACCESS, REFRESH):
        row = _token(token, kind)
        if row is None or row.grant.client_id != client.id:
            continue
        with database.write_turn(), transaction.atomic():
            if kind == REFRESH:
                _end(row.grant, now, "client")
            else:
                SmartToken.objects.filter(digest=row.digest).delete()
                generation.bump()
        return


def end_grant(grant_id: str, user_id: str, now: datetime) -> bool:
    """A person takes back what they gave; False when they gave no such thing (any more)."""
    try:
        uuid.UUID(grant_id)
    except ValueError:
        return False
    with database.write_turn(), transaction.atomic():
        row = SmartGrant.objects.select_related("client").filter(id=grant_id, user_id=user_id, ended_ms=None).first()
        if row is not None:
            _end(row, now, "user")
    return row is not None


def _end(grant: SmartGrant, now: datetime, why: str) -> None:
    """End a grant and all that came of it, from the next request on; inside the caller's transaction."""
    if SmartGrant.objects.filter(id=grant.id, ended_ms__isnull=True).update(ended_ms=days.millis(now), ended_why=why):
        generation.bump()
        context = hats.context_of(str(grant.user_id), grant.hat, now)
        if context is not None:
            audit_acts.token_revoked(context, client=clients.of_row(grant.client).told, why=why)


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave an app, as they are shown it. lasting: it goes on when they are not there."""

    id: str
    client: Client
    scopes: Scopes
    since: datetime
    lasting: bool


def given_by(user_id: str, now: datetime) -> list[Given]:
    """What apps this person's grants let them do now, newest first."""
    rows = (
        SmartGrant.objects.select_related("client")
        .filter(user_id=user_id, ended_ms__isnull=True, client__ended_ms__isnull=True, client__use=str(Use.APP))
        .filter(created_ms__gte=F("user__not_before_ms"))
    )  # else ended by logging out everywhere
    alive = rows.filter(smarttoken__until_ms__gt=days.millis(now), smarttoken__used_ms__isnull=True).distinct()
    return [
        Given(
            str(row.id),
            clients.of_row(row.client),
            found := scopes.parse(row.scope),
            datetime.fromtimestamp(row.created_ms / 1000, UTC),
            scopes.OFFLINE in found.special,
        )
        for row in alive.order_by("-created_ms")
    ]
