"""Everything that may be done to a course, each as one act in one unit of work; values come back."""

from tovholder.plan.actions.activities import add_activity, cancel_activity, complete_activity
from tovholder.plan.actions.editing import edit_plan
from tovholder.plan.actions.episodes import (
    continue_episode,
    decline_episode,
    end_episode,
    include_by_hand,
    pause_clock,
    resume_clock,
    start_episode,
)
from tovholder.plan.actions.goals import add_goal, update_goal
from tovholder.plan.actions.levels import decide_level, propose_level
from tovholder.plan.actions.measurements import record_measurement, withdraw_measurement
from tovholder.plan.actions.medicine import record_medicine
from tovholder.plan.actions.plans import GoalDraft, confirm_plan, make_plan, revise_plan
from tovholder.plan.actions.responses import record_needs_assessment, record_response
from tovholder.plan.actions.reviews import ask_review
from tovholder.plan.actions.revisions import drop_revision_draft, save_revision_draft, standing_draft

__all__ = [
    "GoalDraft",
    "add_activity",
    "add_goal",
    "ask_review",
    "cancel_activity",
    "complete_activity",
    "confirm_plan",
    "continue_episode",
    "decide_level",
    "decline_episode",
    "drop_revision_draft",
    "edit_plan",
    "end_episode",
    "include_by_hand",
    "make_plan",
    "pause_clock",
    "propose_level",
    "record_measurement",
    "record_medicine",
    "record_needs_assessment",
    "record_response",
    "resume_clock",
    "revise_plan",
    "save_revision_draft",
    "standing_draft",
    "start_episode",
    "update_goal",
    "withdraw_measurement",
]
