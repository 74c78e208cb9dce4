"""A series of appointments: the same thing at the same time of day, with the same days between, all agreed or none."""

from __future__ import annotations

from datetime import datetime, timedelta

from tovholder import store
from tovholder.access import Context
from tovholder.appointments import actions
from tovholder.base import days
from tovholder.base.errors import rule
from tovholder.plan.values import Appointment

MOST = 30  # times in a series
LONGEST = 90  # days between two of them


def book_series(
    ctx: Context,
    *,
    patient_id: str,
    kind: str,
    start: datetime,
    times: int,
    every_days: int,
    minutes: int = 30,
    episode_id: str | None = None,
) -> tuple[Appointment, ...]:
    """Agree ``times`` appointments, the first at ``start``, ``every_days`` apart by the clock on the wall.

    Raises Problem as ``actions.book`` does (one that is agreed already: CONFLICT, and none of them is), RULE for a series
    that cannot be meant.
    """
    if not 1 <= times <= MOST:
        raise rule("times", "so many appointments are no series", f"1 to {MOST}", kept="nothing was booked")
    if times > 1 and not 1 <= every_days <= LONGEST:
        raise rule("every", "so many days between are no series", f"1 to {LONGEST}", kept="nothing was booked")
    if start.tzinfo is None:
        raise rule("Appointment.start", "the time has no time zone", "an instant with its zone")
    wall = start.astimezone(days.COPENHAGEN)
    with store.unit_of_work(ctx, patients=[patient_id]):
        return tuple(
            actions.book(
                ctx,
                patient_id=patient_id,
                kind=kind,
                # The same time of day on both sides of a change to or from summer time.
                start=wall + timedelta(days=number * every_days),
                minutes=minutes,
                episode_id=episode_id,
            )
            for number in range(times)
        )
