"""What the log calls things: resources, roles, acts and reasons in plain Danish, each once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

# By resource type: as the patient is told, and as the clinic is told; what matters most first, as sentences name it.
THINGS: Mapping[str, tuple[Any, Any]] = {
    "CarePlan": (_("din plan"), _("planen")),
    "Goal": (_("dine mål"), _("mål")),
    "Observation": (_("dine målinger"), _("målinger")),
    "EpisodeOfCare": (_("dit forløb"), _("forløbet")),
    "ServiceRequest": (_("dine henvisninger"), _("henvisninger")),
    "Task": (_("dine opgaver i forløbet"), _("opgaver i forløbet")),
    "Appointment": (_("dine aftaler"), _("aftaler")),
    "CareTeam": (_("hvem der behandler dig"), _("behandlerteamet")),
    "QuestionnaireResponse": (_("dine svar på skemaer"), _("svar på skemaer")),
    "Condition": (_("dine diagnoser"), _("diagnoser")),
    "MedicationRequest": (_("din medicin"), _("medicin")),
    "MedicationStatement": (_("din medicin"), _("medicin")),
    "Immunization": (_("dine vaccinationer"), _("vaccinationer")),
    "Procedure": (_("dine behandlinger"), _("behandlinger")),
    "DiagnosticReport": (_("dine prøvesvar"), _("prøvesvar")),
    "AllergyIntolerance": (_("dine allergier"), _("allergier")),
    "Flag": (_("påmindelser om dig"), _("påmindelser")),
    "RiskAssessment": (_("forslaget til dit niveau"), _("forslaget til niveau")),
    "Communication": (_("dine beskeder"), _("beskeder")),
    "Encounter": (_("dine besøg"), _("besøg")),
    "Consent": (_("dine samtykker og spærringer"), _("samtykker og spærringer")),
    "DocumentReference": (_("dine dokumenter"), _("dokumenter")),
    "Binary": (_("dine dokumenter"), _("dokumenter")),
    "Patient": (_("dine stamoplysninger"), _("stamoplysninger")),
    "RelatedPerson": (_("dine pårørende"), _("pårørende")),
    "AuditEvent": (_("loggen over, hvem der har set din plan"), _("loggen")),
    "Provenance": (_("hvem der har skrevet hvad"), _("hvem der har skrevet hvad")),
    "cockpit": (_("dig på klinikkens liste"), _("klinikkens liste")),
}
# Of the directory, of packages: nothing about anybody.
NOBODYS = frozenset(
    {
        "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Questionnaire",
        "PlanDefinition", "ActivityDefinition", "Measure", "Library", "ValueSet", "CodeSystem", "Group",
    }
)  # fmt: skip
SOMETHING = (_("oplysninger om dig"), _("oplysninger"))
DIRECTORY = _("klinikker, behandlere og skemaer")
EVERYTHING = (_("alt, der står om dig her"), _("alt om patienten"))

ROLES: Mapping[str, Any] = {
    "gp": _("Læge"),
    "staff": _("Praksispersonale"),
    "hospital": _("Ansat på hospital"),
    "prevention": _("Ansat i kommune eller region"),
    "partner": _("Behandler"),
    "author": _("Pakkeforfatter"),
    "analyst": _("Analytiker"),
    "operator": _("Driftsmedarbejder"),
    "representative": _("Din repræsentant"),
    "citizen": _("Borger"),
    "system": _("System"),
    "unknown": _("Ikke logget ind"),
}
UNKNOWN_PERSON = _("en person, vi ikke kender navnet på")

# One of these for each act: told of somebody, about something. %(who)s begins the sentence.
SEEN = _("%(who)s så %(what)s.")
ACTS: Mapping[str, tuple[Any, Any]] = {
    "create": (_("%(who)s skrev noget nyt om %(what)s."), _("%(who)s oprettede: %(what)s.")),
    "update": (_("%(who)s ændrede %(what)s."), _("%(who)s ændrede: %(what)s.")),
    "patch": (_("%(who)s ændrede %(what)s."), _("%(who)s ændrede: %(what)s.")),
    "delete": (_("%(who)s slettede noget i %(what)s."), _("%(who)s slettede: %(what)s.")),
    "import": (_("%(who)s sendte %(what)s hertil."), _("%(who)s sendte hertil: %(what)s.")),
    "export": (
        _("%(who)s fik udleveret en kopi, som %(what)s er med i."),
        _("%(who)s fik udleveret en kopi: %(what)s."),
    ),
    "refused": (_("%(who)s bad om at se noget om dig, men blev afvist."), _("%(who)s blev afvist.")),
    "login": (_("%(who)s loggede ind."), _("%(who)s loggede ind.")),
    "logout": (_("%(who)s loggede ud."), _("%(who)s loggede ud.")),
    "login-failed": (_("Nogen prøvede at logge ind som dig."), _("%(who)s kunne ikke logge ind.")),
    "role": (_("%(who)s valgte, hvem de er logget ind som."), _("%(who)s skiftede rolle.")),
    "glass-opened": (
        _("%(who)s brugte værdispring: åbnede for det, du har spærret."),
        _("%(who)s brugte værdispring."),
    ),
    "glass-ended": (_("%(who)s lukkede igen for det, du har spærret."), _("%(who)s afsluttede værdispring.")),
    "glass-followed": (_("%(who)s så efter, om værdispringet var i orden."), _("%(who)s fulgte op på et værdispring.")),
    "block-set": (_("%(who)s satte eller ændrede en spærring."), _("%(who)s satte eller ændrede en spærring.")),
    "block-ended": (_("%(who)s fjernede en spærring."), _("%(who)s fjernede en spærring.")),
    "consent": (_("%(who)s gav eller ændrede et samtykke."), _("%(who)s gav eller ændrede et samtykke.")),
    "stated": (
        _("%(who)s oplyste, at de behandler dig, og fik adgang med det samme."),
        _("%(who)s oplyste en behandlingsrelation."),
    ),
    "stated-checked": (
        _("Vi har kontrolleret, at %(organization)s behandler dig. Det passer."),
        _("En oplyst behandlingsrelation blev bekræftet."),
    ),
    "stated-failed": (
        _("Vi kunne ikke bekræfte, at %(organization)s behandler dig. Adgangen er lukket."),
        _("En oplyst behandlingsrelation kunne ikke bekræftes."),
    ),
    "token": (_("%(who)s fik adgang til at hente oplysninger."), _("%(who)s fik adgang til at hente oplysninger.")),
    "token-revoked": (_("%(who)s har ikke længere adgang."), _("%(who)s har ikke længere adgang.")),
    "token-failed": (_("%(who)s bad om adgang, men blev afvist."), _("%(who)s bad om adgang, men blev afvist.")),
    "rights": (_("%(who)s ændrede adgange."), _("%(who)s ændrede adgange.")),
    "pruned": (_("Gamle linjer i loggen blev fjernet."), _("Gamle linjer i loggen blev fjernet.")),
}
KINDS: Mapping[str, Any] = {
    "others": _("Alle andre end dig selv"),
    "seen": _("Har set"),
    "written": _("Har skrevet eller ændret"),
    "copied": _("Kopier, der er udleveret"),
    "refused": _("Blev afvist"),
    "glass": _("Værdispring"),
    "access": _("Spærringer, samtykker og adgange"),
    "own": _("Det, du selv har gjort"),
    "automatic": _("Det, Tovholder har beregnet af sig selv"),
    "all": _("Alt"),
}
CLINIC_KINDS: Mapping[str, Any] = {
    "all": _("Alt"),
    "seen": _("Har set"),
    "written": _("Har skrevet eller ændret"),
    "copied": _("Kopier, der er udleveret"),
    "refused": _("Blev afvist"),
    "glass": _("Værdispring"),
    "access": _("Spærringer, samtykker og adgange"),
}
PURPOSES: Mapping[str, Any] = {
    "treatment": _("behandling"),
    "operation": _("drift og kvalitet"),
    "patient": _("patienten bad om det"),
    "break-glass": _("værdispring"),
}
