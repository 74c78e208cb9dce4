"""What the one worker does again and again: each duty in a thread of its own, so that a long one delays no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import close_old_connections, connections

from tovholder.base.clock import Clock, system_clock

# A duty that rests for longer than this many seconds holds no connection meanwhile: a process may have only a few.
SHORT_REST = 2.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something done every so many seconds, counted from the end of the last time. It must bear being run again."""

    name: str
    every: float
    run: Callable[[datetime], object]


def start(duties: Iterable[Duty], ended: threading.Event, clock: Clock = system_clock) -> list[threading.Thread]:
    """Begin the duties; they go on until ``ended`` is set. One that fails is logged and tried again next time."""
    threads = [
        threading.Thread(target=_keep, args=(duty, ended, clock), name=f"duty-{duty.name}", daemon=True)
        for duty in duties
    ]
    for thread in threads:
        thread.start()
    return threads


def _keep(duty: Duty, ended: threading.Event, clock: Clock) -> None:
    while not ended.is_set():
        try:
            close_old_connections()
            duty.run(clock())
        except Exception:
            log.exception("duty failed; tried again shortly", duty=duty.name)
            connections.close_all()
        if duty.every > SHORT_REST:
            connections.close_all()
        ended.wait(duty.every)
    connections.close_all()
