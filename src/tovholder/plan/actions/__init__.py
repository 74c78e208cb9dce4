"""Everything that may be done to a course, each as one act in one unit of work; values come back."""

from tovholder.plan.actions.activities import add_activity, cancel_activity, complete_activity
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
from tovholder.plan.actions.plans import GoalDraft, confirm_plan, make_plan, revise_plan
from tovholder.plan.actions.responses import record_needs_assessment, record_response

__all__ = [
    "GoalDraft",
    "add_activity",
    "add_goal",
    "cancel_activity",
    "complete_activity",
    "confirm_plan",
    "continue_episode",
    "decide_level",
    "decline_episode",
    "end_episode",
    "include_by_hand",
    "make_plan",
    "pause_clock",
    "propose_level",
    "record_needs_assessment",
    "record_response",
    "resume_clock",
    "revise_plan",
    "start_episode",
    "update_goal",
]
