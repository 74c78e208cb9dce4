"""What an app would get, in words a patient can decide by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tovholder.access.domain import Role
from tovholder.access.smart import scopes
from tovholder.access.smart.scopes import ResourceScope, Scopes


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing an app would be let do. parts: to what, in words; part: only to some of it."""

    title: str
    parts: tuple[str, ...]
    part: bool = False


# In the order they are told. Each type stands once; what stands nowhere is told as "other".
_KINDS: tuple[tuple[Any, frozenset[str]], ...] = (
    (gettext_lazy("Navn, CPR-nummer, adresse og pårørende"), frozenset({"Patient", "RelatedPerson"})),
    (
        gettext_lazy("Planen: forløb, niveau, mål, aftaler, henvisninger og opgaver"),
        frozenset(
            {
                "EpisodeOfCare",
                "CarePlan",
                "CareTeam",
                "Goal",
                "ServiceRequest",
                "Task",
                "Appointment",
                "Encounter",
                "Communication",
                "Flag",
                "RiskAssessment",
            }
        ),
    ),
    (gettext_lazy("Diagnoser"), frozenset({"Condition"})),
    (gettext_lazy("Målinger og svar på prøver"), frozenset({"Observation", "DiagnosticReport"})),
    (
        gettext_lazy("Medicin, vaccinationer, allergi og behandlinger"),
        frozenset(
            {
                "MedicationRequest",
                "MedicationStatement",
                "Medication",
                "Immunization",
                "AllergyIntolerance",
                "Procedure",
            }
        ),
    ),
    (
        gettext_lazy("Svar på spørgeskemaer"),
        frozenset({"QuestionnaireResponse"}),
    ),
    (gettext_lazy("Dokumenter"), frozenset({"DocumentReference", "Binary", "Provenance", "Composition"})),
    (gettext_lazy("Samtykker og spærringer"), frozenset({"Consent"})),
    (gettext_lazy("Hvem der har set planen"), frozenset({"AuditEvent"})),
    (
        gettext_lazy("Klinikker, behandlere og skemaer (oplysninger om ingen bestemt patient)"),
        frozenset(
            {
                "Organization",
                "Practitioner",
                "PractitionerRole",
                "Location",
                "HealthcareService",
                "Questionnaire",
                "PlanDefinition",
                "ActivityDefinition",
                "Measure",
                "Library",
                "ValueSet",
                "CodeSystem",
            }
        ),
    ),
)
_OTHER = gettext_lazy("Andre oplysninger i journalen")
_VERBS: tuple[tuple[str, Any], ...] = (
    ("rs", gettext_lazy("Se")),
    ("c", gettext_lazy("Skrive nyt")),
    ("u", gettext_lazy("Ændre")),
    ("d", gettext_lazy("Slette")),
)


def wishes(given: Scopes, role: Role) -> tuple[Wish, ...]:
    """What the app may do with the record, by what is done."""
    found = []
    for letters, verb in _VERBS:
        some = [item for item in given.resources if set(item.actions) & set(letters)]
        if some:
            found.append(Wish(str(verb), _parts(some, role), any(item.query for item in some)))
    return tuple(found)


def _parts(found: Iterable[ResourceScope], role: Role) -> tuple[str, ...]:
    kinds = {item.kind for item in found}
    if "*" in kinds:
        return (_("Alt det, du selv har adgang til i Tovholder"),)
    told = [str(text) for text, members in _KINDS if members & kinds]
    known = frozenset[str]().union(*(members for _text, members in _KINDS))
    return (*told, *((str(_OTHER),) if kinds - known else ()))


def lasting(given: Scopes) -> str:
    """How long it goes on."""
    if scopes.OFFLINE in given.special:
        return _(
            "Også når du ikke er logget ind. Adgangen slutter, når du siger stop, eller når appen ikke har brugt den i 90 dage."
        )
    if scopes.ONLINE in given.special:
        return _("Så længe du er logget ind her.")
    return _("I et kvarter. Derefter skal appen spørge igen.")


def knows_you(given: Scopes) -> bool:
    """Whether the app is told who the person is."""
    return bool(given.special & {scopes.OPENID, scopes.FHIR_USER, scopes.PROFILE})


def reach(given: Scopes, role: Role, patient: str) -> str:
    """Whose data it is about. patient: the name of the patient it is opened for; empty where there is none."""
    if role is Role.CITIZEN:
        return _("Det gælder dine egne oplysninger.")
    if role is Role.REPRESENTATIVE:
        return _("Det gælder kun den, du handler for.")
    if scopes.USER in given.levels:
        return _("Det gælder alle de patienter, du selv kan se.")
    return _("Det gælder kun denne patient: %(name)s.") % {"name": patient} if patient else ""
