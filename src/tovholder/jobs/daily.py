"""The daily runs: each job once a day, caught up when the server was away, run again when it died half-way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from tovholder.base import days
from tovholder.jobs.models import DailyRun

Job = Callable[[datetime], str]
log = structlog.get_logger(__name__)


def catch_up(jobs: Mapping[str, Job], now: datetime) -> list[str]:
    """Run each job that has not finished today; returns the names run. Jobs must bear being run again.

    A job that fails is logged and tried again at the next call; the others run all the same. Two servers that start
    together may both run a job; that is harmless, since a job leaves the same result.
    """
    today = days.day_of(now)
    ran: list[str] = []
    for name, job in jobs.items():
        row, _ = DailyRun.objects.get_or_create(job=name, day=today, defaults={"started_ms": days.millis(now)})
        if row.finished_ms is not None:
            continue
        log.info("daily run started", job=name, day=days.iso(today))
        try:
            row.summary = job(now)
        except Exception:
            log.exception("daily run failed; it is tried again", job=name)
            continue
        row.finished_ms = days.millis(now)
        row.save()
        log.info("daily run finished", job=name, summary=row.summary)
        ran.append(name)
    return ran
