"""Jobs for tests: they leave a line in a file each time they run."""

from __future__ import annotations

import time
from pathlib import Path

from django.db import OperationalError

from tovholder.base.errors import Category, Problem
from tovholder.jobs.queue import Run, job


def note(path: str, text: str) -> list[str]:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return Path(path).read_text(encoding="utf-8").split()


@job
def add(context: Run, path: str, text: str) -> int:
    return len(note(path, f"{text}:{context.attempt}"))


@job
def wait(context: Run, path: str, seconds: float) -> str:
    """Goes on until the time has passed, or somebody stops it."""
    note(path, f"began:{context.attempt}")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        context.tell("waiting")
        time.sleep(0.02)
    note(path, f"ended:{context.attempt}")
    return "waited"


@job
def refuse(context: Run, path: str) -> None:
    note(path, f"refused:{context.attempt}")
    raise Problem(Category.RULE, "The rule says no")


@job
def fail(context: Run, path: str) -> None:
    note(path, f"failed:{context.attempt}")
    raise ZeroDivisionError("a name nobody should be told")


@job
def away(context: Run, path: str) -> None:
    note(path, f"away:{context.attempt}")
    raise OperationalError("the server is away")
