"""The shape of the search index: its tables' columns, and the number each search parameter has in them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

ColumnKind = Literal["int", "text", "real"]

# Columns in the order they are searched by; the resource's key follows them. Dates are [low, high) in epoch
# milliseconds. A string stands folded (value) and as written (text; empty under ``:text``, which is never asked for
# exactly). A reference elsewhere has no type and its address as rid. The first part of a composite is always a token;
# the second is a token (code2, system2), a folded text (code2), a reference (rid in code2, type in system2), or a
# number or date (low, high; a number's unit in code2, system2). What a part does not fill is 0 or empty.
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


# Ranges cannot be asked for one resource at a time by their primary key; these tables have an index (key, param) for
# that. Their rows are few and small, and keys only grow.
BY_KEY = frozenset({"store_date", "store_quantity"})


def primary_key(table: str) -> tuple[str, ...]:
    """The order a table's rows stand in: what is asked for, then the resource, then the rest.

    So one resource is checked by a single look (does this Observation have this code, in whatever system?), and the
    resources with a code follow each other by key.
    """
    first, second, *rest = (name for name, _ in INDEX_TABLES[table])
    return first, second, "key", *rest


@lru_cache(maxsize=8192)
def param_id(name: str) -> int:
    """The number a parameter (``Observation.code``, ``Observation.code:text``) has in the index: stable, 32 bits.

    That no two names share a number is tested over all there are.
    """
    return zlib.crc32(name.encode()) - 2**31
