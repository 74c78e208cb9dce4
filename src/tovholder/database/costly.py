"""Statements a database refuses for their size, by which the one who asked too much at once can be told apart."""

from __future__ import annotations

from django.db import DatabaseError

# SQLite has no numbers for them; its limits are those of https://www.sqlite.org/limits.html.
_SQLITE = (
    "parser stack overflow",
    "Expression tree is too large",
    "too many SQL variables",
    "too many terms in compound SELECT",
    "LIKE or GLOB pattern too complex",
    "at most 64 tables in a join",
)
_POSTGRESQL = "54"  # the class "program limit exceeded" of SQLSTATE


def is_too_much(error: DatabaseError) -> bool:
    """Whether the statement itself was too large or too deep, which no second try changes."""
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_POSTGRESQL)
    return str(error).startswith(_SQLITE)
