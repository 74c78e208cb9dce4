"""How a client proves at our endpoints who it is: a signed assertion, a secret, or (an app in the open) by nothing.

Assertions: RFC 7523 §3, SMART App Launch 2.2 "Client authentication: asymmetric" (RS384 or ES384 alone).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus, urlsplit

import requests
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError
from django.conf import settings
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from tovholder.access import once
from tovholder.access.smart import clients
from tovholder.access.smart.domain import ASSERTION_ALGORITHMS, ASSERTION_SECONDS, Client, Method
from tovholder.base import json
from tovholder.base.errors import Problem

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST = 10_000
_SKEW = 10  # seconds another's clock may be ahead
# Fetching a client's keys: seconds, bytes, how long they are kept, how soon they are fetched again for an unknown one.
_FETCH_SECONDS = 3.0
_FETCH_BYTES = 65_536
_KEPT_SECONDS = 300.0
_AGAIN_SECONDS = 20.0


def authenticate(params: Mapping[str, str], authorization: str, audiences: tuple[str, ...], now: datetime) -> Client:
    """The client that sent this. Raises InvalidClientError (401) without saying what was wrong with a known one.

    audiences: addresses of the endpoint asked, one of which an assertion must be for.
    """
    basic = authorization.partition(" ")[0].lower() == "basic"
    ways = [basic, "client_assertion" in params or "client_assertion_type" in params, "client_secret" in params]
    if sum(ways) > 1:
        raise InvalidRequestError(description="a client proves itself in one way")
    if ways[1]:
        return _by_assertion(params, audiences, now)
    if basic:
        client_id, secret = _basic(authorization)
        if params.get("client_id", client_id) != client_id:
            raise refused()
        return _by_secret(client_id, secret, Method.SECRET_BASIC)
    client_id = params.get("client_id", "")
    if ways[2]:
        return _by_secret(client_id, params["client_secret"], Method.SECRET_POST)
    client = clients.find(client_id)
    if client is None or client.method is not Method.PUBLIC:
        raise refused()
    return client


def refused() -> InvalidClientError:
    """The one answer to every failed proof."""
    return InvalidClientError(description="the client is not known, or did not prove who it is", status_code=401)


def claimed(params: Mapping[str, str], authorization: str) -> str:
    """Which client somebody says to be, unproved: to count tries by."""
    if authorization.partition(" ")[0].lower() == "basic":
        try:
            return _basic(authorization)[0][:64]
        except InvalidClientError:
            return ""
    if "client_assertion" in params:
        found = _unproved(params["client_assertion"])
        return found[0][:64] if found is not None else ""
    return params.get("client_id", "")[:64]


def _basic(authorization: str) -> tuple[str, str]:
    try:
        told = base64.b64decode(authorization.partition(" ")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refused() from None
    name, mark, secret = told.partition(":")
    if not mark:
        raise refused()
    return unquote_plus(name), unquote_plus(secret)  # RFC 6749 §2.3.1


def _by_secret(client_id: str, secret: str, way: Method) -> Client:
    client = clients.find(client_id)
    if client is None or client.method is not way or not clients.is_secret_of(client, secret):
        raise refused()
    return client


# -- assertions ----------------------------------------------------------------------------------------------------


def _by_assertion(params: Mapping[str, str], audiences: tuple[str, ...], now: datetime) -> Client:
    text = params.get("client_assertion", "")
    if params.get("client_assertion_type") != ASSERTION_TYPE:
        raise refused()
    told = _unproved(text)
    client = clients.find(told[0]) if told is not None else None
    if told is None or client is None or client.method is not Method.PRIVATE_KEY:
        raise refused()
    header = told[1]
    if params.get("client_id", client.id) != client.id or header.get("alg") not in ASSERTION_ALGORITHMS:
        raise refused()
    if "jku" in header and header["jku"] != client.jwks_uri:  # keys are taken from where it is registered alone
        raise refused()
    claims = _claims(text, header, client)
    if claims is None or not _holds(claims, client, audiences, now):
        raise refused()
    if not _first_time(client, str(claims["jti"]), now):
        raise refused()
    return client


def _unproved(text: str) -> tuple[str, dict[str, object]] | None:
    """Whom an assertion speaks of, and its header, before anything is proved."""
    if len(text) > _LONGEST or text.count(".") != 2:
        return None
    try:
        parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in text.split(".")[:2]]
    except (ValueError, Problem):
        return None
    header, claims = parts
    if not isinstance(header, dict) or not isinstance(claims, dict) or not isinstance(claims.get("iss"), str):
        return None
    return claims["iss"], header


def _claims(text: str, header: Mapping[str, object], client: Client) -> dict[str, object] | None:
    key = _key(client, header)
    if key is None:
        return None
    try:
        token = jwt.decode(text, key, algorithms=list(ASSERTION_ALGORITHMS), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        return None
    return dict(token.claims)


_REGISTRY = jws.JWSRegistry(algorithms=list(ASSERTION_ALGORITHMS))


def _holds(claims: Mapping[str, object], client: Client, audiences: tuple[str, ...], now: datetime) -> bool:
    aud = claims.get("aud")
    told = aud if isinstance(aud, list) else [aud]
    expires, moment = claims.get("exp"), now.timestamp()
    if claims.get("iss") != client.id or claims.get("sub") != client.id or not set(audiences) & set(map(str, told)):
        return False
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return False
    if not moment < expires <= moment + ASSERTION_SECONDS + _SKEW:
        return False
    for name in ("nbf", "iat"):
        begins = claims.get(name)
        if begins is not None and (not isinstance(begins, int | float) or begins > moment + _SKEW):
            return False
    jti = claims.get("jti")
    return isinstance(jti, str) and 0 < len(jti) <= 300


def _first_time(client: Client, jti: str, now: datetime) -> bool:
    """Whether this client comes with this assertion for the first time; noted at once, for every process."""
    return once.first_time("assertion", f"{client.id} {jti}", now, seconds=2 * ASSERTION_SECONDS)


def _key(client: Client, header: Mapping[str, object]) -> Key | None:
    kid = header.get("kid")
    wanted = {"RS384": "RSA", "ES384": "EC"}.get(str(header.get("alg")), "")
    if not isinstance(kid, str) or not kid:
        return None
    if client.jwks:
        return _among(clients.key_set(client.jwks), kid, wanted)
    return _among(_fetched(client.jwks_uri, kid), kid, wanted)


def _among(found: KeySet | None, kid: str, kind: str) -> Key | None:
    for key in found.keys if found is not None else ():
        if key.kid == kid and key.key_type == kind:
            return key
    return None


# -- keys that are fetched -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fetched:
    at: float
    keys: KeySet | None


_fetched_sets: dict[str, _Fetched] = {}


def forget_keys() -> None:
    """Fetch every client's keys anew (in this process)."""
    _fetched_sets.clear()


def _fetched(address: str, kid: str) -> KeySet | None:
    """A client's keys from its own address: kept a while, fetched again sooner for a key that is not among them."""
    held = _fetched_sets.get(address)
    moment = time.monotonic()
    if held is not None:
        age = moment - held.at
        known = held.keys is not None and any(key.kid == kid for key in held.keys.keys)
        if age < (_KEPT_SECONDS if known else _AGAIN_SECONDS):
            return held.keys
    text = _fetch(address)
    if len(_fetched_sets) > 1000:
        _fetched_sets.clear()
    _fetched_sets[address] = _Fetched(moment, clients.key_set(text) if text is not None else None)
    return _fetched_sets[address].keys


def _fetch(address: str) -> str | None:
    """What stands at the address; None when it is not to be had within the limits. No redirect is followed."""
    testing = settings.ENV.name == "test"
    parts = urlsplit(address)
    if parts.scheme != "https" and not testing:
        return None
    if not testing and not is_public(parts.hostname or "", parts.port or 443):
        return None
    until = time.monotonic() + 2 * _FETCH_SECONDS
    try:
        with requests.get(
            address,
            timeout=_FETCH_SECONDS,
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json"},
        ) as answer:
            if answer.status_code != 200:
                return None
            found = b""
            for part in answer.iter_content(8192):
                found += part
                if len(found) > _FETCH_BYTES or time.monotonic() > until:
                    return None
    except (requests.RequestException, OSError):
        return None
    return found.decode("utf-8", "replace")


def is_public(host: str, port: int) -> bool:
    """Whether a name leads out of our own network: a key's address must not become a way to look around in it."""
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    except OSError:
        return False
    return bool(found) and all(_leads_out(str(item[4][0])) for item in found)


def _leads_out(text: str) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        behind = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            behind = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = behind or address
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an address of IPv4 stands in its end
