"""How a load's other processes are started: forked, and only where that is safe."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from django.db import connection

from tovholder import database
from tovholder.store.bulk import workers

ALONE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "tovholder.config.settings"
import django
django.setup()
from tovholder.store.bulk import workers
print(workers._way_to_start())
"""


@pytest.mark.django_db(transaction=True)
def test_beside_another_thread_nothing_is_forked() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert workers._way_to_start() == "spawn"
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
def test_a_process_of_one_thread_is_forked() -> None:
    made = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert made.stdout.split() == ["fork"]


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_carried_into_another_process() -> None:
    database.rows("SELECT 1")
    assert connection.connection is not None
    workers._way_to_start()
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_what_a_load_has_set_is_set_back_on_a_connection_opened_meanwhile() -> None:
    if database.vendor() != "sqlite":
        pytest.skip("a load sets nothing on PostgreSQL")
    before = database.rows("PRAGMA cache_size")
    with database.loading():
        assert database.rows("PRAGMA cache_size") != before
        database.disconnect()
    assert database.rows("PRAGMA cache_size") == before
