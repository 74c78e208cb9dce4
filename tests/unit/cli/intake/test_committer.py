"""Answers are released when their rows are written, with what kept them from it where they cannot be."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import DatabaseError, connection

from tovholder.access import audit, system_context
from tovholder.base.clock import system_clock
from tovholder.cli.intake.committer import ROOM, Committer, Waiting, settle

on_database = pytest.mark.django_db(transaction=True)


def entry(detail: str) -> audit.Entry:
    return audit.Entry(system_context(system_clock(), "test"), "read", frozenset({"p"}), detail)


def waiting(detail: str, size: int = 1) -> Waiting:
    return Waiting(detail, b"x" * size, [entry(detail)])


def details() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


@on_database
def test_rows_of_all_are_written() -> None:
    batch = [waiting("Patient/1"), waiting("Patient/2")]
    settle(batch)
    assert [one.error for one in batch] == [None, None]
    assert details() == ["Patient/1", "Patient/2"]


@on_database
def test_a_row_that_cannot_be_written_keeps_back_its_own_answer_alone() -> None:
    wrong = Waiting("wrong", b"", [replace(entry("Patient/2"), outcome=None)])  # type: ignore[arg-type]
    batch = [waiting("Patient/1"), wrong, waiting("Patient/3")]
    settle(batch)
    assert [one.error is None for one in batch] == [True, False, True]
    assert isinstance(wrong.error, DatabaseError)
    assert details() == ["Patient/1", "Patient/3"]


@on_database
def test_where_no_row_can_be_written_no_answer_is_let_go() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE access_auditevent RENAME TO away")
    batch = [waiting("Patient/1"), waiting("Patient/2")]
    try:
        settle(batch)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO access_auditevent")
    assert all(isinstance(one.error, DatabaseError) for one in batch)
    assert details() == []


@on_database
def test_who_waits_takes_room_until_released() -> None:
    released: list[Waiting] = []
    go_on, done = threading.Event(), threading.Event()

    def release(batch: list[Waiting]) -> None:
        released.extend(batch)
        done.set()
        go_on.wait(10)

    committer = Committer(release)
    committer.give([waiting("Patient/1")])
    assert done.wait(10)
    assert committer.has_room()
    committer.give([waiting("Patient/2", ROOM)])  # its thread is busy
    assert not committer.has_room()
    done.clear()
    go_on.set()
    assert done.wait(10)
    assert committer.has_room()
    assert [one.owner for one in released] == ["Patient/1", "Patient/2"]
