"""Bulk loads: Bundles, NDJSON and folders into the record, in batches; bad lines set aside with file, line and path."""

from __future__ import annotations

import gc
import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.db import connection

from tovholder.access import Context, system_context
from tovholder.base import json
from tovholder.base.errors import Issue, Problem
from tovholder.fhir import references
from tovholder.fhir.prepare import Prepared
from tovholder.store import ahead, ports, schema
from tovholder.store.unit import UnitOfWork, unit_of_work

BATCH = 250
DERIVE_BATCH = 200
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that did not go in: where it stood, why, and the line itself (for the reject file)."""

    source: str
    issues: tuple[Issue, ...]
    raw: bytes = b""


@dataclass(slots=True)
class Report:
    """What a load did."""

    stored: int = 0
    unchanged: int = 0
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Item:
    """One resource read, or why it could not be read."""

    source: str
    resource: dict[str, Any] | None
    issues: tuple[Issue, ...] = ()
    raw: bytes = b""


def load(ctx: Context, items: Iterable[Item], *, progress: Progress | None = None) -> Report:
    """Store everything that is valid, each under its own id; the rest is reported. Loading again changes nothing.

    Derived things (episodes, flags, figures) are brought up to date at the end, and after a crash by the next
    ``derive_pending``: whose turn is due is written in the same transaction as their data.
    """
    report = Report()
    with _no_cycle_search():
        for batch, made in ahead.prepared(_batches(items)):
            _store(ctx, batch, made, report)
            if progress:
                progress(len(batch))
    return report


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    # Resources are trees: counting references frees them, and looking for cycles among them costs a tenth of the load.
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def derive_pending(ctx: Context, *, progress: Progress | None = None) -> int:
    """Run the derivations that bulk loads left; returns for how many patients."""
    done = 0
    tables = frozenset({"*"})
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT patient_id FROM store_pending ORDER BY patient_id LIMIT %s", [DERIVE_BATCH])
            patients = [row[0] for row in cursor.fetchall()]
        if not patients:
            break
        with unit_of_work(system_context(ctx.now, "derive"), patients=patients) as uow:
            run_steps(uow, frozenset(patients), tables)
            with connection.cursor() as cursor:
                cursor.executemany("DELETE FROM store_pending WHERE patient_id = %s", [(p,) for p in patients])
        done += len(patients)
        if progress:
            progress(len(patients))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return done


def run_steps(uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
    """All derivation steps once, as if every fact of the patients had changed."""
    every = frozenset(schema.fact_tables()) if "*" in tables else tables
    for step in ports.steps():
        step.changed(uow, patients, every)
        uow.flush()


def waiting() -> int:
    """How many patients' derivations wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_pending")
        count: int = cursor.fetchone()[0]
    return count


def _store(ctx: Context, batch: list[Item], made: list[Prepared | None], report: Report) -> None:
    good = [(item, one) for item, one in zip(batch, made, strict=True) if item.resource is not None]
    report.rejects += [Reject(item.source, item.issues, item.raw) for item in batch if item.resource is None]
    try:
        stored, unchanged = _store_unit(ctx, good)
        report.stored += stored
        report.unchanged += unchanged
        return
    except Problem:
        pass  # one of them is bad: the whole batch was undone; each goes in for itself below
    for item, one in good:
        try:
            stored, unchanged = _store_unit(ctx, [(item, one)])
            report.stored += stored
            report.unchanged += unchanged
        except Problem as problem:
            report.rejects.append(Reject(item.source, problem.issues, item.raw))


def _store_unit(ctx: Context, items: list[tuple[Item, Prepared | None]]) -> tuple[int, int]:
    stored = unchanged = 0
    with unit_of_work(ctx, bulk=True) as uow:
        uow.prefetch(
            (str(item.resource["resourceType"]), str(item.resource["id"]))
            for item, _ in items
            if item.resource is not None and "id" in item.resource and "resourceType" in item.resource
        )
        for item, made in items:
            assert item.resource is not None
            if uow.holds(item.resource):
                unchanged += 1
            elif "id" in item.resource:
                uow.update(item.resource, prepared=made)
                stored += 1
            else:
                uow.create(item.resource)
                stored += 1
    return stored, unchanged


def read_paths(paths: Iterable[Path]) -> Iterator[Item]:
    """Resources from files and folders: .json (a resource, a Bundle, a list), .ndjson, .gz of these, .tgz packages."""
    for path in paths:
        if path.is_dir():
            for child in sorted(child for child in path.rglob("*") if child.is_file()):
                if _suffix(child) in (".json", ".ndjson", ".jsonl", ".tgz"):
                    yield from _whole_file(child)
        elif path.exists():
            yield from _whole_file(path)
        else:
            message = "no such file"
            yield Item(str(path), None, (Issue(str(path), message, "a file or folder", "not-found"),))


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return ".tgz" if path.name.lower().endswith((".tgz", ".tar.gz")) else Path(name).suffix


def _whole_file(path: Path) -> Iterator[Item]:
    # A torn file stops neither what was whole in it nor the files after it; it is told like a bad line.
    try:
        yield from _read_file(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        told = getattr(error, "strerror", None) or str(error)
        yield Item(
            str(path), None, (Issue(path.name, f"the file cannot be read: {told}", "a whole file", "structure"),)
        )


def _read_file(path: Path) -> Iterator[Item]:
    suffix = _suffix(path)
    if suffix == ".tgz":
        with tarfile.open(path, "r:gz") as package:
            for member in package:
                # A FHIR package keeps its example resources under package/example.
                if member.isfile() and member.name.endswith(".json") and "/example/" in member.name:
                    handle = package.extractfile(member)
                    if handle is not None:
                        yield from _read_json(handle.read(), f"{path.name}:{member.name}")
        return
    opener: Callable[..., IO[bytes]] = gzip.open if path.name.endswith(".gz") else open  # type: ignore[assignment]
    with opener(path, "rb") as handle:
        if suffix == ".json":
            yield from _read_json(handle.read(), path.name)
        else:
            yield from read_lines(handle, path.name)


def read_lines(handle: Iterable[bytes], name: str) -> Iterator[Item]:
    """NDJSON: one resource a line."""
    for number, line in enumerate(handle, start=1):
        if line.strip():
            yield _item(line.strip(), f"{name}:{number}")


def _item(raw: bytes, source: str) -> Item:
    try:
        value = json.loads(raw)
    except Problem as problem:
        return Item(source, None, problem.issues, raw)
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return Item(source, None, (Issue("resourceType", "missing", "a FHIR resource", "structure"),), raw)
    return Item(source, value, (), raw)


def _read_json(raw: bytes, source: str) -> Iterator[Item]:
    item = _item(raw, source)
    if item.resource is None:
        yield item
        return
    if item.resource.get("resourceType") != "Bundle" or item.resource.get("type") not in (
        "transaction",
        "batch",
        "collection",
        "searchset",
    ):
        yield item
        return
    yield from bundle_items(item.resource, source)


def bundle_items(bundle: dict[str, Any], source: str) -> Iterator[Item]:
    """A Bundle's resources; urn:uuid references between them are rewritten to the ids they are stored under."""
    mapping: dict[str, str] = {}
    told = bundle.get("entry", [])
    if not isinstance(told, list):
        yield Item(source, None, (Issue(f"{source} Bundle.entry", "not a list", "a list of entries", "structure"),))
        return
    entries = [entry if isinstance(entry, dict) else {} for entry in told]
    for entry in entries:
        resource, url = entry.get("resource"), entry.get("fullUrl", "")
        if isinstance(resource, dict) and str(url).startswith("urn:uuid:"):
            resource.setdefault("id", str(url).removeprefix("urn:uuid:"))
            mapping[url] = f"{resource.get('resourceType')}/{resource['id']}"
    for number, entry in enumerate(entries):
        resource = entry.get("resource")
        where = f"{source} Bundle.entry[{number}]"
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            yield Item(where, None, (Issue(f"{where}.resource", "missing", "a FHIR resource", "structure"),))
            continue
        references.rewrite(resource, mapping)
        yield Item(where, resource, (), json.dumps(resource))
