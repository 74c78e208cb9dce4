"""Where ids come from: opaque, random or seeded, always valid FHIR ids (R4 §2.24.0.1 id)."""

from __future__ import annotations

import os
import random
import re
import time
import uuid
from collections.abc import Callable

Ids = Callable[[], str]
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def random_ids() -> str:
    """A UUID of version 7 (RFC 9562 §5.7): when it was made, and 74 random bits that cannot be guessed.

    It says nothing about the patient. What is stored together lies together in every index that goes by id.
    """
    now, chance = f"{time.time_ns() // 1_000_000:012x}", os.urandom(10).hex()
    variant = "89ab"[int(chance[3], 16) & 3]
    return f"{now[:8]}-{now[8:]}-7{chance[:3]}-{variant}{chance[4:7]}-{chance[7:19]}"


def seeded_ids(seed: int) -> Ids:
    """The same ids in the same order for the same seed (tests, demo)."""
    source = random.Random(seed)
    return lambda: str(uuid.UUID(int=source.getrandbits(128), version=4))


def request_id() -> str:
    """What logs, audit trail and error answers know one request by: 32 hexadecimal digits, by chance."""
    return os.urandom(16).hex()


def is_fhir_id(text: str) -> bool:
    """Whether the text may be a FHIR logical id."""
    return bool(_FHIR_ID.fullmatch(text))
