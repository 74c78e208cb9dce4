"""What somebody had typed when their session ended: kept half an hour, and in the form again after login.

It stands in a row of its own, encrypted under a key that only the browser has (a cookie), and is given back to nobody
but the user whose session it was, at the address it was sent to. A view that can show it says so (``for_roles(…,
resumes=True)``): it is then called as if the form had been sent, and only shows it (``is_resumed``).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from tovholder import database
from tovholder.access import sealed
from tovholder.base import days, json

TABLE = "access_kept"
MINUTES = 30
MOST = 200_000  # characters of a form
TOGETHER = 3  # windows of one browser
COOKIE = "__Host-tovholder-kept" if settings.PRODUCTION else "tovholder-kept"
_NOT_TYPED = ("csrfmiddlewaretoken",)


def keep(request: HttpRequest, response: HttpResponse, user: str, now: datetime) -> bool:
    """Keep the form that was sent, for this user; False where there is nothing to keep."""
    typed = {name: values for name, values in request.POST.lists() if name not in _NOT_TYPED}
    if not any(value.strip() for values in typed.values() for value in values):
        return False
    body = json.dumps({"path": request.path, "form": urlencode(typed, doseq=True)}).decode()
    if len(body) > MOST:
        return False
    token, moment = secrets.token_urlsafe(24), days.millis(now)
    row = (_digest(token), _plain(user), sealed.seal(body, token), moment + MINUTES * 60_000)
    with database.write_turn():
        database.execute(f"DELETE FROM {TABLE} WHERE until_ms < %s", [moment])
        database.insert(TABLE, ("digest", "user_id", "sealed", "until_ms"), [row])
    _remember(response, [token, *_tokens(request)][:TOGETHER])
    return True


def resume(request: HttpRequest, user: str, now: datetime) -> bool:
    """Make the request one that sends the kept form, where there is one for this user and address."""
    found = _found(request, user, now)
    if found is None:
        return False
    request.method = "POST"
    request.POST = QueryDict(found[1])
    request.resumed = True  # type: ignore[attr-defined]
    messages.warning(request, _("Det, du havde skrevet, står her igen. Se det igennem, og gem det."))
    return True


def is_resumed(request: HttpRequest) -> bool:
    """Whether the form was not sent now, but is to be shown as it was typed."""
    return getattr(request, "resumed", False)


def drop(request: HttpRequest, response: HttpResponse, user: str, now: datetime) -> None:
    """Forget the form kept for this address: it has been sent."""
    found = _found(request, user, now)
    if found is None:
        return
    with database.write_turn():
        database.execute(f"DELETE FROM {TABLE} WHERE digest = %s", [_digest(found[0])])
    _remember(response, [token for token in _tokens(request) if token != found[0]])


def _found(request: HttpRequest, user: str, now: datetime) -> tuple[str, str] | None:
    for token in _tokens(request):
        sql = f"SELECT sealed FROM {TABLE} WHERE digest = %s AND user_id = %s AND until_ms >= %s"
        for (body,) in database.rows(sql, [_digest(token), _plain(user), days.millis(now)]):
            text = sealed.unseal(body, token)
            told = json.loads(text.encode()) if text else {}
            if told.get("path") == request.path:
                return token, str(told["form"])
    return None


def _tokens(request: HttpRequest) -> list[str]:
    return [token for token in request.COOKIES.get(COOKIE, "").split(".") if token][:TOGETHER]


def _remember(response: HttpResponse, tokens: list[str]) -> None:
    if not tokens:
        response.delete_cookie(COOKIE, samesite="Lax")
        return
    response.set_cookie(
        COOKIE,
        ".".join(tokens),
        max_age=MINUTES * 60,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(f"tovholder.kept {token}".encode()).hexdigest()


def _plain(user: str) -> str:
    return user.replace("-", "")
