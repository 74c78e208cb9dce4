"""The words for a referral's codes: how it stands, why it stopped, where a field comes from, why it asks for the clinic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

STATUSES: Mapping[str, tuple[Any, str]] = {
    "requested": (_("Sendt"), "time"),
    "received": (_("Modtaget"), "time"),
    "accepted": (_("Accepteret"), "how-to-reg"),
    "in-progress": (_("Begyndt"), "check"),
    "on-hold": (_("Sat på pause"), "time"),
    "completed": (_("Afsluttet"), "check"),
    "rejected": (_("Afvist"), "error"),
    "cancelled": (_("Stoppet"), "close"),
    "failed": (_("Kom ikke frem"), "error"),
}

REASONS: Mapping[str, Any] = {
    "patient-declined": _("Patienten ønsker det ikke"),
    "patient-stopped": _("Patienten ønsker ikke at fortsætte"),
    "no-show": _("Patienten udeblev"),
    "no-contact": _("Patienten kunne ikke kontaktes"),
    "no-further-need": _("Der er ikke brug for mere"),
    "other-illness": _("Anden sygdom"),
    "transport": _("Patienten kan ikke komme frem"),
    "no-capacity": _("Modtageren har ikke plads"),
    "not-suitable": _("Tilbuddet passer ikke til patienten"),
    "died": _("Patienten er død"),
    "withdrawn": _("Trukket tilbage af klinikken"),
    "other": _("En anden grund"),
}
# What a clinic may write down that a receiver told it.
REJECT_REASONS = ("no-capacity", "not-suitable", "no-contact", "other")
STOP_REASONS = (
    "patient-declined", "patient-stopped", "no-show", "no-contact", "no-further-need", "other-illness", "transport",
    "not-suitable", "died", "other",
)  # fmt: skip

SOURCES: Mapping[str, Any] = {
    "Observation": _("måling"),
    "Condition": _("diagnose"),
    "QuestionnaireResponse": _("skema"),
    "Goal": _("mål"),
    "Encounter": _("kontakt"),
    "MedicationStatement": _("medicin"),
    "MedicationRequest": _("medicin"),
    "Patient": _("stamdata"),
    "Practitioner": _("den, der er logget ind"),
    "Organization": _("klinikken"),
}

LEVEL = _("niveaubeslutning")

ATTENTION: Mapping[str, Any] = {
    "refused": _("Afvist: ingen har patienten. Send henvisningen et andet sted hen."),
    "late": _("Fristen er overskredet, og tilbuddet er ikke begyndt. Spørg modtageren."),
    "stopped": _("Stoppet: se hvorfor, og tag stilling til, hvad der så skal ske."),
    "answered": _("Der er svar, som ingen har set."),
    "referred-on": _("Modtageren har henvist patienten videre."),
}

RECEIVERS: Mapping[str, Any] = {
    "gp": _("Praktiserende læge"),
    "nurse": _("Sygeplejerske"),
    "physio": _("Fysioterapeut"),
    "chiropractor": _("Kiropraktor"),
    "prevention": _("Forebyggelse"),
    "hospital": _("Sygehus"),
    "ophthalmologist": _("Øjenlæge"),
    "podiatrist": _("Fodterapeut"),
}
