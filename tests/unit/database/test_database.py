"""The same questions to whichever database the tests run on, and the same answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from lib import homes
from tovholder import database
from tovholder.store import schema

pytestmark = pytest.mark.django_db
PERIOD = ("period_id", "kind", "start_day", "end_day")


def periods(*ids: str) -> list[tuple[Any, ...]]:
    return [(one, "test", 1, None) for one in ids]


def found(where: str = "kind = 'test'", values: list[Any] | None = None) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT period_id FROM fact_period WHERE {where} ORDER BY period_id", values or [])
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 3000])
def test_any_number_of_rows_goes_in(count: int) -> None:
    names = [f"t{number:04}" for number in range(count)]
    database.insert("fact_period", PERIOD, periods(*names))
    assert found() == names


def test_values_come_back_as_they_went_in() -> None:
    rows = [(1, b"\x00\xff", "create"), (2, b"", "x"), (3, "æøå".encode(), "%s%b\\N\t'")]
    for start, many in ((10, 1), (100, 60)):  # one statement; in bulk
        made = [
            (start + n, start + n, 1, 2**40, method, body) for n in range(many) for _, body, method in rows[n % 3 :][:1]
        ]
        database.insert("store_version", ("seq", "key", "version", "updated", "method", "body"), made)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq, key, version, updated, method, body FROM store_version WHERE seq >= %s AND seq < %s"
                " ORDER BY seq",
                [start, start + many],
            )
            assert [(*row[:5], bytes(row[5])) for row in cursor.fetchall()] == made


@pytest.mark.parametrize("many", [1, 60])
def test_numbers_of_two_kinds_and_nothing_stand_in_one_column(many: int) -> None:
    columns = ("param", "low", "high", "system", "code", "key")
    rows = [(-5, 1, 1.5, "", "kg", number) for number in range(many)] + [(-5, 2.5, 3, "", "kg", 99)]
    database.insert("store_quantity", columns, rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT low, high FROM store_quantity WHERE param = -5 ORDER BY key")
        assert cursor.fetchall() == [(1.0, 1.5)] * many + [(2.5, 3.0)]


@pytest.mark.parametrize("odd", ["plain", "", "a\tb", "a\nb", "a\rb", "a\\b", "\\N", "\\.", "None", "æ – 😀", '"'])
def test_texts_come_back_as_they_were_however_many_are_stored(odd: str) -> None:
    rows = [(f"x{number:03}", "test", number, None) for number in range(80)] + [(f"y{odd}", odd, None, 2)]
    database.insert("fact_period", PERIOD, rows)
    told = database.rows(f"SELECT {', '.join(PERIOD)} FROM fact_period WHERE period_id >= 'x' ORDER BY period_id")
    assert told == rows


def test_what_is_there_already_is_left_out_when_asked() -> None:
    database.insert("store_pending", ("patient_id",), [("a",), ("b",)])
    database.insert("store_pending", ("patient_id",), [("b",), ("c",)], ignore=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id FROM store_pending ORDER BY 1")
        assert [row[0] for row in cursor.fetchall()] == ["a", "b", "c"]
    with pytest.raises(IntegrityError), transaction.atomic():
        database.insert("store_pending", ("patient_id",), [("c",)])


def test_lists_hold_nothing_one_or_thousands() -> None:
    database.insert("fact_period", PERIOD, periods("a", "b", "c'; --", "æ"))
    for wanted in ([], ["b"], ["æ", "c'; --", "nobody"], ["b", *(f"x{n}" for n in range(5000))]):
        term, values = database.in_list("period_id", wanted)
        assert found(f"kind = 'test' AND {term}", values) == sorted({"a", "b", "c'; --", "æ"} & set(wanted))
    term, values = database.in_list("start_day", [1, 2**40])
    assert len(found(f"kind = 'test' AND {term}", values)) == 4


def test_texts_sort_by_code_point_whatever_the_servers_language() -> None:
    names = ["Z", "a", "B", "å", "A-1", "A1", "æ", "aa", "-"]
    database.insert("fact_period", PERIOD, periods(*names))
    assert found() == sorted(names)
    with connection.cursor() as cursor:
        for number, name in enumerate(names):
            cursor.execute(
                "INSERT INTO store_resource (key, type, rid, version, seq, updated, deleted)"
                " VALUES (%s, 'Basic', %s, 1, %s, 0, %s)",
                [900 + number, name, 900 + number, False],
            )
        cursor.execute("SELECT rid FROM store_resource WHERE type = 'Basic' ORDER BY rid")
        assert [row[0] for row in cursor.fetchall()] == sorted(names)


def test_numbers_rise_and_are_free() -> None:
    first = database.numbers("store_version.seq", 3)
    assert first == sorted(set(first))
    assert len(first) == 3
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store_version (seq, key, version, updated, method, body) VALUES (%s, 1, 1, 0, 'create', %s)",
            [first[-1], b""],
        )
    assert min(database.numbers("store_version.seq", 2)) > first[-1]
    assert database.numbers("store_version.seq", 0) == []


def test_the_scope_is_what_was_filled_in_last() -> None:
    for wanted in (["b", "a", "b"], [], ["c"]):
        database.fill_scope(wanted)
        with connection.cursor() as cursor:
            cursor.execute("SELECT patient_id FROM scope_patient ORDER BY patient_id")
            assert [row[0] for row in cursor.fetchall()] == sorted(set(wanted))


def test_statements_sent_together_answer_each_for_itself() -> None:
    with database.pipeline():
        database.insert("fact_period", PERIOD, periods("a"))
        database.insert("fact_period", PERIOD, periods(*(f"b{n:03}" for n in range(100))))
        assert len(found()) == 101
    with pytest.raises(IntegrityError), transaction.atomic(), database.pipeline():
        database.insert("store_pending", ("patient_id",), [("a",)])
        database.insert("store_pending", ("patient_id",), [("a",)])


@pytest.mark.parametrize(
    ("table", "columns", "row", "path"),
    [
        (
            "fact_episode",
            ("episode_id", "patient_id", "package", "phase"),
            ("{}", "p", "kol", "startup"),
            "EpisodeOfCare",
        ),
        ("fact_plan", ("plan_id", "patient_id", "episode_id", "status"), ("{}", "p", "e", "active"), "CarePlan"),
        ("store_pending", ("patient_id",), ("p",), None),
    ],
)
def test_a_broken_truth_is_told_in_the_same_words(
    table: str, columns: tuple[str, ...], row: tuple[str, ...], path: str | None
) -> None:
    database.insert(table, columns, [tuple(value.format(1) for value in row)])
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        database.insert(table, columns, [tuple(value.format(2) for value in row)])
    told = schema.only_one(caught.value)
    assert [issue.path for issue in told] == ([path] if path else [])
    assert database.retryable(caught.value) is False


def test_remaking_generated_tables_twice_changes_nothing() -> None:
    assert schema.apply() == []
    assert schema.outdated() == []


@pytest.mark.django_db(transaction=True)
def test_a_long_log_is_copied_and_begins_anew() -> None:
    if database.vendor() != "sqlite":
        database.tidy()  # has nothing to do
        return
    log = Path(f"{connection.settings_dict['NAME']}-wal")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filling (content BLOB)")
        try:
            for _ in range(5):
                cursor.execute("INSERT INTO filling VALUES (randomblob(5000000))")
            long = log.stat().st_size
            assert long > 16 * 1024 * 1024
            database.tidy()
            _, pages, copied = database.rows("PRAGMA wal_checkpoint(PASSIVE)")[0]
            assert copied == pages  # nothing was left behind
            cursor.execute("INSERT INTO filling VALUES (randomblob(5000000))")
            assert log.stat().st_size == long  # written over from its beginning
        finally:
            cursor.execute("DROP TABLE filling")


@pytest.mark.sqlite("only a file can be missing")
def test_who_works_on_a_record_makes_no_empty_one(tmp_path: Path) -> None:
    home = homes.Home(tmp_path)

    def asked(before: str) -> subprocess.CompletedProcess[str]:
        code = f"import django; django.setup(); from tovholder import database; {before}database.rows('SELECT 1')"
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=home.environ, cwd=tmp_path, capture_output=True, text=True)

    told = asked("database.never_make(); ")
    assert told.returncode != 0
    assert "unable to open database file" in told.stderr
    assert not home.file.exists()
    assert asked("").returncode == 0
    assert home.file.exists()
