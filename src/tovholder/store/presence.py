"""Whether the database file is still the one this process opened: one moved or replaced is noticed, never written past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.http import HttpRequest, HttpResponse

from tovholder.base.errors import Category, Problem


def unreachable() -> Problem:
    """What is told when the record does not answer."""
    return Problem(
        Category.BUSY,
        "The record cannot be reached just now; try again",
        kept="what was stored before; nothing of this was stored unless you were told so",
    )


def check() -> None:
    """Raise Problem(BUSY) when the file is gone; open the new one when another stands in its place.

    An open file outlives its name: without this a server would go on storing into a file nobody will find again,
    and would make an empty one where the record was.
    """
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or ":memory:" in name or "mode=memory" in name or connection.in_atomic_block:
        return
    try:
        told = Path(name).stat()
    except OSError:
        connection.close()
        raise unreachable() from None
    now = (told.st_dev, told.st_ino)
    if connection.connection is not None and getattr(connection, "tovholder_file", now) != now:
        connection.close()
    connection.tovholder_file = now  # type: ignore[attr-defined] # ours, beside the connection it speaks of


class PresenceMiddleware:
    """Asks before anything of a request reads or writes, sessions included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        check()
        return self.get_response(request)
