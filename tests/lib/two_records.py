"""A world for those who try to see what is not theirs: two patients of two clinics, and links between their records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lib.api import Caller
from lib.people import clinic
from tovholder.access import Role
from tovholder.fhir import systems

Json = dict[str, Any]
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
MINE, THEIRS = "mine", "theirs"
# Stands in all that is about the other patient, and in no answer to those who may not see them.
SECRET = "hemmelig"
HERE, THERE = "here", "there"
ORGANIZATIONS = {HERE: "gp", THERE: "gp", "hospital": "hospital", "prevention": "prevention", "physio": "physio"}
# Who sees the first patient, and how; nobody but the second clinic and the second patient sees the second.
OUTSIDERS: dict[str, tuple[Role, str, str]] = {
    "gp": (Role.GP, HERE, ""),
    "staff": (Role.STAFF, HERE, ""),
    "hospital": (Role.HOSPITAL, "hospital", ""),
    "prevention": (Role.PREVENTION, "prevention", ""),
    "partner": (Role.PARTNER, "physio", ""),
    "citizen": (Role.CITIZEN, "", MINE),
    "stranger": (Role.GP, "nowhere", ""),
    "analyst": (Role.ANALYST, HERE, ""),
    "operator": (Role.OPERATOR, HERE, ""),
}


def callers() -> dict[str, Caller]:
    """A client for each of them."""
    return {
        name: Caller(role, organization, patient, name=name)
        for name, (role, organization, patient) in OUTSIDERS.items()
    }


def ref(kind: str, rid: str) -> Json:
    return {"reference": f"{kind}/{rid}"}


def rid_of(kind: str, who: str) -> str:
    """The id of the resource of a type about one of the two."""
    return who if kind == "Patient" else f"{kind.lower()}-{who}"


def directory() -> Iterator[Json]:
    """What is about nobody."""
    for name, kind in ORGANIZATIONS.items():
        yield {**clinic(name, kind=kind), "id": name}
    yield {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Holst"}]}
    yield {"resourceType": "Location", "id": "room", "name": "Stue", "managingOrganization": ref("Organization", HERE)}
    yield {"resourceType": "Device", "id": "device"}


def record(who: str, word: str, home: str, other: str = "") -> Iterator[Json]:
    """Everything about a patient of a clinic. word: stands in each. other: whose record it also points into."""
    subject, mark = ref("Patient", who), [{"system": "urn:test", "value": word}]
    code = {"coding": [{"system": "urn:test", "code": word}], "text": word}
    note = [{"text": word}]
    doctor = ref("Practitioner", "doctor")

    def also(*kinds: str) -> list[Json]:
        return [ref(kind, rid_of(kind, about)) for about in (who, other) if about for kind in kinds]

    def one(*kinds: str) -> Json:
        return also(*kinds)[-1]

    def made(kind: str, **content: Any) -> Json:
        return {"resourceType": kind, "id": rid_of(kind, who), **content}

    yield made(
        "Patient",
        identifier=mark,
        name=[{"family": word}],
        gender="female",
        birthDate="1950-01-01" if who == MINE else "1960-02-02",
        telecom=[{"system": "email", "value": f"{word}@example.org"}],
        address=[{"city": word}],
        generalPractitioner=[ref("Organization", home), doctor],
        managingOrganization=ref("Organization", home),
        link=[{"other": one("RelatedPerson"), "type": "seealso"}],
    )
    yield made("RelatedPerson", identifier=mark, patient=subject, name=[{"family": word}])
    yield made(
        "Encounter",
        identifier=mark,
        status="finished",
        **{"class": {"code": "AMB"}},
        type=[code],
        subject=subject,
        episodeOfCare=also("EpisodeOfCare"),
        participant=[{"individual": doctor}],
        diagnosis=[{"condition": one("Condition")}],
        period={"start": "2027-01-05", "end": "2027-01-06"},
    )
    yield made(
        "Condition",
        identifier=mark,
        clinicalStatus={"coding": [{"system": systems.CONDITION_CLINICAL, "code": "active"}]},
        code=code,
        subject=subject,
        encounter=one("Encounter"),
        recordedDate="2027-01-05",
        evidence=[{"detail": also("Observation")}],
        note=note,
    )
    yield made(
        "Observation",
        identifier=mark,
        status="final",
        code=code,
        subject=subject,
        focus=also("Patient"),
        encounter=one("Encounter"),
        effectiveDateTime="2027-01-05T10:00:00Z",
        performer=[doctor, *also("RelatedPerson")],
        basedOn=also("ServiceRequest"),
        valueQuantity={"value": 41 if who == MINE else 42, "unit": "mg"},
        hasMember=also("QuestionnaireResponse"),
        derivedFrom=also("DocumentReference"),
        note=note,
    )
    yield made(
        "MedicationRequest",
        identifier=mark,
        status="active",
        intent="order",
        medicationCodeableConcept=code,
        subject=subject,
        encounter=one("Encounter"),
        requester=doctor,
        authoredOn="2027-01-05",
    )
    yield made(
        "MedicationStatement",
        identifier=mark,
        status="active",
        medicationCodeableConcept=code,
        subject=subject,
        context=one("Encounter"),
        partOf=also("Procedure"),
    )
    yield made(
        "Immunization",
        identifier=mark,
        status="completed",
        vaccineCode=code,
        patient=subject,
        occurrenceDateTime="2027-01-05",
        reaction=[{"detail": one("Observation")}],
    )
    yield made(
        "Procedure",
        identifier=mark,
        status="completed",
        code=code,
        subject=subject,
        encounter=one("Encounter"),
        basedOn=also("ServiceRequest"),
        reasonReference=also("Condition"),
        performedDateTime="2027-01-05",
    )
    yield made(
        "DiagnosticReport",
        identifier=mark,
        status="final",
        code=code,
        subject=subject,
        result=also("Observation"),
        encounter=one("Encounter"),
    )
    active = {"coding": [{"system": ALLERGY_CLINICAL, "code": "active"}]}
    yield made(
        "AllergyIntolerance", identifier=mark, clinicalStatus=active, code=code, patient=subject, recorder=doctor
    )
    yield made(
        "EpisodeOfCare",
        identifier=mark,
        status="active",
        patient=subject,
        managingOrganization=ref("Organization", home),
        diagnosis=[{"condition": one("Condition")}],
        team=also("CareTeam"),
    )
    yield made(
        "CarePlan",
        identifier=mark,
        status="active",
        intent="plan",
        category=[code],
        subject=subject,
        encounter=one("Encounter"),
        careTeam=also("CareTeam"),
        addresses=also("Condition"),
        goal=also("Goal"),
        activity=[{"reference": item} for item in also("ServiceRequest")],
    )
    yield made(
        "Goal",
        identifier=mark,
        lifecycleStatus="active",
        description=code,
        subject=subject,
        addresses=also("Condition"),
        category=[code],
    )
    yield made(
        "ServiceRequest",
        identifier=mark,
        status="active",
        intent="order",
        code=code,
        subject=subject,
        requester=doctor,
        encounter=one("Encounter"),
        reasonReference=also("Condition"),
        supportingInfo=also("Observation"),
    )
    yield made(
        "Task",
        identifier=mark,
        status="requested",
        intent="order",
        code=code,
        **{"for": subject},
        focus=one("ServiceRequest"),
        basedOn=also("CarePlan"),
        authoredOn="2026-01-01",
        owner=ref("Organization", "physio" if who == MINE else home),
        encounter=one("Encounter"),
    )
    yield made(
        "Appointment",
        identifier=mark,
        status="booked",
        serviceType=[code],
        start="2027-02-01T09:00:00Z",
        end="2027-02-01T09:30:00Z",
        created="2026-01-01",
        participant=[
            {"actor": subject, "status": "accepted"},
            {"actor": ref("Location", "room"), "status": "accepted"},
        ],
        reasonReference=also("Condition"),
        basedOn=also("ServiceRequest"),
        extension=[
            {
                "url": systems.extension_url("organization"),
                "valueReference": ref("Organization", "hospital" if who == MINE else home),
            }
        ],
        comment=word,
    )
    yield made(
        "CareTeam",
        identifier=mark,
        status="active",
        name=word,
        subject=subject,
        encounter=one("Encounter"),
        participant=[
            {"member": doctor},
            {"member": ref("Organization", "prevention" if who == MINE else home)},
            *({"member": item} for item in also("RelatedPerson")),
        ],
    )
    yield made(
        "QuestionnaireResponse",
        identifier=mark[0],
        status="completed",
        subject=subject,
        encounter=one("Encounter"),
        author=subject,
        basedOn=also("CarePlan"),
        item=[{"linkId": "1", "answer": [{"valueString": word}]}],
    )
    yield made(
        "Communication",
        identifier=mark,
        status="completed",
        category=[code],
        subject=subject,
        about=also("Observation"),
        encounter=one("Encounter"),
        recipient=[doctor, *also("RelatedPerson")],
        payload=[{"contentString": word}],
    )
    yield made("Consent", identifier=mark, status="active", **_consent(code), patient=subject)
    yield made(
        "DocumentReference",
        identifier=mark,
        status="current",
        type=code,
        subject=subject,
        description=word,
        content=[{"attachment": {"contentType": "text/plain", "url": f"Binary/{rid_of('Binary', who)}"}}],
        context={"encounter": also("Encounter"), "related": also("Observation")},
    )
    yield made("Binary", contentType="text/plain", data="aGVtbWVsaWc=", securityContext=subject)
    yield made(
        "Provenance",
        target=[subject, ref("Condition", rid_of("Condition", who))],
        recorded="2027-01-05T10:00:00Z",
        agent=[{"who": doctor}],
        activity=code,
        entity=[{"role": "source", "what": one("Observation")}],
    )
    yield made(
        "Flag", identifier=mark, status="active", code=code, subject=subject, encounter=one("Encounter"), author=doctor
    )
    yield made(
        "RiskAssessment",
        identifier=mark,
        status="final",
        code=code,
        subject=subject,
        encounter=one("Encounter"),
        basis=also("Observation"),
        condition=one("Condition"),
    )
    yield made("List", identifier=mark, status="current", mode="working", code=code, subject=subject)


def _consent(code: Json) -> Json:
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {"scope": {"coding": [scope]}, "category": [code], "policyRule": code}


def moved(who: str, word: str, rid: str) -> Json:
    """A diagnosis that was entered on one patient and belongs to another."""
    return {
        "resourceType": "Condition",
        "id": rid,
        "code": {"text": word, "coding": [{"system": "urn:test", "code": word}]},
        "subject": ref("Patient", who),
        "recordedDate": "2027-01-07",
    }


def put(system: Caller, resources: list[Json]) -> None:
    """Store them all, under the ids they have."""
    entries = [
        {"request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}, "resource": one}
        for one in resources
    ]
    told = system.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert told.status_code == 200, told.content[:2000]


def build() -> Caller:
    """Both records; returns the system that made them."""
    system = Caller(Role.SYSTEM)
    put(system, list(directory()))
    put(system, [*record(THEIRS, SECRET, THERE), *record(MINE, "kendt", HERE, other=THEIRS)])
    over = {"resourceType": "Task", "id": "task-over", "status": "completed", "intent": "order"}
    over |= {"for": ref("Patient", THEIRS), "authoredOn": "2019-01-01", "lastModified": "2020-01-01"}
    put(
        system,
        [
            over | {"owner": ref("Organization", "physio"), "description": SECRET},
            moved(THEIRS, SECRET, "came"),
            moved(MINE, "kendt", "went"),
            moved(THEIRS, SECRET, "gone"),
        ],
    )
    put(system, [moved(MINE, "kendt", "came"), moved(THEIRS, SECRET, "went")])
    assert system.send("DELETE", "/Condition/gone").status_code == 204
    return system


def change_theirs(system: Caller) -> None:
    """Everything about the second patient becomes something else, or nothing at all."""
    word = f"{SECRET}2"
    fresh = list(record(THEIRS, word, THERE))
    put(
        system,
        [item | {"birthDate": "1970-03-03"} if item["resourceType"] == "Patient" else item for item in fresh[::2]],
    )
    gone = [{"request": {"method": "DELETE", "url": f"{item['resourceType']}/{item['id']}"}} for item in fresh[1::2]]
    gone.append({"request": {"method": "DELETE", "url": "Condition/went"}})
    told = system.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": gone})
    assert told.status_code == 200, told.content[:2000]
    put(system, [moved(THEIRS, word, "new"), moved(THEIRS, word, "gone")])
