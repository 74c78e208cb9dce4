"""Changing a confirmed plan: one page with every step and goal, drafts, and what another changed meanwhile side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, resources
from tovholder.plan.actions.editing import goal_values, plan_values, step_values
from tovholder.plan.actions.revisions import RevisionDraft
from tovholder.plan.domain import PlanStatus
from tovholder.plan.edits import Clash, NewGoal, NewStep, PlanEdit
from tovholder.web import errors, kept, reading
from tovholder.web.forms_plan import AimForm, HeldForm, NewAimForm, NewStepForm, PlanForm, StepForm
from tovholder.web.presenters import plan_changes
from tovholder.web.presenters.pages import book_kinds
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, technical

_OVER = frozenset({"cancelled", "rejected", "completed", "entered-in-error"})


@dataclass(slots=True)
class Sheet:
    """Every form of the page; bound to what was sent, or showing how things stand."""

    steps: list[StepForm]
    goals: list[AimForm]
    plan: PlanForm
    new_step: NewStepForm
    new_goal: NewAimForm

    @property
    def all(self) -> list[Form]:
        """In the order of the page."""
        return [*self.goals, self.new_goal, *self.steps, self.new_step, self.plan]

    def edit(self) -> PlanEdit:
        """What is asked for, once every form is valid."""
        fresh, aim = self.new_step.cleaned_data, self.new_goal.cleaned_data
        due = self.new_step.day("due")
        steps = (
            (NewStep(fresh["kind"], fresh["title"], due, fresh["performer"] or "nurse"),)
            if fresh["kind"] and due
            else ()
        )
        text = aim["text"].strip()
        return PlanEdit(
            plan=self.plan.change(),
            steps=tuple(form.change() for form in self.steps),
            goals=tuple(form.change() for form in self.goals),
            new_steps=steps,
            new_goals=(NewGoal(text, aim["by_patient"] != "clinic"),) if text else (),
        )


@dataclass(frozen=True, slots=True)
class Held:
    """The course with what of its plan may be changed, as stored."""

    course: reading.Course
    stored: Mapping[str, store.Stored]  # "Type/id"
    draft: RevisionDraft | None

    @property
    def about(self) -> dict[str, Any]:
        """As the actions name it."""
        return {"patient_id": self.course.patient_id, "episode_id": self.course.episode.id or ""}


def _held(ctx: Context, patient_id: str, package: str) -> Held:
    course = reading.course(ctx, patient_id, package)
    plan = course.view.plan
    if plan is None or plan.status is PlanStatus.DRAFT or not course.episode.phase.is_started:
        raise Problem(Category.CONFLICT, "There is no confirmed plan to change", kept="everything as it was")
    found: dict[str, store.Stored] = {}
    for kind in ("CarePlan", "Goal", "ServiceRequest"):
        for item in store.search_all(ctx, kind, [("patient", f"Patient/{patient_id}")]):
            found[item.reference] = item
    return Held(course, found, actions.standing_draft(ctx, patient_id=patient_id, plan_id=plan.id or ""))


def _initial(form: type[HeldForm], values: Mapping[str, Any], version: int) -> dict[str, Any]:
    found: dict[str, Any] = {"version": version}
    for name in form.own:
        value = values[name]
        is_day = isinstance(value, int) and not isinstance(value, bool)
        found[name] = days.date_of(value) if is_day else value
        found[f"was_{name}"] = days.iso(value) if is_day else (value or "")
    return found


def _sheet(held: Held, today: int, data: Any = None) -> Sheet:
    """The page's forms. With data only what was on the page when it was sent is bound; the rest is shown as it is."""
    view = held.course.view
    language = get_language() or "da"

    def made(form: type[HeldForm], prefix: str, kind: str, identity: str, values: Mapping[str, Any]) -> Any:
        stored = held.stored[f"{kind}/{identity}"]
        name = f"{prefix}-{identity}"
        sent = data if data is not None and f"{name}-version" in data else None
        initial = _initial(form, values, stored.version)
        return form(sent, today=today, name=name, prefix=name, identity=identity, initial=initial)

    assert view.plan is not None and view.plan.id is not None

    def was_sent(prefix: str, item: str) -> bool:
        return data is not None and f"{prefix}-{item}-version" in data

    return Sheet(
        steps=[
            made(StepForm, "skridt", "ServiceRequest", item.id, step_values(item))
            for item in view.activities
            if item.id and (item.status.is_open or was_sent("skridt", item.id))
        ],
        goals=[
            made(AimForm, "maal", "Goal", item.id, goal_values(item))
            for item in view.goals
            if item.id and (item.lifecycle not in _OVER or was_sent("maal", item.id))
        ],
        plan=made(PlanForm, "plan", "CarePlan", view.plan.id, plan_values(view.plan)),
        new_step=NewStepForm(
            data, today=today, name="nyt-skridt", prefix="nyt-skridt", kinds=book_kinds(view.package, language)
        ),
        new_goal=NewAimForm(data, today=today, name="nyt-maal", prefix="nyt-maal"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def edit(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """The page, and what is done with it: save, keep as a draft, give the draft up."""
    held = _held(ctx, patient_id, package)
    if request.method != "POST":
        data = None
        if held.draft is not None and "kladde" in request.GET:
            data = QueryDict(mutable=True)
            for name, values in held.draft.fields.items():
                data.setlist(name, list(values))
        return _show(request, held, _sheet(held, ctx.today, data))
    if request.POST.get("do") == "slet-kladde":
        actions.drop_revision_draft(ctx, patient_id=patient_id, plan_id=held.course.view.plan.id or "")  # type: ignore[union-attr]
        messages.success(request, _("Kladden er slettet. Planen er, som den var."))
        return HttpResponseRedirect(request.path)
    sheet = _sheet(held, ctx.today, request.POST)
    if kept.is_resumed(request):
        return _show(request, held, sheet, [one for form in sheet.all if form.is_bound for one in form_errors(form)])
    if request.POST.get("do") == "kladde":
        if not _may_take(request, ctx, held.draft):
            told = _("Der ligger en kladde fra en kollega. Arbejd videre på den, eller gem dine ændringer i planen.")
            return _show(request, held, sheet, [FormError("", told)], status=409)
        fields = {
            name: request.POST.getlist(name) for name in request.POST if name not in ("csrfmiddlewaretoken", "do")
        }
        actions.save_revision_draft(ctx, **held.about, fields=fields)
        messages.success(request, _("Kladden er gemt. Patienten kan ikke se den, før du gemmer ændringerne."))
        return HttpResponseRedirect(f"{request.path}?kladde=1")
    bound = [form for form in sheet.all if form.is_bound]
    wrong = [one for form in bound if not form.is_valid() for one in form_errors(form)]
    if wrong:
        return _show(request, held, sheet, wrong, status=422)
    return _save(request, ctx, held, sheet)


def _may_take(request: HttpRequest, ctx: Context, draft: RevisionDraft | None) -> bool:
    """Whether a save may end or replace the draft: nobody's work is lost by one who has not taken it up."""
    return draft is None or draft.author == ctx.actor or "kladde" in request.GET


def _save(request: HttpRequest, ctx: Context, held: Held, sheet: Sheet) -> HttpResponse:
    sheet.steps = [form for form in sheet.steps if form.is_bound]
    sheet.goals = [form for form in sheet.goals if form.is_bound]
    if not sheet.plan.is_bound:
        return HttpResponseRedirect(request.path)
    try:
        done = actions.edit_plan(ctx, **held.about, edit=sheet.edit())
    except Problem as problem:
        if problem.category not in (Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION):
            raise
        told = [FormError("", text) for text in errors.in_words(problem)]
        fresh = _sheet(held, ctx.today, request.POST)
        status = errors.TOLD[problem.category].status
        return _show(request, held, fresh, told, status=status, technical=technical(problem))
    if done.clashes:
        return _clashed(request, ctx, held, done.clashes)
    if held.draft is not None and _may_take(request, ctx, held.draft):
        plan = held.course.view.plan
        actions.drop_revision_draft(ctx, patient_id=held.course.patient_id, plan_id=(plan.id if plan else None) or "")
    if not done.changed:
        messages.info(request, _("Der var ikke noget at gemme: intet er ændret."))
    else:
        messages.success(request, _("Planen er ændret, og patienten kan se det nu."))
    if done.others:
        messages.warning(
            request,
            ngettext(
                "Imens har en anden ændret noget andet, som står ved magt: %(what)s",
                "Imens har en anden ændret noget andet, som står ved magt: %(what)s",
                len(done.others),
            )
            % {"what": "; ".join(done.others)},
        )
    return HttpResponseRedirect(reverse("web:patient", args=[held.course.patient_id, held.course.package.id]) + "#plan")


_PREFIX = {"step": "skridt", "goal": "maal", "plan": "plan"}


def _clashed(request: HttpRequest, ctx: Context, held: Held, clashes: tuple[Clash, ...]) -> HttpResponse:
    """The page again, with mine and theirs side by side; what is sent next is measured against theirs."""
    data = request.POST.copy()
    for clash in clashes:
        name = f"{_PREFIX[clash.kind]}-{clash.id}"
        if clash.name == "gone":
            for key in [key for key in data if key.startswith(f"{name}-")]:
                del data[key]
            continue
        data[f"{name}-version"] = str(clash.version)
        theirs = clash.theirs
        is_day = isinstance(theirs, int) and not isinstance(theirs, bool)
        data[f"{name}-was_{clash.name}"] = days.iso(theirs) if is_day else (theirs or "")
        data.pop(f"{name}-valg_{clash.name}", None)
    sheet = _sheet(held, ctx.today, data)
    sheet.steps = [form for form in sheet.steps if form.is_bound or not _closed(held, form.identity)]
    shown = plan_changes.clashes(ctx, clashes, held.course, get_language() or "da")
    told = [FormError("konflikt", _("En anden har ændret det samme, mens du skrev. Vælg, hvad der skal gælde."))]
    return _show(request, held, sheet, told, status=409, clashes=shown)


def _closed(held: Held, identity: str) -> bool:
    stored = held.stored.get(f"ServiceRequest/{identity}")
    return stored is None or not resources.read_activity(stored.resource).status.is_open


def _show(
    request: HttpRequest,
    held: Held,
    sheet: Sheet,
    wrong: list[FormError] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    course = held.course
    about = [course.patient_id, course.package.id]
    done = {item.id: item for item in course.view.activities}
    return render(
        request,
        "web/klinik/plan_edit.html",
        {
            "sheet": sheet,
            "steps": [(form, done[form.identity]) for form in sheet.steps if form.identity in done],
            "errors": tuple(wrong or ()),
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "back": reverse("web:patient", args=about),
            "history": reverse("web:plan-history", args=about),
            "draft": held.draft,
            "from_draft": "kladde" in request.GET,
            **more,
        },
        status=status,
    )
