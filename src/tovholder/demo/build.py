"""Owns building the demo: the population in bulk, then the personas and their stories through the real actions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tovholder.access import system_context
from tovholder.access.people import save_persona
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.demo import around, consents, everyday_work
from tovholder.demo.personas import PATIENTS, Story, all_personas, patient_ids
from tovholder.demo.scene import Scene
from tovholder.demo.stories import TELL
from tovholder.demo.synth import SynthConfig, generate
from tovholder.demo.synth.organisations import directory
from tovholder.store import bulk

SEED = 2027
Progress = Callable[[str, int, int | None], None]


def _silent(stage: str, done: int, total: int | None) -> None:
    return


def build(now: datetime, progress: Progress = _silent, *, config: SynthConfig | None = None) -> dict[str, int]:
    """Fill an empty, migrated database with the demo as of now; returns how many of what.

    progress is told (stage, done, total or None). Flags that time alone raises are left to the daily run, which
    whoever serves the demo starts. Raises Problem when the generated data is not accepted: that is a fault of ours.
    """
    config = config or SynthConfig(seed=SEED, anchor=days.date_of(days.day_of(now)))
    ctx = system_context(now, "synth")
    stored = _load(config, now, progress)
    done = 0
    waiting = bulk.waiting()

    def derived(count: int) -> None:
        nonlocal done
        done += count
        progress("Courses, flags and figures", done, waiting)

    bulk.derive_pending(ctx, progress=derived)

    everywhere = directory(config)
    personas = [*all_personas(everywhere, config.seed), consents.relative(now)]
    for persona in personas:
        save_persona(persona)
    known = patient_ids(config.seed)
    scenes: dict[Story, Scene] = {}
    for number, patient in enumerate(PATIENTS):
        progress("Stories", number, len(PATIENTS))
        scenes[patient.story] = Scene(everywhere.clinics[0], patient, known[patient.name], now)
        TELL[patient.story](scenes[patient.story])
    consents.tell(everywhere.clinics, scenes)
    progress("Stories", len(PATIENTS), len(PATIENTS))
    progress("The clinic's own work", 0, 1)
    everyday_work.tell(everywhere.clinics[0], now, without=set(known.values()))
    around.tell(everywhere.clinics, now, invited=known["preben"], without=set(known.values()))
    progress("The clinic's own work", 1, 1)
    return {
        "resources": stored,
        "clinics": config.clinics,
        "personas": len(personas),
        "stories": len(PATIENTS),
    }


def _load(config: SynthConfig, now: datetime, progress: Progress) -> int:
    done = 0
    stage = "People and what happened to them"

    def loaded(count: int) -> None:
        nonlocal done
        done += count
        progress(stage, done, None)

    items = (bulk.Item("synth", resource) for resource in generate(config))
    report = bulk.load(system_context(now, "synth"), items, progress=loaded)
    if report.rejects:
        first = report.rejects[0].issues
        raise Problem(
            Category.FAULT,
            f"{len(report.rejects)} generated resources were refused",
            first,
            kept=f"{report.stored} resources; start again with an empty database",
        )
    return report.stored
