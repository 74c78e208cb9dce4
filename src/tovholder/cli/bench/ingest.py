"""``tovholder bench ingest``: what a load of NDJSON lines costs, beside a bare parse and insert."""

from __future__ import annotations

import resource
import time

import typer

from tovholder.cli import setup
from tovholder.cli.bench import common


@common.app.command("ingest")
def ingest(
    clinics: int = typer.Option(6, min=1, help="Clinics of 1,600 people, some 16,000 resources each."),
    rounds: int = typer.Option(3, min=1, help="How many times."),
    postgresql: bool = common.POSTGRESQL,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Resources per second from NDJSON lines to record, index, facts, flags and audit, each resource validated."""
    with common.fresh(postgresql) as place:
        import sqlite3

        import orjson

        from tovholder import database
        from tovholder.access import system_context
        from tovholder.demo import synth
        from tovholder.store import bulk

        config = synth.SynthConfig(
            seed=1, anchor=setup.now().date(), full_clinics=clinics, package_clinics=0, everyday=common.EVERYDAY
        )
        folder = place / "population"
        total = sum(synth.write_ndjson(config, folder).values())
        size = common.size_of(folder)
        derived: list[float] = []
        cpu: list[float] = []
        turns: list[float] = []

        def ours() -> float:
            common.empty()
            ctx = system_context(setup.now(), "import", live=True)
            start, before = time.perf_counter(), _cpu()
            report = bulk.load(ctx, bulk.read_paths([folder]))
            loaded = time.perf_counter()
            bulk.derive_pending(ctx, together=True)
            end = time.perf_counter()
            if report.rejects or report.stored != total:
                raise AssertionError(f"{len(report.rejects)} rejected, {report.stored} of {total} stored")
            derived.append((end - loaded) / (end - start))
            cpu.append(_cpu() - before)
            turns.append(report.turn)
            return total / (end - start)

        def floor() -> float:
            raw = sqlite3.connect(place / "floor.sqlite3")
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
        common.show(
            {
                "database": database.vendor(),
                "resources_per_second": round(rate),
                "spread": f"{spread:.0%}",
                "cpu_us_per_resource": round(1e6 * sorted(cpu)[len(cpu) // 2] / total),
                "longest_turn_ms": round(1000 * sorted(turns)[len(turns) // 2]),
                "share_for_courses_flags_figures": f"{sorted(derived)[len(derived) // 2]:.0%}",
                "resources": total,
                "mean_bytes": round(size / total),
                **common.shares(),
                "database_bytes_per_resource": round(common.database_bytes() / total),
                "peak_mib_of_a_process": _peak_mib(),
                "floor_parse_and_insert_per_second": round(bare),
                "share_of_floor": round(rate / bare, 3),
                "rounds": rounds,
                **common.machine(),
            },
            as_json=as_json,
        )


_OURS = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu() -> float:
    """Seconds the processors worked for this process and those it has ended; not for a database's server."""
    found = [resource.getrusage(who) for who in _OURS]
    return sum(one.ru_utime + one.ru_stime for one in found)


def _peak_mib() -> int:
    return max(resource.getrusage(who).ru_maxrss for who in _OURS) // 1024
