"""Leaving the system and coming back: sharing is withdrawn from everybody beside the clinic, and the journal stays."""

from __future__ import annotations

from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.plan import course
from tovholder.plan.resources import extensions as e
from tovholder.store import UnitOfWork, consents

_WHO = course.CLINIC | {Role.CITIZEN}
_LONGEST = 300


def _standing(uow: UnitOfWork, patient_id: str) -> dict[str, Any] | None:
    found = course.about(uow.as_system("sharing"), "Consent", patient_id)
    return next((item for item in found if item.get("status") == "active" and consents.is_leave(item)), None)


def left_on(ctx: Context, patient_id: str) -> str | None:
    """When the patient left, as written; None for one who takes part. Raises Problem(NOT_FOUND) where that is not seen."""
    with store.unit_of_work(ctx) as uow:
        _may(ctx, uow, patient_id)
        held = _standing(uow, patient_id)
    return None if held is None else str(held.get("dateTime") or "")


def _may(ctx: Context, uow: UnitOfWork, patient_id: str) -> None:
    course.require(
        ctx, _WHO, "Consent", "this role ends no sharing", "the patient, or the clinic on the patient's word"
    )
    uow.read("Patient", patient_id)
    if ctx.role is not Role.CITIZEN and not uow.fact_rows("episode", [patient_id], ["episode_id"]):
        raise rule("Consent", "there is no course to stop sharing", "a patient in a course")


def leave(ctx: Context, patient_id: str, *, reason: str = "") -> None:
    """Withdraw the consent to sharing: from the next request on nobody beside the clinic sees the patient here.

    The patient may, and the clinic on the patient's word, with the reason told. Courses, clocks and the journal go on at
    the clinic. Raises Problem(RULE, CONFLICT).
    """
    if ctx.role is not Role.CITIZEN and not reason.strip():
        raise rule("reason", "what the patient said is missing", "the patient's own wish, in words")
    if len(reason) > _LONGEST:
        raise rule("reason", "the reason is too long", f"at most {_LONGEST} characters")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _may(ctx, uow, patient_id)
        if _standing(uow, patient_id) is not None:
            raise _already("Sharing is withdrawn already")
        made = consents.leave_resource(ctx, patient_id)
        said = e.simple("decline-reason", "String", reason.strip() or None)
        by = e.reference(e.x("decided-by"), ctx.actor if "/" in ctx.actor else None)
        uow.as_system("sharing").create(e.with_extensions(made, (), [*said, *by]))


def come_back(ctx: Context, patient_id: str) -> None:
    """Share again: what others had before they see again, as their own relation to the patient stands today."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _may(ctx, uow, patient_id)
        held = _standing(uow, patient_id)
        if held is None:
            raise _already("The patient takes part already")
        uow.as_system("sharing").update({**held, "status": "inactive"})


def _already(message: str) -> Problem:
    issue = Issue("Consent", message[0].lower() + message[1:], "the newest state", "duplicate")
    return Problem(Category.CONFLICT, message, [issue], kept="what held before")
