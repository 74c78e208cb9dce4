"""The words of the pages about one patient: what waits, who takes part, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from tovholder.plan.happenings import Kind
from tovholder.plan.nextstep import Ask
from tovholder.plan.review import Prompt

KINDS: Mapping[Kind, tuple[Any, str]] = {
    Kind.DIAGNOSIS: (_("Diagnoser"), "assignment"),
    Kind.COURSE: (_("Forløb"), "flag"),
    Kind.APPOINTMENT: (_("Aftaler"), "calendar-month"),
    Kind.RESULT: (_("Resultater"), "analytics"),
    Kind.FORM: (_("Skemaer"), "document"),
    Kind.REFERRAL: (_("Henvisninger"), "send"),
    Kind.ATTEMPT: (_("Forsøg på kontakt"), "smartphone"),
    Kind.LEVEL: (_("Niveau"), "star"),
    Kind.PLAN: (_("Plan"), "check"),
    Kind.ADMISSION: (_("Indlæggelser"), "business"),
    Kind.CONTACT: (_("Kontakter"), "person"),
}
COURSE_EVENTS: Mapping[str, Any] = {
    "eligible": _("Fundet: kan starte i pakken"),
    "offered": _("Forløbet blev tilbudt"),
    "started": _("Forløbet startede"),
    "declined": _("Patienten sagde nej tak"),
    "ended": _("Forløbet blev afsluttet"),
    "paused": _("Sat på pause efter patientens ønske"),
    "resumed": _("Pausen sluttede"),
}
PLAN_EVENTS: Mapping[str, Any] = {
    "made": _("Kladde til planen lavet"),
    "confirmed": _("Planen bekræftet sammen med patienten og delt"),
    "revised": _("Planen ændret"),
    "completed": _("Planen afsluttet"),
    "revoked": _("Planen trukket tilbage"),
}
REFERRAL_EVENTS: Mapping[str, Any] = {
    "sent": _("Henvist"),
    "accepted": _("Henvisningen modtaget"),
    "started": _("Forløb hos modtageren begyndt"),
    "completed": _("Forløb hos modtageren slut"),
    "stopped": _("Henvisningen afvist eller stoppet"),
}
CHANNELS: Mapping[str, Any] = {
    "phone": _("Opkald"),
    "phonecon": _("Opkald"),
    "sms": _("SMS"),
    "smswrit": _("SMS"),
    "letter": _("Brev"),
    "mailwrit": _("Brev"),
    "digital-post": _("Digital Post"),
    "emailwrit": _("Digital Post"),
}
ATTEMPT_OUTCOMES: Mapping[str, Any] = {
    "reached": _("Fik fat i patienten"),
    "agreed": _("Aftalt"),
    "booked": _("Aftalte en tid"),
    "no-answer": _("Intet svar"),
    "message-left": _("Lagde en besked"),
    "sent": _("Sendt"),
    "completed": _("Sendt"),
    "declined": _("Patienten ønskede det ikke"),
    "wrong-number": _("Forkert nummer"),
    "not-reached": _("Fik ikke fat i patienten"),
}
CONTACT_KINDS: Mapping[str, Any] = {
    "imp": _("Indlæggelse"),
    "acute": _("Akut indlæggelse"),
    "nonac": _("Indlæggelse"),
    "emer": _("Skadestue eller akutmodtagelse"),
    "ss": _("Kort indlæggelse"),
    "amb": _("Fremmøde"),
    "vr": _("Video eller telefon"),
    "hh": _("Hjemmebesøg"),
    "contact": _("Kontakt"),
}
DIAGNOSIS_STATES: Mapping[str, Any] = {
    "active": "",
    "recurrence": _("Tilbagefald"),
    "relapse": _("Tilbagefald"),
    "inactive": _("Ikke aktiv"),
    "remission": _("I ro"),
    "resolved": _("Ophørt"),
    "refuted": _("Afkræftet"),
    "provisional": _("Foreløbig"),
    "unconfirmed": _("Ikke bekræftet"),
    "differential": _("Mulig diagnose"),
}
RESULT_STATES: Mapping[str, Any] = {
    "preliminary": _("Foreløbigt svar"),
    "registered": _("Bestilt"),
    "cancelled": _("Aflyst"),
}
FORM_STATES: Mapping[str, Any] = {"in-progress": _("Ikke færdigt"), "stopped": _("Afbrudt")}

REFERRALS: Mapping[str, Any] = {
    "requested": _("Sendt, ikke set endnu"),
    "received": _("Modtaget, ikke taget stilling til"),
    "accepted": _("Accepteret, ikke begyndt"),
    "in-progress": _("I gang"),
    "on-hold": _("På pause"),
    "ready": _("Klar"),
    "rejected": _("Afvist"),
}
OPEN_REFERRALS = frozenset({"requested", "received", "accepted", "in-progress", "on-hold", "ready", "rejected"})

MEMBERS: Mapping[str, Any] = {
    "own-doctor": _("Egen læge"),
    "holder": _("Tovholder"),
    "manager": _("Kontaktperson i klinikken"),
    "team": _("Behandlerteam"),
    "referral": _("Henvist til"),
    "hospital": _("Indlagt hos"),
    "appointment": _("Aftale hos"),
}

# What a press or a link on the overview says: it names the act, not the page.
LINKS: Mapping[Ask, Any] = {
    Ask.ASSESS_FIRST: _("Se, hvad der skal vurderes"),
    Ask.START: _("Start, eller notér nej tak"),
    Ask.NEEDS: _("Udfyld behovsvurdering"),
    Ask.LEVEL: _("Beslut niveau"),
    Ask.PLAN: _("Gå til planen"),
    Ask.CONFIRM: _("Gennemgå og bekræft planen"),
    Ask.RESUME: _("Se pausen"),
    Ask.REBOOK: _("Book ny tid"),
    Ask.OUTCOME: _("Se aftalen"),
    Ask.OVERDUE: _("Se planen"),
    Ask.REVIEW: _("Lav en ny vurdering"),
    Ask.BOOK: _("Book en tid"),
    Ask.FOLLOW: _("Åbn forløbet"),
}
ANCHORS: Mapping[Ask, str] = {
    Ask.ASSESS_FIRST: "niveau",
    Ask.START: "start",
    Ask.NEEDS: "behov",
    Ask.LEVEL: "niveau",
    Ask.PLAN: "plan",
    Ask.CONFIRM: "plan",
    Ask.RESUME: "pause-titel",
    Ask.REBOOK: "foelg",
    Ask.OUTCOME: "foelg",
    Ask.OVERDUE: "plan",
    Ask.REVIEW: "behov",
    Ask.BOOK: "book",
    Ask.FOLLOW: "foelg",
}
DAY_WORDS: Mapping[Ask, Any] = {
    Ask.START: _("Frist for plan"),
    Ask.NEEDS: _("Frist for plan"),
    Ask.LEVEL: _("Frist for plan"),
    Ask.PLAN: _("Frist for plan"),
    Ask.CONFIRM: _("Frist for plan"),
    Ask.RESUME: _("På pause siden"),
    Ask.REBOOK: _("Udeblev"),
    Ask.OUTCOME: _("Var aftalt til"),
    Ask.OVERDUE: _("Skulle være gjort"),
    Ask.REVIEW: _("Siden"),
    Ask.BOOK: _("Senest omkring"),
}
REVIEWS: Mapping[Prompt, Any] = {
    Prompt.WISH: _("Patienten har bedt om en ny vurdering."),
    Prompt.ADMISSION: _("Patienten har været indlagt, siden niveauet blev besluttet."),
    Prompt.FLAG: _("Der er kommet et vigtigt flag, siden niveauet blev besluttet."),
    Prompt.YEARLY: _("Niveauet skulle vurderes igen."),
}
