"""Who has seen my plan: the patient's own log, the clinic's, and both as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from tovholder.access import audit_names
from tovholder.access.domain import Context, Right, Role
from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.spreadsheet import harmless
from tovholder.store import audit_log
from tovholder.store.audit_log import Log, Wish
from tovholder.web import log_wording as words
from tovholder.web.log_view import Choice, LogPage
from tovholder.web.presenters import log as presenter
from tovholder.web.views.common import for_roles

COMPLAINTS = "https://stpk.dk"  # Styrelsen for Patientklager
CLINIC_DAYS = 30  # of a clinic's log that is shown unasked
FILE_ROWS = 2000  # events asked for at once, for a file
Ask = Callable[[Context, Wish, Log | None], Log]


def _wish(request: HttpRequest, kinds: dict[str, Any], *, first: str, since: int | None = None) -> Wish:
    """What is asked, from the address. Raises Problem(INVALID) for what the page does not offer."""
    given = request.GET
    kind = given.get("vis") or first
    if kind not in kinds:
        raise _wrong("vis", "one of: " + ", ".join(kinds))
    return Wish(
        kind=kind,  # type: ignore[arg-type] # one of the kinds there are
        from_day=_day(given.get("fra", ""), "fra") if "fra" in given else since,
        to_day=_day(given.get("til", ""), "til"),
        organization=given.get("sted", "")[:64],
        actor=given.get("hvem", "")[:100],
        cursor=given.get("side", "")[:200],
    )


def _day(text: str, name: str) -> int | None:
    if not text:
        return None
    try:
        return days.day_of(date.fromisoformat(text))
    except ValueError:
        raise _wrong(name, "a date such as 2027-01-31") from None


def _wrong(name: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The log cannot be asked so", [Issue(name, "cannot be used", expected)])


def _page(request: HttpRequest, told: presenter.Reader, wish: Wish, kinds: dict[str, Any], **more: Any) -> LogPage:
    kept = {name: value for name in ("vis", "fra", "til", "sted", "hvem") if (value := request.GET.get(name, ""))}
    older = urlencode({**kept, "side": told.log.cursor}) if told.log.cursor else ""
    return LogPage(
        days=presenter.by_day(told),
        kinds=tuple(Choice(name, text, name == wish.kind) for name, text in kinds.items()),
        organizations=more.get("organizations", ()),
        colleagues=more.get("colleagues", ()),
        from_day="" if wish.from_day is None else days.iso(wish.from_day),
        to_day="" if wish.to_day is None else days.iso(wish.to_day),
        filtered=bool(kept),
        query=urlencode(kept),
        older=f"{request.path}?{older}" if older else "",
        newest=f"{request.path}?{urlencode(kept)}" if wish.cursor else "",
        fhir=more.get("fhir", ""),
    )


def _language() -> str:
    return get_language() or "da"


# The patient's


_OF_PATIENT = (Role.CITIZEN, Role.REPRESENTATIVE)  # the policy asks for the right as well (store/audit_log.py)


@require_GET
@for_roles(*_OF_PATIENT)
def patient(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Who has seen my plan?"""
    wish = _wish(request, dict(words.KINDS), first="others")
    log = audit_log.of_patient(ctx, wish)
    told = presenter.reader(ctx, log, language=_language(), mine=True)
    places = audit_log.organizations_of(ctx)
    called = presenter.names_of(ctx, (), [f"Organization/{one}" for one in places]).people
    organizations = sorted(
        (Choice(one, called.get(f"Organization/{one}", one), one == wish.organization) for one in places),
        key=lambda choice: str(choice.text),
    )
    page = _page(
        request,
        told,
        wish,
        dict(words.KINDS),
        organizations=tuple(organizations),
        fhir=request.build_absolute_uri(f"/fhir/AuditEvent?patient={ctx.patient}"),
    )
    return render(
        request,
        "web/minplan/log.html",
        {
            "log": page,
            "complaints": COMPLAINTS,
            "represented": ctx.role is Role.REPRESENTATIVE,
            "may_block": ctx.role is Role.CITIZEN or Right.ACT in ctx.rights,
        },
    )


@require_GET
@for_roles(*_OF_PATIENT)
def patient_csv(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The patient's log as a spreadsheet."""
    return _csv(ctx, _wish(request, dict(words.KINDS), first="all"), audit_log.of_patient, mine=True)


@require_GET
@for_roles(*_OF_PATIENT)
def patient_json(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The patient's log as data."""
    wish = _wish(request, dict(words.KINDS), first="all")
    rows = _rows(ctx, wish, audit_log.of_patient, mine=True)

    def parts() -> Iterator[bytes]:
        opening = b"["
        for row in rows:
            yield opening + json.dumps(dict(zip(presenter.KEYS, row, strict=True)))
            opening = b",\n"
        yield b"]\n" if opening != b"[" else b"[]\n"

    return _file(parts(), "application/json", "hvem-har-set-min-plan.json")


# The clinic's


@require_GET
@for_roles(Role.GP, Role.STAFF)
def clinic(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What our people did, and who from outside broke the glass on our patients."""
    wish = _wish(request, dict(words.CLINIC_KINDS), first="all", since=ctx.today - CLINIC_DAYS)
    log = audit_log.of_clinic(ctx, wish)
    told = presenter.reader(ctx, log, language=_language(), mine=False)
    colleagues = sorted(
        (
            Choice(actor, name, actor == wish.actor)
            for actor, name in audit_names.colleagues(ctx.organization or "").items()
        ),
        key=lambda choice: str(choice.text),
    )
    page = _page(request, told, wish, dict(words.CLINIC_KINDS), colleagues=tuple(colleagues))
    return render(request, "web/klinik/log.html", {"log": page})


@require_GET
@for_roles(Role.GP, Role.STAFF)
def clinic_csv(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The clinic's log as a spreadsheet."""
    wish = _wish(request, dict(words.CLINIC_KINDS), first="all", since=ctx.today - CLINIC_DAYS)
    return _csv(ctx, wish, audit_log.of_clinic, mine=False)


# Files


def _rows(ctx: Context, wish: Wish, ask: Ask, *, mine: bool) -> Iterator[tuple[str, ...]]:
    """Line after line of the whole log, as it is asked for. The first part is asked at once, so that it is noted."""
    language = _language()
    log = ask(ctx, _part(wish, wish.cursor, mine), None)

    def lines(log: Log) -> Iterator[tuple[str, ...]]:
        while True:
            with translation.override(language):
                found = list(presenter.lines(presenter.reader(ctx, log, language=language, mine=mine)))
            yield from found
            if not log.cursor:
                return
            log = ask(ctx, _part(wish, log.cursor, mine), log)

    return lines(log)


def _part(wish: Wish, cursor: str, mine: bool) -> Wish:
    return Wish(wish.kind, wish.from_day, wish.to_day, wish.organization, wish.actor, cursor, FILE_ROWS, by_number=mine)


def _csv(ctx: Context, wish: Wish, ask: Ask, *, mine: bool) -> HttpResponse:
    rows = _rows(ctx, wish, ask, mine=mine)
    heading = [str(name) for name in presenter.COLUMNS]
    name = "hvem-har-set-min-plan.csv" if mine else "klinikkens-log.csv"
    # The byte order mark lets spreadsheets see that it is UTF-8.
    return _file((text.encode() for text in _csv_lines(heading, rows)), "text/csv; charset=utf-8", name)


def _csv_lines(heading: list[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "\ufeff"
    yield _csv_line(tuple(heading))
    for row in rows:
        yield _csv_line(row)


def _csv_line(row: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow([harmless(value) for value in row])
    return out.getvalue()


def _file(parts: Iterator[bytes], media: str, name: str) -> HttpResponse:
    response = StreamingHttpResponse(parts, content_type=media)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast(HttpResponse, response)  # sent piece by piece; in all that is done with it here both are alike
