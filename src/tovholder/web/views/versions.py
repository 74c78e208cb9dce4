"""New versions of packages: what waits for the clinic's word, and the word itself for one plan, several, or a page of them."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base.errors import Category, Problem
from tovholder.plan import upgrade
from tovholder.plan.upgrade import Live
from tovholder.web import kept, versions_view
from tovholder.web.forms import DayField, TodayForm, WordsField, _words
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_ACTS = ("approve", "approve-all", "keep")


class KeepForm(TodayForm):
    """Keep the chosen plans as they are for now."""

    reason = WordsField(
        label=gettext_lazy("Hvorfor skal planerne blive, som de er?"),
        max_length=500,
        widget=_words(2),
        error_messages={"required": gettext_lazy("Skriv, hvorfor planerne skal blive, som de er.")},
    )
    look_again = DayField(
        label=gettext_lazy("Hvornår vil I se på det igen?"),
        help_text=gettext_lazy("Højst to år frem."),
        error_messages={"required": gettext_lazy("Skriv, hvornår I vil se på det igen.")},
    )

    def clean_look_again(self) -> Any:
        """A day after today, within what a plan may wait."""
        if not self.today < (self.day("look_again") or 0) <= self.today + upgrade.LONGEST_WAIT:
            raise ValidationError(_("Vælg en dag fra i morgen og højst to år frem."))
        return self.cleaned_data["look_again"]


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What waits; by POST the clinic's word about the chosen plans of one package."""
    if request.method != "POST":
        return _show(request, ctx)
    sent, form = request.POST, _form(request, ctx, request.POST.get("pakke", ""))
    chosen = sent.getlist("all" if sent.get("do") == "approve-all" else "plan")
    errors: tuple[FormError, ...] = () if chosen else (FormError("", _("Vælg mindst én plan.")),)
    if sent.get("do") not in _ACTS:
        errors += (FormError("", _("Vælg, om planerne skal godkendes eller beholdes.")),)
    if form.is_bound and not form.is_valid():
        errors += form_errors(form)
    if errors or kept.is_resumed(request):
        return _show(request, ctx, errors=errors, chosen=chosen, status=422 if errors else 200)
    known = {item.plan_id: item for item in upgrade.live(ctx)}
    _tell(request, _each(ctx, [known[one] for one in dict.fromkeys(chosen) if one in known], sent, form), len(chosen))
    return HttpResponseRedirect(f"{reverse('web:versions')}{_query(sent)}")


def _form(request: HttpRequest, ctx: Context, package: str) -> KeepForm:
    """The form of one package on the page: filled in with what was sent about it, when it was to keep plans."""
    sent = request.POST if request.method == "POST" and request.POST.get("do") == "keep" else None
    mine = sent if sent is not None and sent.get("pakke") == package else None
    named = package if _NAME.fullmatch(package) else ""  # it becomes part of the page's ids
    return KeepForm(mine, today=ctx.today, name=f"behold-{named}")


def _each(ctx: Context, plans: list[Live], sent: QueryDict, form: KeepForm) -> dict[str, int]:
    """The word about each plan, each in a unit of its own: what went well stays when another has changed."""
    counts = {"approved": 0, "kept": 0, "changed": 0, "refused": 0}
    for item in plans:
        about = {"patient_id": item.patient_id, "plan_id": item.plan_id, "token": sent.get(f"token-{item.plan_id}", "")}
        try:
            if sent.get("do") == "keep":
                day = form.day("look_again") or 0
                upgrade.keep(ctx, **about, reason=form.cleaned_data["reason"], look_again_day=day)
                counts["kept"] += 1
            else:
                upgrade.approve(ctx, **about)
                counts["approved"] += 1
        except Problem as problem:
            if problem.category not in (Category.CONFLICT, Category.RULE, Category.PRECONDITION):
                raise
            counts["changed" if problem.category is not Category.RULE else "refused"] += 1
    return counts


def _tell(request: HttpRequest, counts: dict[str, int], chosen: int) -> None:
    approved, kept_so, refused = counts["approved"], counts["kept"], counts["refused"]
    changed = counts["changed"] + chosen - sum(counts.values())
    if approved:
        told = ngettext(
            "%(count)s plan følger nu den nye version. Patienten kan se den nye plan nu.",
            "%(count)s planer følger nu den nye version. Patienterne kan se de nye planer nu.",
            approved,
        )
        messages.success(request, told % {"count": approved})
    if kept_so:
        told = ngettext(
            "%(count)s plan bliver, som den er, indtil I ser på den igen.",
            "%(count)s planer bliver, som de er, indtil I ser på dem igen.",
            kept_so,
        )
        messages.success(request, told % {"count": kept_so})
    if changed:
        told = ngettext(
            "%(count)s plan er ændret, siden du så på den, og er ikke rørt. Se på den igen.",
            "%(count)s planer er ændret, siden du så på dem, og er ikke rørt. Se på dem igen.",
            changed,
        )
        messages.warning(request, told % {"count": changed})
    if refused:
        told = ngettext(
            "%(count)s plan kunne ikke få den nye version. Hvorfor står ved planen.",
            "%(count)s planer kunne ikke få den nye version. Hvorfor står ved planerne.",
            refused,
        )
        messages.warning(request, told % {"count": refused})


def _query(given: QueryDict) -> str:
    """Where on the page one was: package, page and whether those kept are shown; no plan and no patient."""
    told = {key: given.get(key, "") for key in ("pakke", "side", "vis")}
    held = {key: text for key, text in told.items() if _NAME.fullmatch(text)}
    return f"?{urlencode(held)}" if held else ""


def _show(
    request: HttpRequest,
    ctx: Context,
    *,
    errors: tuple[FormError, ...] = (),
    chosen: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    side = given.get("side", "")
    found = versions_view.gathered(
        ctx,
        language=get_language() or "da",
        package=given.get("pakke", ""),
        number=int(side) if re.fullmatch(r"[0-9]{1,5}", side) else 1,
        kept=given.get("vis", "") == "beholdt",
        chosen=chosen or (),
    )
    shown = {"news": [(item, _form(request, ctx, item.id)) for item in found], "errors": errors}
    return render(request, "web/klinik/pakker.html", shown, status=status)
