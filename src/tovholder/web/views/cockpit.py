"""The clinic's list: who needs us today and why, in one package or all; saved ways to look at it, and the list as a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tovholder import packages, store
from tovholder.access import audit, blocks
from tovholder.access.domain import Context, Role
from tovholder.base.errors import Category, Problem
from tovholder.base.spreadsheet import harmless
from tovholder.cockpit import columns, handling, queries, views
from tovholder.fhir import systems
from tovholder.recall import gathering, rounds
from tovholder.store import trail
from tovholder.web import kept
from tovholder.web.cockpit_view import Choice
from tovholder.web.forms_cockpit import SaveViewForm
from tovholder.web.presenters import cockpit as presenter
from tovholder.web.presenters import cockpit_file
from tovholder.web.presenters.cockpit import Clinic, Wish
from tovholder.web.views.common import for_roles, form_errors

_CPR = re.compile(r"\d{6}-?\d{4}")
_LONGEST_SEARCH = 100
_MOST_SHOWN = 2000
_NAME = re.compile(r"[A-Za-z0-9._-]{0,64}")  # of packages, filters and columns
_COUNT = re.compile(r"[1-9][0-9]{0,4}")


def wish_of(given: Mapping[str, str]) -> Wish:
    """How the list is wished for; what the page does not know is as if it were not said."""

    def name(key: str) -> str:
        return value if _NAME.fullmatch(value := given.get(key, "")) else ""

    count = given.get("antal", "")
    return Wish(
        package=name("pakke"),
        view=name("vis"),
        level=name("niveau")[:10],
        order=name("orden"),
        way=presenter.DOWN if given.get("retning") == presenter.DOWN else "",
        count=min(int(count), _MOST_SHOWN) if _COUNT.fullmatch(count) else presenter.STEP,
    )


def clinic_of(ctx: Context, wish: Wish) -> tuple[Clinic, Wish]:
    """What the list is made of, in a bounded number of queries; a package that is not there is no package."""
    known = packages.builtin()
    held = known.get(wish.package)
    rows = queries.clinic_list(ctx)
    cells: presenter.Cells = {}
    if held is not None:
        cells = columns.evaluate(ctx, held, {row.episode_id: row.facts for row in rows if row.package == held.id})
    else:
        wish = replace(wish, package="")
    clinic = Clinic(
        rows=rows,
        packages=known,
        package=held,
        cells=cells,
        me=ctx.actor,
        names=handling.colleagues(ctx),
        today=ctx.today,
        language=get_language() or "da",
        saved=tuple(_choice(view) for view in views.saved(ctx)),
    )
    return clinic, wish


def _choice(view: views.View) -> Choice:
    return Choice(view.number, view.name, wish_of(QueryDict(view.query).dict()).url(), view.shared, view.mine)


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF)
def cockpit(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The list. A search comes by POST, so that no name or number stands in an address or a log."""
    search = request.POST.get("q", "").strip()[:_LONGEST_SEARCH] if request.method == "POST" else ""
    return _show(request, ctx, Wish() if search else wish_of(request.GET.dict()), search=search)


def _show(
    request: HttpRequest,
    ctx: Context,
    wish: Wish,
    *,
    search: str = "",
    form: SaveViewForm | None = None,
    status: int = 200,
) -> HttpResponse:
    clinic, wish = clinic_of(ctx, wish)
    page = presenter.page(clinic, wish, search=search, found_by_number=_by_number(ctx, search))
    sheet = form or SaveViewForm(auto_id="visning-%s", initial={"query": page.query})
    return render(
        request,
        "web/klinik/cockpit.html",
        {
            "cockpit": page,
            "today": ctx.today,
            "shut_out": bool(blocks.concerned(ctx)[0]),
            "save_form": sheet,
            "again": 0 if search else gathering.due_rounds(ctx),
            "round_id": rounds.new_round(),
            "errors": form_errors(form) if form is not None else (),
        },
        status=status,
    )


def _by_number(ctx: Context, search: str) -> frozenset[str] | None:
    """Patients with the CPR number searched for, among those the clinic may see; None when no number was typed."""
    if not _CPR.fullmatch(search.replace(" ", "")):
        return None
    number = search.replace(" ", "").replace("-", "")
    found = store.search_all(ctx, "Patient", [("identifier", f"{systems.CPR}|{number}")])
    return frozenset(item.id for item in found)


@require_GET
@for_roles(Role.GP, Role.STAFF)
def download(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Everybody who passes the filters, as a spreadsheet; the trail says that they were taken out."""
    clinic, wish = clinic_of(ctx, wish_of(request.GET.dict()))
    wish, found = presenter.chosen(clinic, wish)
    trail.note(audit.Entry(ctx, "export", frozenset(person.lead.patient_id for person in found), "cockpit-csv"))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([harmless(text) for text in line] for line in cockpit_file.lines(clinic, found))
    # The byte order mark lets spreadsheets see that it is UTF-8.
    response = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="klinikkens-liste.csv"'
    return response


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def save_view(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Give the list as it is looked at a name."""
    if request.method == "GET":
        return HttpResponseRedirect(reverse("web:cockpit"))
    form = SaveViewForm(request.POST, auto_id="visning-%s")
    wish = wish_of(QueryDict(request.POST.get("query", "")[:300]).dict())
    if kept.is_resumed(request):
        return _show(request, ctx, wish, form=form)
    if not form.is_valid():
        return _show(request, ctx, wish, form=form, status=422)
    given = form.cleaned_data
    try:
        views.save(ctx, name=given["name"], query=wish.query(), shared=given["shared"], now=ctx.now)
    except Problem as problem:
        if problem.category is Category.CONFLICT:
            form.add_error("name", _("Du har allerede en visning med det navn. Vælg et andet, eller fjern den gamle."))
        elif problem.category is Category.RULE:
            form.add_error("name", _("Du har så mange visninger, som du kan have. Fjern en, før du gemmer en ny."))
        else:
            raise
        return _show(request, ctx, wish, form=form, status=409)
    messages.success(request, _("Visningen er gemt."))
    return HttpResponseRedirect(wish.url())


@require_POST
@for_roles(Role.GP, Role.STAFF)
def forget_view(request: HttpRequest, ctx: Context, number: int) -> HttpResponse:
    """Take a saved view of one's own away."""
    views.forget(ctx, number)
    messages.success(request, _("Visningen er fjernet."))
    return HttpResponseRedirect(reverse("web:cockpit"))
