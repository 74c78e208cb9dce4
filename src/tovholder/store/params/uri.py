"""URI search: the whole URI; :below is what starts with it, :above what it starts with (R4 §3.1.1.4.13)."""

from __future__ import annotations

from tovholder.fhir.search_values import bounded
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.string import starts_with
from tovholder.store.params.terms import Term, among

MODIFIERS = ("below", "above")


def term(asked: Asked) -> Term:
    """Resources with one of the URIs."""
    asked.without(*MODIFIERS)
    values = [bounded(plain(value)) for value in asked.values]
    if asked.modifier == "below":
        return asked.rows("store_uri", [starts_with(value, "t.uri") for value in values])
    if asked.modifier == "above":
        # What a URI starts with can be counted on the fingers, so each is looked up.
        values = [value[:end] for value in values for end in range(1, len(value) + 1)]
    return asked.rows("store_uri", [among("t.uri", list(dict.fromkeys(values)))], exact=True)
