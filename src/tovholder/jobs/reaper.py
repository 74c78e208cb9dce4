"""Puts jobs whose worker died back in line, gives up on those that kill their worker, and forgets old ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django_tasks_db.models import DBTaskResult

from tovholder.base import days
from tovholder.jobs import process
from tovholder.jobs.models import JobState
from tovholder.jobs.queue import turn
from tovholder.jobs.worker import ATTEMPTS

SILENCE = timedelta(seconds=30)  # without a sign of life for so long, a worker elsewhere counts as dead
KEPT = timedelta(days=30)
log = structlog.get_logger(__name__)


class WorkerDied(Exception):
    """What a job failed of that was given up."""


def reap(now: datetime) -> list[str]:
    """Put the jobs of dead workers back in line, or fail them after the last attempt; returns the ids of both."""
    if not _dead(now):  # asked without taking the writer's turn
        return []
    found = []
    with turn():
        for state, row in _dead(now, lock=True):
            words = log.bind(job=row.task_path.rpartition(".")[2], id=str(row.id), attempt=len(row.worker_ids))
            if state.cancelled:
                row.delete()
                state.delete()
                words.info("job cancelled")
            elif len(row.worker_ids) >= ATTEMPTS:
                state.told = f"The worker died {len(row.worker_ids)} times while it ran this job"
                state.save()
                row.set_failed(WorkerDied(state.told))
                words.error("job failed for good")
            else:
                row.status = "READY"
                row.save(update_fields=["status"])
                words.warning("job put back: its worker died")
            found.append(str(state.job_id))
    return found


def _dead(now: datetime, *, lock: bool = False) -> list[tuple[JobState, Any]]:
    silent = days.millis(now - SILENCE)
    running = DBTaskResult.objects.running()
    rows = {row.id: row for row in (running.select_for_update(skip_locked=True) if lock else running)}
    states = JobState.objects.filter(job_id__in=list(rows))
    return [(one, rows[one.job_id]) for one in states if one.beat_ms < silent or process.is_gone(one.worker)]


def forget(now: datetime) -> int:
    """Remove jobs that ended long ago; returns how many."""
    old = DBTaskResult.objects.filter(status__in=("SUCCESSFUL", "FAILED"), finished_at__lt=now - KEPT)
    if not old.exists():
        return 0
    with turn():
        ids = list(old.values_list("id", flat=True))
        DBTaskResult.objects.filter(id__in=ids).delete()
        JobState.objects.filter(job_id__in=ids).delete()
    return len(ids)
