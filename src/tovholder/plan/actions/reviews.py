"""The patient asks for a new assessment: kept with the level it is about, which is due for review from that day."""

from __future__ import annotations

from dataclasses import replace

from tovholder import store
from tovholder.access import Context
from tovholder.base.errors import rule
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.values import Decision


def ask_review(ctx: Context, *, patient_id: str, episode_id: str, wish: str = "", day: int | None = None) -> Decision:
    """Note that the patient wishes a new assessment. The level stands until a new one is decided.

    Raises Problem(RULE) while no level is decided: then the assessment is under way anyhow.
    """
    course.require(ctx, course.CLINIC, "Observation.performer", "the clinic notes the patient's wish", "the clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        held = course.latest_decision(uow, patient_id, episode_id)
        if not value.phase.is_started or held is None or held.id is None:
            raise rule(
                "Observation.extension('review-wish')",
                "there is no decided level to assess anew",
                "a started course with a decided level",
            )
        said = past_day(ctx, day, "Observation.extension('review-wish')")
        if said < held.decided_day:
            raise rule(
                "Observation.extension('review-wish')",
                "the wish is older than the level it is about",
                "the day the level was decided, or later",
            )
        review = said if held.review_day is None else min(held.review_day, said)
        wished = replace(
            held,
            status="amended" if held.status == "final" else held.status,
            review_day=review,
            review_wish_day=said,
            review_wish=wish.strip(),
        )
        uow.update(resources.decision_resource(wished, uow.read("Observation", held.id)))
        return wished
