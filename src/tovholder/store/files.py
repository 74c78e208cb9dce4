"""Files that have their name only when they are whole and on disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 1 << 20


def manifest_path(path: Path) -> Path:
    """Where the manifest of a backup stands."""
    return path.with_name(path.name + ".manifest.json")


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A new, empty file beside, to be published under the path. Goes when the block ends; what kill -9 left goes next time.

    The name ends in ``.part``. It is held locked while somebody writes it, so that nobody else's is taken for a leftover.
    """
    for old in path.parent.glob(f"{path.name}.*.part"):
        with suppress(OSError), old.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old.unlink()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    lock = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield part
    finally:
        part.unlink(missing_ok=True)
        for suffix in ("-wal", "-shm", "-journal"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
        os.close(lock)


def measure(path: Path, progress: Callable[[int], None]) -> tuple[int, str]:
    """Size and SHA-256 of a file, read from beginning to end."""
    whole, size = hashlib.sha256(), 0
    with path.open("rb") as handle:
        while block := handle.read(CHUNK):
            whole.update(block)
            size += len(block)
            progress(size)
    return size, whole.hexdigest()


def copy(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """Copy the bytes into a file that is there."""
    done = 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(CHUNK):
            writer.write(block)
            done += len(block)
            progress(done)


def publish(part: Path, path: Path) -> None:
    """Give a whole file its name, once it is on disk. Raises FileExistsError when the name is taken."""
    sync(part)
    os.link(part, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
