"""Bulk loads: the good goes in, the bad is set aside with file and line, loading again changes nothing."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from django.db import connection, transaction

from lib.people import clinic, condition, patient, system
from lib.vectors import vectors
from tovholder import database, store
from tovholder.access import Context, audit_event
from tovholder.base import days, json
from tovholder.base.errors import Category, Problem
from tovholder.store import bulk, export, rebuild
from tovholder.store.bulk import deriving, workers, writing

pytestmark = pytest.mark.django_db


def write(path: Path, *values: object) -> Path:
    path.write_bytes(b"\n".join(v if isinstance(v, bytes) else json.dumps(v) for v in values) + b"\n")
    return path


def load(*paths: Path) -> bulk.Report:
    report = bulk.load(system(), bulk.read_paths(paths))
    bulk.derive_pending(system())
    return report


def test_good_lines_go_in_and_bad_ones_are_set_aside_with_place_and_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path / "people.ndjson",
        patient() | {"id": "a"},
        b'{"resourceType": "Patient", "id": "b"',
        patient() | {"id": "c", "gender": "nobody"},
        b'{"id": "d"}',
        patient() | {"id": "e"},
    )
    report = load(path)
    assert report.stored == 2
    told = {reject.source: str(reject.issues[0]) for reject in report.rejects}
    assert set(told) == {"people.ndjson:2", "people.ndjson:3", "people.ndjson:4"}
    assert told["people.ndjson:3"].startswith("Patient.gender")
    assert [store.read(system(), "Patient", rid).id for rid in ("a", "e")] == ["a", "e"]


def test_what_is_prepared_together_keeps_its_place(tmp_path: Path) -> None:
    count = 2 * writing.TOGETHER + 5
    bad = {
        0: b"{",
        writing.TOGETHER - 1: b'{"id": "d"}',
        writing.TOGETHER: json.dumps(patient() | {"gender": "nobody"}),
    }
    lines = [bad.get(number) or patient(family=f"Nr {number}") | {"id": f"p{number}"} for number in range(count)]
    report = load(write(tmp_path / "people.ndjson", *lines))
    assert report.stored == count - len(bad)
    assert [reject.source for reject in report.rejects] == [f"people.ndjson:{number + 1}" for number in bad]
    for number in set(range(count)) - bad.keys():
        assert store.read(system(), "Patient", f"p{number}").resource["name"][0]["family"] == f"Nr {number}"


def test_loading_again_changes_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.ndjson", clinic() | {"id": "o"}, patient("o") | {"id": "a"}, condition("a") | {"id": "c"}
    )
    first = load(path)
    again = load(path)
    assert (first.stored, again.stored, again.unchanged) == (3, 0, 3)
    assert store.read(system(), "Patient", "a").version == 1


def test_gz_bundles_and_folders(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.ndjson.gz", "wb") as handle:
        handle.write(json.dumps(patient() | {"id": "a"}) + b"\n")
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f01", "resource": patient()},
            {
                "resource": condition("x")
                | {"id": "k", "subject": {"reference": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f01"}}
            },
            {"request": {"method": "GET", "url": "Patient"}},
        ],
    }
    write(tmp_path / "b.json", bundle)
    report = load(tmp_path)
    assert report.stored == 3
    assert [reject.source for reject in report.rejects] == ["b.json Bundle.entry[2]"]
    assert store.read(system(), "Condition", "k").resource["subject"] == {
        "reference": "Patient/8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f01"
    }


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere.ndjson").rejects[0].issues[0].message == "no such file"


def test_derivations_left_by_a_crash_are_taken_up(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.ndjson", clinic() | {"id": "o"}, patient("o") | {"id": "a"}, condition("a") | {"id": "c"}
    )
    bulk.load(system(), bulk.read_paths([path]))  # and here the process dies
    assert store.search(system(), "EpisodeOfCare", [("patient", "a")]).entries == ()
    assert bulk.waiting() == 1
    assert bulk.derive_pending(system()) == 1
    assert bulk.waiting() == 0
    assert len(store.search(system(), "EpisodeOfCare", [("patient", "a")]).entries) == 1


def test_those_who_may_have_a_course_are_derived_first_and_nobody_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ill = {f"p{number:02}" for number in range(1, 20, 3)}
    everybody = [f"p{number:02}" for number in range(20)]
    path = write(
        tmp_path / "p.ndjson",
        clinic() | {"id": "o"},
        *(patient("o") | {"id": rid} for rid in everybody),
        *(condition(rid) | {"id": f"c-{rid}"} for rid in sorted(ill)),
    )
    bulk.load(system(), bulk.read_paths([path]))
    monkeypatch.setattr(deriving, "FIRST", 2)
    monkeypatch.setattr(deriving, "BATCH", 3)
    monkeypatch.setattr(deriving, "MOST", 3)
    batches: list[list[str]] = []
    derive = deriving._derive

    def seen(ctx: Context, patients: list[str]) -> None:
        batches.append(patients)
        derive(ctx, patients)

    monkeypatch.setattr(deriving, "_derive", seen)
    assert bulk.derive_pending(system()) == len(everybody)
    assert [len(batch) for batch in batches] == [2, 3, 2, 3, 3, 3, 3, 1]
    assert [rid for batch in batches[:3] for rid in batch] == sorted(ill)
    assert [rid for batch in batches[3:] for rid in batch] == sorted(set(everybody) - ill)
    assert bulk.waiting() == 0
    courses = store.search(system(), "EpisodeOfCare", []).entries
    assert {entry.resource["patient"]["reference"] for entry in courses} == {f"Patient/{rid}" for rid in ill}


def test_rebuild_gives_the_same_rows(tmp_path: Path) -> None:
    load(
        write(
            tmp_path / "p.ndjson",
            clinic() | {"id": "o"},
            patient("o") | {"id": "a"},
            condition("a") | {"id": "c"},
            patient("o", "Ærø") | {"id": "b"},
        )
    )
    before = rebuild.fingerprint()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM store_string")
        cursor.execute("DELETE FROM fact_diagnosis")
        cursor.execute("UPDATE fact_patient SET sex = 'wrong'")
        cursor.execute("DELETE FROM access_relation")
    assert rebuild.fingerprint() != before
    rebuild.rebuild(system().now)
    assert rebuild.fingerprint() == before


def test_the_official_danish_test_persons_come_back_equal() -> None:
    package = vectors("dk-packages") / "hl7.fhir.dk.core.r4-3.7.0.tgz"
    items = list(bulk.read_paths([package]))
    report = bulk.load(system(), items)
    bulk.derive_pending(system())
    assert report.rejects == []
    last = {(i.resource["resourceType"], i.resource["id"]): i.resource for i in items if i.resource}
    patients = 0
    for (kind, rid), sent in last.items():
        held = store.read(system(), kind, rid).resource
        meta = {k: v for k, v in held["meta"].items() if k not in ("versionId", "lastUpdated")}
        assert {**held, "meta": meta} == {**sent, "meta": sent.get("meta", {}) | {}}, (kind, rid)
        patients += kind == "Patient"
    assert patients >= 30


def test_what_goes_the_short_way_is_what_goes_the_usual_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tricky = {
        "lastUpdated": "0001-01-01T00:00:00.000Z",
        "tag": [{"display": '"lastUpdated":"0001-01-01T00:00:00.000Z"'}],
    }
    sent = [
        clinic() | {"id": "o"},
        {"meta": tricky} | patient("o", "Ærø") | {"id": "a"},
        patient("o") | {"id": "a"},  # stands twice: the second is the next version
        condition("a") | {"id": "c", "meta": {"profile": ["http://example.org/p"], "versionId": "9"}},
    ]
    path = write(tmp_path / "p.ndjson", *sent)
    with transaction.atomic():
        assert load(path).stored == 4
        short = versions()
        transaction.set_rollback(True)
    monkeypatch.setattr("tovholder.store.bulk.fresh.Fresh.take", lambda *_: False)
    assert versions() == []
    assert load(path).stored == 4
    assert [row[:3] for row in short] == [row[:3] for row in versions()]
    assert [without_moment(row[4]) for row in short] == [without_moment(row[4]) for row in versions()]
    for kind, rid, _, updated, body in short:
        told = json.loads(body)["meta"]["lastUpdated"]
        assert told == days.instant_text(datetime.fromtimestamp(updated / 1000, UTC)), (kind, rid)


def versions() -> list[tuple[str, str, int, int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.type, r.rid, v.version, v.updated, v.body FROM store_version AS v"
            " JOIN store_resource AS r ON r.key = v.key WHERE r.type IN ('Patient', 'Condition', 'Organization')"
            " ORDER BY r.type, r.rid, v.version"
        )
        return [(kind, rid, version, updated, bytes(body)) for kind, rid, version, updated, body in cursor.fetchall()]


def without_moment(body: bytes) -> str:
    told = json.loads(body)
    told["meta"].pop("lastUpdated")
    return json.dumps(told).decode()


def test_the_trail_of_a_load_says_how_many_there_were_beside_those_it_names(tmp_path: Path) -> None:
    load(write(tmp_path / "o.ndjson", *(clinic() | {"id": f"o{n}"} for n in range(audit_event.NAMED + 37))))
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent WHERE action = 'import'")
        told = [row[0].split() for row in cursor.fetchall()]
    assert sum(len([name for name in names if "/" in name]) for names in told) == audit_event.NAMED
    assert [name for names in told for name in names if "/" not in name] == ["+37"]


def deleting(*urls: str) -> dict[str, object]:
    entries = [{"request": {"method": "DELETE", "url": url}} for url in urls]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def is_deleted(kind: str, rid: str) -> bool:
    with pytest.raises(Problem) as told:
        store.read(system(), kind, rid)
    return told.value.category is Category.GONE


def test_the_deletions_an_export_tells_of_are_carried_out(tmp_path: Path) -> None:
    load(write(tmp_path / "all.ndjson", patient() | {"id": "a"}, condition("a") | {"id": "c"}))
    with store.unit_of_work(system()) as uow:
        uow.delete("Condition", "c")
    told = tmp_path / "export"
    export.write(system(), export.Selection("system", since=0), told, name="test", tell=lambda _: None)
    with store.unit_of_work(system()) as uow:
        uow.update(condition("a") | {"id": "c"})  # another record that has not heard of it
    first, again = load(told), load(told)
    assert (first.deleted, first.rejects) == (1, [])
    assert is_deleted("Condition", "c")
    assert (again.stored, again.deleted, again.rejects) == (0, 0, [])
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent WHERE action = 'delete'")
        assert [row[0] for row in cursor.fetchall()] == ["Condition/c", "Condition/c"]
        cursor.execute("SELECT COUNT(*) FROM store_resource WHERE type = 'Bundle'")
        assert cursor.fetchone() == (0,)


def test_deletions_happen_where_they_stand_and_bad_ones_are_set_aside_alone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mixed.ndjson",
        clinic() | {"id": "o"},
        clinic() | {"id": "gone"},
        deleting("Organization/o", "Organization?name=x", "Organization/never", "Organization/gone"),
        clinic("Anew") | {"id": "o"},
        {"resourceType": "Bundle", "type": "collection", "id": "kept"},
    )
    report = load(path)
    assert (report.stored, report.deleted, report.unchanged) == (4, 2, 1)
    (bad,) = report.rejects
    assert (bad.source, bad.issues[0].path) == (
        "mixed.ndjson:3 Bundle.entry[1]",
        "mixed.ndjson:3 Bundle.entry[1].request.url",
    )
    assert json.loads(bad.raw) == deleting("Organization?name=x")  # it can be mended and loaded again
    assert store.read(system(), "Organization", "o").version == 3
    assert is_deleted("Organization", "gone")
    assert store.read(system(), "Bundle", "kept").version == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_several_processes_derive_what_one_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deriving, "FIRST", 2)
    monkeypatch.setattr(deriving, "BATCH", 3)
    monkeypatch.setattr(deriving, "MOST", 3)
    monkeypatch.setattr(workers, "_way_to_start", forked)
    started: list[int] = []
    start = workers.Crew.start

    def watched(crew: workers.Crew, count: int, how: Literal["fork", "spawn"]) -> None:
        started.append(count)
        start(crew, count, how)

    monkeypatch.setattr(workers.Crew, "start", watched)
    ill = [f"p{number:02}" for number in range(30)]
    everybody = [f"p{number:02}" for number in range(50)]
    path = write(
        tmp_path / "p.ndjson",
        clinic() | {"id": "o"},
        *(patient("o") | {"id": rid} for rid in everybody),
        *(condition(rid) | {"id": f"c-{rid}"} for rid in ill),
    )
    bulk.load(system(), bulk.read_paths([path]))
    started.clear()
    told: list[int] = []
    assert bulk.derive_pending(system(), progress=told.append, together=True) == sum(told) == len(everybody)
    assert bool(started) is not database.writes_alone()
    assert bulk.waiting() == 0
    courses = store.search(system(), "EpisodeOfCare", [("_count", "100")]).entries
    assert sorted(entry.resource["patient"]["reference"] for entry in courses) == [f"Patient/{rid}" for rid in ill]


def forked() -> str:
    database.disconnect()
    return "fork"
