"""``tovholder bench cockpit``: what the clinic's first page costs, beside an empty answer."""

from __future__ import annotations

import statistics
import time

import typer

from tovholder.cli import setup
from tovholder.cli.bench import common


@common.app.command("cockpit")
def cockpit(
    rounds: int = typer.Option(30, help="How many page views."),
    postgresql: bool = common.POSTGRESQL,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Server time of a clinic's cockpit page with 1,600 listed patients."""
    with common.fresh(postgresql) as place:
        from django.test import Client

        from tovholder.access import people, system_context
        from tovholder.access.domain import Role
        from tovholder.access.people import Persona
        from tovholder.demo import synth
        from tovholder.store import bulk, search, search_all

        ctx = system_context(setup.now(), "import")
        folder = place / "population"
        synth.write_ndjson(
            synth.SynthConfig(seed=1, anchor=setup.now().date(), full_clinics=1, package_clinics=0), folder
        )
        bulk.load(ctx, bulk.read_paths([folder]))
        bulk.derive_pending(ctx)
        clinics = search_all(ctx, "Organization", [("type", "gp")])
        sizes = {
            entry.id: search(
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

        floor, _ = common.median(rounds, health)
        common.show(
            {
                "page_ms_median": round(statistics.median(times), 1),
                "page_ms_p95": round(times[int(len(times) * 0.95)], 1),
                "listed_patients": sizes[clinic],
                "floor_empty_answer_ms": round(floor, 1),
                "rounds": rounds,
                **common.machine(),
            },
            as_json=as_json,
        )
