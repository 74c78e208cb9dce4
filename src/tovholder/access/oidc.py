"""Logging in at an OpenID Connect provider: authorization code with PKCE, state and nonce; every id_token is verified.

OpenID Connect Core 1.0 §3.1, RFC 7636, RFC 9207, RP-Initiated Logout 1.0, Back-Channel Logout 1.0. What is refused is
told by a word for the log (``Refused``), which holds no identifier of anybody's.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core.util import create_half_hash
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from tovholder.access import once
from tovholder.access.issuers import Issuer
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem

LEEWAY = 30  # seconds the provider's clock and ours may differ
OLDEST = 600  # seconds an id_token may be old when it comes
LONGEST = 900  # seconds a person may take at the provider
PATIENCE = (5, 10)  # seconds to connect, and between bytes
KEPT = 3600.0  # seconds a provider's metadata and keys are kept
AGAIN = 30.0  # seconds between looks for a key we do not know
MOST = 1_000_000  # bytes of an answer
_LONGEST_JTI = 300
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Refused(Exception):
    """A login that is not let in; ``reason`` is a word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """What one login was begun with; kept in the browser's session until the person comes back.

    began: epoch seconds. then: the page that was wanted. again: it was asked that the person prove anew who they are, at once.
    """

    issuer: str
    nonce: str
    verifier: str
    began: int
    then: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """Who came back, as the provider says. authenticated: epoch seconds when they proved it, None where it is not told."""

    claims: Mapping[str, Any]
    subject: str
    sid: str
    authenticated: int | None
    id_token: str


def begin(issuer: Issuer, back: str, now: datetime, *, then: str = "", again: bool = False) -> tuple[str, str, Asked]:
    """Where to send the browser, the state, and what to keep. Raises Problem(BUSY) when the provider does not answer."""
    told = _provider(issuer).metadata()
    nonce, verifier, state = (secrets.token_urlsafe(32) for _ in range(3))
    more: dict[str, Any] = {"prompt": "login", "max_age": 0} if again else {}
    if issuer.acr:
        more["acr_values"] = " ".join(issuer.acr)
    with _session(issuer, back, told["token_endpoint"]) as session:
        url, _ = session.create_authorization_url(
            told["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, **more
        )
    return url, state, Asked(issuer.id, nonce, verifier, int(now.timestamp()), then, again)


def finish(issuer: Issuer, asked: Asked, answer: Mapping[str, str], back: str, now: datetime) -> Verified:
    """Who came back with this answer. Raises Refused; Problem(BUSY) when the provider does not answer."""
    moment = int(now.timestamp())
    if asked.issuer != issuer.id:
        raise Refused("another provider than asked")
    if not 0 <= moment - asked.began <= LONGEST:
        raise Refused("came back too late")
    provider = _provider(issuer)
    told = provider.metadata()
    if answer.get("iss", told["issuer"]) != told["issuer"]:
        raise Refused("answer of another issuer")
    if told.get("authorization_response_iss_parameter_supported") is True and "iss" not in answer:
        raise Refused("answer names no issuer")
    if answer.get("error"):
        raise Refused("provider said no")
    if not answer.get("code"):
        raise Refused("no code")
    token = _exchange(issuer, told, answer["code"], asked.verifier, back)
    id_token = token.get("id_token")
    if not isinstance(id_token, str):
        raise Refused("no id_token")
    verified = provider.verified(id_token, moment)
    _check_login(verified, asked, str(token.get("access_token", "")), moment)
    claims = verified.claims
    subject, since = str(claims["sub"]), claims.get("auth_time")
    everything = dict(claims) | (_userinfo(provider, token, subject) if issuer.userinfo else {})
    if issuer.acr and issuer.claim(claims, "acr") not in issuer.acr:
        raise Refused("level of assurance")
    sid = claims.get("sid")
    return Verified(everything, subject, sid if isinstance(sid, str) else "", since, id_token)


def ended(issuer: Issuer, logout_token: str, now: datetime) -> tuple[str, str]:
    """Whose session a provider says has ended: subject and session (one may be empty). Raises Refused, Problem(BUSY)."""
    moment = int(now.timestamp())
    claims = _provider(issuer).verified(logout_token, moment).claims
    events = claims.get("events")
    if not isinstance(events, Mapping) or LOGOUT_EVENT not in events or "nonce" in claims or not claims.get("jti"):
        raise Refused("not a logout token")
    if not isinstance(claims["jti"], str) or len(claims["jti"]) > _LONGEST_JTI:
        raise Refused("not a logout token")
    subject, sid = claims.get("sub", ""), claims.get("sid", "")
    if not (isinstance(subject, str) and isinstance(sid, str) and (subject or sid)):
        raise Refused("logout of nobody")
    # Back-Channel Logout 1.0 §2.6: one token ends sessions once; a copy of it ends none begun since.
    if not once.first_time("logout", f"{issuer.id} {claims['jti']}", now, seconds=2 * OLDEST):
        raise Refused("logout token used before")
    return subject, sid


def logout_url(issuer: Issuer, back: str, id_token: str) -> str:
    """Where to send the browser to log out at the provider too; empty where that is not to be had.

    The id_token goes along only where the provider asks for it (``id_token_hint``): an address is kept in many places.
    """
    if not issuer.end_session:
        return ""
    try:
        end = str(_provider(issuer).metadata().get("end_session_endpoint", ""))
    except Problem:
        return ""
    if not _is_ours(end, issuer):
        return ""
    told = {"client_id": issuer.client_id, "post_logout_redirect_uri": back}
    if issuer.id_token_hint and id_token:
        told["id_token_hint"] = id_token
    return f"{end}{'&' if urlsplit(end).query else '?'}{urlencode(told)}"


# -- the provider --------------------------------------------------------------------------------------------------


class _Provider:
    """What a provider publishes about itself: fetched when first needed, kept a while, keys again when one is new."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self._guard = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] = (-KEPT, {})
        self._keys: tuple[float, list[jwk.Key]] = (-KEPT, [])

    def metadata(self) -> dict[str, Any]:
        """Its metadata (OpenID Connect Discovery 1.0 §3)."""
        with self._guard:
            at, found = self._metadata
            if found and time.monotonic() - at < KEPT:
                return found
            found = _get(self.issuer.issuer.rstrip("/") + "/.well-known/openid-configuration", self.issuer)
            if found.get("issuer") != self.issuer.issuer:
                raise _away("its metadata are another issuer's")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not _is_ours(str(found.get(name, "")), self.issuer):
                    raise _away(f"its metadata tell no {name}")
            self._metadata = (time.monotonic(), found)
            return found

    def verified(self, token: str, now: int) -> jwt.Token:
        """A token that this provider signed for us, and that holds now. Raises Refused."""
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in self.issuer.algorithms:
            raise Refused("algorithm")
        decoded = self._decoded(token, header, str(algorithm))
        claims = decoded.claims
        if claims.get("iss") != self.issuer.issuer:
            raise Refused("issuer")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if self.issuer.client_id not in audiences:
            raise Refused("audience")
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != self.issuer.client_id:
            raise Refused("authorized party")
        expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
        if not isinstance(issued, int | float) or not -LEEWAY <= now - issued <= OLDEST:
            raise Refused("issued at")
        if not isinstance(expires, int | float) or expires + LEEWAY <= now:
            raise Refused("expired")
        if begins is not None and not (isinstance(begins, int | float) and begins <= now + LEEWAY):
            raise Refused("not before")
        return decoded

    def _decoded(self, token: str, header: Mapping[str, Any], algorithm: str) -> jwt.Token:
        tried = 0
        for key in self._candidates(header.get("kid")):
            tried += 1
            try:
                return jwt.decode(token, key, algorithms=[algorithm])
            except (JoseError, ValueError, TypeError):
                continue
        raise Refused("signature" if tried else "unknown key")

    def _candidates(self, kid: object) -> Iterator[jwk.Key]:
        for fresh in (False, True):
            keys = self._published(fresh=fresh)
            found = [key for key in keys if kid is None or key.kid == kid]
            yield from found
            if found:
                return

    def _published(self, *, fresh: bool) -> list[jwk.Key]:
        told = self.metadata()
        with self._guard:
            at, found = self._keys
            age = time.monotonic() - at
            if found and (age < AGAIN or (not fresh and age < KEPT)):
                return found
            listed = _get(told["jwks_uri"], self.issuer).get("keys")
            keys = []
            for one in listed if isinstance(listed, list) else []:
                # A key that others know too proves nothing; one for encrypting is for something else.
                if isinstance(one, dict) and one.get("kty") in ("RSA", "EC") and one.get("use", "sig") == "sig":
                    try:
                        keys.append(jwk.import_key(one))
                    except (JoseError, ValueError, TypeError):
                        continue
            self._keys = (time.monotonic(), keys)
            return keys


_known: dict[str, _Provider] = {}


def _provider(issuer: Issuer) -> _Provider:
    found = _known.get(issuer.id)
    if found is None or found.issuer is not issuer:
        found = _known[issuer.id] = _Provider(issuer)
    return found


def _check_login(token: jwt.Token, asked: Asked, access_token: str, now: int) -> None:
    """What an id_token must say beside what every token of the provider's must."""
    claims = token.claims
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise Refused("no subject")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not secrets.compare_digest(nonce.encode(), asked.nonce.encode()):
        raise Refused("nonce")
    since = claims.get("auth_time")
    if since is not None and not (isinstance(since, int | float) and since <= now + LEEWAY):
        raise Refused("authentication time")
    if asked.again and (since is None or since < asked.began - LEEWAY):
        raise Refused("not authenticated anew")
    if "at_hash" in claims:
        made = create_half_hash(access_token, str(token.header["alg"]))
        told = claims["at_hash"]
        if made is None or not isinstance(told, str) or not secrets.compare_digest(made, told.encode()):
            raise Refused("access token hash")


def _exchange(issuer: Issuer, told: Mapping[str, Any], code: str, verifier: str, back: str) -> Mapping[str, Any]:
    try:
        with _session(issuer, back, told["token_endpoint"]) as session:
            answer: Mapping[str, Any] = session.fetch_token(
                told["token_endpoint"],
                code=code,
                code_verifier=verifier,
                grant_type="authorization_code",
                timeout=PATIENCE,
                allow_redirects=False,
            )
            return answer
    except requests.HTTPError:
        raise _away("it failed") from None
    except (requests.Timeout, requests.ConnectionError):
        raise _away("it does not answer") from None
    except (requests.RequestException, AuthlibBaseError, ValueError):
        raise Refused("code was not taken") from None


def _session(issuer: Issuer, back: str, token_endpoint: str) -> OAuth2Session:
    made = OAuth2Session(
        issuer.client_id,
        issuer.key if issuer.key is not None else issuer.secret,
        token_endpoint_auth_method="private_key_jwt" if issuer.key is not None else "client_secret_basic",
        scope=" ".join(issuer.scopes),
        redirect_uri=back,
        code_challenge_method="S256",
    )
    if issuer.key is not None:
        made.register_client_auth_method(PrivateKeyJWT(token_endpoint, alg=issuer.key_algorithm))
    return made


def _userinfo(provider: _Provider, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
    address = str(provider.metadata().get("userinfo_endpoint", ""))
    if not _is_ours(address, provider.issuer):
        raise Refused("no userinfo")
    told = _get(address, provider.issuer, {"Authorization": f"Bearer {token.get('access_token', '')}"})
    if told.get("sub") != subject:  # OpenID Connect Core 1.0 §5.3.2
        raise Refused("userinfo of another")
    told.pop("auth_time", None)
    return told


def _get(address: str, issuer: Issuer, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    if not _is_ours(address, issuer):
        raise _away("its address is not https")
    try:
        with requests.get(
            address, headers=dict(headers or {}), timeout=PATIENCE, allow_redirects=False, stream=True
        ) as answer:
            raw = answer.raw.read(MOST + 1, decode_content=True)
            if answer.status_code != 200 or len(raw) > MOST:
                raise _away(f"it answered {answer.status_code}")
    except (requests.RequestException, OSError):
        raise _away("it does not answer") from None
    try:
        found = json.loads(raw)
    except Problem:
        raise _away("its answer is not JSON") from None
    if not isinstance(found, dict):
        raise _away("its answer is no JSON object")
    return found


def _away(why: str) -> Problem:
    issue = Issue("login", f"the login provider cannot be used: {why}", "its answer", "transient")
    return Problem(
        Category.BUSY, "The login provider does not answer as it should", [issue], kept="nobody was logged in"
    )


def _is_ours(address: str, issuer: Issuer) -> bool:
    """Whether an address of the provider's is as safe as the provider's own: https, unless that is on this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and parts.scheme in ("https", urlsplit(issuer.issuer).scheme)


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > MOST or token.count(".") != 2:
        raise Refused("not a signed token")
    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError):
        raise Refused("not a signed token") from None
