"""Apps: opened from a patient's page, allowed or not by the person they act for, shown and ended again."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access import limits, sessions
from tovholder.access.domain import Context, Role
from tovholder.access.smart import clients, launches, requests, tokens
from tovholder.access.smart.domain import APP_ROLES, Client, Surroundings
from tovholder.access.smart.requests import Offer, Refusal, Waiting
from tovholder.base.errors import Category, Problem, not_found
from tovholder.cockpit.queries import full_name
from tovholder.web import reading
from tovholder.web.presenters import apps
from tovholder.web.views import finding
from tovholder.web.views.common import for_roles

CLINIC_ROLES = (Role.GP, Role.STAFF)


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where the person sits: user, hat and session, as the authorization server names them."""

    hat: str
    session: str
    authenticated_ms: int


def _seat(request: HttpRequest) -> _Seat:
    login = sessions.login_of(request)
    if login is None or request.session.session_key is None:
        raise Problem(Category.UNAUTHENTICATED, "Log in first", kept="nothing was given")
    return _Seat(login.hat, sessions.digest(request.session.session_key), login.authenticated_ms)


# -- allowed or not ------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@for_roles(*APP_ROLES)
def consent(request: HttpRequest, ctx: Context, request_id: str) -> HttpResponse:
    """What an app asks for: which patient, and yes or no. A patient is searched for and chosen by POST alone."""
    seat = _seat(request)
    waiting = requests.find(request_id, ctx, seat.hat, ctx.now)
    try:
        if request.method == "POST":
            return _answered(request, ctx, seat, waiting)
        return _asked(request, ctx, seat, waiting)
    except Refusal as refusal:
        return _leave(request, waiting.client, refusal.address)


def _answered(request: HttpRequest, ctx: Context, seat: _Seat, waiting: Waiting) -> HttpResponse:
    do = request.POST.get("do", "")
    if do == "nej":
        return _leave(request, waiting.client, requests.deny(waiting, ctx.now))
    if do == "soeg":
        return _choosing(request, ctx, waiting, request.POST.get("q", ""))
    if do == "vaelg":
        patient = request.POST.get("patient", "")
        if not patient or not store.sees(ctx, patient):
            raise not_found("The patient")
        requests.choose(waiting, ctx, seat.hat, patient)
        return HttpResponseRedirect(reverse("web:app-consent", args=[waiting.id]))
    if do != "ja":
        raise Problem(Category.INVALID, "Answer yes or no", kept="nothing was given")
    offer = requests.offer(waiting, ctx, seat.hat, seat.session)
    return _given(request, ctx, seat, waiting, offer)


def _given(request: HttpRequest, ctx: Context, seat: _Seat, waiting: Waiting, offer: Offer) -> HttpResponse:
    if offer.into.patient and not store.sees(ctx, offer.into.patient):
        raise requests.refusal(waiting, "access_denied", "the patient is not one of this person's")
    address = requests.allow(waiting, offer, ctx, seat.hat, seat.session, seat.authenticated_ms)
    return _leave(request, waiting.client, address)


def _asked(request: HttpRequest, ctx: Context, seat: _Seat, waiting: Waiting) -> HttpResponse:
    offer = requests.offer(waiting, ctx, seat.hat, seat.session)
    if offer.choose:
        return _choosing(request, ctx, waiting, "")
    if offer.silent:
        return _given(request, ctx, seat, waiting, offer)
    patient = _name(ctx, offer.into.patient)
    return render(
        request,
        "web/apps/consent.html",
        {
            "app": waiting.client,
            "owner": reading.name_of(ctx, f"Organization/{waiting.client.organization}"),
            "patient": patient,
            "chosen": bool(waiting.patient),
            "wishes": apps.wishes(offer.scopes, ctx.role),
            "reach": apps.reach(offer.scopes, ctx.role, patient),
            "lasting": apps.lasting(offer.scopes),
            "knows_you": apps.knows_you(offer.scopes),
            "scopes": str(offer.scopes).split(),
            "host": waiting.asked.redirect.split("/")[2] if "://" in waiting.asked.redirect else waiting.asked.redirect,
            "url": reverse("web:app-consent", args=[waiting.id]),
        },
    )


def _choosing(request: HttpRequest, ctx: Context, waiting: Waiting, search: str) -> HttpResponse:
    text = search.strip()[: finding.LONGEST]
    if text:
        limits.attempt("find", ctx.now, account=ctx.person)
    return render(
        request,
        "web/apps/choose.html",
        {
            "app": waiting.client,
            "search": text,
            "found": finding.patients(ctx, text) if text else (),
            "most": finding.MOST,
            "url": reverse("web:app-consent", args=[waiting.id]),
        },
    )


def _name(ctx: Context, patient: str) -> str:
    if not patient:
        return ""
    return full_name(store.read(ctx, "Patient", patient).resource)


def _leave(request: HttpRequest, client: Client, address: str) -> HttpResponse:
    """On to the app, by a page of ours: a redirect would be stopped by the rule on where our forms may lead (CSP)."""
    response = render(request, "web/apps/leave.html", {"app": client, "address": address})
    response.headers["Refresh"] = f"0;url={address}"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


# -- opened from a patient -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@for_roles(*CLINIC_ROLES)
def launch(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """Open an app from the patient's page (EHR launch)."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("web:patient", args=[patient_id, package]))
    course = reading.course(ctx, patient_id, package)
    seat = _seat(request)
    client = clients.find(request.POST.get("app", ""))
    if client is None:
        raise not_found("The app")
    episode = course.episode.id
    into = Surroundings(
        patient=course.patient_id,
        encounter=_encounter(ctx, course.patient_id),
        references=(("EpisodeOfCare", episode, ""),) if episode else (),
        intent=_intent(course, request.POST.get("intent", "")),
    )
    token = launches.begin(ctx, seat.hat, seat.session, client, into)
    base = f"{request.scheme}://{request.get_host()}/fhir"
    mark = "&" if "?" in client.launch else "?"
    return _leave(request, client, f"{client.launch}{mark}{urlencode({'iss': base, 'launch': token})}")


def _encounter(ctx: Context, patient: str) -> str:
    """The contact that is going on now, where there is one."""
    asked = [("patient", patient), ("status", "in-progress"), ("_sort", "-date"), ("_count", "1")]
    found = store.search(ctx, "Encounter", asked).entries
    return found[0].id if found else ""


def _intent(course: reading.Course, wanted: str) -> str:
    """Where in its own pages the app should begin: as our deep links name it, ``<package>`` or one of its forms."""
    package = course.package
    forms = {f"{package.id}/formular/{form}" for form in package.forms}
    return wanted if wanted in forms else str(package.id)


# -- given, and ended ------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@for_roles(*APP_ROLES)
def given(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The apps this person has let in, and a way to let each out again."""
    if request.method == "POST":
        if tokens.end_grant(request.POST.get("grant", ""), ctx.person, ctx.now):
            messages.success(request, _("Appen har ikke længere adgang."))
        else:
            messages.warning(request, _("Appen havde allerede ikke længere adgang."))
        return HttpResponseRedirect(reverse("web:apps"))
    found = [
        {
            "id": item.id,
            "app": item.client,
            "since": item.since,
            "lasting": apps.lasting(item.scopes),
            "wishes": apps.wishes(item.scopes, ctx.role),
        }
        for item in tokens.given_by(ctx.person, ctx.now)
    ]
    return render(request, "web/apps/given.html", {"given": found})
