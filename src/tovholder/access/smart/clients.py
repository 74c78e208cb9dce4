"""Which apps and systems are registered: taking them in (checked), showing, changing and ending them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tovholder import database
from tovholder.access import generation
from tovholder.access.domain import Right, Role
from tovholder.access.models import Assignment, SmartClient, SmartGrant, User
from tovholder.access.smart import scopes
from tovholder.access.smart.domain import APP_ROLES, ID_TOKEN_ALGORITHMS, Client, Method, Use
from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem, not_found

# An app on a phone may come back to an address of its own kind (RFC 8252 §7.1): a name turned round, with a dot.
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST_ADDRESS = 500
_LARGEST_KEYS = 20_000
_SHORTEST_RSA = 342  # characters of a modulus of 2048 bits (RFC 7518 §3.3)
# What a system may act as: itself, or a professional organisation with that one's relations.
SYSTEM_ROLES = (Role.SYSTEM, Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER)


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it stands now, and its secret where one was just made: told once, kept hashed."""

    client: Client
    secret: str = ""


def add(wish: Client, now: datetime, *, id_is_given: bool = False) -> Registered:
    """Register a client; its id is made here unless one is given. Raises Problem(INVALID) naming each field."""
    made = wish if id_is_given else replace(wish, id=secrets.token_urlsafe(16).replace("-", "x").replace("_", "y"))
    check(made)
    secret = secrets.token_urlsafe(32) if made.method.is_secret else ""
    with _writing():
        if SmartClient.objects.filter(id=made.id).exists():
            raise Problem(Category.CONFLICT, "There is a client with that id", kept="the one that is there")
        row = SmartClient(id=made.id, created_ms=days.millis(now))
        _fill(row, made)
        row.secret = digest("secret", secret) if secret else ""
        row.user = _user_of_system(made) if made.use is Use.SYSTEM else None
        row.save(force_insert=True)
        generation.bump()
    return Registered(of_row(row), secret)


def change(wish: Client) -> Client:
    """Change what is registered; grants given keep what they had at most of what it may be given now. Raises Problem."""
    check(wish)
    with _writing():
        row = _row(wish.id)
        if row.ended_ms is not None:
            raise Problem(Category.CONFLICT, "The client has ended", kept="nothing was changed")
        if (row.use, row.method) != (str(wish.use), str(wish.method)):
            raise _wrong([Issue("method", "how a client proves who it is cannot be changed", "a new client")])
        _fill(row, wish)
        if row.user is not None:
            _assign(row.user, wish)
        row.save()
        generation.bump()
    return wish


def new_secret(client_id: str) -> str:
    """Another secret in place of the one there is, which ends at once. Raises Problem."""
    with _writing():
        row = _row(client_id)
        if not Method(row.method).is_secret or row.ended_ms is not None:
            raise _wrong([Issue("client", "it has no secret", "a client that proves itself by a secret")])
        secret = secrets.token_urlsafe(32)
        row.secret = digest("secret", secret)
        row.save(update_fields=["secret"])
    return secret


def end(client_id: str, now: datetime) -> int:
    """End a client and all it was given, from the next request on; returns how many grants ended. Raises Problem."""
    moment = days.millis(now)
    with _writing():
        row = _row(client_id)
        if row.ended_ms is None:
            row.ended_ms = moment
            row.save(update_fields=["ended_ms"])
        if row.user is not None:
            row.user.is_active = False
            row.user.save(update_fields=["is_active"])
        ended = SmartGrant.objects.filter(client=row, ended_ms__isnull=True).update(
            ended_ms=moment, ended_why="client ended"
        )
        generation.bump()
    return ended


def find(client_id: str) -> Client | None:
    """A client that holds, or None."""
    row = SmartClient.objects.filter(id=client_id, ended_ms__isnull=True).first() if _ID.fullmatch(client_id) else None
    return of_row(row) if row is not None else None


def get(client_id: str) -> Client:
    """A client, also one that has ended. Raises Problem(NOT_FOUND)."""
    return of_row(_row(client_id))


def everyone() -> list[Client]:
    """All clients by name, those that have ended last."""
    return [of_row(row) for row in SmartClient.objects.order_by("ended_ms", "name", "id")]


def launchable(role: Role, organization: str | None) -> list[Client]:
    """The apps somebody of this role in this organisation may open from a patient."""
    rows = SmartClient.objects.filter(ended_ms__isnull=True, use=str(Use.APP)).exclude(launch="").order_by("name", "id")
    return [one for one in map(of_row, rows) if may_use(one, role, organization)]


def may_use(client: Client, role: Role, organization: str | None) -> bool:
    """Whether an app is for somebody of this role in this organisation."""
    if client.use is not Use.APP or role not in client.roles:
        return False
    return not client.organization or client.organization == organization or role in (Role.CITIZEN, Role.REPRESENTATIVE)


def origins_of(redirects: tuple[str, ...]) -> tuple[str, ...]:
    """From where the pages at these addresses call us."""
    found = (urlsplit(address) for address in redirects)
    return tuple(dict.fromkeys(f"{one.scheme}://{one.netloc}" for one in found if one.scheme in ("http", "https")))


def known_origin(origin: str) -> bool:
    """Whether a page from there may call us: some registered app that holds says so."""
    if len(origin) > _LONGEST_ADDRESS or not origin.startswith(("https://", "http://")):
        return False
    # The text in the list, quotes and all: an origin holds none (checked when it was registered).
    if '"' in origin or "\\" in origin:
        return False
    return SmartClient.objects.filter(ended_ms__isnull=True, origins__contains=f'"{origin}"').exists()


def is_secret_of(client: Client, secret: str) -> bool:
    """Whether this is the client's secret."""
    row = SmartClient.objects.filter(id=client.id).first()
    held = row.secret if row is not None else ""
    return bool(held) and secrets.compare_digest(held, digest("secret", secret))


def digest(kind: str, text: str) -> str:
    """What is kept of a secret, code or token: keyed, so that a copy of the table lets nobody in."""
    return salted_hmac(f"tovholder.access.smart.{kind}", text, algorithm="sha256").hexdigest()


def of_row(row: SmartClient) -> Client:
    """The value of a row."""
    return Client(
        id=row.id,
        name=row.name,
        use=Use(row.use),
        method=Method(row.method),
        roles=tuple(Role(text) for text in json.loads(row.roles)),
        organization=row.organization_id,
        redirects=tuple(json.loads(row.redirects)),
        launch=row.launch,
        origins=tuple(json.loads(row.origins)),
        scopes=row.scopes,
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        preapproved=row.preapproved,
        algorithm=row.algorithm,
        about=row.about,
        ended=row.ended_ms is not None,
        sees_blocked=_sees_blocked(row),
    )


def _fill(row: SmartClient, wish: Client) -> None:
    row.name, row.about = wish.name, wish.about
    row.use, row.method = str(wish.use), str(wish.method)
    row.roles = json.dumps([str(role) for role in wish.roles]).decode()
    row.organization_id = wish.organization
    row.redirects = json.dumps(list(wish.redirects)).decode()
    row.launch = wish.launch
    row.origins = json.dumps(list(wish.origins)).decode()
    row.scopes = str(scopes.parse(wish.scopes))
    row.jwks, row.jwks_uri = wish.jwks, wish.jwks_uri
    row.preapproved, row.algorithm = wish.preapproved, wish.algorithm


def _row(client_id: str) -> SmartClient:
    row = SmartClient.objects.select_related("user").filter(id=client_id).first()
    if row is None:
        raise not_found("The client")
    return row


@contextmanager
def _writing() -> Iterator[None]:
    with database.write_turn(), transaction.atomic():
        yield


# -- who a system acts as ------------------------------------------------------------------------------------------


def _user_of_system(wish: Client) -> User:
    user = User(username=f"client:{wish.id}", display_name=wish.name, is_active=True)
    user.set_unusable_password()
    user.save(force_insert=True)
    _assign(user, wish)
    return user


def _assign(user: User, wish: Client) -> None:
    User.objects.filter(pk=user.pk).update(display_name=wish.name)
    Assignment.objects.filter(user=user).exclude(role=str(wish.roles[0])).delete()
    given = {"organization_id": wish.organization, "title": wish.name}
    rights = str(Right.BLOCKED) if wish.sees_blocked else ""
    Assignment.objects.update_or_create(user=user, role=str(wish.roles[0]), defaults={**given, "rights": rights})


def _sees_blocked(row: SmartClient) -> bool:
    return (
        row.user is not None and Assignment.objects.filter(user=row.user, rights__contains=str(Right.BLOCKED)).exists()
    )


# -- what is registered must hold together ---------------------------------------------------------------------------


def check(wish: Client) -> None:
    """Raise Problem(INVALID) with an issue per field that cannot be used."""
    issues = [*_check_words(wish), *_check_scopes(wish), *_check_keys(wish)]
    issues += _check_app(wish) if wish.use is Use.APP else _check_system(wish)
    if issues:
        raise _wrong(issues)


def _wrong(issues: list[Issue]) -> Problem:
    return Problem(Category.INVALID, "The client cannot be registered so", issues, kept="what was registered before")


def _check_words(wish: Client) -> Iterator[Issue]:
    if not _ID.fullmatch(wish.id):
        yield Issue("id", "cannot be used", "3 to 64 letters, digits, and . _ -")
    if not wish.name.strip() or len(wish.name) > 100 or not wish.name.isprintable():
        yield Issue("name", "missing or too long", "what people call the app, at most 100 characters")
    if len(wish.about) > 300:
        yield Issue("about", "too long", "at most 300 characters")
    if wish.algorithm not in ID_TOKEN_ALGORITHMS:
        yield Issue("algorithm", "not one of ours", f"one of: {', '.join(ID_TOKEN_ALGORITHMS)}")


def _check_scopes(wish: Client) -> Iterator[Issue]:
    found = scopes.parse(wish.scopes)
    for part in found.unknown:
        yield Issue("scopes", f"{part} is no scope of ours", "such as patient/Observation.rs, launch, openid")
    if found.is_empty:
        yield Issue("scopes", "none that could be granted", "such as patient/Observation.rs, launch, openid")
    elif wish.use is Use.SYSTEM and (found.special or found.levels != {scopes.SYSTEM}):
        yield Issue("scopes", "a system acts for nobody", "system scopes alone, such as system/Patient.rs")
    elif wish.use is Use.APP and scopes.SYSTEM in found.levels:
        yield Issue("scopes", "an app acts for a person", "patient and user scopes")


def _check_keys(wish: Client) -> Iterator[Issue]:
    if wish.method is not Method.PRIVATE_KEY:
        if wish.jwks or wish.jwks_uri:
            yield Issue("jwks", "keys that nothing is proved by", "none, or the method private_key_jwt")
        return
    if bool(wish.jwks) == bool(wish.jwks_uri):
        yield Issue("jwks", "one place for its public keys is needed", "jwks or jwks_uri, not both")
    if wish.jwks and key_set(wish.jwks) is None:
        yield Issue(
            "jwks", "no set of public keys we can use", '{"keys": [...]} with RSA or P-384 public keys, each with a kid'
        )
    if wish.jwks_uri and not _is_web(wish.jwks_uri, secure=not _may_be_plain()):
        yield Issue("jwks_uri", "not an address we fetch keys from", "an https address without a fragment")


def key_set(text: str) -> KeySet | None:
    """A client's public keys; None when they are no set of public keys fit for assertions."""
    if len(text) > _LARGEST_KEYS:
        return None
    try:
        told = json.loads(text)
        if not isinstance(told, dict) or not isinstance(told.get("keys"), list) or not told["keys"]:
            return None
        if any(not isinstance(one, dict) or not one.get("kid") or "d" in one or "k" in one for one in told["keys"]):
            return None
        return (
            KeySet.import_key_set({"keys": [one for one in told["keys"] if _is_usable(one)]})
            if any(map(_is_usable, told["keys"]))
            else None
        )
    except (JoseError, Problem, ValueError, TypeError, KeyError):
        return None


def _is_usable(key: dict[str, object]) -> bool:
    if key.get("use", "sig") != "sig":
        return False
    if key.get("kty") == "RSA":
        return len(str(key.get("n", ""))) >= _SHORTEST_RSA
    return key.get("kty") == "EC" and key.get("crv") == "P-384"


def _check_app(wish: Client) -> Iterator[Issue]:
    if not wish.roles or any(role not in APP_ROLES for role in wish.roles):
        yield Issue("roles", "for nobody who could use it", f"some of: {', '.join(APP_ROLES)}")
    if not wish.redirects:
        yield Issue("redirects", "missing", "the address the app comes back to, exactly as it sends it")
    for address in wish.redirects:
        if not _is_redirect(address, wish.method):
            yield Issue(
                "redirects", f"{address} cannot be used", "an https address (or an own scheme), no fragment, no *"
            )
    if wish.launch and not (_is_web(wish.launch, secure=False) and _is_safe_address(wish.launch)):
        yield Issue("launch", "cannot be used", "the https address the app is opened at")
    for origin in wish.origins:
        parts = urlsplit(origin)
        if (
            not _is_web(origin, secure=False)
            or origin != f"{parts.scheme}://{parts.netloc}"
            or not _is_safe_address(origin)
        ):
            yield Issue("origins", f"{origin} is no origin", "such as https://app.example.dk, nothing after it")
    if wish.sees_blocked:
        yield Issue("sees_blocked", "what is blocked for a person stays so in an app", "a system without a person")
    if wish.preapproved and not wish.organization:
        yield Issue("preapproved", "whose own people it is approved for is not said", "an organisation")


def _check_system(wish: Client) -> Iterator[Issue]:
    if wish.method is not Method.PRIVATE_KEY:
        yield Issue("method", "a system proves itself by a key (SMART Backend Services)", str(Method.PRIVATE_KEY))
    if len(wish.roles) != 1 or wish.roles[0] not in SYSTEM_ROLES:
        yield Issue("roles", "it acts as one thing", f"one of: {', '.join(SYSTEM_ROLES)}")
    elif wish.roles[0] is not Role.SYSTEM and not wish.organization:
        yield Issue("organization", "missing", "whose relations it acts under")
    if wish.sees_blocked and wish.roles[:1] != (Role.SYSTEM,):
        yield Issue("sees_blocked", "what is blocked for a role stays so", "a system without a person")
    if wish.redirects or wish.launch or wish.origins or wish.preapproved:
        yield Issue("redirects", "nobody opens a system", "none")


def _is_redirect(address: str, method: Method) -> bool:
    parts = _parts(address)
    if parts is None or parts.fragment or "*" in address or len(address) > _LONGEST_ADDRESS:
        return False
    if parts.scheme in ("http", "https"):
        return _is_safe_address(address)
    return method is Method.PUBLIC and bool(_OWN_SCHEME.fullmatch(parts.scheme))


def _is_safe_address(address: str) -> bool:
    """https; http only on the machine itself (RFC 8252 §7.3)."""
    parts = _parts(address)
    if parts is None or not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (parts.hostname in _LOOPBACK))


def _is_web(address: str, *, secure: bool) -> bool:
    parts = _parts(address)
    if parts is None or len(address) > _LONGEST_ADDRESS or not parts.hostname or parts.username is not None:
        return False
    return not parts.fragment and parts.scheme in (("https",) if secure else ("https", "http"))


def _parts(address: str) -> SplitResult | None:
    if not address.isascii() or not address.isprintable() or any(sign in address for sign in ' "<>\\^`{|}'):
        return None
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 # raises for what is none
    except ValueError:
        return None
    return parts


def _may_be_plain() -> bool:
    return bool(settings.ENV.name == "test")
