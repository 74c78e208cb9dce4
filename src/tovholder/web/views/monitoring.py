"""The authority's page: are rights kept, where not, and how sure are we."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tovholder import packages
from tovholder.access.domain import Context, Role
from tovholder.base.errors import not_found
from tovholder.monitoring import queries
from tovholder.web.figures_view import FiguresPage
from tovholder.web.presenters import figures
from tovholder.web.views.common import for_roles

_DEFAULT_MONTHS = 12
_FIRST_FOLLOWED = "kol"  # the first package whose right is followed nationally (roadmap 3.1)


def _months(request: HttpRequest) -> int:
    """The chosen number of months; anything else than what the page offers is the default."""
    wanted = request.GET.get("maaneder", "")
    return next((months for months in figures.MONTHS if str(months) == wanted), _DEFAULT_MONTHS)


def _plan_right_indicators() -> dict[str, str]:
    """The indicator that follows the right to a plan, by package; those without one are left out."""
    return {
        package.id: indicator.id
        for package in packages.builtin().values()
        for indicator in package.indicators
        if indicator.right == package.plan_right.id
    }


def _figures(request: HttpRequest, ctx: Context) -> FiguresPage:
    months, known = _months(request), _plan_right_indicators()
    if not known:
        raise not_found("An indicator of the right to a plan")
    chosen = request.GET.get("pakke", "")
    package = next(one for one in (chosen, _FIRST_FOLLOWED, *known) if one in known)
    table = queries.rights_table(ctx, known[package], months=months)
    titles = {held: packages.get(held).titles for held in known}
    shown = tuple((held, {"da": title.da, "en": title.en}) for held, title in titles.items())
    return figures.page(table, today=ctx.today, months=months, package=package, packages=shown)


@require_GET
@for_roles(Role.ANALYST)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The table and the chart."""
    return render(request, "web/monitorering/page.html", {"figures": _figures(request, ctx)})


@require_GET
@for_roles(Role.ANALYST)
def download(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The same table as a file; the byte order mark lets spreadsheets see that it is UTF-8."""
    response = HttpResponse("\ufeff" + figures.as_csv(_figures(request, ctx)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="ret-til-plan.csv"'
    return response
