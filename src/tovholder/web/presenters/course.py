"""One course as the pages show it: the guided steps, the clock with its dates, appointments with what may be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from tovholder.base import days
from tovholder.packages import Package, builtin
from tovholder.plan import values
from tovholder.plan.aims import Suggestion
from tovholder.plan.clock import ClockState
from tovholder.plan.schedule import PlannedActivity
from tovholder.plan.views import EpisodeView
from tovholder.web import view_models as v
from tovholder.web import wording
from tovholder.web.presenters.words import limit_words
from tovholder.web.templatetags.tovholder import day as day_text

SOON = 7
Names = Mapping[str, str]  # reference → what to call it

_OPEN = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})


def clock(package: Package, episode: values.Episode, plan: values.Plan | None, today: int) -> v.Clock | None:
    """The rights clock with every date it rests on."""
    held = episode.clock
    if held is None:
        return None
    confirmed = plan.confirmed_day if plan else None
    state = str(held.state(today, confirmed))
    if state == ClockState.RUNNING and (held.days_left(today) or 0) <= SOON:
        state = "soon"
    if confirmed is None and not episode.phase.is_open:
        state = "stopped"
    right = next((item for item in package.rights if item.rule == held.rule), package.plan_right)
    pause = episode.open_pause
    starts = wording.CLOCK_EVENTS.get(str(held.event))
    return v.Clock(
        state=state,
        title={"da": right.title.da, "en": right.title.en},
        deadline_day=held.deadline_day,
        days_left=held.days_left(today),
        days=held.days,
        legacy=held.legacy,
        dates=(
            v.ClockDate(_("Diagnose"), episode.diagnosed_day),
            v.ClockDate(_("Fundet af Tovholder"), episode.eligible_day),
            v.ClockDate(_("Tilbud givet"), episode.offered_day),
            v.ClockDate(_("Forløb startet"), episode.started_day),
            *([v.ClockDate(_("Sagde nej tak"), episode.declined_day)] if episode.declined_day is not None else []),
            v.ClockDate(_("Plan lavet sammen"), confirmed),
            v.ClockDate(_("Plan delt"), plan.shared_day if plan else None),
            v.ClockDate(
                _("Fristens sidste dag"),
                held.deadline_day,
                _("Regnet fra %(event)s") % {"event": starts} if starts else "",
            ),
        ),
        paused_days=episode.paused_days,
        open_pause_day=pause.start_day if pause else None,
        open_pause_reason=pause.reason if pause else "",
        rule=held.rule,
        legal_source=right.legal_source,
    )


def steps(
    episode: values.Episode,
    *,
    assessed_day: int | None,
    decision: values.Decision | None,
    plan: values.Plan | None,
) -> tuple[v.Step, ...]:
    """The guided flow. The first step that is not done is the current one."""
    started = episode.phase.is_started
    over = not started and episode.phase.value in ("declined", "ended")
    done_days = [
        (
            "start",
            _("Start forløbet"),
            episode.started_day if started else None,
            _("Startet %(date)s"),
            started or over,
        ),
        ("behov", _("Behovsvurdering"), assessed_day, _("Udfyldt %(date)s"), assessed_day is not None),
        (
            "niveau",
            _("Niveau"),
            decision.decided_day if decision else None,
            _("Besluttet %(date)s"),
            decision is not None,
        ),
        (
            "plan",
            _("Plan"),
            plan.confirmed_day if plan else None,
            _("Bekræftet %(date)s"),
            plan is not None and plan.confirmed_day is not None,
        ),
    ]
    found: list[v.Step] = []
    current = False
    for number, (key, title, day, summary, done) in enumerate(done_days, start=1):
        state = "done" if done else "todo" if current or over else "current"
        current = current or state == "current"
        text = summary % {"date": day_text(day, "compact")} if done and day is not None else ""
        found.append(v.Step(key, number, title, state, text, key))
    last = "todo" if current or over else "current"
    found.append(v.Step("foelg", len(found) + 1, _("Aftaler og opfølgning"), last, "", "foelg"))
    return tuple(found)


def plan_view(plan: values.Plan | None, names: Names) -> v.Plan | None:
    """The plan's own facts."""
    if plan is None:
        return None
    return v.Plan(
        id=plan.id,
        title=plan.title,
        status=str(plan.status),
        made_day=plan.made_day,
        confirmed_day=plan.confirmed_day,
        confirmed_by=names.get(plan.confirmed_by or "", _("klinikken")),
        shared_day=plan.shared_day,
        review_day=plan.review_day,
        no_goal_reason=plan.no_goal_reason or "",
        version=plan.package_version,
    )


def decision_view(decision: values.Decision | None, names: Names) -> v.Decision | None:
    """The level in force."""
    if decision is None:
        return None
    return v.Decision(
        level=int(decision.level),
        day=decision.decided_day,
        by=names.get(decision.decided_by, _("klinikken")),
        proposed=int(decision.proposed_level) if decision.proposed_level else None,
        override_reason=decision.override_reason or "",
        review_day=decision.review_day,
    )


def goal_words(goal: values.Goal) -> str:
    """The goal's words, with the numbers it is to reach."""
    limits = limit_words(goal.limits, get_language() or "da")
    return f"{goal.text} ({limits})" if limits else goal.text


def suggested_words(item: Suggestion, language: str) -> str:
    """A suggestion's words, with the numbers it would be kept with."""
    limits = limit_words(item.limits, language)
    return f"{item.text[language]} ({limits})" if limits else item.text[language]


def goals(found: Iterable[values.Goal]) -> tuple[v.Goal, ...]:
    """Goals that still hold or are reached."""
    over = ("cancelled", "rejected", "entered-in-error")
    return tuple(
        v.Goal(
            id=item.id,
            text=goal_words(item),
            by_patient=item.by_patient,
            lifecycle=item.lifecycle,
            achievement=wording.ACHIEVEMENTS.get(item.achievement or "", "")
            if item.achievement != "in-progress"
            else "",
            start_day=item.start_day,
            target_day=item.target_day,
        )
        for item in found
        if item.lifecycle not in over
    )


def activities(
    found: Iterable[values.Activity], package: Package, language: str, today: int, *, for_patient: bool = False
) -> tuple[v.Activity, ...]:
    """What the plan says shall be done, next first, done last."""
    who = {**wording.PERFORMERS, **wording.PERFORMERS_FOR_PATIENT} if for_patient else wording.PERFORMERS
    shown = [item for item in found if item.status.is_open or item.done_day is not None]
    shown.sort(key=lambda item: (item.done_day is not None, item.due_day is None, item.due_day or 0, item.id or ""))
    return tuple(
        v.Activity(
            id=item.id,
            kind=item.kind,
            title=_title(item.title, item.kind, (package,), language),
            who=who.get(item.performer_kind, item.performer_kind),
            status=str(item.status),
            due_day=item.due_day,
            window_start_day=item.window_start_day,
            window_end_day=item.window_end_day,
            done_day=item.done_day,
            overdue_days=_overdue(item, today),
        )
        for item in shown
    )


def _overdue(item: values.Activity, today: int) -> int:
    last = item.window_end_day if item.window_end_day is not None else item.due_day
    if item.done_day is not None or last is None or last >= today:
        return 0
    return today - (item.due_day if item.due_day is not None else last)


def _joint_title(item: values.Appointment, language: str) -> str:
    """What an appointment for several packages is called: what each of them calls it."""
    known = tuple(builtin().values())
    return ", ".join(dict.fromkeys(_title("", kind, known, language) for kind in item.kinds))


def _title(stored: str, kind: str, packages: Iterable[Package], language: str) -> str:
    """What a kind is called in the first package that knows it; in Danish the words it was written with stand."""
    if language == "da" and stored:
        return stored
    named = (title for held in packages if (title := held.kind_title(kind, language)) != kind)
    return next(named, stored or kind)


def appointments(
    found: Iterable[values.Appointment],
    packages: Sequence[Package],
    language: str,
    today: int,
    names: Names,
    *,
    for_patient: bool = False,
) -> tuple[v.Appointment, ...]:
    """Appointments, coming ones first in order, then the past, newest first."""
    held = [item for item in found if item.status != "entered-in-error"]
    shown = [_appointment(item, packages, language, today, names, for_patient) for item in held]
    shown = [replace(item, actions=()) if _followed(item, shown) else item for item in shown]
    ahead = [item for item in shown if item.day is None or item.day >= today]
    behind = [item for item in shown if item.day is not None and item.day < today]
    ahead.sort(key=lambda item: (item.day is None, item.start.timestamp() if item.start else 0.0, item.id or ""))
    behind.sort(key=lambda item: (item.day or 0, item.id or ""), reverse=True)
    return (*ahead, *behind)


def _followed(item: v.Appointment, shown: Sequence[v.Appointment]) -> bool:
    """Missed or called off, and a later one of the kind is agreed: a second new time is not offered."""
    if item.status not in ("noshow", "cancelled") or item.day is None:
        return False
    later = [other for other in shown if other.kind == item.kind and other.day is not None and other.day > item.day]
    return any(other.status in _OPEN or other.status == "fulfilled" for other in later)


def _appointment(
    item: values.Appointment,
    packages: Sequence[Package],
    language: str,
    today: int,
    names: Names,
    for_patient: bool,
) -> v.Appointment:
    day = None if item.start is None else days.day_of(item.start)
    passed = item.status in _OPEN and day is not None and day < today
    status = "unknown" if passed or item.outcome_unknown else item.status
    label, picture = wording.APPOINTMENTS.get(status, (status, "help"))
    if for_patient:
        label = wording.APPOINTMENTS_FOR_PATIENT.get(status, label)
    return v.Appointment(
        id=item.id,
        kind=item.kind,
        title=_joint_title(item, language) if item.serves else _title(item.title, item.kind, packages, language),
        status=status,
        status_label=label,
        status_icon=picture,
        start=item.start,
        day=day,
        place=names.get(f"Organization/{item.organization_id}", "") if item.organization_id else "",
        reason=_cancel_reason(item),
        by=wording.CANCELLED_BY.get(item.cancelled_by or "", ""),
        actions=_may(item.status, day, today),
        needs_outcome=passed,
    )


def _cancel_reason(item: values.Appointment) -> str:
    """Why it was cancelled: the code in words, and the words beside it."""
    told = [str(wording.CANCEL_REASONS.get(item.cancel_reason or "", "")), item.cancel_text]
    if item.cancel_reason == "other" and item.cancel_text:
        told = [item.cancel_text]
    return ". ".join(part for part in told if part)


def _may(status: str, day: int | None, today: int) -> tuple[str, ...]:
    """What the page offers; the act itself decides whether it may be done."""
    if status in _OPEN:
        past = day is not None and day <= today
        return (*(("fulfil", "noshow") if past else ()), "cancel", "rebook")
    return ("rebook",) if status in ("noshow", "cancelled") else ()


def preview(found: Iterable[PlannedActivity], language: str) -> tuple[v.Planned, ...]:
    """What a plan confirmed today would hold: one line per activity of the package, with all its days."""
    gathered: dict[str, list[PlannedActivity]] = {}
    for item in found:
        gathered.setdefault(item.id, []).append(item)
    return tuple(
        v.Planned(
            id=identity,
            title=steps_[0].title[language],
            who=wording.PERFORMERS.get(steps_[0].performer, steps_[0].performer),
            days=tuple(step.due_day for step in steps_),
        )
        for identity, steps_ in gathered.items()
    )


def blocks(view: EpisodeView, language: str) -> tuple[v.Block, ...]:
    """What must be assessed before a level is proposed, the most urgent first."""
    return tuple(
        v.Block(
            text=block.text[language],
            action=block.action[language] if block.action else "",
            urgent=block.urgent,
            url=reverse("web:form", args=[view.patient.id, view.package.id, block.form]) if block.form else "",
            form_title=view.package.forms[block.form].titles[language] if block.form else "",
        )
        for block in sorted(view.proposal.blocked, key=lambda block: not block.urgent)
    )


def proposal_view(view: EpisodeView, language: str) -> v.Proposal:
    """The level the rules propose as things stand now, with its reasons and what nobody knows."""
    found = view.proposal
    reasons = [reason.text[language] for reason in found.reasons]
    if found.incomplete is not None:
        reasons.append(found.incomplete[language])
    guideline = f", {found.guideline}" if found.guideline else ""
    return v.Proposal(
        id=view.saved_proposal.id if view.saved_proposal else None,
        level=int(found.level) if found.level else None,
        day=None,
        reasons=tuple(reasons),
        unknown=tuple(text[language] for text in view.unknown),
        inputs=_inputs(view, language),
        blocks=blocks(view, language),
        rule=f"{view.package.id}-level {found.rule_version}{guideline}",
    )


def _inputs(view: EpisodeView, language: str) -> tuple[v.Answer, ...]:
    """What the proposal was worked out from: each value by its name, and the day it is from where that is known."""
    level = view.package.level
    titles = {item.name: (item.title[language], item.unit) for item in level.inputs}
    titles |= {f"{level.base.form}/{item.link_id}": (item.title[language], "") for item in view.needs}
    titles |= {item.link_id: (item.title[language], "") for item in view.needs}
    measured = {f"Observation/{point.id}": point.day for line in view.measurements for point in line.points}
    told: dict[str, v.Answer] = {}
    for item in view.proposal.inputs:
        title, unit = titles.get(item.name, (item.name, ""))
        day = measured.get(item.source or "")
        if (
            day is None
            and (item.source or "").startswith("QuestionnaireResponse/")
            and title in _needs_titles(view, language)
        ):
            day = view.needs_day
        value = item.value.replace(".", ",") if language == "da" and item.value[:1].isdigit() else item.value
        when = f" ({day_text(day, 'compact')})" if day is not None else ""
        told.setdefault(title, v.Answer(title, f"{value} {unit}".strip() + when))
    return tuple(told.values())


def _needs_titles(view: EpisodeView, language: str) -> frozenset[str]:
    return frozenset(item.title[language] for item in view.needs)


LEVEL_TITLES: Sequence[Any] = (
    gettext_lazy("Niveauet er ikke besluttet endnu."),
    gettext_lazy("Du styrer det meste selv."),
    gettext_lazy("Klinikken følger op."),
    gettext_lazy("Klinikken følger dig tæt."),
)
LEVEL_WORDS: Sequence[Any] = (
    gettext_lazy("Du og klinikken finder sammen ud af, hvor meget støtte du har brug for."),
    gettext_lazy("Klinikken har overblikket og er der, når du har brug for den."),
    gettext_lazy("Klinikken kontakter dig, hvis noget i planen ikke bliver til noget."),
    gettext_lazy("Klinikken holder kontakt med de andre, der hjælper dig, så det hele hænger sammen."),
)
