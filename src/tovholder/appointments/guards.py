"""What must hold of an appointment whoever writes it: forward only, outcomes told and not concluded, reasons kept."""

from __future__ import annotations

from tovholder.access import Role
from tovholder.appointments.domain import CancelledBy, CancelReason, Status, move, status_of
from tovholder.base import days
from tovholder.base.errors import rule
from tovholder.fhir.references import patient_of
from tovholder.plan import resources
from tovholder.store.ports import Change
from tovholder.store.unit import UnitOfWork


def appointment_guard(change: Change, uow: UnitOfWork) -> None:
    """Statuses move forward; a correction says why; no outcome before its day; a cancellation has its reason."""
    new, old = change.new, change.old
    if new is None:
        return
    status = status_of(new.get("status"))
    value = resources.read_appointment(new)
    if old is not None:
        if patient_of(old) != patient_of(new):
            raise rule(
                "Appointment.participant", "the patient of a stored appointment cannot change", "a new appointment"
            )
        before = status_of(old.get("status"))
        told = value.correction is not None and value.correction != resources.read_appointment(old).correction
        move(before, status, correction=told)
    if change.ctx.role is Role.SYSTEM:
        return  # other systems' appointments are kept as they tell them
    if status in (Status.FULFILLED, Status.NOSHOW):
        if value.start is None or days.day_of(value.start) > change.ctx.today:
            raise rule("Appointment.status", "the appointment's day has not come", "an outcome on the day or later")
        if value.outcome_unknown:
            raise rule(
                "Appointment.extension('outcome-unknown')", "the outcome is told", "no outcome-unknown extension"
            )
    newly = old is None or old.get("status") != status
    if status is Status.CANCELLED and newly and value.correction is None:
        if not (value.cancel_reason or value.cancel_text):
            raise rule("Appointment.cancelationReason", "why it is cancelled is missing", ", ".join(CancelReason))
        if value.cancelled_by is not None and value.cancelled_by not in set(CancelledBy):
            raise rule("Appointment.extension('cancelled-by')", "who cancelled is not known", ", ".join(CancelledBy))


GUARDS = {"Appointment": [appointment_guard]}
