"""What is done once a day: what has run out is taken away, signing keys are renewed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tovholder import database
from tovholder.access.models import (
    SmartAssertion,
    SmartCode,
    SmartGrant,
    SmartLaunch,
    SmartRequest,
    SmartToken,
)
from tovholder.access.smart import keys
from tovholder.base import days

# Afterwards still known for a day: whoever comes with it is told the same as for one never made, but a replay is seen.
_AFTER = timedelta(days=1)


def run(now: datetime) -> int:
    """Take away what ran out a day ago; renew old signing keys. Returns how many rows went."""
    keys.rotate(now, older_than=keys.LIFE)
    bound = days.millis(now - _AFTER)
    gone = 0
    for table in (SmartAssertion, SmartLaunch, SmartRequest, SmartCode, SmartToken):
        with database.write_turn(), transaction.atomic():
            gone += table.objects.filter(until_ms__lt=bound).delete()[0]
    with database.write_turn(), transaction.atomic():
        empty = SmartGrant.objects.filter(created_ms__lt=bound, smarttoken__isnull=True, smartcode__isnull=True)
        gone += empty.delete()[0]
    return gone
