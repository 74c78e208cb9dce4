"""``tovholder bench ingest``: what a load of NDJSON lines costs, beside a bare parse and insert."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import typer

from tovholder.cli import setup
from tovholder.cli.bench import common


@common.app.command("ingest")
def ingest(
    rounds: int = typer.Option(3, help="How many times."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Resources per second from NDJSON lines to record, index, facts, flags and audit, validated, on SQLite."""
    with tempfile.TemporaryDirectory() as place:
        common.fresh(place)
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
            common.empty()
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

        rate, spread = common.median(rounds, ours)
        bare, _ = common.median(rounds, floor)
        database = (setup.home() / "tovholder.sqlite3").stat().st_size
        common.show(
            {
                "resources_per_second": round(rate),
                "spread": f"{spread:.0%}",
                "resources": total,
                "mean_bytes": round(size / total),
                "database_bytes_per_resource": round(database / total),
                "floor_parse_and_insert_per_second": round(bare),
                "share_of_floor": round(rate / bare, 3),
                "rounds": rounds,
                **common.machine(),
            },
            as_json=as_json,
        )
