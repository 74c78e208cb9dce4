"""The patient's page about access: whom they keep out, whom they let in, who opened what was blocked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tovholder import store
from tovholder.access import emergencies, evidence
from tovholder.access.domain import Context, Right, Role
from tovholder.base.errors import forbidden, not_found
from tovholder.cockpit.queries import full_name
from tovholder.store import consents, involved
from tovholder.web import access_view, kept, reading
from tovholder.web import forms_access as forms
from tovholder.web.views.common import for_roles, form_errors

T = TypeVar("T")
_SHOWN = 20  # break-glass and stated relations, the newest


class _Sheets:
    """The forms of the page: the one that was sent is bound, the others are empty."""

    def __init__(self, request: HttpRequest, ctx: Context) -> None:
        self.ctx = ctx
        self.language = get_language() or "da"
        self.sent = request.POST.get("do", "") if request.method == "POST" else ""
        self._data = request.POST
        self.find = forms.FindForm(self._of("find"), today=ctx.today, name="find")
        found = self._found()
        around = involved.of_patient(ctx, looked=_sees_log(ctx))
        places = [(f"Organization/{one}", "") for one in (*around.organizations, *around.above)]
        people = [(f"Practitioner/{one}", "") for one in around.practitioners]
        named = reading.names(ctx, [reference for reference, _name in (*places, *people)])
        listed = dict(sorted(named.items(), key=lambda item: (item[0].split("/")[0], item[1])))
        choices = [*found.items(), *((one, name) for one, name in listed.items() if one not in found)]
        self.found = tuple(found.values())
        holder, own = _holder(ctx), ctx.role is Role.CITIZEN
        self.block = forms.BlockForm(
            self._of("block"),
            who=_grouped(choices),
            language=self.language,
            holder=holder,
            today=ctx.today,
            name="spaer",
        )
        self.open = forms.OpenForm(
            self._of("open"),
            places=[item for item in choices if item[0].startswith("Organization/")],
            today=ctx.today,
            name="giv",
        )
        self.relatives = access_view.relatives(ctx) if own else ()
        self.power = forms.PowerForm(
            self._of("power"),
            relatives=[(one.id, one.name) for one in self.relatives],
            today=ctx.today,
            name="fuldmagt",
        )

    def _of(self, name: str) -> Any:
        return self._data if self.sent == name or (name == "find" and "name" in self._data) else None

    def _found(self) -> dict[str, str]:
        """Who was found by name: places and people, with what they are called."""
        if not self.find.is_bound or not self.find.is_valid() or not self.find.cleaned_data["name"].strip():
            return {}
        told = involved.found_by_name(self.ctx, self.find.cleaned_data["name"].strip())
        return {
            reference: str(resource.get("name", "")) if reference.startswith("Organization/") else full_name(resource)
            for reference, resource in told
        }

    @property
    def bound(self) -> Any:
        """The form that was sent."""
        theirs = {"open": self.open, "power": self.power} if self.ctx.role is Role.CITIZEN else {}
        return {"block": self.block, "find": self.find, **theirs}.get(self.sent)


def _grouped(choices: list[tuple[str, str]]) -> list[tuple[Any, Any]]:
    places = [item for item in choices if item[0].startswith("Organization/")]
    people = [item for item in choices if item[0].startswith("Practitioner/")]
    return [
        *([(_("Steder, med alle afdelinger under dem"), places)] if places else []),
        *([(_("Personer"), people)] if people else []),
    ]


def _holder(ctx: Context) -> list[str]:
    """The places whose view of the plan the course hangs on: the patient's own clinic, with what it is part of."""
    from tovholder.access import units

    own = store.read(ctx, "Patient", _own(ctx)).resource.get("generalPractitioner") or ()
    clinics = [str(item.get("reference", "")).partition("/")[2] for item in own]
    return [f"Organization/{unit}" for clinic in clinics for unit in units.of(clinic)]


def _sees_log(ctx: Context) -> bool:
    return ctx.role is Role.CITIZEN or Right.RECORD in ctx.rights


def _require_may(ctx: Context) -> None:
    """Raise Problem(FORBIDDEN) for who stands for the patient without the right to act."""
    if ctx.role is not Role.CITIZEN and Right.ACT not in ctx.rights:
        raise forbidden("right", "the power of attorney does not reach so far", "one to act for the patient")


def _own(ctx: Context) -> str:
    if ctx.patient is None:
        raise not_found("The patient")
    return ctx.patient


@require_http_methods(["GET", "POST"])
@for_roles(Role.CITIZEN, Role.REPRESENTATIVE, resumes=True)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What holds now, and the forms to change it."""
    _require_may(ctx)
    sheets = _Sheets(request, ctx)
    form = sheets.bound
    if form is None or form is sheets.find or kept.is_resumed(request):
        return _show(request, ctx, sheets)
    if not form.is_valid():
        return _show(request, ctx, sheets, status=422)
    made = _made(ctx, sheets, form.cleaned_data)
    if access_view.holds_already(ctx, _own(ctx), made):
        messages.success(request, _("Det har du allerede gemt. Det gælder stadig."))
    else:
        with store.unit_of_work(ctx) as uow:
            uow.create(made)
        messages.success(request, _told(sheets))
    return HttpResponseRedirect(reverse("web:blocks"))


def _made(ctx: Context, sheets: _Sheets, given: dict[str, Any]) -> dict[str, Any]:
    """The Consent that a form asks for."""
    patient = _own(ctx)
    until = given["until"].isoformat() if given.get("until") else ""
    if sheets.sent == "open":
        organization = given["place"].partition("/")[2]
        display = reading.name_of(ctx, given["place"])
        return consents.open_resource(ctx, patient, organization=organization, display=display, until=until)
    if sheets.sent == "power":
        name = next(one.name for one in sheets.relatives if one.id == given["relative"])
        return consents.power_resource(
            ctx, patient, related=given["relative"], display=name, areas=given["areas"], until=until
        )
    who = given["who"] if given["who"] != forms.EVERYBODY else ""
    return consents.block_resource(
        ctx,
        patient,
        actor=who,
        display=reading.name_of(ctx, who) if who else "",
        kind="" if given["what"] == forms.ALL else given["what"],
        data_from=given["data_from"].isoformat() if given["data_from"] else "",
        data_until=given["data_until"].isoformat() if given["data_until"] else "",
        until=until,
    )


def _told(sheets: _Sheets) -> str:
    if sheets.sent == "open":
        return _("Stedet har fået adgang og kan se din plan nu.")
    if sheets.sent == "power":
        return _("Fuldmagten gælder nu.")
    return _("Spærringen er gemt og gælder fra nu af.")


def _show(request: HttpRequest, ctx: Context, sheets: _Sheets, *, status: int = 200) -> HttpResponse:
    patient, language = _own(ctx), sheets.language
    bound = sheets.bound
    return render(
        request,
        "web/minplan/spaerringer.html",
        {
            "agreed": access_view.agreed(ctx, patient, language),
            "own": ctx.role is Role.CITIZEN,
            "sees_log": _sees_log(ctx),
            "glass": [access_view.glass(ctx, one, language) for one in _newest(ctx, emergencies.of_patient, patient)],
            "stated": [access_view.said(ctx, one, language) for one in _newest(ctx, evidence.of_patient, patient)],
            "sheets": sheets,
            "searched": sheets.find.is_bound and sheets.find.is_valid() and bool(sheets.find.cleaned_data["name"]),
            "errors": form_errors(bound) if bound is not None and status == 422 else (),
        },
        status=status,
    )


def _newest(ctx: Context, ask: Callable[[str], list[T]], patient: str) -> list[T]:
    return ask(patient)[:_SHOWN] if _sees_log(ctx) else []


@require_POST
@for_roles(Role.CITIZEN, Role.REPRESENTATIVE)
def end(request: HttpRequest, ctx: Context, consent_id: str) -> HttpResponse:
    """End a block, take back access or a power of attorney: from the next request on."""
    _own(ctx)
    _require_may(ctx)
    with store.unit_of_work(ctx) as uow:
        held = uow.read("Consent", consent_id)
        if held.get("status") == "active":
            uow.update({**held, "status": "inactive"})
    messages.success(request, _("Det er ophævet og gælder ikke længere."))
    return HttpResponseRedirect(reverse("web:blocks"))
