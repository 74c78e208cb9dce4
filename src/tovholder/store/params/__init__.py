"""Search parameters into SQL over the index tables; one module per parameter type (R4 §3.1.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from tovholder.store.params import composite, date, number, quantity, reference, special, string, token, uri
from tovholder.store.params.asked import Asked
from tovholder.store.params.terms import Term

_BY_KIND: dict[str, Callable[[Asked], Term]] = {
    "composite": composite.term,
    "date": date.term,
    "number": number.term,
    "quantity": quantity.term,
    "reference": reference.term,
    "string": string.term,
    "token": token.term,
    "uri": uri.term,
}


def term(asked: Asked) -> Term:
    """One parameter as a condition. Raises Problem(INVALID) for a value or modifier its type does not take."""
    if asked.modifier == "missing":
        return special.missing(asked)
    if asked.parameter is special.ID:
        return special.ids(asked)
    if asked.parameter is special.LAST_UPDATED:
        return special.last_updated(asked)
    return _BY_KIND[asked.parameter.kind](asked)
