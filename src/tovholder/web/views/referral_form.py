"""The clinic refers a patient: one form with the receiver, everything it needs, what it will read, and send."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base.errors import Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.referral import actions, drafts
from tovholder.web import kept, reading
from tovholder.web.views import referral_sheet as sheets
from tovholder.web.views.common import for_roles


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
    sheet = sheets.sheet_of(request, draft)
    back = reverse("web:patient", args=[patient_id, package])
    if request.method == "POST" and not kept.is_resumed(request):
        wanted = request.POST.get("do", "vis")
        if wanted != "find":
            sheets.check(ctx, sheet)
        if wanted == "send" and not sheet.told:
            sent = _send(ctx, sheet)
            if sent is not None:
                messages.success(request, _("Henvisningen er sendt. Patienten kan se den nu."))
                return HttpResponseRedirect(reverse("web:referral", args=[patient_id, package, sent]))
        return sheets.show(request, ctx, sheet, preview=wanted == "vis" and not sheet.told, back=back)
    return sheets.show(request, ctx, sheet, preview=False, back=back)


def _send(ctx: Context, sheet: sheets.Sheet) -> str | None:
    """The referral's id; None, with what went wrong on the sheet, where it was not sent."""
    draft = sheet.draft
    try:
        made = actions.send(
            ctx,
            patient_id=draft.patient_id,
            episode_id=draft.episode.id or "",
            kind=draft.kind.id,
            receiver_id=sheet.receiver,
            receiver_kind=sheet.receiver_kind,
            fields=sheets.given(sheet),
            confirmed=sheet.confirmed,
            text=sheet.text,
            sent_day=sheet.day,
            attachments=sheet.attachments,
            key=sheet.key,
            seen=sheet.seen,
            after=draft.after.id if draft.after else None,
        )
    except Problem as problem:
        sheets.refused(sheet, problem)
        return None
    return made.id
