"""The nation's facts under pseudonyms, for the analyst who was given that right: a table at a time, as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext_lazy
from django.views.decorators.http import require_GET

from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.base.spreadsheet import harmless
from tovholder.monitoring import extracts
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles

_TITLES: Mapping[str, Any] = {
    "activity": gettext_lazy("Trin i planer"),
    "appointment": gettext_lazy("Aftaler"),
    "attempt": gettext_lazy("Opkald og beskeder om et flag"),
    "contact": gettext_lazy("Kontakter"),
    "diagnosis": gettext_lazy("Diagnoser"),
    "episode": gettext_lazy("Forløb i en pakke"),
    "episode_link": gettext_lazy("Hvilket forløb noget hører til"),
    "exemption": gettext_lazy("Undtaget fra indkaldelser"),
    "goal": gettext_lazy("Patienternes mål"),
    "handling": gettext_lazy("Udsat og givet videre"),
    "invitation": gettext_lazy("Indkaldelser"),
    "level": gettext_lazy("Niveauer"),
    "measurement": gettext_lazy("Målinger"),
    "organization": gettext_lazy("Steder, uden navn"),
    "patient": gettext_lazy("Patienter"),
    "period": gettext_lazy("Måneder"),
    "plan": gettext_lazy("Planer"),
    "referral": gettext_lazy("Henvisninger"),
    "response": gettext_lazy("Besvarede skemaer"),
}


_WRONG: Mapping[str, Any] = {
    extracts.NO_TABLE: gettext_lazy("Vælg, hvad du vil hente."),
    extracts.NO_DAY: gettext_lazy("Det, du har valgt, har ingen dato. Hent det uden periode."),
    extracts.MANY: gettext_lazy("Der er flere rækker, end der kan være i én fil. Vælg en kortere periode."),
    "fra": gettext_lazy("Skriv datoen som år, måned og dag, for eksempel 2026-01-31."),
}
_FIELDS = {extracts.NO_TABLE: "tabel", extracts.NO_DAY: "fra", extracts.MANY: "fra", "fra": "fra"}


@require_GET
@for_roles(Role.ANALYST)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What there is to fetch, and what it may be used for."""
    return _page(request, ctx)


@require_GET
@for_roles(Role.ANALYST)
def download(request: HttpRequest, ctx: Context) -> HttpResponse:
    """One table as a file, days as dates; the page again, with what is wrong, where it cannot be given."""
    table = request.GET.get("tabel", "")
    try:
        first, last = (_day(request.GET.get(name, "")) for name in ("fra", "til"))
        found = extracts.rows(ctx, table, first=first, last=last)
    except ValueError:
        return _page(request, ctx, "fra")
    except Problem as problem:
        if problem.category is not Category.INVALID:
            raise
        return _page(request, ctx, problem.issues[0].path)
    columns = next(one.columns for one in extracts.extracts(ctx) if one.name == table)
    response = HttpResponse("\ufeff" + _csv(columns, found), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{table}.csv"'
    return response


def _page(request: HttpRequest, ctx: Context, wrong: str = "") -> HttpResponse:
    chosen = request.GET.get("tabel", "")
    shown = [(one.name, _TITLES.get(one.name, one.name), one.name == chosen) for one in extracts.extracts(ctx)]
    given = {
        "tables": shown,
        "most": f"{extracts.MOST:,}".replace(",", "." if get_language() != "en" else ","),
        "errors": (FormError(_FIELDS[wrong], _WRONG[wrong]),) if wrong else (),
        "first": request.GET.get("fra", "")[:10],
        "last": request.GET.get("til", "")[:10],
    }
    return render(request, "web/monitorering/fakta.html", given, status=422 if wrong else 200)


def _day(text: str) -> int | None:
    return days.day_of(date.fromisoformat(text)) if text else None


def _csv(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    of_days = {name for name in columns if name == "day" or name.endswith("_day")}
    for row in found:
        writer.writerow([_cell(row[name], is_day=name in of_days) for name in columns])
    return file.getvalue()


def _cell(value: Any, *, is_day: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return days.iso(value) if is_day else str(value)
    return harmless(str(value))
