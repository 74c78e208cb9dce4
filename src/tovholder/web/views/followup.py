"""Following up from a flag: call, message, book or refer, give to a colleague, put off; on one page, back to the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access import audit_names
from tovholder.access.domain import Context, Role
from tovholder.base.errors import Category, Problem, not_found
from tovholder.cockpit import handling
from tovholder.cockpit.handling import Event, Standing
from tovholder.cockpit.ranking import OpenFlag
from tovholder.web import errors, forms, kept, reading
from tovholder.web.forms_cockpit import AssignForm, AttemptForm, MessageForm, SnoozeForm
from tovholder.web.presenters import referrals
from tovholder.web.presenters.flags import flags
from tovholder.web.presenters.pages import book_kinds
from tovholder.web.templatetags.tovholder import day, say
from tovholder.web.view_models import FormError
from tovholder.web.views.cockpit import wish_of
from tovholder.web.views.common import for_roles, form_errors
from tovholder.web.views.patient_forms import to_book
from tovholder.web.wording import CHANNELS, OUTCOMES


@dataclass(frozen=True, slots=True)
class Done:
    """One line of the history."""

    sent: Any
    day: int | None
    who: str
    what: str
    text: str


class Sheets:
    """The page's forms; one of them is bound to what was sent."""

    def __init__(
        self, today: int, flags: tuple[tuple[str, str], ...], colleagues: Mapping[str, str], known: str
    ) -> None:
        self._today, self._flags = today, flags
        self._colleagues = tuple(colleagues.items())
        self._known = known
        self.attempt = self._make("attempt")
        self.message = self._make("message")
        self.assign = self._make("assign")
        self.snooze = self._make("snooze")

    def bind(self, name: str, data: Any) -> Form:
        """The named form with what was sent."""
        bound = self._make(name, data)
        setattr(self, name, bound)
        return bound

    def _make(self, name: str, data: Any = None) -> Form:
        more: dict[str, Any] = {"colleagues": self._colleagues} if name == "assign" else {}
        return _KINDS[name](
            data, today=self._today, name=name, flags=self._flags, initial={"known": self._known}, **more
        )


_KINDS: Mapping[str, Callable[..., Form]] = {
    "attempt": AttemptForm,
    "message": MessageForm,
    "assign": AssignForm,
    "snooze": SnoozeForm,
}


@dataclass(frozen=True, slots=True)
class State:
    """The course with how it is handled now."""

    course: reading.Course
    events: tuple[Event, ...]
    asleep: Mapping[str, handling.Snooze]
    assigned_to: str
    colleagues: Mapping[str, str]

    @property
    def flags(self) -> tuple[OpenFlag, ...]:
        """Those that wait."""
        return tuple(flag for flag in self.course.flags if flag.rule_id not in self.asleep)

    @property
    def known(self) -> str:
        """What names the state."""
        return handling.seen(self.events)


def _state(ctx: Context, patient_id: str, package: str) -> State:
    course = reading.course(ctx, patient_id, package)
    episode_id = course.episode.id
    if episode_id is None:
        raise not_found("The course")
    standing = handling.standing(ctx, patient_id).get(episode_id, Standing())
    level = _level(course)
    return State(
        course,
        tuple(handling.history(handling.communications(ctx, patient_id), episode_id)),
        handling.sleeping(course.flags, standing.snoozes, level, ctx.today),
        standing.assigned_to,
        handling.colleagues(ctx),
    )


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def follow_up(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """What happened about a course's flags, and what is to happen."""
    state = _state(ctx, patient_id, package)
    sheets = _sheets(ctx, state)
    back = wish_of(request.GET.dict())
    if request.method == "GET":
        return _show(request, ctx, state, sheets, back.url())
    act = request.POST.get("do", "")
    if act == "resume":
        return _do(request, ctx, state, sheets, act, None, back.url())
    if act not in _KINDS:
        raise not_found("The act")
    form = sheets.bind(act, request.POST)
    if kept.is_resumed(request):
        return _show(request, ctx, state, sheets, back.url(), found=form_errors(form))
    if not form.is_valid():
        return _show(request, ctx, state, sheets, back.url(), found=form_errors(form), status=422)
    return _do(request, ctx, state, sheets, act, form, back.url())


def _do(
    request: HttpRequest, ctx: Context, state: State, sheets: Sheets, act: str, form: Form | None, back: str
) -> HttpResponse:
    try:
        told = _act(ctx, state, act, form, request.POST)
    except Problem as problem:
        if problem.category not in (Category.CONFLICT, Category.RULE):
            raise
        if problem.category is Category.CONFLICT:
            # Read anew: what the other did stands in the history, and the same press again is meant.
            state = _state(ctx, state.course.patient_id, state.course.package.id)
            sheets = _sheets(ctx, state)
            if form is not None:
                sent = request.POST.copy()
                sent["known"] = state.known
                form = sheets.bind(act, sent)
            latest = _done(ctx, state)[:1]
            text = _("Der er sket noget, siden du åbnede siden. Se historikken, og gem igen, hvis det stadig passer.")
            if latest:
                text = f"{text} {latest[0].who}: {latest[0].what}"
            found: tuple[FormError, ...] = (FormError("historik", text),)
        else:
            found = tuple(FormError("", text) for text in errors.in_words(problem))
        return _show(request, ctx, state, sheets, back, found=found, status=errors.TOLD[problem.category].status)
    messages.success(request, told)
    return HttpResponseRedirect(f"{back}#r-{state.course.episode.id}")


def _act(ctx: Context, state: State, act: str, form: Form | None, data: Any) -> str:
    about: dict[str, Any] = {"patient_id": state.course.patient_id, "episode_id": state.course.episode.id or ""}
    name = state.course.view.patient.name
    if act == "resume" or form is None:
        handling.resume(ctx, **about, flag_rule=data.get("flag", "")[:64], known=data.get("known", ""))
        return _("Flaget er taget op igen.")
    given = form.cleaned_data
    about["known"] = given["known"]
    if act == "attempt":
        handling.record_attempt(
            ctx, **about, flag_rule=given["flag"], by=given["by"], outcome=given["outcome"], note=given["note"]
        )
        return _("%(outcome)s: det er noteret hos %(name)s.") % {"outcome": OUTCOMES[given["outcome"]], "name": name}
    if act == "message":
        handling.send_message(ctx, **about, flag_rule=given["flag"], text=given["text"])
        return _("Beskeden er sendt. %(name)s kan læse den i MinPlan.") % {"name": name}
    if act == "assign":
        handling.assign(ctx, **about, to=given["to"], note=given["note"])
        if not given["to"]:
            return _("%(name)s er ikke længere tildelt nogen bestemt.") % {"name": name}
        return _("%(name)s er tildelt %(who)s.") % {"name": name, "who": state.colleagues.get(given["to"], "")}
    flag = next((item for item in state.course.flags if item.rule_id == given["flag"]), None)
    if flag is None:
        raise not_found("The flag")
    until = form.day("until")  # type: ignore[attr-defined]
    handling.snooze(ctx, **about, flag=flag, level=_level(state.course), until_day=until, reason=given["reason"])
    return _("Flaget er udskudt. Det kommer tilbage af sig selv, og med det samme, hvis det bliver værre.")


def _sheets(ctx: Context, state: State) -> Sheets:
    flags = tuple((flag.rule_id, say(flag.title)) for flag in state.flags)
    return Sheets(ctx.today, flags, state.colleagues, state.known)


def _done(ctx: Context, state: State) -> tuple[Done, ...]:
    names = {**audit_names.of_users(event.by for event in state.events), **state.colleagues}
    names |= reading.names(ctx, {event.by for event in state.events} - set(names))
    titles = {rule.id: {"da": rule.title.da, "en": rule.title.en} for rule in state.course.package.rules}

    def what(event: Event) -> str:
        title = say(titles.get(event.rule_id, ""))
        if event.kind == handling.Kind.ASSIGN:
            who = names.get(event.assigned_to, _("en kollega")) if event.assigned_to else _("ingen bestemt")
            return _("Tildelt %(who)s") % {"who": who}
        if event.kind == handling.Kind.SNOOZE:
            return _("Udskudt til %(day)s: %(flag)s") % {"day": day(event.until_day, "compact"), "flag": title}
        if event.kind == handling.Kind.RESUME:
            return _("Taget op igen: %(flag)s") % {"flag": title}
        said = str(CHANNELS["message"]) if event.kind == "message" else str(OUTCOMES.get(event.outcome, event.outcome))
        return f"{said} · {title}" if title else said

    return tuple(
        Done(event.sent, event.day, names.get(event.by, _("En kollega")), what(event), event.text)
        for event in state.events
    )


def _show(
    request: HttpRequest,
    ctx: Context,
    state: State,
    sheets: Sheets,
    back: str,
    *,
    found: tuple[FormError, ...] = (),
    status: int = 200,
) -> HttpResponse:
    course, language = state.course, get_language() or "da"
    where = [course.patient_id, course.package.id]
    patient = store.read(ctx, "Patient", course.patient_id).resource
    kind = next((kind for flag in state.flags if (kind := _kind_of(course, flag))), "")
    book = forms.BookForm(
        today=ctx.today,
        name="book",
        kinds=book_kinds(course.package, language),
        initial=to_book(course, ctx.today, kind),
    )
    titles = {rule.id: {"da": rule.title.da, "en": rule.title.en} for rule in course.package.rules}
    return render(
        request,
        "web/klinik/opfoelgning.html",
        {
            "name": course.view.patient.name,
            "package_title": {"da": course.package.titles.da, "en": course.package.titles.en},
            "flags": flags(state.flags, course.patient_id, course.package.id),
            "asleep": [(rule, titles.get(rule, ""), snooze) for rule, snooze in state.asleep.items()],
            "known": state.known,
            "assigned": state.colleagues.get(state.assigned_to, "") if state.assigned_to else "",
            "phones": [
                item["value"]
                for item in patient.get("telecom", ())
                if item.get("system") == "phone" and item.get("value")
            ],
            "forms": sheets,
            "book": book if course.episode.phase.is_started else None,
            "book_url": reverse("web:act-book", args=where),
            "course_url": reverse("web:patient", args=where),
            "refer_url": reverse("web:referral-new", args=where),
            "refers": referrals.links(course.package, course.patient_id, (), language),
            "history": _done(ctx, state),
            "outcomes": tuple(OUTCOMES.items()),
            "back": back,
            "errors": found,
        },
        status=status,
    )


def _level(course: reading.Course) -> int | None:
    return int(course.view.decision.level) if course.view.decision is not None else None


def _kind_of(course: reading.Course, flag: OpenFlag) -> str:
    """What the appointment is about that would answer a flag: that of the missed or due step it tells of."""
    step = next((item for item in course.view.activities if item.due_day == flag.since_day), None)
    missed = next((item for item in course.view.appointments if item.status == "noshow"), None)
    return step.kind if step is not None else missed.kind if missed is not None else ""
