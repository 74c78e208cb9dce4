"""``tovholder bench``: what things cost on this machine, as medians, beside a floor measured in the same run."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from tovholder.cli import setup
from tovholder.cli.setup import console

app = typer.Typer(help="Measure, with a floor beside.", no_args_is_help=True)


def machine() -> dict[str, Any]:
    """The machine's size."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "memory_gib": round(memory / 2**30, 1), "python": platform.python_version()}


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        console.print(f"{name.replace('_', ' '):<34} {value}", markup=False)


def _fresh(place: str) -> None:
    os.environ["TOVHOLDER_ENV"] = "test"
    os.environ["TOVHOLDER_HOME"] = place
    os.environ.pop("TOVHOLDER_DATABASE_URL", None)
    setup.django(migrated=False)


def _empty() -> None:
    from django.db import connection

    connection.close()
    for path in setup.home().glob("tovholder.sqlite3*"):
        path.unlink()
    setup.migrate()


def _median(rounds: int, work: Callable[[], float]) -> tuple[float, float]:
    found = [work() for _ in range(rounds)]
    return statistics.median(found), (max(found) - min(found)) / statistics.median(found)


@app.command("ingest")
def ingest(
    rounds: int = typer.Option(3, help="How many times."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Resources per second from NDJSON lines to record, index, facts, flags and audit, validated, on SQLite."""
    with tempfile.TemporaryDirectory() as place:
        _fresh(place)
        import sqlite3

        import orjson

        from tovholder.access import system_context
        from tovholder.demo import synth
        from tovholder.store import bulk

        config = synth.SynthConfig(seed=1, anchor=setup.now().date(), full_clinics=1, package_clinics=20)
        folder = Path(place) / "population"
        counts = synth.write_ndjson(config, folder)
        total = sum(counts.values())
        size = sum(path.stat().st_size for path in folder.iterdir())

        def ours() -> float:
            _empty()
            ctx = system_context(setup.now(), "import")
            start = time.perf_counter()
            report = bulk.load(ctx, bulk.read_paths([folder]))
            bulk.derive_pending(ctx)
            taken = time.perf_counter() - start
            if report.rejects or report.stored != total:
                raise AssertionError(f"{len(report.rejects)} rejected, {report.stored} of {total} stored")
            return total / taken

        def floor() -> float:
            raw = sqlite3.connect(Path(place) / "floor.sqlite3")
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("DROP TABLE IF EXISTS body")
            raw.execute("CREATE TABLE body (type TEXT, id TEXT, body BLOB, PRIMARY KEY (type, id))")
            start = time.perf_counter()
            for path in sorted(folder.iterdir()):
                with path.open("rb") as handle:
                    rows = []
                    for line in handle:
                        value = orjson.loads(line)
                        rows.append((value["resourceType"], value["id"], line))
                for first in range(0, len(rows), bulk.BATCH):
                    raw.executemany("INSERT INTO body VALUES (?, ?, ?)", rows[first : first + bulk.BATCH])
                    raw.commit()
            taken = time.perf_counter() - start
            raw.close()
            return total / taken

        rate, spread = _median(rounds, ours)
        bare, _ = _median(rounds, floor)
        database = (setup.home() / "tovholder.sqlite3").stat().st_size
        _show(
            {
                "resources_per_second": round(rate),
                "spread": f"{spread:.0%}",
                "resources": total,
                "mean_bytes": round(size / total),
                "database_bytes_per_resource": round(database / total),
                "floor_parse_and_insert_per_second": round(bare),
                "share_of_floor": round(rate / bare, 3),
                "rounds": rounds,
                **machine(),
            },
            as_json,
        )


@app.command("cockpit")
def cockpit(
    rounds: int = typer.Option(30, help="How many page views."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Server time of a clinic's cockpit page with 1,600 listed patients."""
    with tempfile.TemporaryDirectory() as place:
        _fresh(place)
        _empty()
        from django.test import Client

        from tovholder.access import people, system_context
        from tovholder.access.domain import Role
        from tovholder.access.people import Persona
        from tovholder.demo import synth
        from tovholder.store import bulk, reading

        ctx = system_context(setup.now(), "import")
        folder = Path(place) / "population"
        synth.write_ndjson(
            synth.SynthConfig(seed=1, anchor=setup.now().date(), full_clinics=1, package_clinics=0), folder
        )
        bulk.load(ctx, bulk.read_paths([folder]))
        bulk.derive_pending(ctx)
        clinics = reading.search_all(ctx, "Organization", [("type", "gp")])
        sizes = {
            entry.id: reading.search_page(
                ctx, "Patient", [("general-practitioner", entry.reference), ("_count", "0"), ("_total", "accurate")]
            ).total
            or 0
            for entry in clinics
        }
        clinic = max(sizes, key=lambda key: sizes[key])
        people.save_persona(Persona("bench", "Bench", "GP", Role.GP, clinic, "bench", ""))
        client = Client()
        client.post("/login/persona", {"persona": "bench"})

        def view() -> float:
            start = time.perf_counter()
            response = client.get("/klinik/")
            taken = (time.perf_counter() - start) * 1000
            if response.status_code != 200:
                raise AssertionError(f"the page answered {response.status_code}")
            return taken

        view()
        times = sorted(view() for _ in range(rounds))

        def health() -> float:
            start = time.perf_counter()
            client.get("/healthz")
            return (time.perf_counter() - start) * 1000

        floor, _ = _median(rounds, health)
        _show(
            {
                "page_ms_median": round(statistics.median(times), 1),
                "page_ms_p95": round(times[int(len(times) * 0.95)], 1),
                "listed_patients": sizes[clinic],
                "floor_empty_answer_ms": round(floor, 1),
                "rounds": rounds,
                **machine(),
            },
            as_json,
        )
