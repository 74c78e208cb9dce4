"""The words of recall: ways, why somebody is apart or left out, how an invitation stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from tovholder.recall.domain import Left, Reason, Standing, Way, Why

WAYS: Mapping[str, Any] = {
    Way.DIGITAL_POST: _("Digital Post"),
    Way.SMS: _("Sms"),
    Way.LETTER: _("Brev"),
    Way.TELEPHONE: _("Opkald"),
}
WHY: Mapping[str, Any] = {
    Why.ROUND: _("Har fået to indkaldelser uden at svare: ring."),
    Why.APART: _("Ring selv: en besked alene kan gå tabt."),
    Why.EXEMPT: _("Er fritaget for Digital Post."),
    Why.USUAL: _("Ingen fritagelse for Digital Post er noteret."),
    Why.ONLY: _("Den vej, vi kender."),
}
REASONS: Mapping[str, Any] = {
    Reason.LEVEL: _("Niveau 3"),
    Reason.PSYCHOSOCIAL: _("Psykisk eller socialt sårbar i behovsvurderingen"),
    Reason.EXEMPT: _("Fritaget for Digital Post"),
    Reason.NO_PHONE: _("Intet telefonnummer"),
    Reason.NOSHOW: _("Udeblevet inden for et år"),
}
LEFT: Mapping[str, tuple[Any, Any]] = {
    Left.DEAD: (_("Er død"), _("Luk forløbene på patientens side.")),
    Left.INACTIVE: (_("Journalen er ikke i brug"), _("Se, om patienten er flyttet.")),
    Left.EXEMPT: (_("Skal ikke indkaldes"), _("I har aftalt det. Dagen er, hvornår det ophører.")),
    Left.PAUSED: (_("Forløbet er på pause"), _("Patienten har bedt om en pause.")),
    Left.DECLINED: (_("Har sagt nej tak til forløbet"), _("Det er patientens valg.")),
    Left.LEFT: (_("Forløbet er afsluttet"), _("Der er intet at indkalde til.")),
    Left.BOOKED: (_("Har en tid"), _("Alt, der er tid til, er booket.")),
    Left.PUT_OFF: (_("Udsat af en kollega"), _("Kommer igen den dag, der står.")),
    Left.IN_HAND: (_("Ligger i en runde, der ikke er sendt"), _("Send eller fortryd runden.")),
    Left.WAITS: (
        _("Venter på svar"),
        _("Dagen er, hvornår der blev sendt. Næste runde foreslås, hvis der intet sker."),
    ),
    Left.SAID_NO: (_("Vil ikke indkaldes til dette"), _("Det er patientens valg. Tag det op, når I ses.")),
    Left.ASKED: (_("Har ikke svaret på tre indkaldelser"), _("Lægen tager stilling til, hvad der så skal ske.")),
}
STANDINGS: Mapping[str, tuple[Any, str]] = {
    Standing.LAID: (_("Klar, ikke sendt"), "time"),
    Standing.SENDING: (_("På vej"), "time"),
    Standing.SENT: (_("Sendt"), "email"),
    Standing.READ: (_("Læst"), "check"),
    Standing.FAILED: (_("Kunne ikke sendes"), "error"),
    Standing.TAKEN_BACK: (_("Fortrudt, før noget blev sendt"), "close"),
    Standing.WITHDRAWN: (_("Trukket tilbage med en rettelse"), "close"),
    Standing.BOOKED: (_("Har fået en tid"), "calendar-month"),
    Standing.REACHED: (_("Talt med"), "check"),
    Standing.NO_ANSWER: (_("Intet svar"), "help"),
    Standing.DECLINED: (_("Sagde nej tak"), "close"),
}
ROUNDS: Mapping[int, Any] = {1: _("1. indkaldelse"), 2: _("Påmindelse"), 3: _("Opkald")}
# Why somebody who was ticked is not in the round.
SKIPPED: Mapping[str, Any] = {
    "changed": _("er ændret, siden du så listen"),
    "no-way": _("kan ikke nås på den måde"),
    **{kind: words[0] for kind, words in LEFT.items()},
}
