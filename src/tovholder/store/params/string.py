"""String search: starts with, :contains, :exact, on text folded the same way as the index (R4 §3.1.1.4.9)."""

from __future__ import annotations

from tovholder.fhir.search_values import bounded
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.terms import Sql, Term

MODIFIERS = ("exact", "contains")
LAST = "\U0010ffff"


def term(asked: Asked) -> Term:
    """Resources with a text that starts with (contains, is exactly) one of the values."""
    asked.without(*MODIFIERS)
    return asked.rows("store_string", [_way(asked, plain(value)) for value in asked.values])


def _way(asked: Asked, value: str) -> Sql:
    folded = bounded(asked.parameter.folded(value))
    if asked.modifier == "exact":
        return Sql("t.value = %s AND t.text = %s", (folded, bounded(value)))
    if asked.modifier == "contains":
        return Sql("t.value LIKE %s ESCAPE '!'", (f"%{_literal(folded)}%",))
    return starts_with(folded)


def starts_with(folded: str, column: str = "t.value") -> Sql:
    """Texts that start so."""
    wanted = bounded(folded)
    return Sql(f"{column} >= %s AND {column} < %s", (wanted, wanted + LAST))


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
