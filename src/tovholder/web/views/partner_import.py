"""A receiver's file of visits: tried or taken in, with what became of each row and why some were set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context
from tovholder.appointments import visits, visits_file
from tovholder.appointments.visits_file import Bad, Fault
from tovholder.base.errors import Category, Problem
from tovholder.referral import directory
from tovholder.web import reading
from tovholder.web.areas import PARTNER
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles

LARGEST = 1_000_000  # bytes
FAULTS: Mapping[Fault, Any] = {
    Fault.CELLS: gettext_lazy("Rækken har for få eller for mange felter, eller et felt er for langt"),
    Fault.NUMBER: gettext_lazy("Besøgets nummer mangler, eller er ikke et kort nummer"),
    Fault.TWICE: gettext_lazy("Nummeret står også tidligere i filen"),
    Fault.CPR: gettext_lazy("CPR-nummeret har ikke ti cifre"),
    Fault.DATE: gettext_lazy("Datoen kan ikke læses. Skriv for eksempel 31-01-2027"),
    Fault.TIME: gettext_lazy("Klokkeslættet kan ikke læses. Skriv for eksempel 9:30"),
    Fault.MINUTES: gettext_lazy("Minutterne skal være et helt tal fra 1 til 600"),
    Fault.STATUS: gettext_lazy("Status skal være booket, gennemført, udeblevet, aflyst eller fejl"),
    Fault.REASON: gettext_lazy("En aflysning skal have en grund, og hvem der aflyste: patient, pårørende eller os"),
    Fault.SCORE: gettext_lazy("Resultatet er ikke et tal"),
    Fault.PATIENT: gettext_lazy(
        "I har ingen patient med det nummer. Åbn patienten, eller få en henvisning, og indlæs igen"
    ),
    Fault.COURSE: gettext_lazy("Patienten er ikke i et forløb, der passer, eller er i flere. Skriv slags"),
    Fault.KIND: gettext_lazy("Det står ikke, hvilken slags besøg det er, eller slagsen kendes ikke"),
    Fault.AHEAD: gettext_lazy("Besøget har et udfald, men dagen er ikke kommet endnu"),
    Fault.OUTSIDE: gettext_lazy("Resultatet kan ikke være det, eller forløbet spørger ikke om det"),
    Fault.OTHERS: gettext_lazy("Nummeret hører til en anden patients besøg"),
    Fault.MAY_NOT: gettext_lazy("I må se patienten, men ikke skrive i planen"),
    Fault.REFUSED: gettext_lazy("Besøget kan ikke skrives, som det står"),
}
_UNREADABLE: Mapping[str, Any] = {
    "heading": gettext_lazy("Den første linje skal have overskrifterne nr, cpr, dato, tid og status, hver én gang."),
    "rows": gettext_lazy("Filen har flere end 300 besøg. Del den i flere filer."),
    "csv": gettext_lazy("Filen er ikke en CSV-fil. Gem den som CSV (semikolonsepareret) og prøv igen."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(*PARTNER.roles)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The file, and what became of each of its rows; "prøv" leaves everything as it was."""
    if request.method != "POST":
        return _show(request)
    dry = request.POST.get("do") != "indlaes"
    sent = request.FILES.get("fil")
    if sent is None or isinstance(sent, list) or not sent.size:
        return _show(request, wrong=_("Vælg en fil med besøg."))
    if (sent.size or 0) > LARGEST:
        return _show(request, wrong=_("Filen er for stor. Del den i flere filer."))
    place = reading.directory(ctx, "Organization", ctx.organization) if ctx.organization else None
    kind = directory.kind_of(place) if place is not None else ""
    try:
        rows = list(visits_file.read(visits_file.decode(sent.read())))
    except Problem as problem:
        if problem.category is not Category.INVALID:
            raise
        return _show(request, wrong=str(_UNREADABLE[problem.issues[0].path]))
    found = visits.take(ctx, rows, receiver_kind=kind, dry=dry)
    counted = Counter(str(one.outcome) for one in found if not isinstance(one, Bad))
    aside = [
        (one.line, one.number, f"{FAULTS[one.fault]}{f' ({one.told})' if one.told else ''}")
        for one in found
        if isinstance(one, Bad)
    ]
    return _show(request, result={"dry": dry, "counted": counted, "aside": aside, "rows": len(found)})


def _show(request: HttpRequest, *, wrong: str = "", result: Mapping[str, Any] | None = None) -> HttpResponse:
    errors = (FormError("fil", wrong),) if wrong else ()
    context = {"errors": errors, "wrong": wrong, "result": result}
    return render(request, "web/partner/import.html", context, status=422 if wrong else 200)
