"""What a death closes beside the courses, in the unit that registers it, and what a death taken back opens again.

Everything closed here carries a mark of how it stood (resources/closing.py), and only what carries it is opened: what
the clinic itself had ended stays ended. Nothing is deleted, and the journal reads on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan import course, resources
from tovholder.plan.domain import ActivityStatus, EndReason, Phase, PlanStatus
from tovholder.plan.resources import closing
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Episode
from tovholder.store import UnitOfWork

Json = dict[str, Any]
REASON = str(EndReason.DIED)
_PAUSED = " paused"
_TO_COME = frozenset({"proposed", "pending", "booked", "waitlist"})
_REFERRED = frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold"})
_NOT_SENT = frozenset({"preparation", "in-progress", "on-hold"})
_WANTED = frozenset({"draft", "active", "on-hold"})


def end_course(uow: UnitOfWork, stored: Json, value: Episode, day: int) -> Episode:
    """End a course by death: the clock stands as it stood that day, and plan and open steps are closed with it."""
    was = f"{value.phase}{_PAUSED if value.open_pause else ''}"
    pauses = tuple(
        replace(pause, end_day=max(day, pause.start_day)) if pause.end_day is None else pause for pause in value.pauses
    )
    ended = replace(value, phase=Phase.ENDED, ended_day=day, end_reason=REASON, pauses=pauses)
    if value.phase.is_started and value.id is not None:
        _close_plan(uow, value.patient_id, value.id, day)
    uow.update(closing.marked(resources.episode_resource(ended, stored), REASON, was))
    return ended


def _close_plan(uow: UnitOfWork, patient_id: str, episode_id: str, day: int) -> None:
    found = course.valid_plan(uow, patient_id, episode_id)
    if found is not None:
        stored, plan = found
        last = day if plan.start_day is None or day >= plan.start_day else None
        closed = resources.plan_resource(replace(plan, status=PlanStatus.REVOKED, end_day=last), stored)
        uow.update(closing.marked(closed, REASON, str(plan.status)))
    for held, activity in course.activities(uow, patient_id, episode_id):
        if activity.status.is_open:
            closed = resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), held)
            uow.update(closing.marked(closed, REASON, str(activity.status)))


def reopen_course(uow: UnitOfWork, episode_id: str) -> Episode | None:
    """Set a course back that death ended; None for one somebody ended by hand."""
    stored = uow.read("EpisodeOfCare", episode_id)
    was = closing.stood(stored, REASON)
    value = resources.read_episode(stored)
    phase = (was or "").removesuffix(_PAUSED)
    if was is None or phase not in {str(item) for item in Phase}:
        return None
    pauses = value.pauses
    if was.endswith(_PAUSED) and pauses:
        pauses = (*pauses[:-1], replace(pauses[-1], end_day=None))
    opened = replace(value, phase=Phase(phase), ended_day=None, end_reason=None, pauses=pauses)
    uow.update(closing.unmarked(resources.episode_resource(opened, stored)))
    for kind in ("CarePlan", "ServiceRequest"):
        for item in course.about(uow, kind, value.patient_id):
            before = closing.stood(item, REASON)
            if before is None or e.episode_id(item) != episode_id:
                continue
            back = closing.unmarked(item) | {"status": before}
            if kind == "CarePlan" and back.get("period"):
                e.put(back, "period", {name: told for name, told in back["period"].items() if name != "end"})
            uow.update(back)
    return opened


def on_death(uow: UnitOfWork, patient_id: str) -> None:
    """Cancel what was to come, withdraw what was not sent, and tell whoever waits for the patient."""
    told: dict[str, list[str]] = {}
    for kind, waits, over in _KINDS:
        for item in course.about(uow, kind, patient_id):
            was = str(item.get("status"))
            if not waits(item, uow):
                continue
            closed = closing.marked(item, REASON, was) | {"status": over}
            if kind == "Appointment":
                closed["cancelationReason"] = {"text": "Patienten er død"}
            elif kind == "Task":
                closed["statusReason"] = {"text": "Patienten er død"}
            elif kind == "CommunicationRequest":
                closed["statusReason"] = {
                    "coding": [{"system": systems.INVITATION_STANDING_SYSTEM, "code": "taken-back"}]
                }
            uow.update(closed)
            for organization in _actors(item):
                told.setdefault(organization, []).append(f"{kind}/{item['id']}")
    _tell(uow, patient_id, told, "Patienten er død. Det, I havde aftalt eller ventede på, er aflyst.")


def taken_back(uow: UnitOfWork, patient_id: str) -> None:
    """Open again what death closed: appointments whose time has not passed, referrals; messages stay withdrawn."""
    told: dict[str, list[str]] = {}
    for kind in ("Appointment", "Task"):
        for item in course.about(uow, kind, patient_id):
            was = closing.stood(item, REASON)
            if was is None:
                continue
            back = closing.unmarked(item) | {"status": was}
            if kind == "Appointment":
                if not _ahead(item, uow):
                    continue
                back.pop("cancelationReason", None)
                correction = e.simple("correction", "String", "Dødsfaldet var registreret ved en fejl")
                back = e.with_extensions(back, (e.x("correction"),), correction)
            else:
                back.pop("statusReason", None)
            uow.update(back)
            for organization in _actors(item):
                told.setdefault(organization, []).append(f"{kind}/{item['id']}")
    _tell(uow, patient_id, told, "Dødsfaldet var registreret ved en fejl. Det, der var aflyst, gælder igen.")


def _tell(uow: UnitOfWork, patient_id: str, told: Mapping[str, list[str]], text: str) -> None:
    for organization, about in sorted(told.items()):
        uow.create(notice(uow, patient_id, organization, text, about))


def notice(uow: UnitOfWork, patient_id: str, organization: str, text: str, about: list[str]) -> Json:
    """A message from the record to an organisation about what changed for it."""
    made: Json = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": systems.COMMUNICATION_CATEGORY_SYSTEM, "code": "notice"}]}],
        "subject": e.ref("Patient", patient_id),
        "recipient": [e.ref("Organization", organization)],
        "sent": days.instant_text(uow.ctx.now),
        "payload": [{"contentString": text}],
    }
    e.put(made, "about", [{"reference": one} for one in about])
    return made


def _actors(item: Mapping[str, Any]) -> list[str]:
    if item["resourceType"] == "Appointment":
        own = resources.read_appointment(item).organization_id
        references = [(part.get("actor") or {}).get("reference") for part in item.get("participant") or ()]
        found = [own, *(e.id_of(text, "Organization") for text in references)]
    elif item["resourceType"] == "Task":
        found = [e.id_of((item.get("owner") or {}).get("reference"), "Organization")]
    else:
        found = []
    return list(dict.fromkeys(one for one in found if one))


def _ahead(item: Mapping[str, Any], uow: UnitOfWork) -> bool:
    start = resources.read_appointment(item).start
    return start is None or start >= uow.ctx.now


def _appointment(item: Json, uow: UnitOfWork) -> bool:
    return item.get("status") in _TO_COME and _ahead(item, uow)


def _referral(item: Json, _uow: UnitOfWork) -> bool:
    return resources.is_referral(item) and item.get("status") in _REFERRED


def _message(item: Json, _uow: UnitOfWork) -> bool:
    to = [one.get("reference") for one in item.get("recipient") or ()]
    return item.get("status") in _NOT_SENT and (item.get("subject") or {}).get("reference") in to


def _request(item: Json, _uow: UnitOfWork) -> bool:
    return item.get("status") in _WANTED and not item.get("doNotPerform")


# What waits, when it does, and the status that ends it. Messages already sent are the journal's and stay.
_KINDS: tuple[tuple[str, Callable[[Json, UnitOfWork], bool], str], ...] = (
    ("Appointment", _appointment, "cancelled"),
    ("Task", _referral, "cancelled"),
    ("Communication", _message, "stopped"),
    ("CommunicationRequest", _request, "revoked"),
)
