"""Recall: whom to invite, a round looked through, sent, taken back and printed, and what came of it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tovholder import packages
from tovholder.access import audit, blocks
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.base.spreadsheet import harmless
from tovholder.jobs.queue import State
from tovholder.recall import carriers, history, letters, rounds, sending, texts
from tovholder.recall.domain import LONG, MOST, OUTCOMES, WITHIN, Left, Standing, Way
from tovholder.recall.gathering import Row, gather
from tovholder.recall.rounds import Pick
from tovholder.store import trail
from tovholder.web import errors
from tovholder.web.recall_words import LEFT, REASONS, ROUNDS, SKIPPED, STANDINGS, WAYS, WHY
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles

_SPANS = (14, 30, 60, 90, 180)
_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT})
_BY_WIRE = frozenset({Way.DIGITAL_POST, Way.SMS})
FONTS = Path(__file__).resolve().parents[1] / "static" / "vendor" / "letters"


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Whom to invite; by POST a round of those who are ticked is laid ready to be looked through."""
    within = _span(request)
    if request.method != "POST":
        return _list(request, ctx, within)
    chosen = dict.fromkeys(one for one in request.POST.getlist("vaelg") if one)
    picks = _picks(request, chosen)
    if request.POST.get("do") == "naeste":  # whoever is due for a reminder or a call, each by the way proposed
        rows = [row for row in gather(ctx, within=within).rows if row.number > 1 and row.way is not None]
        rows = [row for row in rows if not row.reasons or row.way is Way.TELEPHONE][:MOST]
        picks = [Pick(row.patient_id, row.way, row.number) for row in rows if row.way is not None]
        chosen = dict.fromkeys(pick.patient_id for pick in picks)
    round_id = request.POST.get("runde", "")
    try:
        if len(picks) > LONG:
            sending.lay_long(ctx, round_id=round_id, picks=picks, within=within)
            return HttpResponseRedirect(reverse("web:recall-round", args=[round_id]))
        laid = rounds.lay(ctx, round_id=round_id, picks=picks, within=within)
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        told = _("Vælg mindst én patient og hvordan.") if not picks else " ".join(errors.in_words(problem))
        return _list(request, ctx, within, told=(FormError("", told),), status=422)
    left = Counter(laid.left_out.values())
    left["no-way"] += len(chosen) - len(picks)
    for told in _skipped(+left):
        messages.warning(request, told)
    if not laid.ready:
        return HttpResponseRedirect(reverse("web:recall"))
    return HttpResponseRedirect(reverse("web:recall-round", args=[laid.round_id]))


def _skipped(left: Mapping[str, int]) -> list[str]:
    """Who is not with the round and why, in words."""
    return [
        ngettext("%(count)s patient er ikke med: %(why)s.", "%(count)s patienter er ikke med: %(why)s.", count)
        % {"count": count, "why": str(SKIPPED.get(why, why)).lower()}
        for why, count in left.items()
    ]


def _span(request: HttpRequest) -> int:
    given = request.POST.get("dage", "") if request.method == "POST" else request.GET.get("dage", "")
    return int(given) if given in {str(one) for one in _SPANS} else WITHIN


def _picks(request: HttpRequest, chosen: dict[str, None]) -> list[Pick]:
    found = []
    for patient_id in chosen:
        way, number = request.POST.get(f"vej-{patient_id}", ""), request.POST.get(f"nr-{patient_id}", "")
        if way in set(Way) and number in ("1", "2", "3"):
            found.append(Pick(patient_id, Way(way), int(number)))
    return found


def _list(
    request: HttpRequest, ctx: Context, within: int, *, told: tuple[FormError, ...] = (), status: int = 200
) -> HttpResponse:
    found = gather(ctx, within=within)
    ticked = set(request.POST.getlist("vaelg")) if told else None
    shown = [_row(row, ticked) for row in found.rows]
    groups: dict[Left, list[dict[str, Any]]] = {}
    for one in found.left_out:
        groups.setdefault(one.why, []).append(
            {"name": one.name, "day": one.day, "round_id": one.round_id, "patient_id": one.patient_id}
        )
    context = {
        "usual": [row for row in shown if not row["reasons"]],
        "apart": [row for row in shown if row["reasons"]],
        "left": [
            {"kind": kind, "title": LEFT[kind][0], "todo": LEFT[kind][1], "people": held}
            for kind, held in groups.items()
        ],
        "left_total": len(found.left_out),
        "rounds": [_round(one) for one in history.rounds(ctx)[:20]],
        "round_id": request.POST.get("runde") if told else rounds.new_round(),
        "spans": _SPANS,
        "again": sum(row.number > 1 for row in found.rows),
        "within": within,
        "errors": told,
        "shut_out": bool(blocks.concerned(ctx)[0]),
    }
    return render(request, "web/klinik/indkaldelser.html", context, status=status)


def _row(row: Row, ticked: set[str] | None) -> dict[str, Any]:
    language = get_language() or "da"
    titles = (packages.get(step.package).kind_title(step.kind, language) for step in row.steps)
    return {
        "id": row.patient_id,
        "name": row.name,
        "level": row.level,
        "covers": tuple(dict.fromkeys(titles)),
        "packages": tuple(dict.fromkeys(packages.get(step.package).titles[language] for step in row.steps)),
        "due_day": row.due_day,
        "number": row.number,
        "round": ROUNDS[row.number],
        "reasons": [REASONS[reason] for reason in row.reasons],
        "ways": [(way, WAYS[way], way is row.way) for way in row.ways],
        "why": WHY[row.why] if row.way is not None else "",
        "ticked": (row.patient_id in ticked) if ticked is not None else not row.reasons,
        "last_day": row.last.day if row.last else None,
    }


def _round(one: history.Round) -> dict[str, Any]:
    return {
        "id": one.id,
        "day": one.day,
        "title": ", ".join(str(ROUNDS[number]) for number in one.numbers if number in ROUNDS),
        "people": one.people,
        "counts": [(STANDINGS[standing][0], one.counts[standing]) for standing in Standing if one.counts.get(standing)],
    }


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF)
def one_round(request: HttpRequest, ctx: Context, round_id: str) -> HttpResponse:
    """A round person by person with the very words; by POST it is sent, taken back, posted, answered or tried again."""
    found = _people(ctx, round_id)
    if request.method != "POST":
        return _show_round(request, ctx, round_id, found)
    try:
        _act(request, ctx, round_id)
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        told = tuple(FormError("", text) for text in errors.in_words(problem))
        status = errors.TOLD[problem.category].status
        return _show_round(request, ctx, round_id, history.people(ctx, round_id), told=told, status=status)
    return HttpResponseRedirect(reverse("web:recall-round", args=[round_id]))


def _people(ctx: Context, round_id: str) -> list[history.Person]:
    """Everybody in the round; nobody yet while a job lays it ready."""
    try:
        return history.people(ctx, round_id)
    except Problem as problem:
        if problem.category is not Category.NOT_FOUND or sending.progress(ctx, round_id) is None:
            raise
        return []


def _act(request: HttpRequest, ctx: Context, round_id: str) -> None:
    act, patient_id = request.POST.get("do", ""), request.POST.get("patient", "")
    if act == "send":
        sending.send(ctx, round_id=round_id)
        messages.success(request, _("Runden sendes nu. Siden viser, hvor langt den er."))
    elif act == "fortryd":
        back, gone = rounds.take_back(ctx, round_id=round_id)
        if back:
            told = ngettext(
                "%(count)s indkaldelse er fortrudt. Den var ikke sendt, og ingen har set den.",
                "%(count)s indkaldelser er fortrudt. De var ikke sendt, og ingen har set dem.",
                back,
            )
            messages.success(request, told % {"count": back})
        if gone:
            sending.withdraw(ctx, round_id=round_id)
            told = ngettext(
                "%(count)s indkaldelse var sendt. Patienten får en rettelse, medmindre der er booket en tid.",
                "%(count)s indkaldelser var sendt. Patienterne får en rettelse, medmindre der er booket en tid.",
                gone,
            )
            messages.warning(request, told % {"count": gone})
    elif act == "postet":
        count = rounds.posted(ctx, round_id=round_id)
        told = ngettext("%(count)s brev er noteret som sendt.", "%(count)s breve er noteret som sendt.", count)
        messages.success(request, told % {"count": count})
    elif act == "svar":
        outcome = request.POST.get("udfald", "")
        rounds.answer(
            ctx,
            patient_id=patient_id,
            round_id=round_id,
            outcome=Standing(outcome) if outcome in set(Standing) else Standing.LAID,
            note=request.POST.get("note", ""),
        )
        messages.success(request, _("Svaret er noteret."))
    elif act == "igen":
        way = request.POST.get("vej", "")
        sending.retry(
            ctx, patient_id=patient_id, round_id=round_id, way=Way(way) if way in set(Way) else Way.DIGITAL_POST
        )
        messages.success(request, _("Indkaldelsen sendes igen."))


def _show_round(
    request: HttpRequest,
    ctx: Context,
    round_id: str,
    found: list[history.Person],
    *,
    told: tuple[FormError, ...] = (),
    status: int = 200,
) -> HttpResponse:
    job = sending.progress(ctx, round_id)
    running = job is not None and job.state in (State.WAITING, State.RUNNING)
    counts = Counter(one.standing for one in found)
    posting = [one for one in found if one.invitation.way is Way.LETTER and one.standing is Standing.SENDING]
    context = {
        "round_id": round_id,
        "people": [_person(one) for one in found],
        "total": len(found),
        "counts": [(STANDINGS[one][0], STANDINGS[one][1], counts[one]) for one in Standing if counts.get(one)],
        "title": ", ".join(str(ROUNDS.get(number, "")) for number in sorted({one.invitation.number for one in found})),
        "day": min((one.invitation.day or 0 for one in found), default=0),
        "running": running,
        "laying": running and job is not None and job.name == "prepare",
        "skipped": _skipped((job.result or {}).get("left_out", {}))
        if job is not None and job.name == "prepare" and job.state is State.DONE
        else (),
        "progress": (job.told if job else "") if running else "",
        "failed_job": job is not None and job.state is State.FAILED,
        "failed_laying": job is not None and job.state is State.FAILED and job.name == "prepare",
        "laid": counts.get(Standing.LAID, 0)
        + (0 if running else sum(one.standing is Standing.SENDING and one.invitation.way in _BY_WIRE for one in found)),
        "unsent": counts.get(Standing.LAID, 0) + counts.get(Standing.FAILED, 0) + len(posting),
        "gone": sum(counts.get(one, 0) for one in (Standing.SENT, Standing.READ, Standing.NO_ANSWER, Standing.REACHED)),
        "letters": len(history.letters(found)),
        "corrections": sum(
            1 for one in found if one.standing is Standing.WITHDRAWN and one.invitation.way is Way.LETTER
        ),
        "posting": len(posting),
        "outside": any(carriers.bound(way) is not None for way in Way),
        "errors": told,
    }
    return render(request, "web/klinik/indkaldelse_runde.html", context, status=status)


def _person(one: history.Person) -> dict[str, Any]:
    label, icon = STANDINGS[one.standing]
    held = one.invitation
    waits = held.way is Way.TELEPHONE and one.standing is Standing.SENDING
    if waits:
        label = _("Skal ringes op")
    elif held.way is Way.LETTER and one.standing is Standing.SENDING:
        label = _("Skal printes og postes")
    return {
        "id": held.patient_id,
        "name": one.name,
        "way": WAYS[held.way],
        "sms": texts.SMS if held.way is Way.SMS else "",
        "text": held.text,
        "standing": label,
        "icon": icon,
        "told": held.told,
        "day": held.day,
        "phone": one.phone if held.way is Way.TELEPHONE else "",
        "answers": [(key, STANDINGS[key][0]) for key in Standing if key in OUTCOMES]
        if waits or one.standing in (Standing.SENT, Standing.READ, Standing.NO_ANSWER, Standing.REACHED)
        else (),
        "again": [(way, WAYS[way], way is held.way) for way in Way] if one.standing is Standing.FAILED else (),
    }


@require_GET
@for_roles(Role.GP, Role.STAFF)
def print_letters(request: HttpRequest, ctx: Context, round_id: str) -> HttpResponse:
    """All letters of a round as one PDF; with ``?ret`` the words of correction to those who got a letter."""
    found = history.people(ctx, round_id)
    chosen = history.letters(found)
    if "ret" in request.GET:
        words = history.corrections(ctx, round_id)
        chosen = [
            letters.Letter(one.letter.name, one.letter.address, words[one.invitation.patient_id])
            for one in found
            if one.invitation.way is Way.LETTER and one.invitation.patient_id in words
        ]
    if not chosen:
        return HttpResponseRedirect(reverse("web:recall-round", args=[round_id]))
    written_to = frozenset(one.invitation.patient_id for one in found if one.invitation.way is Way.LETTER)
    trail.note(audit.Entry(ctx, "export", written_to, "recall-letters"))
    made = letters.pdf(
        chosen,
        rounds.clinic_of(ctx),
        title="Indkaldelser",
        date=texts.day_words(ctx.today),
        made=ctx.now.astimezone(UTC),
        fonts=FONTS,
    )
    response = HttpResponse(made, content_type="application/pdf")
    response["Content-Disposition"] = 'inline; filename="breve.pdf"'
    return response


@require_GET
@for_roles(Role.GP, Role.STAFF)
def download(request: HttpRequest, ctx: Context, round_id: str) -> HttpResponse:
    """A round as a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow([_("Patient"), _("Indkaldelse"), _("Måde"), _("Status"), _("Dag"), _("Fejl")])
    found = history.people(ctx, round_id)
    trail.note(audit.Entry(ctx, "export", frozenset(one.invitation.patient_id for one in found), "recall-csv"))
    for one in found:
        held = one.invitation
        cells = [
            one.name,
            str(ROUNDS.get(held.number, "")),
            str(WAYS[held.way]),
            str(STANDINGS[one.standing][0]),
            "" if held.day is None else days.iso(held.day),
            held.told,
        ]
        writer.writerow([harmless(cell) for cell in cells])
    response = HttpResponse("\ufeff" + file.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="indkaldelser.csv"'
    return response


@require_POST
@for_roles(Role.GP, Role.STAFF)
def exempt(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Keep somebody from invitations until a day, or let them be invited again."""
    patient_id = request.POST.get("patient", "")
    if request.POST.get("do") == "igen":
        rounds.invite_again(ctx, patient_id=patient_id)
        messages.success(request, _("Patienten kan indkaldes igen."))
        return HttpResponseRedirect(reverse("web:recall"))
    try:
        until = days.add_months(
            ctx.today, {"3": 3, "6": 6, "12": 12, "24": 23}.get(request.POST.get("maaneder", ""), 0)
        )
        rounds.exempt(ctx, patient_id=patient_id, until_day=until, reason=request.POST.get("grund", ""))
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        told = _("Skriv, hvorfor patienten ikke skal indkaldes, og vælg hvor længe.")
        return _list(request, ctx, WITHIN, told=(FormError("", told),), status=422)
    messages.success(request, _("Patienten indkaldes ikke, før tiden er gået."))
    return HttpResponseRedirect(reverse("web:recall"))
