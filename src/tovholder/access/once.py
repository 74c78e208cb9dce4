"""What may be used once: who comes with it again is told so, in every process, as long as it would hold by itself."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from tovholder import database
from tovholder.access.models import SmartAssertion
from tovholder.base import days


def first_time(kind: str, text: str, now: datetime, *, seconds: int) -> bool:
    """Note that this came, as a keyed hash for so many seconds; False when it has come before.

    kind: what it is, so that one kind's texts are never another's.
    """
    digest = salted_hmac(f"tovholder.access.smart.{kind}", text, algorithm="sha256").hexdigest()
    row = SmartAssertion(digest=digest, until_ms=days.millis(now) + seconds * 1000)
    try:
        with database.write_turn(), transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True
