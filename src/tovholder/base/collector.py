"""How often Python looks for cycles of objects: seldom, in processes whose work leaves none behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# New objects before a look at the youngest, and how many such looks before the next older ones are looked at. Python's
# own 700, 10, 10 goes through every resource of a Bundle many times while it is being worked on.
_THRESHOLDS = (50_000, 20, 50)


def seldom() -> None:
    """Leave aside what is there already (modules, tables), and look rarely from now on. Once a process is warm."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def rarely() -> Iterator[None]:
    """Look as rarely inside, and as before afterwards: for long work in a process that also does other things."""
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
