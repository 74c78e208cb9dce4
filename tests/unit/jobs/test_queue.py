"""Queued jobs: with their transaction or not at all, run by one worker, tried again, given up, cancelled."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from lib import jobs
from tovholder.base.clock import system_clock
from tovholder.jobs import process, queue, reaper, worker
from tovholder.jobs.models import JobState
from tovholder.jobs.queue import State
from tovholder.jobs.worker import ATTEMPTS, Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    return tmp_path / "paper"


def lines(paper: Path) -> list[str]:
    return paper.read_text(encoding="utf-8").split() if paper.exists() else []


def status(job_id: str) -> queue.Status:
    found = queue.status(job_id)
    assert found is not None
    return found


def make_ready(job_id: str) -> None:
    """Lets the pause before the next attempt pass."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_tasks_database_dbtaskresult SET run_after = %s", [datetime(2020, 1, 1, tzinfo=UTC)]
        )


def test_a_job_is_run_once_and_its_result_kept(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, owner="me", path=str(paper), text="a")
    assert status(job_id).state is State.WAITING
    assert Worker().work() == 1
    assert Worker().work() == 0
    found = status(job_id)
    assert (found.state, found.result, found.owner, found.attempts) == (State.DONE, 1, "me", 1)
    assert (found.name, found.arguments["text"]) == ("add", "a")
    assert lines(paper) == ["a:1"]


def test_jobs_are_run_in_the_order_they_came(paper: Path) -> None:
    for text in "abc":
        queue.enqueue(jobs.add, path=str(paper), text=text)
    assert Worker().work() == 3
    assert lines(paper) == ["a:1", "b:1", "c:1"]


def test_what_is_undone_leaves_no_job(paper: Path) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
        raise RuntimeError
    assert queue.status(job_id) is None
    assert Worker().work() == 0


def test_nobody_sees_a_job_before_its_transaction_ends(paper: Path) -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(queue.status(job_id))
        connection.close()

    with transaction.atomic():
        job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [None]
    assert queue.status(job_id) is not None


def test_a_refusal_is_told_and_not_tried_again(paper: Path) -> None:
    job_id = queue.enqueue(jobs.refuse, path=str(paper))
    Worker().work()
    assert (status(job_id).state, status(job_id).told) == (State.FAILED, "The rule says no")
    assert lines(paper) == ["refused:1"]


def test_a_fault_is_told_without_what_it_was_about(paper: Path) -> None:
    job_id = queue.enqueue(jobs.fail, path=str(paper))
    Worker().work()
    assert status(job_id).state is State.FAILED
    assert job_id in status(job_id).told and "name" not in status(job_id).told


def test_what_passes_is_tried_again_later_and_given_up_in_the_end(paper: Path) -> None:
    job_id = queue.enqueue(jobs.away, path=str(paper))
    assert Worker().work() == 1  # and not again at once
    assert status(job_id).state is State.WAITING
    for _ in range(ATTEMPTS):
        make_ready(job_id)
        Worker().work()
    assert status(job_id).state is State.FAILED
    assert lines(paper) == [f"away:{attempt}" for attempt in range(1, ATTEMPTS + 1)]


def test_two_workers_never_run_the_same_job(paper: Path) -> None:
    ids = [queue.enqueue(jobs.add, path=str(paper), text=str(number)) for number in range(12)]

    def work() -> None:
        Worker().work()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(status(job_id).state is State.DONE for job_id in ids)
    assert sorted(lines(paper)) == sorted(f"{number}:1" for number in range(12))


def begin(paper: Path, runner: Worker) -> threading.Thread:
    """The worker in a thread of its own, in the middle of a job."""

    def work() -> None:
        runner.work()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 20
    while not lines(paper):
        assert time.monotonic() < until
        time.sleep(0.02)
    return thread


def test_a_running_job_tells_how_far_it_is_and_can_be_cancelled(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.05)
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=60)
    thread = begin(paper, Worker())
    while status(job_id).told != "waiting":
        time.sleep(0.02)
    queue.remove(job_id)
    thread.join(20)
    assert not thread.is_alive()
    assert queue.status(job_id) is None
    assert lines(paper) == ["began:1"]


def test_a_waiting_job_is_cancelled_at_once(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
    queue.remove(job_id)
    assert queue.status(job_id) is None
    assert Worker().work() == 0


def test_a_worker_that_closes_puts_its_job_back(paper: Path) -> None:
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=60)
    runner = Worker()
    thread = begin(paper, runner)
    runner.close()
    thread.join(20)
    assert not thread.is_alive()
    assert (status(job_id).state, status(job_id).attempts) == (State.WAITING, 0)


def died() -> str:
    """The name of a process that lived and is no more."""
    child = subprocess.Popen(["sleep", "60"])
    name = process.name(child.pid)
    assert not process.is_gone(name)
    child.kill()
    child.wait()
    return name


def given_to(name: str, job_id: str, beat: datetime) -> None:
    """As if that worker had claimed the job and then said nothing more."""
    runner = Worker()
    runner.name = name
    claimed = runner._claim()
    assert claimed is not None and claimed[1].job_id == job_id
    JobState.objects.filter(job_id=job_id).update(beat_ms=int(beat.timestamp() * 1000))


def test_the_job_of_a_dead_worker_is_run_again_at_once(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
    given_to(died(), job_id, system_clock())
    assert Worker().work() == 0
    assert reaper.reap(system_clock()) == [job_id]
    Worker().work()
    assert status(job_id).state is State.DONE
    assert lines(paper) == ["a:2"]


def test_a_worker_elsewhere_counts_as_dead_when_it_is_silent(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
    now = system_clock()
    given_to("another-machine:7:1", job_id, now)
    assert reaper.reap(now + reaper.SILENCE / 2) == []
    assert reaper.reap(now + reaper.SILENCE * 2) == [job_id]
    assert status(job_id).state is State.WAITING


def test_the_job_of_a_living_worker_is_left_alone(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.05)
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=60)
    runner = Worker()
    thread = begin(paper, runner)
    time.sleep(0.3)
    assert reaper.reap(system_clock()) == []
    runner.close()
    thread.join(20)
    assert status(job_id).state is State.WAITING


def test_a_job_that_kills_its_workers_is_given_up_and_told(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
    for _ in range(ATTEMPTS):
        given_to(died(), job_id, system_clock())
        assert reaper.reap(system_clock()) == [job_id]
    assert status(job_id).state is State.FAILED
    assert "died" in status(job_id).told
    assert lines(paper) == []


def test_a_worker_thought_dead_does_not_end_the_job_of_its_successor(
    paper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.05)
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=60)
    thread = begin(paper, Worker())
    JobState.objects.filter(job_id=job_id).update(worker="its-successor")
    thread.join(20)  # it notices and leaves
    assert not thread.is_alive()
    assert status(job_id).state is State.RUNNING


def test_old_jobs_are_forgotten(paper: Path) -> None:
    job_id = queue.enqueue(jobs.add, path=str(paper), text="a")
    waiting = queue.enqueue(jobs.away, path=str(paper))
    Worker().work()
    assert reaper.forget(system_clock()) == 0
    assert reaper.forget(system_clock() + reaper.KEPT + timedelta(days=1)) == 1
    assert queue.status(job_id) is None
    assert queue.status(waiting) is not None


def test_no_job_has_an_id_that_is_none() -> None:
    assert queue.status("nonsense") is None
