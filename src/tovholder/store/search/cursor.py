"""Where a page ended, sealed: nobody can read it (a place in an order by name is a name) or change it.

A search sent by POST travels inside as well, so that the links of its pages name nothing either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from tovholder.base.errors import Problem
from tovholder.store.params.asked import refused

Params = tuple[tuple[str, str], ...]
_PURPOSE = b"tovholder search page"


@dataclass(frozen=True, slots=True)
class Cursor:
    """search: what it belongs to (``mark``). place: the values sorted by, and the key, of the last resource given.

    seq: the newest version there was when the first page was given. params: the search itself, when it came by POST.
    """

    search: str
    place: tuple[Any, ...] | None
    seq: int
    params: Params | None = None


def mark(kind: str, params: Sequence[tuple[str, str]]) -> str:
    """The same for the same search: a cursor is of no use in another."""
    return hashlib.blake2b(orjson.dumps([kind, *sorted(params)]), digest_size=9).hexdigest()


def seal(cursor: Cursor) -> str:
    """The cursor as text for an address."""
    told = orjson.dumps([cursor.search, cursor.place, cursor.seq, cursor.params])
    sealed = _cipher(settings.SECRET_KEY).encrypt(zlib.compress(told) if cursor.params else told, [_PURPOSE])
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(text: str) -> Cursor:
    """The cursor a text stands for. Raises Problem(INVALID) for one that is not ours."""
    try:
        sealed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        told = _cipher(settings.SECRET_KEY).decrypt(sealed, [_PURPOSE])
    except (ValueError, binascii.Error, InvalidTag):
        raise not_ours() from None
    search, place, seq, params = orjson.loads(told if told[:1] == b"[" else zlib.decompress(told))
    return Cursor(
        search,
        None if place is None else tuple(place),
        seq,
        None if params is None else tuple((name, value) for name, value in params),
    )


def not_ours() -> Problem:
    """A cursor that is unreadable or belongs to another search."""
    return refused("_cursor", "the page cursor is not one of this search", "a link we gave, as it was")


@lru_cache(maxsize=2)
def _cipher(secret: str) -> AESSIV:
    # Encrypts without a nonce: the same place gives the same text, and nothing random is needed (RFC 5297).
    return AESSIV(hashlib.blake2b(_PURPOSE, key=hashlib.sha512(secret.encode()).digest(), digest_size=64).digest())
