"""The names we write into resources: identifier systems, code systems, our own extensions (docs/reference, standards.md §8)."""

from __future__ import annotations

BASE = "http://tovholder.dk/fhir"

# Identifiers
CPR = "urn:oid:1.2.208.176.1.2"
SOR = "urn:oid:1.2.208.176.1.1"
YDERNUMMER = "urn:oid:1.2.208.176.1.4"
CVR = "http://cvr.dk"

# Public code systems
ICPC2 = "urn:oid:1.2.208.176.2.31"
ICPC2_HL7 = "http://hl7.org/fhir/sid/icpc-2"
SKS_DIAGNOSIS = "urn:oid:1.2.208.176.2.4.12"
SKS = "urn:oid:1.2.208.176.2.4"
MCS = "urn:oid:1.2.208.184.100.8"
NPU = "urn:oid:1.2.208.176.2.1"
NPU_DK_CORE = "http://npu-terminology.org"
UCUM = "http://unitsofmeasure.org"
ATC = "http://www.whocc.no/atc"
LOINC = "http://loinc.org"
REGION = "urn:iso:std:iso:3166:-2"
MUNICIPALITY = "http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes"
CONDITION_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
GOAL_ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

# Our code systems
PACKAGE_SYSTEM = f"{BASE}/CodeSystem/package"
LEVEL_SYSTEM = f"{BASE}/CodeSystem/tovholder-level"
OBSERVATION_SYSTEM = f"{BASE}/CodeSystem/observation"
ACTIVITY_SYSTEM = f"{BASE}/CodeSystem/activity"
KIND_SYSTEM = f"{BASE}/CodeSystem/appointment-kind"
RECEIVER_SYSTEM = f"{BASE}/CodeSystem/receiver-kind"
TASK_SYSTEM = f"{BASE}/CodeSystem/task"
REASON_SYSTEM = f"{BASE}/CodeSystem/reason"
OUTCOME_SYSTEM = f"{BASE}/CodeSystem/attempt-outcome"
RULE_SYSTEM = f"{BASE}/CodeSystem/rule"
REFERRAL_FIELD_SYSTEM = f"{BASE}/CodeSystem/referral-field"
SERVICE_SYSTEM = f"{BASE}/CodeSystem/referral"
COMMUNICATION_CATEGORY_SYSTEM = f"{BASE}/CodeSystem/communication-category"
INVITATION_STANDING_SYSTEM = f"{BASE}/CodeSystem/invitation-standing"
CHANNEL_SYSTEM = f"{BASE}/CodeSystem/channel"
ORGANIZATION_KIND_SYSTEM = f"{BASE}/CodeSystem/organization-kind"
SUNDHEDSRAAD_SYSTEM = f"{BASE}/CodeSystem/sundhedsraad"

# Identifier we give what we make (business identity across systems)
PLAN_IDENTIFIER = f"{BASE}/NamingSystem/plan"
REFERRAL_IDENTIFIER = f"{BASE}/NamingSystem/referral"
STAY_MESSAGE_EXTENSION = f"{BASE}/StructureDefinition/told-at"  # when the hospital told of a stay last
VISIT_IDENTIFIER = f"{BASE}/NamingSystem/visit"  # what a receiver's own system calls a visit: organisation/number


def extension_url(name: str) -> str:
    """Canonical of one of our extensions."""
    return f"{BASE}/StructureDefinition/{name}"


EPISODE_OF_CARE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
MUNICIPALITY_EXTENSION = "http://hl7.dk/fhir/core/StructureDefinition/dk-core-municipalityCodes"
