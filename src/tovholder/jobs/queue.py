"""Durable background jobs: put in line in the caller's transaction, asked about, cancelled; django-tasks keeps the line.

A job is a function ``(context: Run, **arguments)`` marked with ``job``; arguments and result are JSON. It runs at least
once: killed half-way, it is run again from the start, so it must bear that (jobs/worker.py, jobs/reaper.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django_tasks import task
from django_tasks.base import Task
from django_tasks_db.models import DBTaskResult

from tovholder import database
from tovholder.jobs.models import JobState

Job = Task[Any, Any]


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


_STATES = {
    "READY": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCESSFUL": State.DONE,
    "FAILED": State.FAILED,
}


class Stopped(Exception):
    """The job is wanted no more, or another worker has it: leave, and leave nothing behind."""


@dataclass(slots=True)
class Run:
    """One run of a job: which it is, and the way to say how far it has come."""

    job_id: str
    attempt: int
    told: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, progress: str) -> None:
        """Say how far the job is (at most 100 characters). Raises Stopped when it shall end."""
        self.told = progress[:100]
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        """The next ``tell`` ends the job."""
        self._stop.set()


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a job. told: its progress, or why it failed; times are aware, None when not yet."""

    job_id: str
    name: str
    state: State
    owner: str
    told: str
    attempts: int
    arguments: dict[str, Any]
    result: Any
    enqueued: datetime
    finished: datetime | None
    cancelled: bool


def job(function: Callable[..., Any]) -> Job:
    """Mark a function as a job."""
    made: Job = task(takes_context=True)(function)
    return made


def enqueue(work: Job, *, owner: str = "", **arguments: Any) -> str:
    """Put a job in line and return its id; it is there when the caller's transaction is, and only then."""
    with turn():
        job_id = str(work.enqueue(**arguments).id)
        JobState.objects.create(job_id=job_id, owner=owner)
    return job_id


@contextmanager
def turn() -> Iterator[None]:
    """A transaction for the queue's own rows; joins the caller's."""
    if connection.in_atomic_block:
        yield
        return
    with database.write_turn(), transaction.atomic():
        yield


def status(job_id: str) -> Status | None:
    """What is known of a job; None when there is none of that id."""
    try:
        row = DBTaskResult.objects.filter(id=UUID(job_id)).first()
    except ValueError:
        return None
    return None if row is None else _status(row, JobState.objects.filter(job_id=row.id).first())


def jobs() -> list[Status]:
    """Every job there is, the newest first."""
    states = {state.job_id: state for state in JobState.objects.all()}
    return [_status(row, states.get(row.id)) for row in DBTaskResult.objects.order_by("-enqueued_at")]


def _status(row: Any, state: JobState | None) -> Status:
    return Status(
        str(row.id),
        row.task_path.rpartition(".")[2],
        _STATES[row.status],
        state.owner if state else "",
        state.told if state else "",
        len(row.worker_ids),
        row.args_kwargs["kwargs"],
        row.return_value,
        row.enqueued_at,
        row.finished_at,
        bool(state and state.cancelled),
    )


def remove(job_id: str) -> None:
    """Take a job away: at once, or as soon as its worker notices."""
    with turn():
        running = DBTaskResult.objects.filter(id=job_id, status="RUNNING")
        if running.select_for_update().exists():
            JobState.objects.filter(job_id=job_id).update(cancelled=True)
        else:
            DBTaskResult.objects.filter(id=job_id).delete()
            JobState.objects.filter(job_id=job_id).delete()
