"""An answer that costs little to make: headers that are plain text are taken as they stand."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders


class Headers(ResponseHeaders):
    """Django's, but for what it does to convert text that needs no conversion; names are ours."""

    def __setitem__(self, key: str, value: str | bytes | int) -> None:
        if type(value) is str and value.isascii() and value.isprintable():
            self._store[key.lower()] = (key, value)
        else:
            super().__setitem__(key, value)

    def setdefault(self, key: str, value: str | bytes | int) -> None:
        """Set it where it is not."""
        if key.lower() not in self._store:
            self[key] = value


class Response(HttpResponse):
    """A whole answer. content: as it is sent."""

    def __init__(self, content: bytes = b"", *, status: int = 200, content_type: str = "") -> None:
        # What HttpResponse and its base do, for a content that is bytes and a type that is told.
        self.headers = Headers({})
        self.headers["Content-Type"] = content_type
        self._charset: str | None = None
        self._resource_closers: list[Any] = []
        self._handler_class = None
        self.cookies: SimpleCookie = SimpleCookie()
        self.closed = False
        self.status_code = status
        self._reason_phrase: str | None = None
        self._container = [content]


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> str:
    """A moment as HTTP has it (RFC 9110 §5.6.7). seconds: since 1970, UTC."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def headers_of(response: HttpResponseBase) -> list[tuple[str, str]]:
    """The headers of any answer as WSGI has them."""
    return list(response.headers._store.values())
