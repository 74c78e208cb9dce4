"""A receiver refers a patient on: what for, and the clinic's form with what the receiver may see and was told."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _

from tovholder import packages
from tovholder.access.domain import Context
from tovholder.base.errors import Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.plan.values import Referral
from tovholder.referral import actions
from tovholder.referral.drafts import table_for
from tovholder.web import kept
from tovholder.web.areas import Area, at_each_door
from tovholder.web.views import partner_patient
from tovholder.web.views import referral_sheet as sheets

_UNDER_WAY = ("accepted", "in-progress", "on-hold")


def _held(seen: partner_patient.Seen, referral_id: str) -> Referral:
    """A referral to the reader that is under way; any other is not found."""
    found = next((one for one in seen.referrals if is_fhir_id(referral_id) and one.id == referral_id), None)
    if found is None or found.status not in _UNDER_WAY:
        raise not_found("The referral")
    return found


def _kinds(ctx: Context, seen: partner_patient.Seen, held: Referral) -> dict[str, tuple[ReferralKind, tuple[str, ...]]]:
    """What the reader may refer on to, by id, each with the receivers that may be chosen."""
    allowed = table_for(ctx.today).may_refer_on(str(ctx.role))
    episode = next((one for one in seen.courses if one.id == held.episode_id), None)
    known = packages.get(episode.package).referrals if episode is not None else ()
    return {
        one.id: (one, tuple(kind for kind in one.receiver_kinds if kind in allowed))
        for one in known
        if allowed & set(one.receiver_kinds)
    }


@at_each_door("GET", "HEAD")
def choose(request: HttpRequest, ctx: Context, patient_id: str, referral_id: str, *, area: Area) -> HttpResponse:
    """What the patient can be referred on to."""
    seen = partner_patient.see(ctx, patient_id)
    kinds = _kinds(ctx, seen, _held(seen, referral_id))
    links = [
        (one.title[seen.language], area.onward(patient_id, referral_id, one.id)) for one, _receivers in kinds.values()
    ]
    back = area.patient(patient_id)
    return render(request, "web/partner/onward.html", {"name": seen.summary.name, "links": links, "back": back})


@at_each_door("GET", "POST", resumes=True)
def refer(
    request: HttpRequest, ctx: Context, patient_id: str, referral_id: str, kind: str, *, area: Area
) -> HttpResponse:
    """The form of one kind of referral, as the clinic's, filled from what the reader may see and was told."""
    seen = partner_patient.see(ctx, patient_id)
    chosen = _kinds(ctx, seen, _held(seen, referral_id)).get(kind)
    if chosen is None:
        raise not_found("The referral")
    receivers = chosen[1]
    data = request.POST if request.method == "POST" else request.GET
    wanted = data.get("slags", "")
    draft = actions.onward(
        ctx,
        patient_id=patient_id,
        referral_id=referral_id,
        kind=kind,
        receiver_kind=wanted if wanted in receivers else receivers[0],
    )
    sheet = sheets.sheet_of(request, draft)
    back = area.patient(patient_id)
    preview = False
    if request.method == "POST" and not kept.is_resumed(request):
        pressed = request.POST.get("do", "vis")
        if pressed != "find":
            sheets.check(ctx, sheet)
        if pressed == "send" and not sheet.told and _send(ctx, sheet, referral_id):
            messages.success(request, _("Patienten er henvist videre. Klinikken får det at vide."))
            return HttpResponseRedirect(back)
        preview = pressed == "vis" and not sheet.told
    return sheets.show(request, ctx, sheet, preview=preview, back=back, kinds=receivers, page=back)


def _send(ctx: Context, sheet: sheets.Sheet, referral_id: str) -> bool:
    """Whether it was sent; what went wrong stands on the sheet."""
    try:
        actions.refer_on(
            ctx,
            patient_id=sheet.draft.patient_id,
            referral_id=referral_id,
            kind=sheet.draft.kind.id,
            receiver_id=sheet.receiver,
            receiver_kind=sheet.receiver_kind,
            fields=sheets.given(sheet),
            confirmed=sheet.confirmed,
            text=sheet.text,
            key=sheet.key,
        )
    except Problem as problem:
        sheets.refused(sheet, problem)
        return False
    return True
