"""Runs queued jobs: claims one, gives signs of life while it runs, and writes how it ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django_tasks_db.models import DBTaskResult

from tovholder.base import days
from tovholder.base.clock import Clock, system_clock
from tovholder.base.errors import Category, Problem
from tovholder.jobs import process
from tovholder.jobs.models import JobState
from tovholder.jobs.queue import Run, Stopped, turn

BEAT = 2.0  # seconds between signs of life
ATTEMPTS = 5
log = structlog.get_logger(__name__)


class Worker:
    """Takes jobs from the line, one at a time."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self.name = process.name()
        self._clock = clock
        self._run: Run | None = None
        self._closing = threading.Event()

    def work(self) -> int:
        """Run jobs until the line is empty or the worker closes; returns how many ended, well or not."""
        ended = 0
        while not self._closing.is_set():
            claimed = self._claim()
            if claimed is None:
                break
            self._perform(*claimed)
            ended += 1
        return ended

    def close(self) -> None:
        """Take no more jobs; the one under way stops at its next step and goes back in line."""
        self._closing.set()
        if self._run is not None:
            self._run.stop()

    def _claim(self) -> tuple[Any, Run] | None:
        ready = DBTaskResult.objects.ready()
        if not ready.exists():  # asked without taking the writer's turn
            return None
        with turn():
            row = ready.get_locked()
            if row is None:
                return None
            row.claim(self.name)
            state, _ = JobState.objects.get_or_create(job_id=row.id)
            state.worker, state.beat_ms, state.told = self.name, self._now_ms(), ""
            state.save()
        return row, Run(str(row.id), len(row.worker_ids))

    def _perform(self, row: Any, run: Run) -> None:
        words = log.bind(job=row.task_path.rpartition(".")[2], id=run.job_id, attempt=run.attempt)
        words.info("job started")
        self._run = run
        try:
            with self._beating(run):
                result = row.task.func(run, *row.args_kwargs["args"], **row.args_kwargs["kwargs"])
        except Stopped:
            self._stopped(row, words)
        except Problem as problem:
            again = problem.category is Category.BUSY
            self._failed(row, run, problem, problem.message, again=again, words=words)
        except (OperationalError, InterfaceError, OSError) as error:
            connection.close()  # it may be the connection that is ill
            told = "The machine or the database did not answer"
            self._failed(row, run, error, told, again=True, words=words)
        except Exception as error:
            words.exception("job failed")
            told = f"Something failed on our side; quote {run.job_id} when you report it"
            self._failed(row, run, error, told, again=False, words=words)
        else:
            with turn():
                if self._is_mine(row):
                    row.set_successful(result)
            words.info("job done")
        finally:
            self._run = None

    def _is_mine(self, row: Any) -> bool:
        # Another worker has it when this one gave no sign of life for too long.
        mine = JobState.objects.select_for_update().filter(job_id=row.id, worker=self.name).exists()
        return mine and DBTaskResult.objects.filter(id=row.id, status="RUNNING").exists()

    def _stopped(self, row: Any, words: Any) -> None:
        with turn():
            if not self._is_mine(row):
                return
            if JobState.objects.filter(job_id=row.id, cancelled=True).exists():
                row.delete()
                JobState.objects.filter(job_id=row.id).delete()
                words.info("job cancelled")
                return
            # The worker closes: that is no fault of the job's, so it costs no attempt.
            row.status, row.worker_ids = "READY", row.worker_ids[:-1]
            row.save(update_fields=["status", "worker_ids"])
        words.info("job put back")

    def _failed(self, row: Any, run: Run, error: Exception, told: str, *, again: bool, words: Any) -> None:
        with turn():
            if not self._is_mine(row):
                return
            JobState.objects.filter(job_id=row.id).update(told=told[:300])
            if again and run.attempt < ATTEMPTS:
                row.status, row.run_after = "READY", self._clock() + pause(run.attempt)
                row.save(update_fields=["status", "run_after"])
                words.warning("job is tried again later", error=type(error).__name__)
                return
            row.set_failed(error)
        words.error("job failed for good", error=type(error).__name__)

    @contextmanager
    def _beating(self, run: Run) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(run, ended), name=f"beat-{run.job_id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _beat(self, run: Run, ended: threading.Event) -> None:
        # In a thread with a connection of its own: the job may be in the middle of a long reading transaction.
        try:
            while not ended.wait(BEAT):
                try:
                    with turn():
                        mine = JobState.objects.filter(job_id=run.job_id, worker=self.name)
                        held = mine.update(beat_ms=self._now_ms(), told=run.told)
                        wanted = mine.filter(cancelled=False).exists()
                except OperationalError:
                    log.warning("no sign of life could be written; tried again shortly", id=run.job_id)
                    connection.close()
                    continue
                if not held or not wanted:
                    run.stop()
        finally:
            connection.close()

    def _now_ms(self) -> int:
        return days.millis(self._clock())


def pause(attempt: int) -> timedelta:
    """How long a job waits after an attempt that failed for a passing reason."""
    return timedelta(seconds=5 * 4 ** (attempt - 1))
