"""The one place that turns an error's category into a page: what happened, what was kept, what to do now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from tovholder.base.errors import Category, Issue, Problem
from tovholder.packages.model import Form
from tovholder.packages.questionnaires import items, translation


@dataclass(frozen=True, slots=True)
class Told:
    """How one category is told: HTTP status, what happened, what was kept, what to do now (lazy texts)."""

    status: int
    happened: Any
    kept: Any
    do: Any


_NOTHING_SAVED = _("Intet er gemt eller ændret.")

TOLD: dict[Category, Told] = {
    Category.MALFORMED: Told(
        400,
        _("Vi kunne ikke læse det, du sendte"),
        _NOTHING_SAVED,
        _("Gå tilbage, indlæs siden igen, og prøv en gang til."),
    ),
    Category.INVALID: Told(
        400, _("Noget af det udfyldte kan ikke bruges"), _NOTHING_SAVED, _("Gå tilbage, og ret det, der står herunder.")
    ),
    Category.RULE: Told(
        422,
        _("Det kan ikke lade sig gøre lige nu"),
        _NOTHING_SAVED,
        _("Se, hvad der mangler herunder, og prøv igen, når det er på plads."),
    ),
    Category.NOT_FOUND: Told(
        404,
        _("Siden findes ikke"),
        _("Intet er ændret."),
        _("Kontrollér adressen, eller gå til forsiden. Oplysninger, du ikke har adgang til, bliver heller ikke vist."),
    ),
    Category.GONE: Told(
        410,
        _("Det, du leder efter, er slettet"),
        _("Tidligere versioner er bevaret i journalen."),
        _("Gå til forsiden."),
    ),
    Category.CONFLICT: Told(
        409,
        _("Det er allerede gjort, eller en anden nåede det først"),
        _("Det, der var gemt i forvejen, står ved magt. Dit seneste tryk ændrede ikke noget."),
        _("Åbn siden igen, og se, hvordan det ser ud nu. Så kan du fortsætte derfra."),
    ),
    Category.PRECONDITION: Told(
        409,
        _("En anden har ændret oplysningerne, mens du skrev"),
        _("Den andens ændring er gemt. Din er ikke."),
        _("Åbn siden igen, se ændringen, og lav din egen rettelse oven på den."),
    ),
    Category.FORBIDDEN: Told(
        403,
        _("Det har du ikke adgang til"),
        _("Intet er ændret. Forsøget er skrevet i loggen."),
        _("Gå til din egen side. Mangler du en adgang, så tal med den, der styrer adgange hos jer."),
    ),
    Category.UNAUTHENTICATED: Told(401, _("Du er ikke logget ind"), _NOTHING_SAVED, _("Log ind, og prøv igen.")),
    Category.UNSUPPORTED: Told(
        501, _("Det kan Tovholder ikke endnu"), _NOTHING_SAVED, _("Gå tilbage, og vælg en anden vej.")
    ),
    Category.TOO_LARGE: Told(
        413, _("Det, du sendte, fylder for meget"), _NOTHING_SAVED, _("Gå tilbage, og send noget mindre.")
    ),
    Category.TOO_MANY: Told(
        429,
        _("Der er prøvet for mange gange"),
        _NOTHING_SAVED,
        _("Vent fem minutter, og prøv igen."),
    ),
    Category.BUSY: Told(
        503,
        _("Der er travlt lige nu"),
        _NOTHING_SAVED,
        _("Vent et øjeblik, og prøv igen. Det plejer at gå hurtigt over."),
    ),
    Category.FAULT: Told(
        500,
        _("Der er sket en fejl hos os"),
        _("Det, der var gemt i forvejen, er der stadig."),
        _("Prøv igen om lidt. Sker det igen, så fortæl os fejlnummeret herunder."),
    ),
}


def page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The page of a problem. The issues are shown only where the reader can act on them."""
    told = TOLD[problem.category]
    details = [issue.message for issue in problem.issues if issue.message != problem.message]
    speaks = problem.category in (Category.INVALID, Category.RULE, Category.CONFLICT)
    return render(
        request,
        "web/problem.html",
        {
            "told": told,
            "message": problem.message if speaks else "",
            "details": details if speaks else [],
            "request_id": getattr(request, "request_id", ""),
        },
        status=told.status,
    )


# Rules a person can run into on the pages, by the place they speak of.
_AT: Mapping[str, Any] = {
    "EpisodeOfCare.extension('offered')": _("Tilbuddet skal være givet, før forløbet starter, og ikke i fremtiden."),
    "EpisodeOfCare.extension('started')": _("Startdatoen må ikke ligge i fremtiden."),
    "EpisodeOfCare.extension('episode-phase')": _("Forløbet er ikke længere på det trin. Se, hvordan det står nu."),
    "EpisodeOfCare.extension('pause')": _("Forløbet er allerede sat på pause eller genoptaget."),
    "EpisodeOfCare.extension('pause').start": _("Pausen overlapper en tidligere pause."),
    "Observation.valueCodeableConcept": _("Der er noget, du skal vurdere først. Se forslaget til niveau."),
    "Observation.extension('override-reason')": _(
        "Tovholder foreslår nu et andet niveau end det, du valgte. Skriv en begrundelse, eller vælg det foreslåede."
    ),
    "Observation.extension('workflow-episodeOfCare')": _("Forløbet er ikke startet endnu."),
    "CarePlan": _("Der er allerede en plan, eller der mangler en kladde. Se, hvordan planen står nu."),
    "CarePlan.status": _("Planen er allerede bekræftet."),
    "CarePlan.goal": _("Planen mangler et mål eller en grund til, at der ikke er et."),
    "CarePlan.extension('confirmed')": _("Beslut niveauet, før du bekræfter planen."),
    "CarePlan.extension('workflow-episodeOfCare')": _("Start forløbet, før I laver planen."),
    "Goal.extension('workflow-episodeOfCare')": _("Forløbet er afsluttet, så der kan ikke tilføjes mål."),
    "Appointment.status": _("Aftalen har allerede et udfald, eller dens dag er ikke kommet endnu."),
    "Appointment.start": _("Aftalen er flyttet eller har fået et udfald. Se, hvordan den står nu."),
    "Appointment.extension('workflow-episodeOfCare')": _(
        "Forløbet er afsluttet, så der kan ikke bookes flere aftaler."
    ),
    "CarePlan.instantiatesCanonical": _(
        "Planen er sat til side, fordi dens pakke har fejl. Den kan læses, men ikke ændres, før pakken er rettet."
    ),
    "ServiceRequest.instantiatesCanonical": _(
        "Planen er sat til side, fordi dens pakke har fejl. Den kan læses, men ikke ændres, før pakken er rettet."
    ),
    "ServiceRequest.status": _("Aktiviteten er allerede afsluttet."),
    "ServiceRequest.appointment": _("En anden har lige booket et af skridtene. Se, hvordan planen står nu."),
    "ServiceRequest.occurrencePeriod": _("Dagen ligger uden for det, en af pakkerne tillader. Vælg en dag inden for."),
    "Appointment.basedOn": _("Skridtene kan ikke bookes sammen. Se, hvordan planen står nu."),
}


def in_words(problem: Problem) -> tuple[Any, ...]:
    """What went wrong, in words for the page the person stands on; the problem's own words are folded in beside."""
    found = dict.fromkeys(_AT[issue.path] for issue in problem.issues if issue.path in _AT)
    if problem.category in (Category.CONFLICT, Category.PRECONDITION) or not found:
        told = TOLD[problem.category]
        return (f"{told.happened}. {told.kept}", *found)
    return tuple(found)


_QUESTION: Mapping[str, Any] = {
    "required": _("Svar på: %(question)s"),
    "too-long": _("Svaret er for langt: %(question)s"),
    "code-invalid": _("Vælg et af svarene: %(question)s"),
    "business-rule": _("Svaret passer ikke til de andre svar: %(question)s"),
    "value": _("Svaret kan ikke bruges: %(question)s"),
}


def question_issue(issue: Issue, form: Form, language: str) -> Issue:
    """An issue of a questionnaire told with the question's own words."""
    text = next(
        (translation(item, "text")[language] for item in items(form.questionnaire) if item.get("linkId") == issue.path),
        issue.path,
    )
    pattern = _QUESTION.get(issue.code, _QUESTION["value"])
    return replace(issue, message=str(pattern) % {"question": text})
