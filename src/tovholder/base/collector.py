"""How often Python looks for cycles of objects: seldom, in processes whose work leaves none behind."""

from __future__ import annotations

import gc

# New objects before a look at the youngest, and how many such looks before the next older ones are looked at. Python's
# own 700, 10, 10 goes through every resource of a Bundle many times while it is being worked on.
_THRESHOLDS = (50_000, 20, 50)


def seldom() -> None:
    """Leave aside what is there already (modules, tables), and look rarely from now on. Once a process is warm."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
