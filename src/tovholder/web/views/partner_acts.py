"""What a receiver of referrals does on a patient's page: one act for each press, and the forms they are asked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.forms import Form
from django.utils.translation import gettext as _

from tovholder import store
from tovholder.access.domain import Context
from tovholder.appointments import actions as appointments
from tovholder.appointments.series import book_series
from tovholder.base.errors import not_found
from tovholder.packages import Package
from tovholder.packages.model_clinical import Input
from tovholder.plan import actions as plan
from tovholder.plan.actions.measurements import measured
from tovholder.plan.values import Appointment
from tovholder.referral import actions as referral
from tovholder.web import forms
from tovholder.web import forms_partner as partner_forms
from tovholder.web.forms_partner import ACTS, AnswerForm
from tovholder.web.presenters.pages import point
from tovholder.web.templatetags.tovholder import say

Sent = Mapping[str, str]
Titled = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Offered:
    """What there is to choose among. kinds, scores: by ``course:kind`` and ``course:input``; referrals: the day each began,
    as far as its visits tell.
    """

    language: str
    courses: Titled
    kinds: Titled
    scores: Mapping[str, Input]
    referrals: Mapping[str, int | None]
    appointments: Mapping[str, Appointment]
    goals: tuple[str, ...]
    likely: str = ""


def score_of(package: Package, name: str) -> Input:
    """A measured input of a package."""
    return measured(package, name)[0]


@dataclass
class Sheets:
    """The forms of the page; at most one is bound to what was sent."""

    offered: Offered
    today: int
    answers: dict[str, dict[str, AnswerForm]] = field(default_factory=dict)
    cancel: dict[str | None, Form] = field(default_factory=dict)
    rebook: dict[str | None, Form] = field(default_factory=dict)
    correct: dict[str | None, Form] = field(default_factory=dict)
    state: dict[str | None, Form] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for identity, began in self.offered.referrals.items():
            self.answers[identity] = {
                act: AnswerForm(act=act, referral=identity, today=self.today, day=began if act == "start" else None)
                for act in ACTS
            }
        for identity in self.offered.appointments:
            for name in ("cancel", "rebook", "correct"):
                getattr(self, name)[identity] = self._make(name, identity)
        for identity in self.offered.goals:
            self.state[identity] = self._make("state", identity)
        self.book = self._make("book")
        self.visit = self._make("visit")
        self.goal = self._make("goal")
        self.score = self._make("score")

    def bind(self, data: Sent) -> Form | None:
        """The form that was sent, in its place; None where a button alone was pressed. NOT_FOUND for what is not here."""
        act = data.get("do", "")
        identity = data.get("id", "")
        if act in ACTS:
            if identity not in self.answers:
                raise not_found("The referral")
            form = AnswerForm(data, act=act, referral=identity, today=self.today)
            self.answers[identity][act] = form
            return form
        if act in ("cancel", "rebook", "correct", "state"):
            held = getattr(self, act)
            if identity not in held:
                raise not_found("The act")
            held[identity] = self._make(act, identity, data)
            bound: Form = held[identity]
            return bound
        if act in ("book", "visit", "goal", "score"):
            made = self._make(act, "", data)
            setattr(self, act, made)
            return made
        return None

    def _make(self, name: str, identity: str = "", data: Sent | None = None) -> Form:
        common: dict[str, Any] = {"today": self.today, "name": f"{name}-{identity}" if identity else name}
        offered = self.offered
        if name in ("book", "visit"):
            kinds = offered.kinds
            initial = {
                "kind": offered.likely if offered.likely in dict(kinds) else kinds[0][0] if len(kinds) == 1 else ""
            }
            kind = partner_forms.TimesForm if name == "book" else partner_forms.VisitForm
            return kind(data, kinds=kinds, initial=initial, **common)
        if name == "rebook":
            start = offered.appointments[identity].start
            return forms.RebookForm(data, initial={"shown": start.isoformat() if start else ""}, **common)
        if name == "goal":
            return partner_forms.SharedGoalForm(data, courses=offered.courses, **common)
        if name == "score":
            titles = tuple((key, _score_title(one, offered.language)) for key, one in offered.scores.items())
            limits = {key: (one.minimum, one.maximum) for key, one in offered.scores.items()}
            return partner_forms.ScoreForm(data, scores=titles, limits=limits, **common)
        plain: Mapping[str, Callable[..., Form]] = {
            "cancel": partner_forms.CallOffForm,
            "correct": partner_forms.CorrectForm,
            "state": partner_forms.GoalStateForm,
        }
        return plain[name](data, **common)


def _score_title(one: Input, language: str) -> str:
    return f"{one.title[language]} ({one.unit})" if one.unit else str(one.title[language])


def do(ctx: Context, patient_id: str, sheets: Sheets, data: Sent, form: Form | None) -> str:
    """Do what was asked, and say what became of it. Raises Problem as the acts do, NOT_FOUND for an act there is not."""
    act, identity = data.get("do", ""), data.get("id", "")
    if act in ACTS and form is not None:
        return _answer(ctx, patient_id, act, identity, form)
    if act in ("book", "visit") and form is not None:
        return _book(ctx, patient_id, form, told=act == "visit")
    if act in ("fulfil", "noshow", "cancel", "rebook", "correct"):
        if identity not in sheets.offered.appointments:
            raise not_found("The appointment")
        return _time(ctx, act, form, patient_id=patient_id, appointment_id=identity)
    if act == "goal" and form is not None:
        given = form.cleaned_data
        plan.add_goal(
            ctx,
            patient_id=patient_id,
            episode_id=given["course"],
            text=given["text"],
            by_patient=given["by_patient"] == "patient",
            target_day=form.day("target"),  # type: ignore[attr-defined]
        )
        return _("Målet er gemt. Patienten og klinikken kan se det nu.")
    if act == "state" and form is not None:
        plan.update_goal(ctx, patient_id=patient_id, goal_id=identity, achievement=form.cleaned_data["state"])
        return _("Det er gemt, hvordan det går med målet.")
    if act == "score" and form is not None:
        return _score(ctx, patient_id, sheets, form)
    raise not_found("The act")


def _answer(ctx: Context, patient_id: str, act: str, identity: str, form: Form) -> str:
    given = form.cleaned_data
    about = {"patient_id": patient_id, "referral_id": identity}
    day = form.day("dag")  # type: ignore[attr-defined]
    text = given.get("tekst", "").strip()
    if act == "accept":
        referral.accept(ctx, **about, accepted_day=day)
        return _("Henvisningen er accepteret. Klinikken og patienten kan se det.")
    if act == "start":
        referral.start(ctx, **about, started_day=day)
        return _("Det er noteret, at tilbuddet er begyndt.")
    if act == "complete":
        referral.complete(ctx, **about, completed_day=day, answer=text)
        return _("Forløbet hos jer er afsluttet, og lægen har fået jeres besked.")
    if act == "reject":
        referral.reject(ctx, **about, reason=given["grund"], text=text)
        return _("Henvisningen er afvist. Klinikken får det at vide og sender den til en anden.")
    words = text if given["grund"] == "other" else ""
    referral.stop(ctx, **about, reason=given["grund"], text=words, stopped_day=day, answer=text)
    return _("Det er noteret, at tilbuddet er stoppet, og lægen har fået jeres besked.")


def _book(ctx: Context, patient_id: str, form: Any, *, told: bool) -> str:
    episode_id, _colon, kind = form.cleaned_data["kind"].partition(":")
    if not told:
        given = form.cleaned_data
        made = book_series(
            ctx,
            patient_id=patient_id,
            kind=kind,
            start=form.start,
            times=given["times"],
            every_days=int(given["every"]),
            episode_id=episode_id,
        )
        if len(made) == 1:
            return _("Tiden er booket. Patienten og klinikken kan se den.")
        return _("%(count)d tider er booket. Patienten og klinikken kan se dem.") % {"count": len(made)}
    with store.unit_of_work(ctx, patients=[patient_id]):  # the visit and how it went, or neither
        been = appointments.book(ctx, patient_id=patient_id, kind=kind, start=form.start, episode_id=episode_id)
        about = {"patient_id": patient_id, "appointment_id": str(been.id)}
        if form.cleaned_data["outcome"] == "fulfilled":
            appointments.mark_fulfilled(ctx, **about)
        else:
            appointments.mark_noshow(ctx, **about)
    return _("Besøget er noteret.")


def _time(ctx: Context, act: str, form: Any, **about: Any) -> str:
    if act == "fulfil":
        appointments.mark_fulfilled(ctx, **about)
        return _("Det er noteret, at patienten kom.")
    if act == "noshow":
        appointments.mark_noshow(ctx, **about)
        return _("Det er noteret, at patienten udeblev. Klinikken kan se det.")
    given = form.cleaned_data
    if act == "cancel":
        appointments.cancel(ctx, **about, reason=given["reason"], by=given["by"], text=given["text"])
        return _("Aftalen er aflyst.")
    if act == "rebook":
        appointments.reschedule(ctx, **about, start=form.start, shown=given["shown"])
        return _("Aftalen er flyttet.")
    appointments.correct(ctx, **about, status=given["status"], reason=given["why"])
    return _("Det er rettet. Det, der stod før, er bevaret i historikken.")


def _score(ctx: Context, patient_id: str, sheets: Sheets, form: Any) -> str:
    given = form.cleaned_data
    episode_id, _colon, name = given["score"].partition(":")
    value: Decimal = given["value"]
    made = plan.record_measurement(
        ctx, patient_id=patient_id, episode_id=episode_id, name=name, value=value, day=form.day("dag")
    )
    title = say(sheets.offered.scores[given["score"]].title)
    language = sheets.offered.language
    told = {"score": title, "value": point(ctx.today, int(value * 1000), language).text}
    if made.before is None:
        return _("%(score)s er gemt: %(value)s. Klinikken kan se det på kurven.") % told
    told["before"] = point(ctx.today, int(made.before * 1000), language).text
    return _("%(score)s for den dag er rettet fra %(before)s til %(value)s.") % told
