"""``tovholder bench api``: read, search, create and transaction Bundles against the real server over a filled record."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import typer

from tovholder.cli import setup
from tovholder.cli.bench import common, load
from tovholder.cli.beside import serving

PER_CLINIC = 16_300  # resources of one full clinic with 1.6 everyday visits a person
BUNDLE = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What requests are made of: resources to read, and patients with a code they have values for."""

    resources: list[tuple[str, str]]
    patients: list[str]
    codes: list[tuple[str, str, str]]  # patient, system, code
    sample: dict[str, Any]  # an Observation to make others like


@common.app.command("api")
def api(
    resources: int = typer.Option(1_000_000, min=1000, help="Resources in the record."),
    seconds: float = typer.Option(10.0, min=0.5, help="How long each round lasts."),
    connections: int = typer.Option(12, min=1, max=64, help="Connections at once."),
    rounds: int = typer.Option(3, min=1, help="How many rounds of each."),
    postgresql: bool = common.POSTGRESQL,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Answers per second and latencies of the FHIR API, audit and flags on, 3 % of patients in packages."""
    with common.fresh(postgresql) as place:
        loaded, taken = _fill(place, resources)
        known = _known(random.Random(1))
        token = _token()
        result: dict[str, Any] = {
            "resources": loaded,
            "load_per_second": round(loaded / taken),
            "bytes_on_disk_per_resource": round(common.database_bytes() / loaded),
            **common.shares(),
            "connections": connections,
        }
        from django.db import connections as databases

        databases.close_all()
        with serving() as port:
            for name, factor, wished, make in _kinds(known, token):
                found = [
                    load.run(port, make(random.Random(number)), seconds=seconds, connections=connections, wished=wished)
                    for number in range(rounds + 1)
                ][1:]  # the first warms the server
                result |= _told(name, found, factor)
        with serving(_floor_command(), "/") as port:
            bare = load.run(
                port,
                iter(lambda: load.request("GET", "/", ""), b""),
                seconds=seconds,
                connections=connections,
                wished=200,
            )
            result["floor_empty_answers_per_second"] = round(bare.per_second)
        common.show({**result, "rounds": rounds, "seconds": seconds, **common.machine()}, as_json=as_json)


def _told(name: str, found: list[load.Result], factor: int) -> dict[str, Any]:
    odd = {status: count for one in found for status, count in one.odd.items()}
    if odd:
        raise AssertionError(f"{name}: other statuses than wished: {odd}")
    middle = sorted(found, key=lambda one: one.per_second)[len(found) // 2]
    return {
        f"{name}_per_second": round(middle.per_second * factor),
        f"{name}_p50_ms": round(middle.percentile(0.5), 1),
        f"{name}_p99_ms": round(middle.percentile(0.99), 1),
    }


def _fill(place: Path, resources: int) -> tuple[int, float]:
    """Load a population of about so many resources; returns how many and the seconds it took."""
    from tovholder.access import system_context
    from tovholder.demo import synth
    from tovholder.store import bulk

    config = synth.SynthConfig(
        seed=1,
        anchor=setup.now().date(),
        full_clinics=max(1, round(resources / PER_CLINIC)),
        list_size=1600 if resources >= PER_CLINIC else max(100, resources // 10),
        package_clinics=0,
        everyday=common.EVERYDAY,
    )
    folder = place / "population"
    total = sum(synth.write_ndjson(config, folder).values())
    ctx = system_context(setup.now(), "import", live=True)
    with setup.progress_bar("Filling the record", total, forks=True) as bar:
        start = time.perf_counter()
        report = bulk.load(ctx, bulk.read_paths([folder]), progress=lambda count: bar.advance(bar.task_ids[0], count))
        bulk.derive_pending(ctx)
        taken = time.perf_counter() - start
    for path in folder.iterdir():
        path.unlink()
    if report.rejects:
        raise AssertionError(f"{len(report.rejects)} were set aside, the first: {report.rejects[0].issues}")
    return total, taken


def _known(rng: random.Random) -> Known:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(key) FROM store_resource")
        highest = cursor.fetchone()[0]
        resources: list[tuple[str, str]] = []
        patients: list[str] = []
        codes: list[tuple[str, str, str]] = []
        sample: dict[str, Any] = {}
        for _ in range(40):
            keys = [rng.randint(1, highest) for _ in range(500)]
            cursor.execute(
                "SELECT r.type, r.rid, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
                f" WHERE r.key IN ({', '.join(map(str, keys))})"
            )
            for kind, rid, body in cursor.fetchall():
                resources.append((kind, rid))
                if kind == "Patient":
                    patients.append(rid)
                elif kind == "Observation":
                    told = orjson.loads(bytes(body))
                    coding = told["code"]["coding"][0]
                    codes.append((told["subject"]["reference"][8:], coding["system"], coding["code"]))
                    if "referenceRange" in told and not sample:
                        sample = told
    for name in ("id", "meta", "identifier", "encounter"):
        sample.pop(name, None)
    return Known(resources, patients, codes, sample)


Make = Callable[[random.Random], Iterator[bytes]]


def _kinds(known: Known, token: str) -> list[tuple[str, int, int, Make]]:
    def read(rng: random.Random) -> Iterator[bytes]:
        while True:
            kind, rid = rng.choice(known.resources)
            yield load.request("GET", f"/fhir/{kind}/{rid}", token)

    def search(rng: random.Random) -> Iterator[bytes]:
        while True:
            patient, system, code = rng.choice(known.codes)
            yield load.request("GET", f"/fhir/Observation?patient={patient}&code={system}|{code}&_sort=-date", token)

    def observation(rng: random.Random) -> dict[str, Any]:
        when = setup.now() - timedelta(minutes=rng.randint(0, 60 * 24 * 365))
        told = when.isoformat(timespec="seconds")
        return {
            **known.sample,
            "subject": {"reference": f"Patient/{rng.choice(known.patients)}"},
            "effectiveDateTime": told,
            "issued": told,
        }

    def create(rng: random.Random) -> Iterator[bytes]:
        while True:
            yield load.request("POST", "/fhir/Observation", token, orjson.dumps(observation(rng)))

    def bundle(rng: random.Random) -> Iterator[bytes]:
        while True:
            entries = [
                {"resource": observation(rng), "request": {"method": "POST", "url": "Observation"}}
                for _ in range(BUNDLE)
            ]
            content = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            yield load.request("POST", "/fhir", token, orjson.dumps(content))

    return [
        ("read", 1, 200, read),
        ("search", 1, 200, search),
        ("create", 1, 201, create),
        ("bundle_resources", BUNDLE, 200, bundle),
    ]


def _token() -> str:
    from tovholder.access import people
    from tovholder.access.domain import Role
    from tovholder.access.people import Persona

    people.save_persona(Persona("bench", "Bench", "system", Role.SYSTEM, "", "", ""))
    return people.make_token("bench", setup.now())


def _floor_command() -> list[str]:
    from django.conf import settings

    env = settings.ENV
    return [
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(env.workers),
        "--threads", str(env.threads), "--keep-alive", "30", "--log-level", "error",
        "tovholder.cli.bench.floor:application", "--bind", "127.0.0.1:{port}",
    ]  # fmt: skip
