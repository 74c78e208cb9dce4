"""What the clinic does on a patient's page: one act each, by POST, and back to the page with a word about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form, Textarea
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.appointments import actions as appointment_actions
from tovholder.appointments.together import book_together
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.plan import actions
from tovholder.plan.merge import merged
from tovholder.plan.merge.domain import State
from tovholder.plan.values import Appointment
from tovholder.web import errors, kept, reading
from tovholder.web.view_models import FormError
from tovholder.web.views import clinic
from tovholder.web.views.common import for_roles, form_errors, safe_next, technical
from tovholder.web.views.patient_forms import PatientForms

_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})


@dataclass(frozen=True, slots=True)
class Call:
    """One press: who, about whom, with what."""

    ctx: Context
    course: reading.Course
    form: Any
    data: Any

    @property
    def about(self) -> dict[str, Any]:
        """The patient and the course, as the actions name them."""
        return {"patient_id": self.course.patient_id, "episode_id": self.course.episode.id or ""}

    @property
    def appointment(self) -> dict[str, Any]:
        """The patient and the appointment the press was about."""
        return {"patient_id": self.course.patient_id, "appointment_id": self.data.get("appointment", "")}


def _start(call: Call) -> Any:
    form = call.form
    actions.start_episode(
        call.ctx,
        **call.about,
        offered_day=form.day("offered"),
        started_day=form.day("started"),
        confirmed=bool(form.cleaned_data.get("confirmed")),
    )
    return gettext_lazy("Forløbet er startet.")


def _decline(call: Call) -> Any:
    actions.decline_episode(call.ctx, **call.about, reason=call.form.cleaned_data["reason"], before_start=True)
    return gettext_lazy("Det er noteret, at patienten siger nej tak.")


def _decide(call: Call) -> Any:
    given = call.form.cleaned_data
    actions.decide_level(call.ctx, **call.about, level=given["level"], override_reason=given["override_reason"])
    return gettext_lazy("Niveauet er besluttet.")


def _draft(call: Call) -> Any:
    actions.make_plan(call.ctx, **call.about)
    return gettext_lazy("Kladden er lavet. Gennemgå den sammen med patienten, og bekræft den.")


def _confirm(call: Call) -> Any:
    given = call.form.cleaned_data
    text = given["goal"].strip()
    goals = [actions.GoalDraft(text, by_patient=given["by_patient"] != "clinic")] if text else []
    goals += [
        actions.GoalDraft(item.text.da, by_patient=False, code=item.code, limits=item.limits)
        for item in call.course.view.suggestions
        if item.id in call.data.getlist("forslag")
    ]
    chosen = set(call.data.getlist("med"))
    leave_out = {step.id for step in call.course.view.preview} - chosen
    actions.confirm_plan(
        call.ctx, **call.about, goals=goals, no_goal_reason=given["no_goal_reason"], leave_out=leave_out
    )
    return gettext_lazy("Planen er bekræftet, og patienten kan se den nu.")


def _goal(call: Call) -> Any:
    given = call.form.cleaned_data
    asked = call.data.get("forslag", "")
    chosen = next((item for item in call.course.view.suggestions if item.id == asked), None)
    if chosen is not None:
        text, code, limits = chosen.text.da, chosen.code, chosen.limits
        actions.add_goal(call.ctx, **call.about, text=text, by_patient=False, code=code, limits=limits)
        return gettext_lazy("Målet er gemt.")
    actions.add_goal(
        call.ctx,
        **call.about,
        text=given["text"],
        by_patient=given["by_patient"] == "patient",
        target_day=call.form.day("target"),
    )
    return gettext_lazy("Målet er gemt.")


def _activity(call: Call) -> Any:
    actions.complete_activity(call.ctx, patient_id=call.course.patient_id, activity_id=call.data.get("activity", ""))
    return gettext_lazy("Aktiviteten er markeret som gjort.")


def _book(call: Call) -> Any:
    appointment_actions.book(call.ctx, **call.about, kind=call.form.cleaned_data["kind"], start=call.form.start)
    return gettext_lazy("Aftalen er booket.")


def _appointment(call: Call) -> Any:
    if call.data.get("do") == "noshow":
        appointment_actions.mark_noshow(call.ctx, **call.appointment)
        return gettext_lazy("Det er noteret, at patienten udeblev.")
    if call.data.get("do") == "fulfil":
        appointment_actions.mark_fulfilled(call.ctx, **call.appointment)
        return gettext_lazy("Det er noteret, at aftalen blev gennemført.")
    raise Problem(Category.INVALID, "The outcome is not known", [Issue("do", "unknown outcome", "fulfil or noshow")])


def _cancel(call: Call) -> Any:
    given = call.form.cleaned_data
    appointment_actions.cancel(call.ctx, **call.appointment, reason=given["reason"], by=given["by"], text=given["text"])
    return gettext_lazy("Aftalen er aflyst.")


def _rebook(call: Call) -> Any:
    """A new time: an appointment without outcome is moved, one that was missed or cancelled is followed by a new one."""
    old = call.course.appointment(call.data.get("appointment", ""))
    if old is None:
        raise not_found("The appointment")
    again = old.serves and old.status in ("noshow", "cancelled")
    if again and (steps := _still_open(call, old)):
        book_together(
            call.ctx,
            patient_id=call.course.patient_id,
            activity_ids=steps,
            start=call.form.start,
            organization_id=old.organization_id,
            keeps_windows=False,
        )
    elif old.status in ("noshow", "cancelled", "fulfilled"):
        appointment_actions.book(
            call.ctx,
            **call.about,
            kind=old.kind,
            title=old.title,
            start=call.form.start,
            activity_id=old.activity_id,
            organization_id=old.organization_id,
        )
    else:
        appointment_actions.reschedule(
            call.ctx, **call.appointment, start=call.form.start, shown=call.form.cleaned_data["shown"]
        )
    return gettext_lazy("Den nye tid er booket.")


def _still_open(call: Call, old: Appointment) -> tuple[str, ...]:
    """The steps a missed or cancelled appointment for several packages was for, that still are to be done."""
    found = merged(call.ctx, call.course.patient_id)
    live = {origin.id for step in found.steps if step.state is State.OPEN for origin in step.origins}
    return tuple(identity for identity in old.activity_ids if identity in live)


def _pause(call: Call) -> Any:
    actions.pause_clock(call.ctx, **call.about, reason=call.form.cleaned_data["reason"])
    return gettext_lazy("Forløbet er sat på pause. Fristen løber videre og vises sammen med pausen.")


def _resume(call: Call) -> Any:
    actions.resume_clock(call.ctx, **call.about)
    return gettext_lazy("Forløbet er genoptaget.")


def _reassess(call: Call) -> Any:
    given = call.form.cleaned_data
    actions.ask_review(call.ctx, **call.about, wish=given["wish"], day=call.form.day("asked"))
    return gettext_lazy("Det er noteret, at patienten ønsker en ny vurdering.")


def _end(call: Call) -> Any:
    actions.end_episode(call.ctx, **call.about, reason=call.form.cleaned_data["reason"])
    return gettext_lazy("Forløbet er afsluttet.")


@dataclass(frozen=True, slots=True)
class Act:
    """One act: its address, what it does, where on the page it is seen afterwards, and whether it has a form."""

    name: str
    path: str
    run: Callable[[Call], Any]
    anchor: str
    has_form: bool = True

    @property
    def view(self) -> Callable[..., HttpResponse]:
        """The view of the act."""
        act = self

        @require_http_methods(["GET", "POST"])
        @for_roles(Role.GP, Role.STAFF, resumes=act.has_form)
        def view(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
            if request.method == "GET":  # a reload after an error, or a bookmark
                return HttpResponseRedirect(reverse("web:patient", args=[patient_id, package]))
            return perform(request, ctx, patient_id, package, act)

        return view


ACTS = (
    Act("start", "start", _start, "behov"),
    Act("decline", "nej-tak", _decline, "start"),
    Act("decide", "niveau", _decide, "plan"),
    Act("draft", "plan/kladde", _draft, "plan", has_form=False),
    Act("confirm", "plan/bekraeft", _confirm, "foelg"),
    Act("goal", "maal", _goal, "plan"),
    Act("activity", "aktivitet", _activity, "plan", has_form=False),
    Act("book", "aftale", _book, "foelg"),
    Act("appointment", "aftale/udfald", _appointment, "foelg", has_form=False),
    Act("cancel", "aftale/aflys", _cancel, "foelg"),
    Act("rebook", "aftale/ny-tid", _rebook, "foelg"),
    Act("pause", "pause", _pause, "pause-titel"),
    Act("resume", "genoptag", _resume, "pause-titel", has_form=False),
    Act("reassess", "ny-vurdering", _reassess, "niveau"),
    Act("end", "afslut", _end, "start"),
)


def perform(request: HttpRequest, ctx: Context, patient_id: str, package: str, act: Act) -> HttpResponse:
    """Do the act and go back to the page; on an error the page again, with everything that was typed."""
    course = reading.course(ctx, patient_id, package)
    sheets = PatientForms(course, today=ctx.today, language=get_language() or "da")
    form: Form | None = None
    if act.has_form:
        form = sheets.bind(act.name, request.POST)
        if form is None:
            raise not_found("The appointment")
        if kept.is_resumed(request):
            return clinic.show(request, ctx, course, sheets, errors=form_errors(form))
        if not form.is_valid():
            return clinic.show(request, ctx, course, sheets, errors=form_errors(form), status=422)
    try:
        told = act.run(Call(ctx, course, form, request.POST))
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        texts = tuple(FormError("", text) for text in errors.in_words(problem))
        return clinic.show(
            request,
            ctx,
            course,
            sheets,
            errors=texts,
            technical=technical(problem),
            typed=_typed(form),
            status=errors.TOLD[problem.category].status,
        )
    messages.success(request, told)
    back = safe_next(request, request.POST.get("tilbage", ""))
    return HttpResponseRedirect(back or f"{reverse('web:patient', args=[patient_id, package])}#{act.anchor}")


def _typed(form: Form | None) -> tuple[str, ...]:
    """The words that were written: after what another person did meanwhile, their field may be gone from the page."""
    if form is None:
        return ()
    words = (form.cleaned_data.get(bound.name) for bound in form if isinstance(bound.field.widget, Textarea))
    return tuple(text for text in words if text)
