"""An answer as bytes: a plain one put together at once, and what a client is told that sent no request."""

from __future__ import annotations

import time
from collections.abc import Iterable

from gunicorn import SERVER
from gunicorn.http.message import TOKEN_RE
from gunicorn.util import is_hoppish

from tovholder.api.errors import outcome
from tovholder.api.negotiate import FHIR_JSON
from tovholder.api.response import http_date
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem

_names: set[str] = set()  # of headers, found good; all are ours
_date: tuple[int, str] = (0, "")


def plain(method: str, status: str, headers: Iterable[tuple[str, str]], content: bytes, *, keep: bool) -> bytes | None:
    """A whole answer; None when something about it is not plain, for gunicorn's writer to judge."""
    bare = method == "HEAD" or status[:3] in ("204", "304")
    told, length = "", None
    for name, value in headers:
        if name not in _names:
            if not TOKEN_RE.fullmatch(name) or is_hoppish(name):
                return None
            _names.add(name)
        if not (value.isascii() and value.isprintable()):
            return None
        if name == "Content-Length":
            length = value
            if status[:3] == "204":
                continue
        told += f"{name}: {value.strip(' ')}\r\n"
    if not (bare or length == str(len(content))) or not status.isascii() or not status.isprintable():
        return None
    head = (
        f"HTTP/1.1 {status}\r\nServer: {SERVER}\r\nDate: {_now()}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n{told}\r\n"
    ).encode("ascii")
    return head if bare else head + content


def _now() -> str:
    global _date
    second = int(time.time())
    known, told = _date
    if known != second:
        told = http_date(second)
        _date = (second, told)
    return told


def refusal(status: int, reason: str, message: str, expected: str, category: Category = Category.MALFORMED) -> bytes:
    """A whole answer to what is no request, after which the connection ends."""
    code = "exception" if category is Category.FAULT else "structure"
    problem = Problem(category, f"The request was refused: {message}", [Issue("http", message, expected, code)])
    body = json.dumps(outcome(problem))
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {FHIR_JSON}; charset=utf-8\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def fault() -> bytes:
    """What is told when the server itself failed."""
    message = "something failed on our side"
    return refusal(500, "Internal Server Error", message, "an answer", Category.FAULT)
