"""Our signing keys: made when first needed, renewed in time, the private part encrypted under the server's secret key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, RSAKey, import_key

from tovholder import database
from tovholder.access.models import SmartKey
from tovholder.access.smart.domain import ID_TOKEN_ALGORITHMS, ID_TOKEN_SECONDS
from tovholder.base import days, json

# A key signs this long; after that another does, and it is published until what it signed last has run out.
LIFE = timedelta(days=90)
_AFTER = timedelta(seconds=ID_TOKEN_SECONDS) + timedelta(hours=1)
_CURVE = "P-384"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that may sign now."""

    kid: str
    algorithm: str
    key: Key


def signing_key(algorithm: str, now: datetime) -> SigningKey:
    """The key that signs by this algorithm now, made where there is none (or none this server can open)."""
    held = SmartKey.objects.filter(algorithm=algorithm, retired_ms__isnull=True).first()
    opened = _opened(held) if held is not None else None
    if held is not None and opened is not None:
        return SigningKey(held.kid, algorithm, opened)
    return _made(algorithm, now)


def make_missing(now: datetime) -> None:
    """See that there is a key for each algorithm (at set-up)."""
    for algorithm in ID_TOKEN_ALGORITHMS:
        signing_key(algorithm, now)


def rotate(now: datetime, *, older_than: timedelta = timedelta(0)) -> int:
    """Make new keys in place of those that have signed long enough; remove what is published in vain. Returns how many
    were made.
    """
    bound = days.millis(now - older_than)
    made = 0
    for algorithm in ID_TOKEN_ALGORITHMS:
        held = SmartKey.objects.filter(algorithm=algorithm, retired_ms__isnull=True).first()
        if held is None or held.created_ms <= bound:
            _made(algorithm, now)
            made += 1
    SmartKey.objects.filter(retired_ms__lt=days.millis(now - _AFTER)).delete()
    return made


def published(now: datetime) -> dict[str, Any]:
    """The JSON Web Key Set (RFC 7517 §5): public parts alone."""
    make_missing(now)
    return {"keys": [json.loads(row.public) for row in _published(now)]}


def algorithm_of(kid: str, now: datetime) -> tuple[str, Key] | None:
    """A published key and its algorithm, to check what we signed; None for another's."""
    row = next((row for row in _published(now) if row.kid == kid), None)
    return None if row is None else (row.algorithm, import_key(json.loads(row.public)))


def _published(now: datetime) -> list[SmartKey]:
    still = days.millis(now - _AFTER)
    return [row for row in SmartKey.objects.order_by("created_ms") if row.retired_ms is None or row.retired_ms > still]


def _made(algorithm: str, now: datetime) -> SigningKey:
    key: Key = RSAKey.generate_key(2048) if algorithm == "RS256" else ECKey.generate_key(_CURVE)
    kid = key.thumbprint()
    told = {"kid": kid, "use": "sig", "alg": algorithm}
    row = SmartKey(
        kid=kid,
        algorithm=algorithm,
        public=json.dumps(key.as_dict(private=False) | told).decode(),
        private=jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, json.dumps(key.as_dict(private=True)), _wrap()),
        created_ms=days.millis(now),
    )
    try:
        with database.write_turn(), transaction.atomic():
            before = SmartKey.objects.filter(algorithm=algorithm, retired_ms__isnull=True)
            before.update(retired_ms=days.millis(now))
            row.save(force_insert=True)
    except IntegrityError:  # another process made one at the same moment: theirs holds
        held = SmartKey.objects.get(algorithm=algorithm, retired_ms__isnull=True)
        opened = _opened(held)
        if opened is None:
            raise
        return SigningKey(held.kid, algorithm, opened)
    return SigningKey(kid, algorithm, key)


def _opened(row: SmartKey) -> Key | None:
    try:
        found = jwe.decrypt_compact(row.private, _wrap())
    except JoseError:
        return None  # made under another secret key
    return import_key(json.loads(found.plaintext or b""))


def _wrap() -> OctKey:
    # Derived, so that what it seals opens nothing else that the secret key seals.
    secret = hashlib.sha256(b"tovholder.access.smart.key " + settings.SECRET_KEY.encode()).digest()
    return OctKey.import_key(secret)
