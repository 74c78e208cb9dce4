"""Incremental export misses nobody: not those who are stamped before an export and committed after it, either."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection

from tovholder import store
from tovholder.access import system_context
from tovholder.base.clock import system_clock
from tovholder.store import export
from tovholder.store.export import Manifest, Selection

pytestmark = pytest.mark.django_db(transaction=True)


def basic(text: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": text}}


def exported(folder: Path) -> set[str]:
    lines = [line for path in folder.glob("Basic.*.ndjson") for line in path.read_bytes().splitlines()]
    return {orjson.loads(line)["code"]["text"] for line in lines}


def write(folder: Path, since: int | None = None, tell: Any = lambda _: None) -> Manifest:
    return export.write(system_context(system_clock(), "test"), Selection(since=since), folder, name="test", tell=tell)


def create(text: str, stamped: threading.Event | None = None, release: threading.Event | None = None) -> None:
    with store.unit_of_work(system_context(system_clock(), "test", live=True)) as uow:
        uow.create(basic(text))
        uow.flush()
        if stamped is not None and release is not None:
            stamped.set()
            assert release.wait(60)


def test_what_is_stamped_before_an_export_and_committed_after_it_is_in_the_next(tmp_path: Path) -> None:
    stamped, release = threading.Event(), threading.Event()

    def late() -> None:
        create("late", stamped, release)
        connection.close()

    create("early")
    thread = threading.Thread(target=late)
    thread.start()
    assert stamped.wait(60)
    if connection.vendor == "postgresql":
        create("quick")  # stamped after the late one, committed before the export
    time.sleep(0.05)

    def tell(progress: str) -> None:
        # All files are written; now the late one may commit (on SQLite the audit trail has to wait for it).
        if progress.startswith("writing the audit trail"):
            release.set()

    first = write(tmp_path / "first", tell=tell)
    thread.join(60)
    assert "early" in exported(tmp_path / "first")
    assert "late" not in exported(tmp_path / "first")
    second = write(tmp_path / "second", since=first.moment)
    assert "late" in exported(tmp_path / "second")
    assert second.moment >= first.moment
    if connection.vendor == "postgresql":
        assert "quick" in exported(tmp_path / "first")


@pytest.mark.slow
def test_exports_one_after_the_other_hold_everything_many_writers_wrote(tmp_path: Path) -> None:
    written: set[str] = set()
    failed: list[BaseException] = []

    def writer(number: int) -> None:
        chance = random.Random(number)
        try:
            for turn in range(12):
                text = f"{number}-{turn}"
                with store.unit_of_work(system_context(system_clock(), "test", live=True)) as uow:
                    uow.create(basic(text))
                    uow.flush()
                    time.sleep(chance.random() * 0.05)
                written.add(text)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    found: set[str] = set()
    moment: int | None = None
    number = 0
    while True:
        over = not any(thread.is_alive() for thread in threads)
        moment = write(tmp_path / str(number), since=moment).moment
        found |= exported(tmp_path / str(number))
        number += 1
        if over:
            break
    assert not failed
    assert number > 2
    assert found == written and len(written) == 72


def test_an_export_shows_one_moment_of_the_record(tmp_path: Path) -> None:
    """What is written while files are written is in none of them, though another type's file comes later."""
    for text in ("a", "b"):
        create(text)

    def tell(progress: str) -> None:
        if progress.startswith("Basic"):
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join(60)

    def meanwhile() -> None:
        with store.unit_of_work(system_context(system_clock(), "test", live=True)) as uow:
            uow.create(basic("meanwhile"))
            uow.create({"resourceType": "Organization", "name": "meanwhile"})
        connection.close()

    first = write(tmp_path / "first", tell=tell)
    assert exported(tmp_path / "first") == {"a", "b"}
    assert not list((tmp_path / "first").glob("Organization.*"))
    write(tmp_path / "second", since=first.moment)
    assert "meanwhile" in exported(tmp_path / "second")
    assert len(list((tmp_path / "second").glob("Organization.*"))) == 1


def test_an_export_stopped_half_way_leaves_nothing(tmp_path: Path) -> None:
    create("a")

    def tell(progress: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "stopped", tell=tell)
    assert list(tmp_path.iterdir()) == []
    create("b")  # and the connection still writes
    write(tmp_path / "whole")
    assert exported(tmp_path / "whole") == {"a", "b"}
