"""Backups: the whole record in one file, made while others write, checked, with a manifest beside it; and back again.

A backup has its name only when it is whole and has been checked: until then the file is called something that ends in
``.part``. The same holds for a restored database. The manifest holds the newest hash of the audit trail, so each
backup is also a place elsewhere where that hash is kept (docs/adr/0008).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tovholder import database
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import files
from tovholder.store.backup import postgresql, sqlite
from tovholder.store.backup.manifest import Manifest, State, read_manifest, write_manifest
from tovholder.store.backup.progress import Progress, silent

__all__ = ["Manifest", "Progress", "State", "check", "make", "restore"]


def make(path: Path, now: datetime, *, progress: Progress = silent) -> tuple[Path, Manifest]:
    """Write a backup while others read and write. Returns where it is and what it holds. Raises Problem.

    path: the file, or a folder in which it gets a name by the time. Nothing that is there is ever overwritten.
    """
    engine = postgresql if database.vendor() == "postgresql" else sqlite
    if path.is_dir():
        path /= f"tovholder-{now:%Y%m%dT%H%M%SZ}{engine.SUFFIX}"
    if not path.absolute().parent.is_dir():
        raise Problem(
            Category.INVALID,
            f"There is no folder {path.absolute().parent}",
            [Issue("PATH", "no file can be made there", "a file in a folder that is there", "value")],
            kept="the record, untouched",
        )
    if path.exists() or files.manifest_path(path).exists():
        raise Problem(
            Category.CONFLICT,
            f"{path} is there already: a backup never overwrites another",
            [Issue("PATH", "there already", "a new name, or a folder", "duplicate")],
            kept="what was there, untouched",
        )
    with files.unfinished(path) as part:
        state = engine.write(part, progress)
        size, digest = files.measure(part, lambda done: progress("Reading it back", done, part.stat().st_size))
        made = Manifest(engine.VENDOR, path.name, now, size, digest, state)
        write_manifest(files.manifest_path(path), made)  # before the file has its name: one without it is no backup
        files.publish(part, path)
    return path, made


def check(path: Path, *, progress: Progress = silent) -> Manifest:
    """Raise Problem unless the file is byte for byte what its manifest says."""
    told = read_manifest(files.manifest_path(path))
    if not path.is_file():
        raise Problem(Category.NOT_FOUND, f"There is no backup {path}", kept="the record, untouched")
    size, digest = files.measure(path, lambda done: progress("Checking the backup", done, told.size))
    if (size, digest) != (told.size, told.sha256):
        raise Problem(
            Category.INVALID,
            f"{path} is not what its manifest says: it was damaged, cut short or changed",
            [Issue(path.name, f"SHA-256 {digest[:16]}…, {size} bytes", f"{told.sha256[:16]}…, {told.size} bytes")],
            kept="the record, untouched",
        )
    return told


def restore(path: Path, now: datetime, *, replace: bool = False, progress: Progress = silent) -> tuple[Manifest, str]:
    """Put a backup in the place of this installation's database. Returns what it holds and what was kept of the old.

    replace: on SQLite, exchange a record that is there (it stays beside under another name). Raises Problem.
    """
    told = check(path, progress=progress)
    engine = postgresql if database.vendor() == "postgresql" else sqlite
    if told.vendor != engine.VENDOR:
        raise Problem(
            Category.UNSUPPORTED,
            f"The backup is of {told.vendor}, and TOVHOLDER_DATABASE_URL names {engine.VENDOR}",
            [Issue("PATH", told.vendor, engine.VENDOR, "not-supported")],
            kept="the record, untouched",
        )
    return told, engine.restore(path, told, now, replace, progress)
