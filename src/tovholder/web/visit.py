"""The end of a visit, on the same page as what is written down at it: how today's time went, and the next control.

Nothing is told by itself: the time was kept when somebody says so, and the proposed day is booked when it is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tovholder.access.domain import Context, Role
from tovholder.appointments import actions as appointments
from tovholder.appointments.domain import Status, may_move, status_of
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.packages.model import Form
from tovholder.plan.merge.query import planned_by
from tovholder.plan.nextstep import to_weekday
from tovholder.plan.values import Activity, Appointment
from tovholder.web import reading
from tovholder.web.forms import BookForm
from tovholder.web.presenters.pages import book_kinds
from tovholder.web.templatetags.tovholder import clock_time
from tovholder.web.templatetags.tovholder import day as day_text

PREFIX = "besoeg"
BOOKS = "book"  # what the button that books too sends as ``slut``
# The question of a form that the booking answers, so that the day is told once (docs/packages.md).
NEXT_QUESTION = "naeste-kontrol"
_VISITS = frozenset({"status", "annual-status"})
_SHARED = frozenset({"kontrol", "aarsstatus"})  # what a control is in any package: ids of builtin/shared.toml


class VisitForm(BookForm):
    """Whether today's time was kept, and the next one; that one is asked for when it is to be booked."""

    conditional = frozenset({"kind", "date", "time"})

    held = forms.BooleanField(required=False)
    appointment = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, books: bool = False, held_label: str = "", **kwargs: Any) -> None:
        super().__init__(data, prefix=PREFIX, name="slut", **kwargs)
        self.fields["held"].label = held_label
        self.fields["date"].label = _("Næste kontrol")
        self.fields["kind"].label = _("Hvad")
        for name in () if books else ("kind", "date", "time"):
            del self.fields[name]


@dataclass(slots=True)
class Visit:
    """What can be closed with the form. appointment: today's, without outcome; booked: the control that is agreed."""

    appointment: Appointment | None
    booked: Appointment | None
    step: Activity | None
    proposed: int | None
    form: VisitForm

    @property
    def offers(self) -> bool:
        """Whether a next control can be booked here."""
        return self.booked is None


def of(ctx: Context, course: reading.Course, form: Form, data: Any = None) -> Visit | None:
    """The visit a form is filled in at; None for a form that is of no visit, or is not the clinic's."""
    ours = {str(Role.GP), str(Role.STAFF)} & set(form.scoring.filled_by)
    if form.scoring.kind not in _VISITS or not ours or not course.episode.phase.is_started:
        return None
    kinds = book_kinds(course.package, get_language() or "da")
    now = _todays(ctx, course, form)
    ahead = [item for item in course.view.appointments if _is_control(course, item.kinds, form) and _stands(ctx, item)]
    booked = min(ahead, key=lambda item: (item.start, item.id), default=None)
    step = _next_step(ctx, course, form, now) if booked is None else None
    proposed = None
    if step is not None and step.due_day is not None:
        proposed = to_weekday(max(step.due_day, ctx.today + 1), last=step.window_end_day)
    known = [kind for kind, _title in kinds]
    wanted = step.kind if step is not None else form.id
    initial = {
        "kind": wanted if wanted in known else "",
        "date": days.date_of(proposed) if proposed is not None else None,
        "time": now.start.astimezone(days.COPENHAGEN).time() if now is not None and now.start else time(9),
        "appointment": now.id if now is not None else "",
    }
    sends = data is not None
    sheet = VisitForm(
        data,
        today=ctx.today,
        kinds=kinds,
        initial=initial,
        books=data.get("slut") == BOOKS if sends else booked is None,
        held_label=_held_label(now),
    )
    return Visit(now, booked, step, proposed, sheet)


def close(ctx: Context, course: reading.Course, visit: Visit) -> list[str]:
    """Do what was asked for beside the answers, in the caller's unit of work; what to tell afterwards.

    Raises Problem when the time has an outcome already, or the new one is agreed already.
    """
    told: list[str] = []
    given = visit.form.cleaned_data
    if given.get("held"):
        kept = course.appointment(given["appointment"])
        if kept is None:
            raise Problem(Category.CONFLICT, "Today's appointment is not there any more", kept="the answers, not saved")
        appointments.mark_fulfilled(ctx, patient_id=course.patient_id, appointment_id=str(kept.id))
        told.append(_("Det er noteret, at aftalen blev gennemført."))
    if "date" in given and visit.booked is not None:
        issue = Issue("Appointment", "the next control is agreed already", "that one, or a move of it", "duplicate")
        raise Problem(Category.CONFLICT, "The next control is agreed already", [issue], kept="the answers, not saved")
    if "date" in given:
        kind, start = given["kind"], visit.form.start
        made = appointments.book(
            ctx,
            patient_id=course.patient_id,
            episode_id=course.episode.id or "",
            kind=kind,
            start=start,
            activity_id=visit.step.id if visit.step is not None and visit.step.kind == kind else None,
        )
        told.append(_("%(title)s er booket %(when)s.") % {"title": made.title, "when": _when(start)})
    return told


def booked_words(visit: Visit) -> str:
    """When the next control is, where it is agreed."""
    return _when(visit.booked.start) if visit.booked is not None and visit.booked.start is not None else ""


def _when(start: datetime) -> str:
    told = {"date": day_text(days.day_of(start), "weekday-year"), "time": clock_time(start)}
    return _("%(date)s kl. %(time)s") % told


def _todays(ctx: Context, course: reading.Course, form: Form) -> Appointment | None:
    mine = {ctx.organization, *ctx.units, None}
    found = [
        item
        for item in course.view.appointments
        if item.start is not None
        and days.day_of(item.start) == ctx.today
        and item.organization_id in mine
        and status_of(item.status) is not Status.FULFILLED
        and may_move(status_of(item.status), Status.FULFILLED)
    ]
    return min(found, key=lambda item: (form.id not in item.kinds, item.start, item.id), default=None)


def _held_label(now: Appointment | None) -> str:
    if now is None or now.start is None:
        return ""
    told = {"title": now.title or _("Aftale"), "time": clock_time(now.start)}
    return _("%(title)s i dag kl. %(time)s er gennemført") % told


def _is_control(course: reading.Course, kinds: tuple[str, ...], form: Form) -> bool:
    wanted = {form.id} | {item.kind for item in course.package.plan.activities if item.shared in _SHARED}
    return bool(wanted.intersection(kinds))


def _stands(ctx: Context, item: Appointment) -> bool:
    """Whether an appointment is to come and holds."""
    return (
        item.start is not None
        and days.day_of(item.start) > ctx.today
        and item.status in ("booked", "pending", "arrived")
    )


def _next_step(ctx: Context, course: reading.Course, form: Form, now: Appointment | None) -> Activity | None:
    """The nearest control of the plan after this visit: not what today's time is for, nor what may be done today."""
    served = set(now.activity_ids) if now is not None else set()

    def later(item: Activity) -> bool:
        opens = item.window_start_day if item.window_start_day is not None else item.due_day
        made_from = planned_by(course.package, item)
        shared = made_from.shared if made_from is not None else None
        control = shared in _SHARED or item.kind == form.id
        return control and item.status.is_open and item.id not in served and opens is not None and opens > ctx.today

    found = [item for item in course.view.activities if item.due_day is not None and later(item)]
    return min(found, key=lambda item: (item.due_day, item.id), default=None)
