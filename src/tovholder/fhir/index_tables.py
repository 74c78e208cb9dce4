"""The shape of the search index: its tables' columns, and the number each search parameter has in them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

ColumnKind = Literal["int", "text", "real"]

# Columns in the order they are searched by; the resource's key follows them. Dates are [low, high) in epoch
# milliseconds. A string stands folded (value) and as written (text). The first part of a composite is always a token;
# the second is a token (code2, system2), a text (code2), or a number or date (low, high; a number's unit in code2,
# system2).
INDEX_TABLES: Mapping[str, tuple[tuple[str, ColumnKind], ...]] = {
    "store_token": (("param", "int"), ("code", "text"), ("system", "text")),
    "store_date": (("param", "int"), ("low", "int"), ("high", "int")),
    "store_string": (("param", "int"), ("value", "text"), ("text", "text")),
    "store_reference": (("param", "int"), ("rid", "text"), ("type", "text")),
    "store_uri": (("param", "int"), ("uri", "text")),
    "store_quantity": (("param", "int"), ("low", "real"), ("high", "real"), ("system", "text"), ("code", "text")),
    "store_composite": (
        ("param", "int"),
        ("code", "text"),
        ("system", "text"),
        ("low", "real"),
        ("high", "real"),
        ("code2", "text"),
        ("system2", "text"),
    ),
}


@lru_cache(maxsize=8192)
def param_id(name: str) -> int:
    """The number a parameter (``Observation.code``, ``Observation.code:text``) has in the index: stable, 32 bits.

    That no two names share a number is tested over all there are.
    """
    return zlib.crc32(name.encode()) - 2**31
