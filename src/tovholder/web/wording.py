"""The words for the codes people meet: phases, statuses, who does what, why something ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

PHASES: Mapping[str, Any] = {
    "eligible": _("Fundet, ikke startet"),
    "startup": _("Trin 1: opstart"),
    "further": _("Trin 2: yderligere indsatser"),
    "continuing": _("Vedvarende fase"),
    "ended": _("Afsluttet"),
    "declined": _("Har sagt nej tak"),
}

APPOINTMENTS: Mapping[str, tuple[Any, str]] = {
    "proposed": (_("Planlagt"), "time"),
    "pending": (_("Planlagt"), "time"),
    "waitlist": (_("På venteliste"), "time"),
    "booked": (_("Booket"), "calendar-month"),
    "arrived": (_("Er mødt"), "how-to-reg"),
    "checked-in": (_("Er mødt"), "how-to-reg"),
    "fulfilled": (_("Gennemført"), "check"),
    "cancelled": (_("Aflyst"), "close"),
    "noshow": (_("Udeblevet"), "error"),
    "unknown": (_("Udfald ikke kendt"), "help"),
}

# The same statuses in words one would say to the person they are about.
APPOINTMENTS_FOR_PATIENT: Mapping[str, Any] = {
    "noshow": _("Blev ikke til noget"),
    "unknown": _("Klinikken har ikke skrevet, hvordan det gik"),
}

PERFORMERS: Mapping[str, Any] = {
    "gp": _("Lægen"),
    "nurse": _("Klinikkens sygeplejerske"),
    "physio": _("Fysioterapeut"),
    "chiropractor": _("Kiropraktor"),
    "prevention": _("Forebyggelsestilbud"),
    "hospital": _("Hospitalet"),
    "ophthalmologist": _("Øjenlæge"),
    "podiatrist": _("Fodterapeut"),
    "patient": _("Patienten selv"),
}
PERFORMERS_FOR_PATIENT: Mapping[str, Any] = {
    "gp": _("Din læge"),
    "nurse": _("Sygeplejersken i klinikken"),
    "prevention": _("Kommunens eller regionens forebyggelsestilbud"),
    "patient": _("Dig selv"),
}

ACHIEVEMENTS: Mapping[str, Any] = {
    "in-progress": _("I gang"),
    "improving": _("Det går fremad"),
    "no-change": _("Uændret"),
    "worsening": _("Det går tilbage"),
    "achieved": _("Nået"),
    "not-achieved": _("Ikke nået"),
}

CANCELLED_BY: Mapping[str, Any] = {
    "patient": _("Aflyst af patienten"),
    "relative": _("Aflyst af en pårørende"),
    "provider": _("Aflyst af klinikken"),
}

CANCEL_REASONS: Mapping[str, Any] = {
    "illness": _("Patienten er syg"),
    "admitted": _("Patienten er indlagt"),
    "transport": _("Patienten kan ikke komme frem"),
    "not-wanted": _("Patienten ønsker det ikke"),
    "moved": _("Der er aftalt en anden tid"),
    "staff": _("Den, der skulle se patienten, er forhindret"),
    "other": _("En anden grund"),
}

END_REASONS: Mapping[str, Any] = {
    "moved-practice": _("Patienten er flyttet til en anden praksis"),
    "died": _("Patienten er død"),
    "declined": _("Patienten ønsker ikke at fortsætte"),
    "wrong-diagnosis": _("Diagnosen var forkert"),
    "merged": _("Forløbet er lagt sammen med et andet"),
    "completed": _("Forløbet er gennemført"),
}

# Why a course is over, said to the person whose course it was.
ENDED_FOR_PATIENT: Mapping[str, Any] = {
    "moved-practice": _("Du har skiftet læge. Din nye klinik kan begynde et forløb sammen med dig."),
    "died": _("Forløbet er afsluttet."),
    "declined": _("Du valgte at stoppe. Du kan altid ombestemme dig."),
    "wrong-diagnosis": _("Lægen har fundet ud af, at diagnosen alligevel ikke passer på dig."),
    "merged": _("Forløbet er lagt sammen med et andet, så du har én samlet plan."),
    "completed": _("Forløbet er slut. Får du brug for hjælp igen, så ring til klinikken."),
}

CLOCK_EVENTS: Mapping[str, Any] = {
    "diagnosis": _("diagnosen"),
    "inclusion": _("den dag, patienten blev fundet"),
}

# What the demo's people are, as the front page tells it to whoever chooses one of them.
DEMO_TITLES: Mapping[str, Any] = {
    "Praktiserende læge, Lægerne Åtorvet": _("Praktiserende læge, Lægerne Åtorvet"),
    "Sygeplejerske, Lægerne Åtorvet": _("Sygeplejerske, Lægerne Åtorvet"),
    "Praktiserende læge i en anden klinik": _("Praktiserende læge i en anden klinik"),
    "Lungemedicinsk overlæge, hospitalet": _("Lungemedicinsk overlæge, hospitalet"),
    "Fysioterapeut": _("Fysioterapeut"),
    "Kiropraktor": _("Kiropraktor"),
    "Øjenlæge": _("Øjenlæge"),
    "Statsautoriseret fodterapeut": _("Statsautoriseret fodterapeut"),
    "Sygeplejerske, forebyggelsescenter": _("Sygeplejerske, forebyggelsescenter"),
    "Analytiker, Sundhedsdatastyrelsen": _("Analytiker, Sundhedsdatastyrelsen"),
    "Driftsansvarlig": _("Driftsansvarlig"),
    "Pårørende med fuldmagt": _("Pårørende med fuldmagt"),
    "Patient: har lige fået diagnosen, forløbet er ikke startet": _(
        "Patient: har lige fået diagnosen, forløbet er ikke startet"
    ),
    "Patient: startet, niveauet er ikke besluttet": _("Patient: startet, niveauet er ikke besluttet"),
    "Patient: niveau 2, udeblevet fra kontrol": _("Patient: niveau 2, udeblevet fra kontrol"),
    "Patient: niveau 3, flere er med i forløbet": _("Patient: niveau 3, flere er med i forløbet"),
    "Patient: niveau 1, det går godt": _("Patient: niveau 1, det går godt"),
    "Patient med ondt i ryggen: har haft ondt i 12 uger, forløbet er ikke startet": _(
        "Patient med ondt i ryggen: har haft ondt i 12 uger, forløbet er ikke startet"
    ),
    "Patient med ondt i ryggen: et rødt flag skal vurderes": _("Patient med ondt i ryggen: et rødt flag skal vurderes"),
    "Patient med ondt i ryggen: niveau 3, sygemeldt, stoppet hos fysioterapeuten": _(
        "Patient med ondt i ryggen: niveau 3, sygemeldt, stoppet hos fysioterapeuten"
    ),
    "Patient med ondt i ryggen: niveau 2, så meget bedre, at forløbet kan afsluttes": _(
        "Patient med ondt i ryggen: niveau 2, så meget bedre, at forløbet kan afsluttes"
    ),
    "Patient med KOL, type 2-diabetes og hjertesygdom: tre planer samlet i én": _(
        "Patient med KOL, type 2-diabetes og hjertesygdom: tre planer samlet i én"
    ),
    "Patient med type 2-diabetes: niveau 2, ny medicin, som ikke er fulgt op": _(
        "Patient med type 2-diabetes: niveau 2, ny medicin, som ikke er fulgt op"
    ),
    "Patient med hjertesygdom: havde en blodprop i hjertet for fire måneder siden": _(
        "Patient med hjertesygdom: havde en blodprop i hjertet for fire måneder siden"
    ),
    "Patient med ondt i ryggen: smerterne er kommet igen efter et afsluttet forløb": _(
        "Patient med ondt i ryggen: smerterne er kommet igen efter et afsluttet forløb"
    ),
    "Patient: har takket nej": _("Patient: har takket nej"),
}

# What came of an attempt to reach a patient, and how it was made.
OUTCOMES: Mapping[str, Any] = {
    "reached": _("Talte med patienten"),
    "no-answer": _("Intet svar"),
    "left-message": _("Lagde en besked"),
    "declined": _("Patienten ønsker det ikke"),
}
CHANNELS: Mapping[str, Any] = {
    "phone": _("Telefon"),
    "message": _("Besked sendt"),
    "visit": _("I klinikken"),
}

# What is not known of the clinic's courses, and what to do about it.
UNKNOWN: Mapping[str, tuple[Any, Any]] = {
    "datoer": (
        _("Diagnosens dato mangler"),
        _("Fristen for en plan kan ikke beregnes. Skriv diagnosens dato i jeres journalsystem."),
    ),
    "foedsel": (
        _("Fødselsdagen er ikke kendt"),
        _("Alderen kan ikke beregnes. Kontrollér patientens stamdata i jeres journalsystem."),
    ),
    "udfald": (
        _("Udfaldet af en aftale er ikke kendt"),
        _("Tiden er gået, og ingen har fortalt, hvordan det gik. Åbn patienten, og notér det."),
    ),
    "maal": (
        _("Planen har intet mål"),
        _("Aftal et mål med patienten, eller notér, hvorfor der ikke er et."),
    ),
    "maalinger": (
        _("Målinger mangler"),
        _(
            "De er ikke registreret i 15 måneder. Mål ved næste besøg, eller spørg systemleverandøren, om de bliver sendt."
        ),
    ),
}

# Why somebody with a diagnosis is not proposed for the package, and what to do about it.
EXCLUDED: Mapping[str, tuple[Any, Any]] = {
    "declined": (_("Har sagt nej tak"), _("Spørg igen, hvis patientens situation er ændret. Det står på patientens side.")),
    "ended": (_("Forløbet er afsluttet"), _("En ny diagnose, der er registreret efter afslutningen, starter et nyt forløb.")),
    "no_own_doctor": (_("Ingen klinik står som egen læge"), _("Kontrollér, om patienten er tilmeldt jer.")),
    "age_unknown": (_("Alderen er ukendt"), _("Kontrollér patientens stamdata i jeres journalsystem.")),
    "too_young": (_("For ung"), _("Pakken gælder ikke endnu.")),
    "coded_too_young": (_("Diagnosen er stillet i for ung en alder"), _("Kontrollér, om diagnosen er den rigtige.")),
    "not_confirmed": (_("Diagnosen er ikke bekræftet"), _("Bekræft eller afkræft diagnosen i jeres journalsystem.")),
    "not_active": (_("Diagnosen er ikke aktuel"), _("Genaktivér den i jeres journalsystem, hvis den stadig er der.")),
    "refuted": (_("Diagnosen er afkræftet"), _("Der er ikke noget at gøre.")),
    "record": (_("Noget i journalen taler imod"), _("Pakkens betingelser rækker ud over diagnosen. Se patientens journal.")),
}  # fmt: skip
