"""One patient over all packages for the clinic: what waits first, then where everything stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext_lazy as _

from tovholder import packages
from tovholder.cockpit.ranking import ASK_TITLES, OpenFlag
from tovholder.plan.nextstep import AHEAD, Ask, Waiting
from tovholder.plan.overview import PatientView
from tovholder.plan.review import Review, reviews
from tovholder.plan.team import Member, Part
from tovholder.plan.views import EpisodeView
from tovholder.web import patient_view as p
from tovholder.web import patient_wording as words
from tovholder.web import view_models as v
from tovholder.web import wording
from tovholder.web.presenters import course as c
from tovholder.web.presenters.flags import flags as shown_flags
from tovholder.web.presenters.words import told_title

_APPOINTMENTS = 8  # shown of those to come
_URGENT = tuple(Ask)
_ONE_BY_ONE = (Ask.NEEDS, Ask.LEVEL, Ask.PLAN, Ask.CONFIRM)  # each comes of the one before: only the first can be done
_LEVEL_AGAIN = {"da": "Vurdér niveauet igen", "en": "Assess the level again"}
_LATE = frozenset({Ask.REBOOK, Ask.OVERDUE, Ask.OUTCOME})
Names = Mapping[str, str]


def head(view: PatientView, *, cpr: str, organization: str | None, key: str) -> p.Head:
    """Who the patient is, and the ways to the other pages about them."""
    summary = view.summary
    level = summary.level
    return p.Head(
        patient_id=summary.id,
        name=summary.name,
        age=summary.age,
        cpr=cpr,
        level=int(level.level) if level else None,
        level_from=_text(level.title) if level else None,
        level_day=level.decided_day if level else None,
        deceased=summary.deceased,
        deceased_day=view.deceased_day,
        moved=bool(organization and summary.clinic_id and summary.clinic_id != organization),
        inactive=not view.active,
        tabs=tabs(summary.id),
    )


def tabs(patient_id: str) -> tuple[p.Tab, ...]:
    """The pages about one patient over all packages."""
    found = [
        p.Tab("overblik", _("Overblik"), reverse("web:overview", args=[patient_id])),
        p.Tab("tidslinje", _("Tidslinje"), reverse("web:timeline", args=[patient_id])),
        p.Tab("maalinger", _("Målinger"), reverse("web:measurements", args=[patient_id])),
    ]
    merged = f"/klinik/patient/{patient_id}/samlet-plan"
    try:
        resolve(merged)
    except Resolver404:
        return tuple(found)
    return (*found, p.Tab("samlet-plan", _("Samlet plan"), merged))


def _text(text: Any) -> v.Text:
    return {"da": text.da, "en": text.en}


def overview(
    view: PatientView,
    top: p.Head,
    flags: Mapping[str, tuple[OpenFlag, ...]],
    names: Names,
    *,
    today: int,
    language: str,
) -> p.Overview:
    """The page: what waits first."""
    courses = [_course(view, item, flags.get(item.episode.id or "", ()), today) for item in view.courses]
    live = [item for item in courses if item.is_open]
    live.sort(key=lambda item: min((_rank(todo) for todo in item.todos), default=(len(_URGENT), 0)))
    known = tuple(item.package for item in view.courses)
    shown = c.appointments(view.appointments, known, language, today, names)
    coming = [item for item in shown if item.day is not None and item.day >= today and item.status in AHEAD]
    titles = {item.episode.id: _text(item.package.titles) for item in view.courses}
    over = ("cancelled", "rejected", "completed")
    return p.Overview(
        head=top,
        courses=tuple(live),
        over=tuple(item for item in courses if not item.is_open),
        waiting=sum(len(item.todos) for item in live),
        appointments=tuple(coming[:_APPOINTMENTS]),
        referrals=tuple(
            p.Referral(
                title=told_title(item.title or item.kind, language),
                receiver=names.get(f"Organization/{item.receiver_id}", ""),
                status=words.REFERRALS.get(item.status, item.status),
                sent_day=item.sent_day,
                days=today - item.sent_day,
                package=titles.get(item.episode_id),
            )
            for item in view.referrals
            if item.status in words.OPEN_REFERRALS
        ),
        team=tuple(_member(item, names, language) for item in view.team),
        goals=tuple(
            (titles.get(goal.episode_id), shown_goal)
            for goal in view.goals
            if goal.lifecycle not in over
            for shown_goal in c.goals([goal])
        ),
    )


def _rank(todo: p.Todo) -> tuple[int, int]:
    return (todo.rank, todo.day or 0)


def _course(view: PatientView, held: EpisodeView, flags: tuple[OpenFlag, ...], today: int) -> p.Course:
    episode, package = held.episode, held.package
    url = reverse("web:patient", args=[view.summary.id, package.id])
    prompts = reviews(
        held.decision, view.record.contacts, ((one.rule_id, one.severity, one.since_day) for one in flags), today
    )
    waiting = [one for one in held.waiting if one.ask not in (Ask.FOLLOW, Ask.REVIEW)]
    if prompts:
        waiting.append(Waiting(Ask.REVIEW, prompts[0].day))
    elif any(one.ask is Ask.REVIEW for one in held.waiting):
        waiting += [one for one in held.waiting if one.ask is Ask.REVIEW]
    waiting.sort(key=lambda one: (_URGENT.index(one.ask), one.day is None, one.day or 0))
    first = next((one.ask for one in waiting if one.ask in _ONE_BY_ONE), None)
    waiting = [one for one in waiting if one.ask not in _ONE_BY_ONE or one.ask is first]
    is_open = episode.phase.is_open and not view.summary.deceased
    return p.Course(
        package=package.id,
        title=_text(package.titles),
        phase=str(episode.phase),
        phase_label=wording.PHASES.get(str(episode.phase), episode.phase),
        is_open=is_open,
        level=int(held.decision.level) if held.decision else None,
        level_day=held.decision.decided_day if held.decision else None,
        url=url,
        clock=c.clock(package, episode, held.plan, today),
        flags=shown_flags(flags, view.summary.id, package.id),
        todos=tuple(_told(one, held, view.summary.id, today, bool(prompts)) for one in waiting) if is_open else (),
        reviews=review_words(prompts, held, flags),
        plan=_plan(held, view.summary.id, today),
        ended_day=episode.ended_day if str(episode.phase) == "ended" else episode.declined_day,
        ended_word=wording.END_REASONS.get(episode.end_reason or "", episode.end_reason or ""),
    )


def review_prompts(held: EpisodeView, flags: Iterable[OpenFlag], today: int) -> tuple[p.Review, ...]:
    """What asks for a new assessment of one course's level, in words."""
    told = tuple(flags)
    raised = ((one.rule_id, one.severity, one.since_day) for one in told)
    return review_words(reviews(held.decision, held.contacts, raised, today), held, told)


def review_words(prompts: Iterable[Review], held: EpisodeView, flags: Iterable[OpenFlag]) -> tuple[p.Review, ...]:
    """Why the level should be assessed anew, with what the patient said or which flag it was."""
    titles = {one.rule_id: one.title for one in flags}
    found = []
    for one in prompts:
        said = held.decision.review_wish if held.decision and one.prompt == "wish" else ""
        told = titles.get(one.about)
        found.append(p.Review(text=words.REVIEWS[one.prompt], day=one.day, detail=said, flag=told))
    return tuple(found)


def _plan(held: EpisodeView, patient_id: str, today: int) -> p.PlanSummary | None:
    plan = held.plan
    if plan is None or plan.confirmed_day is None:
        return None
    shown = c.activities(held.activities, held.package, "da", today)
    about = [patient_id, held.package.id]
    may_edit = held.episode.phase.is_started and held.package.makes_plans
    return p.PlanSummary(
        confirmed_day=plan.confirmed_day,
        review_day=plan.review_day,
        steps=len(shown),
        done=sum(one.done_day is not None for one in shown),
        overdue=sum(one.overdue_days > 0 for one in shown),
        history_url=reverse("web:plan-history", args=about),
        edit_url=reverse("web:plan-edit", args=about) if may_edit else "",
    )


def _told(one: Waiting, held: EpisodeView, patient_id: str, today: int, anew: bool) -> p.Todo:
    """anew: the level is what should be looked at again, not the plan alone."""
    made = _todo(one, held, patient_id, today)
    return replace(made, title=_LEVEL_AGAIN) if anew and one.ask is Ask.REVIEW else made


def _todo(one: Waiting, held: EpisodeView, patient_id: str, today: int) -> p.Todo:
    about = [patient_id, held.package.id]
    course = reverse("web:patient", args=about)
    url = f"{course}#{words.ANCHORS[one.ask]}"
    if one.ask in (Ask.NEEDS, Ask.REVIEW):
        url = reverse("web:form", args=[*about, held.package.level.base.form])
    blocked = held.proposal.blocked
    if one.ask is Ask.ASSESS_FIRST and blocked and blocked[0].form:
        url = reverse("web:form", args=[*about, blocked[0].form])
    post, hidden = "", {}
    buttons: tuple[p.Button, ...] = ()
    if one.ask is Ask.OUTCOME and one.about:
        post, hidden["appointment"] = reverse("web:act-appointment", args=about), one.about
        buttons = (p.Button("do", "fulfil", _("Gennemført")), p.Button("do", "noshow", _("Udeblevet")))
    elif one.ask is Ask.OVERDUE and one.about:
        post, hidden["activity"] = reverse("web:act-activity", args=about), one.about
        buttons = (p.Button("", "", _("Markér som gjort")),)
    elif one.ask is Ask.RESUME:
        post, buttons = reverse("web:act-resume", args=about), (p.Button("", "", _("Genoptag forløbet")),)
    elif one.ask is Ask.PLAN and held.decision is not None and held.package.makes_plans:
        post, buttons = reverse("web:act-draft", args=about), (p.Button("", "", _("Lav en kladde til planen")),)
    return p.Todo(
        rank=_URGENT.index(one.ask),
        title=ASK_TITLES[one.ask],
        about=_about(one, held),
        day=one.day,
        day_word=words.DAY_WORDS.get(one.ask, ""),
        late=one.ask in _LATE or (one.day is not None and one.day < today and one.ask is not Ask.RESUME),
        url=url,
        link=words.LINKS[one.ask],
        post=post,
        hidden=hidden,
        buttons=buttons,
    )


def _about(one: Waiting, held: EpisodeView) -> v.Text | str:
    """What the appointment or activity that waits is called, in both languages."""
    kinds = {item.id: item.kind for item in held.activities} | {item.id: item.kind for item in held.appointments}
    kind = kinds.get(one.about or "", "")
    english = held.package.kind_title(kind, "en") if kind else ""
    title = one.title or (held.package.kind_title(kind, "da") if kind else "")
    return {"da": title, "en": english if english and english != kind else title} if title else ""


def _member(item: Member, names: Names, language: str) -> p.Member:
    return p.Member(
        name=item.name or names.get(item.reference, "") or str(_("Ikke i adresseregistret")),
        why=tuple(_part(one, language) for one in item.parts),
    )


def _part(one: Part, language: str) -> p.Why:
    package = packages.builtin().get(one.package)
    told = told_title(one.about, language) or (package.titles[language] if package is not None else "")
    return p.Why(words.MEMBERS[one.why], told, one.day)
