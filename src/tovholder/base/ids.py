"""Where ids come from: opaque, random or seeded, always valid FHIR ids (R4 §2.24.0.1 id)."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable

Ids = Callable[[], str]
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def random_ids() -> str:
    """A random UUID: says nothing about the patient and cannot be guessed."""
    return str(uuid.uuid4())


def seeded_ids(seed: int) -> Ids:
    """The same ids in the same order for the same seed (tests, demo)."""
    source = random.Random(seed)
    return lambda: str(uuid.UUID(int=source.getrandbits(128), version=4))


def is_fhir_id(text: str) -> bool:
    """Whether the text may be a FHIR logical id."""
    return bool(_FHIR_ID.fullmatch(text))
