"""Sessions on the pages: held by the server, under a hash of the browser's key; who is logged in, as what, since when.

Django's session engine (SESSION_ENGINE). A session ends when nothing was asked for a while, at the latest some hours
after login (TOVHOLDER_IDLE_MINUTES, TOVHOLDER_SESSION_HOURS); the browser gets a new key at each login and each change
of hat. What the user may be is asked anew when anybody's rights changed (access/generation.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from tovholder import database
from tovholder.access import generation, hats, issuers
from tovholder.access.domain import Context
from tovholder.base import days
from tovholder.base.clock import system_clock

TABLE = "access_session"
PERSONA = "persona"  # in the place of a login provider: access/personas.py
COLUMNS = ("user_id", "hat", "issuer", "subject", "sid", "began_ms", "seen_ms", "authenticated_ms")
SEEN_EVERY_MS = 60_000  # how exactly it is known when a session was last used
# How long the row of a session that timed out is kept: it tells whose typed text may be kept (web/kept.py).
AFTERWARDS_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Login:
    """Who is logged in, as what (``hat``, empty until chosen), where they proved who they are, and when.

    authenticated_ms: 0 where the login provider does not tell. issuer, subject, sid: the login provider, and keyed
    hashes of what it calls the user and its own session.
    """

    user: str
    hat: str = ""
    issuer: str = ""
    subject: str = ""
    sid: str = ""
    began_ms: int = 0
    seen_ms: int = 0
    authenticated_ms: int = 0


class SessionStore(SessionBase):
    """A session of Django's, in a table of ours. login: whoever is logged in. ended: whose session had timed out."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.login: Login | None = None
        self.ended = ""

    def load(self) -> dict[str, Any]:
        """What it holds; nothing when it is not there any more."""
        found = database.rows(
            f"SELECT data, {', '.join(COLUMNS)} FROM {TABLE} WHERE digest = %s", [digest(self.session_key or "")]
        )
        if found:
            data, user, *rest = found[0]
            login = Login(_hyphened(user), *rest)
            if _lives(login, days.millis(system_clock())):
                self.login = login if login.user else None
                loaded: dict[str, Any] = self.decode(data)
                return loaded
            self.ended = login.user
        self._session_key = None
        return {}

    def exists(self, session_key: str) -> bool:
        """Whether the key is taken."""
        return bool(database.rows(f"SELECT 1 FROM {TABLE} WHERE digest = %s", [digest(session_key)]))

    def create(self) -> None:
        """A new session under a new key, with whoever is logged in."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined] # Django's own
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Keep it. Raises UpdateError when it has ended meanwhile: it is not made again."""
        if self.session_key is None:
            self.create()
            return
        data = self.encode(self._get_session(no_load=must_create))  # type: ignore[attr-defined] # Django's own
        key = digest(self.session_key)
        with database.write_turn():
            if not must_create:
                if not database.execute(f"UPDATE {TABLE} SET data = %s WHERE digest = %s", [data, key]):
                    raise UpdateError
                return
            if self.exists(self.session_key):
                raise CreateError
            now = days.millis(system_clock())
            login = self.login or Login("", began_ms=now, seen_ms=now)
            values = [getattr(login, name) for name in COLUMNS[1:]]
            row = (key, _plain(login.user), *values, data)
            database.insert(TABLE, ("digest", *COLUMNS, "data"), [row])

    def delete(self, session_key: str | None = None) -> None:
        """End it."""
        key = session_key or self.session_key
        if key is not None:
            with database.write_turn():
                database.execute(f"DELETE FROM {TABLE} WHERE digest = %s", [digest(key)])

    @classmethod
    def clear_expired(cls) -> None:
        """Take away what timed out a day ago."""
        tidy(system_clock())


def digest(key: str) -> str:
    """Under what a session is kept: whoever reads the table cannot use it."""
    return hashlib.sha256(f"tovholder.session {key}".encode()).hexdigest()


def tidy(now: datetime) -> int:
    """Take away sessions that timed out a day ago; returns how many."""
    idle = settings.ENV.idle_minutes * 60_000
    with database.write_turn():
        return database.execute(f"DELETE FROM {TABLE} WHERE seen_ms < %s", [days.millis(now) - idle - AFTERWARDS_MS])


# -- who is logged in ----------------------------------------------------------------------------------------------


def login_of(request: HttpRequest) -> Login | None:
    """Who is logged in, whatever hat they have chosen; None for nobody, or one who was closed or logged out since."""
    store = _store(request)
    if store is None:
        return None
    store.keys()  # loads it
    login = store.login
    user = hats.who(login.user) if login is not None else None
    if login is None or user is None or login.began_ms < user.not_before_ms or not _is_vouched(login.issuer):
        return None
    return login


def _is_vouched(issuer: str) -> bool:
    """Whether that login provider's word counts here: a demo's sessions mean nothing in production, nor do those of a
    provider that was taken out.
    """
    return settings.PERSONAS_ALLOWED if issuer in ("", PERSONA) else issuers.find(issuer) is not None


def ended(request: HttpRequest) -> str:
    """Whose session it was that the browser still asks with, though it has timed out; empty for nobody's."""
    store = _store(request)
    if store is None:
        return ""
    store.keys()  # loads it
    return store.ended if hats.who(store.ended) is not None else ""


def who_of(request: HttpRequest) -> hats.Who | None:
    """The user who is logged in."""
    login = login_of(request)
    return hats.who(login.user) if login is not None else None


def hat_of(request: HttpRequest, now: datetime) -> hats.Hat | None:
    """The hat the session wears; None when it must be chosen (anew)."""
    login = login_of(request)
    user = hats.who(login.user) if login is not None else None
    return user.hat(login.hat, days.day_of(now)) if user is not None and login is not None else None


def context(request: HttpRequest, now: datetime) -> Context | None:
    """The context of whoever is logged in, in the hat they chose; None where there is none, or it holds no longer."""
    login = login_of(request)
    if login is None:
        return None
    found = hats.context_of(login.user, login.hat, now, since_ms=login.began_ms)
    if found is not None:
        _seen(request, login, days.millis(now))
    return found


def authenticated_at(request: HttpRequest) -> datetime | None:
    """When the user last proved who they are (not: when they were last seen); None when nobody is logged in."""
    login = login_of(request)
    return datetime.fromtimestamp(login.authenticated_ms / 1000, UTC) if login is not None else None


def is_fresh(request: HttpRequest, now: datetime) -> bool:
    """Whether that was so recently that it is not asked again (TOVHOLDER_FRESH_MINUTES); else send to ``/login/igen``."""
    proved = authenticated_at(request)
    return proved is not None and timedelta() <= now - proved <= timedelta(minutes=settings.ENV.fresh_minutes)


# -- beginning and ending ------------------------------------------------------------------------------------------


def begin(request: HttpRequest, login: Login, now: datetime, *, hat: str = "") -> None:
    """Log in, in this hat where it is known; under a new key, and whatever the browser had before is thrown away."""
    at = days.millis(now)
    store = request.session
    assert isinstance(store, SessionStore)
    store.flush()
    store.login = replace(login, hat=hat, began_ms=at, seen_ms=at)
    store.create()
    rotate_token(request)


def change(request: HttpRequest, now: datetime, *, hat: str | None = None, authenticated_ms: int | None = None) -> None:
    """Put on another hat, or note that the user proved anew who they are; under a new key, what it held is kept."""
    store = request.session
    assert isinstance(store, SessionStore)
    held = dict(store.items())
    login = store.login
    assert login is not None
    login = replace(login, seen_ms=days.millis(now))
    if hat is not None:
        login = replace(login, hat=hat)
    if authenticated_ms is not None:
        login = replace(login, authenticated_ms=authenticated_ms)
    store.flush()
    store.login = login
    store.create()
    store.update(held)
    rotate_token(request)


def end(request: HttpRequest) -> None:
    """Log out here."""
    store = request.session
    assert isinstance(store, SessionStore)
    store.flush()
    store.login = None


def end_everywhere(user: str, now: datetime) -> None:
    """Log a user out everywhere: every session and every token begun until now; inside the caller's transaction, if any."""
    with database.write_turn():
        database.execute(f"DELETE FROM {TABLE} WHERE user_id = %s", [_plain(user)])
        database.execute(
            "UPDATE access_user SET not_before_ms = %s WHERE id = %s", [days.millis(now) + 1, _plain(user)]
        )
        generation.bump()


def forget(request: HttpRequest) -> None:
    """Answer this request as if nobody were logged in, without reading, saving or ending the session."""
    store = _store(request)
    if store is not None:
        store.login = None
        vars(store).setdefault("_session_cache", {})


def end_of(issuer: str, *, subject: str = "", sid: str = "") -> int:
    """End the sessions a login provider has ended (back-channel logout): one by its sid, else all of the subject's."""
    column, value = ("sid", sid) if sid else ("subject", subject)
    if not value:
        return 0
    with database.write_turn():
        return database.execute(f"DELETE FROM {TABLE} WHERE issuer = %s AND {column} = %s", [issuer, value])


# -- inside --------------------------------------------------------------------------------------------------------


def _store(request: HttpRequest) -> SessionStore | None:
    found = getattr(request, "session", None)
    return found if isinstance(found, SessionStore) else None


def _lives(login: Login, now: int) -> bool:
    idle, most = settings.ENV.idle_minutes * 60_000, settings.ENV.session_hours * 3_600_000
    return now - login.seen_ms < idle and now - login.began_ms < most


def _seen(request: HttpRequest, login: Login, now: int) -> None:
    if now - login.seen_ms < SEEN_EVERY_MS:
        return
    store = _store(request)
    if store is None or store.session_key is None:
        return
    with database.write_turn():
        database.execute(f"UPDATE {TABLE} SET seen_ms = %s WHERE digest = %s", [now, digest(store.session_key)])
    store.login = replace(login, seen_ms=now)


def _plain(user: str) -> str | None:
    # Django keeps a UUID without hyphens on SQLite and as itself on PostgreSQL, which reads both.
    return user.replace("-", "") or None


def _hyphened(user: Any) -> str:
    text = str(user or "").replace("-", "")
    parts: Iterable[str] = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
    return "-".join(parts) if text else ""
