"""Value ↔ FHIR for everything a course is made of: pure, lenient in, strict out."""

from tovholder.plan.resources.activity import (
    activity_resource,
    appointment_resource,
    read_activity,
    read_appointment,
)
from tovholder.plan.resources.episode import episode_resource, package_of, phase_of, read_episode
from tovholder.plan.resources.level import (
    decided_level,
    decision_resource,
    is_decision,
    proposal_resource,
    read_decision,
    read_proposal,
)
from tovholder.plan.resources.medicine import followed_up, medicine_resource, read_medicine
from tovholder.plan.resources.plan import definition, goal_resource, plan_resource, read_goal, read_plan
from tovholder.plan.resources.record import condition_resource, measurement_resource, response_resource
from tovholder.plan.resources.referral import is_referral, read_referral, referral_resource

__all__ = [
    "activity_resource",
    "appointment_resource",
    "condition_resource",
    "decided_level",
    "decision_resource",
    "definition",
    "episode_resource",
    "followed_up",
    "goal_resource",
    "is_decision",
    "is_referral",
    "measurement_resource",
    "medicine_resource",
    "package_of",
    "phase_of",
    "plan_resource",
    "proposal_resource",
    "read_activity",
    "read_appointment",
    "read_decision",
    "read_episode",
    "read_goal",
    "read_medicine",
    "read_plan",
    "read_proposal",
    "read_referral",
    "referral_resource",
    "response_resource",
]
