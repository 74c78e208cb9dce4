"""Whether the database file is still the one this process opened: one moved or replaced is noticed, never written past."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tovholder import database
from tovholder.base.errors import Category, Problem


def unreachable() -> Problem:
    """What is told when the record does not answer."""
    return Problem(
        Category.BUSY,
        "The record cannot be reached just now; try again",
        kept="what was stored before; nothing of this was stored unless you were told so",
    )


def check() -> None:
    """Raise Problem(BUSY) when the file is gone; open the new one when another stands in its place."""
    if not database.present():
        raise unreachable()


class PresenceMiddleware:
    """Asks before anything of a request reads or writes, sessions included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        check()
        return self.get_response(request)
