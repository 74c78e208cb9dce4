"""Referring a patient: one form with the receiver, everything it needs, what it will read, and send."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.referral import actions, directory, drafts, places
from tovholder.referral.directory import Wish
from tovholder.referral.drafts import Draft
from tovholder.web import errors, kept, reading, referral_words
from tovholder.web.presenters import referrals as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, technical

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})
_ORDERS = ("near", "wait", "name")


@dataclass
class _Sheet:
    """The form as it was sent, or as it is first shown."""

    draft: Draft
    receiver: str = ""
    receiver_kind: str = ""
    search: str = ""
    municipality: str = ""
    order: str = "near"
    typed: dict[str, str] | None = None
    confirmed: tuple[str, ...] = ()
    text: str = ""
    sent: str = ""
    attachments: tuple[str, ...] = ()
    key: str = ""
    seen: tuple[str, ...] = ()
    again: bool = False
    wrong: dict[str, str] = field(default_factory=dict)  # a field of the pakketabel → what to correct
    told: list[FormError] = field(default_factory=list)
    at: dict[str, str] = field(default_factory=dict)  # a control of the page's own → what to correct
    technical: tuple[str, ...] = ()
    day: int | None = None

    def say(self, target: str, text: Any) -> None:
        """One thing to correct, with where it stands on the page."""
        self.told.append(FormError(target, str(text)))
        self.at.setdefault(target, str(text))

    def say_of(self, identity: str, text: Any) -> None:
        """The same of a field of the pakketabel."""
        self.wrong[identity] = str(text)
        self.say(f"felt-{identity}", text)


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def refer(request: HttpRequest, ctx: Context, patient_id: str, package: str, kind: str) -> HttpResponse:
    """The form of one kind of referral: receiver, fields, text, what is sent, send."""
    course = reading.course(ctx, patient_id, package)
    if kind not in {item.id for item in course.package.referrals}:
        raise not_found("The referral")
    data = request.POST if request.method == "POST" else request.GET
    after = data.get("efter", "")
    draft = drafts.draft(
        ctx,
        patient_id=patient_id,
        episode_id=course.episode.id or "",
        kind=kind,
        receiver_kind=data.get("slags", ""),
        after=after if is_fhir_id(after) else None,
    )
    sheet = _sheet(request, draft)
    if request.method == "POST" and not kept.is_resumed(request):
        wanted = request.POST.get("do", "vis")
        if wanted != "find":
            _check(ctx, sheet, course)
        if wanted == "send" and not sheet.told:
            sent = _send(ctx, sheet, course)
            if sent is not None:
                messages.success(request, _("Henvisningen er sendt. Patienten kan se den nu."))
                return HttpResponseRedirect(reverse("web:referral", args=[patient_id, package, sent]))
        return _show(request, ctx, course, sheet, preview=wanted == "vis" and not sheet.told)
    return _show(request, ctx, course, sheet, preview=False)


def _sheet(request: HttpRequest, draft: Draft) -> _Sheet:
    if request.method != "POST":
        seen = tuple(one.id or "" for one in draft.open)
        return _Sheet(draft, receiver_kind=draft.receiver_kind, key=secrets.token_urlsafe(18), seen=seen)
    data = request.POST
    key = data.get("noegle", "")
    order = data.get("orden", "near")
    return _Sheet(
        draft,
        receiver=data.get("modtager", ""),
        receiver_kind=draft.receiver_kind,
        search=data.get("q", "").strip()[:100],
        municipality=data.get("kommune", ""),
        order=order if order in _ORDERS else "near",
        typed={
            **{name[2:]: data[name].replace("\r\n", "\n") for name in data if name.startswith("f-")},
            **{f"basis:{name[2:]}": data[name].replace("\r\n", "\n") for name in data if name.startswith("b-")},
        },
        confirmed=tuple(data.getlist("ok")),
        text=data.get("tekst", "").replace("\r\n", "\n"),
        sent=data.get("dag", ""),
        attachments=tuple(data.getlist("bilag")),
        key=key if _KEY.fullmatch(key) else secrets.token_urlsafe(18),
        seen=tuple(part for part in data.get("set", "").split(",") if is_fhir_id(part)),
        again=bool(data.get("igen")),
    )


def _check(ctx: Context, sheet: _Sheet, course: reading.Course) -> None:
    """What can be told before anything is written, each at its field."""
    draft, language = sheet.draft, get_language() or "da"
    if not sheet.receiver:
        sheet.say("modtagere", _("Vælg, hvem patienten henvises til."))
    elif not is_fhir_id(sheet.receiver) or directory.one(ctx, sheet.receiver, _wish(sheet)) is None:
        sheet.receiver = ""
        sheet.say("modtagere", _("Modtageren findes ikke længere, eller er af en anden slags. Vælg en anden."))
    sheet.day = _day(ctx, sheet)
    typed = sheet.typed or {}
    for one in draft.answers:
        label = one.asked.field.title[language]
        given = typed.get(one.id)
        basis = typed_basis(sheet, one.id)
        if given is None:
            continue
        value = given.strip()
        if len(value) > 4000:
            sheet.say_of(one.id, _("%(field)s er for lang. Skriv højst 4000 tegn.") % {"field": label})
        elif not value and one.asked.field.required:
            sheet.say_of(one.id, _("%(field)s mangler. Modtageren skal bruge det.") % {"field": label})
        elif basis is not None and basis != one.value and value == basis.strip() and one.value:
            sheet.say_of(
                one.id,
                _(
                    "%(field)s er ændret i journalen, mens du skrev. Der står nu: %(value)s. Ret, eller send det, du har."
                )
                % {"field": label, "value": one.value},
            )
        elif value and value == one.value and one.state == "stale" and one.id not in sheet.confirmed:
            sheet.say_of(
                one.id, _("%(field)s er gammel. Ret den, eller bekræft, at den stadig passer.") % {"field": label}
            )
    new = [one for one in draft.open if one.id not in sheet.seen]
    if new:
        sheet.seen = tuple(one.id or "" for one in draft.open)
        if all(one.key != sheet.key for one in new):
            sheet.again = False
            sheet.say(
                "igen", _("En anden har henvist patienten, mens du skrev. Se den, og vælg, om der skal sendes en til.")
            )
    elif draft.open and not sheet.again:
        sheet.say("igen", _("Patienten har allerede sådan en henvisning. Sæt kryds, hvis der skal sendes en til."))


def typed_basis(sheet: _Sheet, identity: str) -> str | None:
    """What the record said when the form was shown."""
    return (sheet.typed or {}).get(f"basis:{identity}")


def _day(ctx: Context, sheet: _Sheet) -> int | None:
    if not sheet.sent.strip():
        return None
    try:
        found = days.day_of(date.fromisoformat(sheet.sent.strip()))
    except ValueError:
        sheet.say("dag", _("Skriv datoen som dag, måned og år, for eksempel 31-01-2027."))
        return None
    if found > ctx.today:
        sheet.say("dag", _("Datoen ligger i fremtiden. Skriv en dato, der er i dag eller tidligere."))
    elif found < ctx.today - 366:
        sheet.say("dag", _("Datoen ligger mere end et år tilbage. Se efter, om årstallet er rigtigt."))
    return found


def _send(ctx: Context, sheet: _Sheet, course: reading.Course) -> str | None:
    """The referral's id; None, with what went wrong on the sheet, where it was not sent."""
    draft = sheet.draft
    given = {name: value for name, value in (sheet.typed or {}).items() if not name.startswith("basis:")}
    try:
        made = actions.send(
            ctx,
            patient_id=draft.patient_id,
            episode_id=draft.episode.id or "",
            kind=draft.kind.id,
            receiver_id=sheet.receiver,
            receiver_kind=sheet.receiver_kind,
            fields=given,
            confirmed=sheet.confirmed,
            text=sheet.text,
            sent_day=sheet.day,
            attachments=sheet.attachments,
            key=sheet.key,
            seen=sheet.seen,
            after=draft.after.id if draft.after else None,
        )
    except Problem as problem:
        if problem.category not in _ON_THE_PAGE:
            raise
        sheet.technical = technical(problem)
        known = {one.id: one.asked.field.title[get_language() or "da"] for one in draft.answers}
        for issue in problem.issues:
            name = issue.path.removeprefix("fields.")
            if issue.path.startswith("fields.") and name in known:
                sheet.say_of(name, _("%(field)s mangler eller skal bekræftes.") % {"field": known[name]})
        if not sheet.told:
            for text in errors.in_words(problem):
                sheet.say("", text)
        return None
    return made.id


def _wish(sheet: _Sheet) -> Wish:
    draft = sheet.draft
    return Wish(
        kinds=(sheet.receiver_kind,),
        text=sheet.search,
        municipality=sheet.municipality,
        order=sheet.order,  # type: ignore[arg-type]  # checked against _ORDERS
        near=draft.near,
        service=draft.kind,
    )


def _show(request: HttpRequest, ctx: Context, course: reading.Course, sheet: _Sheet, *, preview: bool) -> HttpResponse:
    draft, language = sheet.draft, get_language() or "da"
    wish = _wish(sheet)
    found = directory.find(ctx, wish)
    listed = list(found.receivers)
    chosen = directory.one(ctx, sheet.receiver, wish) if is_fhir_id(sheet.receiver) else None
    if chosen is not None and all(one.id != chosen.id for one in listed):
        listed.insert(0, chosen)  # what was chosen stays, whatever is searched for
    rows = presenter.fields(
        draft.answers,
        language=language,
        today=ctx.today,
        typed=sheet.typed,
        confirmed=sheet.confirmed,
        errors=sheet.wrong,
    )
    names = reading.names(ctx, {f"Organization/{one.receiver_id}" for one in draft.rounds if one.receiver_id})
    about: dict[str, Any] = {
        "patient_id": draft.patient_id, "package": draft.package, "names": names, "language": language,
        "today": ctx.today,
    }  # fmt: skip
    missing = [row.label for row in rows if row.required and not row.value.strip()]
    return render(
        request,
        "web/klinik/referral_form.html",
        {
            "title": draft.kind.title[language],
            "patient_name": draft.patient_name,
            "package_title": draft.package.titles,
            "back": reverse("web:patient", args=[draft.patient_id, draft.package.id]),
            "sheet": sheet,
            "errors": tuple(sheet.told),
            "technical": sheet.technical,
            "rows": [row for row in rows if not row.by_itself and not row.is_extra],
            "more": [row for row in rows if row.is_extra],
            "automatic": [row for row in rows if row.by_itself],
            "missing": missing,
            "stale": sum(1 for row in rows if row.is_unsettled),
            "table": draft.table,
            "standard": draft.table.receiver(sheet.receiver_kind),
            "kinds": [(one, referral_words.RECEIVERS.get(one, one)) for one in draft.kind.receiver_kinds],
            "receivers": presenter.receivers(listed, today=ctx.today, chosen=sheet.receiver),
            "fitting": found.fitting,
            "of_kind": found.of_kind,
            "near": draft.near,
            "municipalities": places.names(),
            "open": [presenter.referral(one, **about) for one in draft.open],
            "after": presenter.referral(draft.after, **about) if draft.after else None,
            "attachments": draft.attachments,
            "today": days.iso(ctx.today),
            "receiver": next((row for row in presenter.receivers([chosen], today=ctx.today, chosen="")), None)
            if chosen
            else None,
            "preview": preview,
            "shown": [row for row in rows if row.value.strip()],
        },
        status=422 if sheet.told else 200,
    )
