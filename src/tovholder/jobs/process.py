"""Which process runs a job, and whether it is still there: a dead one on this machine is noticed at once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """This boot of this machine, as seen from this container; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def name(pid: int | None = None) -> str:
    """What a process is called: machine, number, and when it began (a number is used again)."""
    pid = os.getpid() if pid is None else pid
    return f"{machine()}:{pid}:{_began(pid)}"


def is_gone(told: str) -> bool:
    """Whether the process of that name is certainly dead. False when it lives, or lives elsewhere."""
    where, _, rest = told.partition(":")
    pid, _, began = rest.partition(":")
    if not where or where != machine() or not pid.isdigit():
        return False
    return _began(int(pid)) != began


def _began(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    # A zombie does nothing any more, though its number is still taken.
    return "" if state == "Z" else fields[18]
