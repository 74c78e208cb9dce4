"""The clinic's pages: who needs us today, and one patient's course."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access.domain import Context, Role
from tovholder.cockpit import queries as cockpit_queries
from tovholder.fhir import systems
from tovholder.web.presenters import cockpit as cockpit_presenter
from tovholder.web.views.common import for_roles

_CPR = re.compile(r"\d{6}-?\d{4}")
_LONGEST_SEARCH = 100


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF)
def cockpit(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The list. A search comes by POST, so that no name or number stands in an address or a log."""
    search = request.POST.get("q", "").strip()[:_LONGEST_SEARCH] if request.method == "POST" else ""
    page = cockpit_presenter.page(
        cockpit_queries.clinic_list(ctx),
        view=request.GET.get("vis", ""),
        level=request.GET.get("niveau", ""),
        search=search,
        found_by_number=_by_number(ctx, search),
    )
    return render(request, "web/klinik/cockpit.html", {"cockpit": page, "today": ctx.today})


def _by_number(ctx: Context, search: str) -> frozenset[str] | None:
    """Patients with the CPR number searched for, among those the clinic may see; None when no number was typed."""
    if not _CPR.fullmatch(search.replace(" ", "")):
        return None
    number = search.replace(" ", "").replace("-", "")
    found = store.search_all(ctx, "Patient", [("identifier", f"{systems.CPR}|{number}")])
    return frozenset(item.id for item in found)
