"""Owns the walk of ``tovholder demo --check``: the steps of the main job on a real server, told as they go."""

from __future__ import annotations

from collections.abc import Callable

from tovholder import packages
from tovholder.base.clock import system_clock
from tovholder.demo.browser import Failed
from tovholder.demo.journey import STEPS, Step, Walk
from tovholder.demo.journey_around import AROUND
from tovholder.demo.journey_more import MORE

Tell = Callable[[str], None]
ALL = (*STEPS, *MORE, *AROUND)


def walk(base: str, tell: Tell) -> bool:
    """Walk the main job on the server at this address; one line per step; True when all is as it should be.

    The calling process must work on the same home: tokens and the new patient's persona are made here.
    """
    return take(Walk(base, system_clock(), packages.get("kol")), ALL, tell)


def take(held: Walk, steps: tuple[Step, ...], tell: Tell) -> bool:
    """Take the steps in order; where one fails that others stand on, those are not taken."""
    failures = 0
    for number, step in enumerate(steps, start=1):
        try:
            tell(f"ok     {step.title}: {step.run(held)}")
        except Exception as error:  # whatever goes wrong is a finding about this step
            failures += 1
            what = (
                str(error)
                if isinstance(error, Failed)
                else f"expected an answer, found {type(error).__name__}: {error}"
            )
            tell(f"FAILED {step.title}: {what}")
            left = len(steps) - number
            if step.needed and left:
                tell(f"Stopped: the {left} steps after it stand on it.")
                break
    return failures == 0
