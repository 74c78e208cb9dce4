"""Two versions of Tovholder on one record: migrating takes nothing from the one that runs, rebuilding brings the new one on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from lib import homes
from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.store import rebuild, schema

OLDER = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", "store", "0001", verbosity=0)
"""
NEWER = """
import django; django.setup()
from tovholder.cli import setup
setup.migrate()
from tovholder.access import system_context
from tovholder.base.clock import system_clock
from tovholder import store
from tovholder.store import rebuild, schema
ctx = system_context(system_clock(), "test", live=True)
before = store.read(ctx, "Observation", "o1").resource
rebuild.rebuild(ctx.now)
found = store.search(ctx, "Observation", [("patient", "Patient/p1"), ("_sort", "-date")]).entries
with store.unit_of_work(ctx) as uow:
    after = uow.update({**before, "status": "amended"})
import json
print(json.dumps([before["status"], [entry.id for entry in found], after.version, schema.stale(), schema.outdated()]))
"""


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with content whose search index and diagnoses another version made."""
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic() | {"id": "o"}).id
        person = uow.create(patient(organization, "Gammel")).id
        uow.create(condition(person))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE store_schema SET hash = 'older' WHERE name IN ('store_string', 'fact_diagnosis')")


@pytest.mark.django_db
@pytest.mark.usefixtures("older")
def test_migrating_leaves_tables_in_use_to_the_version_that_runs() -> None:
    assert schema.outdated() == ["fact_diagnosis", "store_string"]
    assert schema.apply() == ["store_string", "fact_diagnosis"]
    assert (schema.outdated(), schema.stale()) == ([], ["fact_diagnosis", "store_string"])
    found = store.search(system(), "Patient", [("family", "gammel")]).entries
    assert len(found) == 1
    assert len(store.facts(system(), "SELECT d.patient_id FROM diagnosis AS d")) == 1
    with store.unit_of_work(system()) as uow:  # and it goes on writing
        uow.create(patient("o", "Gammelgaard"))
    assert len(store.search(system(), "Patient", [("family", "gammel")]).entries) == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("older")
def test_rebuilding_exchanges_them_and_then_the_new_version_may_serve() -> None:
    before = rebuild.fingerprint()
    schema.apply()
    rebuild.rebuild(system().now)
    assert (schema.outdated(), schema.stale()) == ([], [])
    assert rebuild.fingerprint() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("older")
def test_what_a_new_version_no_longer_wants_stays_until_then() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fact_former (former_id TEXT)")
        cursor.execute("INSERT INTO store_schema (name, hash, stale) VALUES ('fact_former', 'x', %s)", [False])
    schema.apply()
    assert "fact_former" in connection.introspection.table_names()
    rebuild.rebuild(system().now)
    assert "fact_former" not in connection.introspection.table_names()


@pytest.mark.slow
def test_rows_of_the_first_version_are_read_searched_and_written_by_this_one(tmp_path: Path) -> None:
    with homes.made(tmp_path) as home:
        subprocess.run([sys.executable, "-c", OLDER], env=home.environ, check=True, capture_output=True)
        rows = [
            ("Patient", "p1", "p1", patient() | {"id": "p1"}),
            *(("Observation", f"o{n}", "p1", observation(n)) for n in (1, 2)),
        ]
        for number, (kind, rid, about, resource) in enumerate(rows, start=1):
            home.change(
                "INSERT INTO store_resource (key, type, rid, version, seq, patient_id, updated, deleted)"
                " VALUES (?, ?, ?, 1, ?, ?, 5, ?)",
                *(number, kind, rid, number, about, False),
            )
            home.change(
                "INSERT INTO store_version (seq, key, version, updated, method, body) VALUES (?, ?, 1, 5, 'create', ?)",
                *(number, number, json.dumps(resource).encode()),
            )
        if home.database_url:  # as when they had been drawn
            home.change("SELECT setval('store_resource_key_seq', 3), setval('store_version_seq_seq', 3)")
        done = subprocess.run(
            [sys.executable, "-c", NEWER], env=home.environ, check=True, capture_output=True, text=True
        )
        assert json.loads(done.stdout.splitlines()[-1]) == ["final", ["o2", "o1"], 2, [], []]


def observation(day: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"o{day}",
        "meta": {"versionId": "1", "lastUpdated": "1970-01-01T00:00:00.005Z"},
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2027-01-0{day}",
    }
