"""Writes an export into a folder: whole files or none, one moment of the record, memory that does not grow with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tovholder import database
from tovholder.access import Context, audit
from tovholder.base import days, json
from tovholder.fhir.references import subjects_of
from tovholder.store import audit_exports, compartment, trail
from tovholder.store.export import selection
from tovholder.store.export.selection import Selection
from tovholder.store.files import sync

FILE_LINES = 100_000
LINKED = 20_000  # patients found by filters that an export's event is linked to; a Group's are, whatever their number
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class File:
    """One file: its name in the folder, the type of resource in it, and how many."""

    name: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export is made of.

    moment: epoch milliseconds; who asks next time for what changed since then misses nothing. What was changed after
    it may be in here already, and is then in the next one again.
    """

    moment: int
    files: tuple[File, ...]
    deleted: tuple[File, ...]

    @property
    def instant(self) -> str:
        """The moment as a FHIR instant."""
        return days.instant_of(self.moment)

    def told(self) -> dict[str, Any]:
        """As JSON, for the queue."""
        return {
            "moment": self.moment,
            "files": [[one.name, one.type, one.count] for one in self.files],
            "deleted": [[one.name, one.type, one.count] for one in self.deleted],
        }

    def listed(self, base: str = "") -> dict[str, Any]:
        """As clients are told it, each file's address below the base (Bulk Data Access IG 2.0 §2.5.4)."""

        def files(of: tuple[File, ...]) -> list[dict[str, Any]]:
            return [{"type": one.type, "url": f"{base}{one.name}", "count": one.count} for one in of]

        return {
            "transactionTime": self.instant,
            "output": files(self.files),
            "deleted": files(self.deleted),
            "error": [],
        }

    @staticmethod
    def of(told: dict[str, Any]) -> Manifest:
        """From JSON."""
        return Manifest(
            told["moment"],
            tuple(File(*one) for one in told["files"]),
            tuple(File(*one) for one in told["deleted"]),
        )


def write(ctx: Context, wish: Selection, folder: Path, *, name: str, tell: Tell = lambda _: None) -> Manifest:
    """Export into a folder that is not there yet; it appears when it is whole.

    name: what the audit trail calls it. tell: is given progress, and may raise to end the work: then nothing is left.
    Raises Problem(FORBIDDEN, INVALID) and OSError.
    """
    selection.check(ctx, wish)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(".part", f"{folder.name}.", folder.parent))  # for this system's user alone
    try:
        with _Seen(part / "patients.sqlite3") as seen:
            # Asked first: whoever commits late is stamped at or after it, and comes in the next export.
            moment = database.horizon()
            with database.unhurried(), database.snapshot():
                ((seq,),) = database.rows("SELECT COALESCE(MAX(seq), 0) FROM store_version")
                files, deleted = _write_all(ctx, wish, part, seen, tell)
            tell("writing the audit trail")
            _note(ctx, name, wish, seen, seq)
        manifest = Manifest(moment, tuple(files), tuple(deleted))
        (part / "manifest.json").write_bytes(json.dumps(manifest.listed(), pretty=True) + b"\n")
        _settle(part)
        shutil.rmtree(folder, ignore_errors=True)  # of a run that died before it could tell that it was done
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def _write_all(ctx: Context, wish: Selection, part: Path, seen: _Seen, tell: Tell) -> tuple[list[File], list[File]]:
    expected = selection.count(ctx, wish)
    members = selection.members_of(wish)
    files: list[File] = []
    deleted: list[File] = []
    for kind in selection.types_of(ctx, wish):
        if not expected.get(kind):
            continue
        writer = _Writer(part, kind)
        try:
            for chunk in selection.rows(ctx, wish, kind, members):
                writer.lines([bytes(body) for _, body, _ in chunk])
                seen.add(_about(kind, chunk))
                tell(f"{kind}: {writer.count}" + ("" if members else f" of about {expected[kind]}"))
        finally:
            files += writer.close()
    if wish.since is not None:
        writer = _Writer(part, "Bundle", prefix="deleted")
        try:
            for kind in selection.types_of(ctx, wish):
                for chunk in selection.rows(ctx, wish, kind, members, deleted=True):
                    writer.lines([_deletions(kind, chunk)])
                    seen.add(_about(kind, chunk))
        finally:
            deleted = writer.close()
    return files, deleted


def _about(kind: str, chunk: list[tuple[str, Any, Any]]) -> Iterator[str | None]:
    for _, body, patient in chunk:
        yield patient
        if body and compartment.may_name_others(kind, patient):
            yield from subjects_of(json.loads(bytes(body)))


def _deletions(kind: str, chunk: list[tuple[str, Any, Any]]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"{kind}/{rid}"}} for rid, _, _ in chunk]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _note(ctx: Context, name: str, wish: Selection, seen: _Seen, seq: int) -> None:
    """One event. Of everybody it links nobody: whom it was about is told by the record's versions when a log is read.

    seq: the newest version that can be in the files.
    """
    # A filter's finds are linked, as long as they are few enough to be one event's.
    by_versions = wish.level != "group" and wish.patients is None and (not wish.filters or seen.count() > LINKED)
    told = audit_exports.told(
        wish.level, wish.group, wish.types, wish.since, sorted(wish.filters), seq if by_versions else None
    )
    patients = frozenset[str]() if by_versions else frozenset(seen.all())
    trail.write_audit([audit.Entry(ctx, "export", patients, f"{name} {told}")])


def _settle(folder: Path) -> None:
    """What the folder holds is on the disk before anybody is told of it."""
    for path in [*folder.iterdir(), folder]:
        sync(path)


@dataclass(slots=True)
class _Writer:
    """Lines of one type, in files of bounded length."""

    folder: Path
    kind: str
    prefix: str = ""
    count: int = 0
    files: list[File] = field(default_factory=list)
    _handle: IO[bytes] | None = None
    _here: int = 0

    def lines(self, bodies: list[bytes]) -> None:
        if self._handle is None:
            self._handle = (self.folder / self._name()).open("xb", buffering=1 << 20)
            os.chmod(self._handle.fileno(), 0o600)
        self._handle.write(b"\n".join(bodies) + b"\n")
        self._here += len(bodies)
        self.count += len(bodies)
        if self._here >= FILE_LINES:
            self._end()

    def close(self) -> list[File]:
        self._end()
        return self.files

    def _name(self) -> str:
        return f"{self.prefix or self.kind}.{len(self.files) + 1:04}.ndjson"

    def _end(self) -> None:
        if self._handle is not None:
            self.files.append(File(self._name(), self.kind, self._here))
            self._handle.close()
            self._handle, self._here = None, 0


class _Seen:
    """Which patients an export is about, kept on disk: there may be millions."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Seen:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)

    def add(self, patients: Iterable[str | None]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO seen (id) VALUES (?)", [(one,) for one in sorted({one for one in patients if one})]
        )

    def count(self) -> int:
        found: int = self._db.execute("SELECT COUNT(*) FROM seen").fetchone()[0]
        return found

    def all(self) -> Iterator[str]:
        return (row[0] for row in self._db.execute("SELECT id FROM seen ORDER BY id"))
