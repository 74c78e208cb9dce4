"""A fair lock between processes for SQLite's one writer: first come, first served, and a dead holder lets go.

Writers stand in a queue of byte-range locks on one file: each takes the next number, holds the byte of that
number, and waits for the byte before it. The kernel frees a dead process's bytes, so nobody waits for a ghost.
The lock gives order only; that two units never overlap is SQLite's own BEGIN IMMEDIATE.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_COUNTER_BYTE = 0  # guards the counter itself
_FIRST = 1 << 20  # tickets lock bytes far beyond the counter; a lock needs no byte to exist


def _flock(kind: int, start: int) -> bytes:
    # struct flock on 64-bit Linux: short type, short whence, off_t start, off_t len, pid
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, 1, 0)


def _lock(fd: int, kind: int, start: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, _flock(kind, start))


@contextmanager
def fair(path: str | Path) -> Iterator[None]:
    """Hold the lock of this file; waits its turn."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd, fcntl.F_WRLCK, _COUNTER_BYTE)
        raw = os.pread(fd, 8, 0)
        ticket = int.from_bytes(raw, "little") if len(raw) == 8 else 1
        os.pwrite(fd, (ticket + 1).to_bytes(8, "little"), 0)
        _lock(fd, fcntl.F_WRLCK, _FIRST + ticket)
        _lock(fd, fcntl.F_UNLCK, _COUNTER_BYTE)
        _lock(fd, fcntl.F_RDLCK, _FIRST + ticket - 1)
        yield
    finally:
        os.close(fd)  # frees every byte this descriptor holds
