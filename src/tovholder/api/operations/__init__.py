"""Operations by name and level (R4 §3.2): the one table that routes, documents and declares them."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse

from tovholder.api import http
from tovholder.api.operations import parameters
from tovholder.api.operations.call import Call, Operation
from tovholder.base.errors import Category, Issue, Problem

Level = Literal["system", "type", "instance"]

# (level, type or "*", name): what is answered. A later feature adds its rows here and nowhere else.
OPERATIONS: dict[tuple[Level, str, str], Operation] = {}


def run(request: HttpRequest, name: str, kind: str = "", rid: str = "") -> HttpResponse:
    """Answer an operation. Raises Problem: NOT_FOUND lists those there are at this level."""
    ctx = http.caller(request)
    level: Level = "instance" if rid else "type" if kind else "system"
    operation = OPERATIONS.get((level, kind or "*", name)) or OPERATIONS.get((level, "*", name))
    if operation is None:
        there = ", ".join(names(level, kind)) or "none"
        raise Problem(
            Category.NOT_FOUND,
            "There is no such operation here",
            [Issue("url", "unknown operation", f"one of: {there}", "not-supported")],
            kept="nothing was read or changed",
        )
    if operation.affects_state and request.method != "POST":
        return http.not_allowed(request, "POST")
    found = operation.handler(Call(request, ctx, name, kind, rid, parameters.of_request(request)))
    return found if isinstance(found, HttpResponse) else http.answer(found)


def names(level: Level, kind: str) -> list[str]:
    """The operations there are at a level of a type, sorted."""
    return sorted({name for at, of, name in OPERATIONS if at == level and of in ("*", kind or "*")})
