"""The form of a referral, whoever fills it in: what was typed, what is to be corrected, receivers to choose among."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tovholder.access.domain import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.base.ids import is_fhir_id
from tovholder.plan.values import Referral
from tovholder.referral import directory, places
from tovholder.referral.directory import Wish
from tovholder.referral.drafts import Draft
from tovholder.web import errors, reading, referral_words
from tovholder.web.presenters import referrals as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views.common import technical

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})
_ORDERS = ("near", "wait", "name")


@dataclass
class Sheet:
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


def sheet_of(request: HttpRequest, draft: Draft) -> Sheet:
    """The form as this request has it."""
    if request.method != "POST":
        seen = tuple(one.id or "" for one in draft.open)
        return Sheet(draft, receiver_kind=draft.receiver_kind, key=secrets.token_urlsafe(18), seen=seen)
    data = request.POST
    key = data.get("noegle", "")
    order = data.get("orden", "near")
    return Sheet(
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


def check(ctx: Context, sheet: Sheet) -> None:
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


def typed_basis(sheet: Sheet, identity: str) -> str | None:
    """What the record said when the form was shown."""
    return (sheet.typed or {}).get(f"basis:{identity}")


def _day(ctx: Context, sheet: Sheet) -> int | None:
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


def refused(sheet: Sheet, problem: Problem) -> None:
    """What went wrong told on the sheet, each at its field; what is not for the page is raised again."""
    if problem.category not in _ON_THE_PAGE:
        raise problem
    sheet.technical = technical(problem)
    known = {one.id: one.asked.field.title[get_language() or "da"] for one in sheet.draft.answers}
    for issue in problem.issues:
        name = issue.path.removeprefix("fields.")
        if issue.path.startswith("fields.") and name in known:
            sheet.say_of(name, _("%(field)s mangler eller skal bekræftes.") % {"field": known[name]})
    if not sheet.told:
        for text in errors.in_words(problem):
            sheet.say("", text)


def given(sheet: Sheet) -> dict[str, str]:
    """What stands in the fields of the pakketabel."""
    return {name: value for name, value in (sheet.typed or {}).items() if not name.startswith("basis:")}


def _wish(sheet: Sheet) -> Wish:
    draft = sheet.draft
    return Wish(
        kinds=(sheet.receiver_kind,),
        text=sheet.search,
        municipality=sheet.municipality,
        order=sheet.order,  # type: ignore[arg-type]  # checked against _ORDERS
        near=draft.near,
        service=draft.kind,
    )


def show(
    request: HttpRequest,
    ctx: Context,
    sheet: Sheet,
    *,
    preview: bool,
    back: str,
    kinds: tuple[str, ...] | None = None,
    page: str = "",
) -> HttpResponse:
    """The page with the form. kinds: the receivers that may be chosen; all of the referral's without it. page: for those
    beside the clinic, the page that links to other referrals lead to.
    """
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

    def row(one: Referral) -> presenter.ReferralRow:
        made = presenter.referral(one, **about)
        return replace(made, url=page, resend_url="") if page else made

    missing = [held.label for held in rows if held.required and not held.value.strip()]
    return render(
        request,
        "web/klinik/referral_form.html",
        {
            "title": draft.kind.title[language],
            "patient_name": draft.patient_name,
            "package_title": draft.package.titles,
            "back": back,
            "onward": bool(page),
            "sheet": sheet,
            "errors": tuple(sheet.told),
            "technical": sheet.technical,
            "rows": [held for held in rows if not held.by_itself and not held.is_extra],
            "more": [held for held in rows if held.is_extra],
            "automatic": [held for held in rows if held.by_itself],
            "missing": missing,
            "stale": sum(1 for held in rows if held.is_unsettled),
            "table": draft.table,
            "standard": draft.table.receiver(sheet.receiver_kind),
            "kinds": [(one, referral_words.RECEIVERS.get(one, one)) for one in (kinds or draft.kind.receiver_kinds)],
            "receivers": presenter.receivers(listed, today=ctx.today, chosen=sheet.receiver),
            "fitting": found.fitting,
            "of_kind": found.of_kind,
            "near": draft.near,
            "municipalities": places.names(),
            "open": [row(one) for one in draft.open],
            "after": row(draft.after) if draft.after else None,
            "attachments": draft.attachments,
            "today": days.iso(ctx.today),
            "receiver": next(iter(presenter.receivers([chosen], today=ctx.today, chosen="")), None) if chosen else None,
            "preview": preview,
            "shown": [held for held in rows if held.value.strip()],
        },
        status=422 if sheet.told else 200,
    )
