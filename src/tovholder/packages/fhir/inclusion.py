"""Whom a package is for, as a GP system can use it: value sets of its diagnoses, and a Group that says who.

What a GP system has is a diagnosis list and a birthday: it can look codes up and compare an age, and runs neither CQL nor
FHIRPath. So each code system has a ValueSet of its own, and the Group says "one of these, this old, on our list" in
characteristics. What asks for more (documented for twelve weeks) is in the Library as written, and told in words here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tovholder.fhir import systems
from tovholder.packages.common import CodeValue, Text
from tovholder.packages.fhir import naming
from tovholder.packages.fhir.naming import Json
from tovholder.packages.model import InclusionCode, Package

# How a system's name is told in a url, and in words. One we have no name for is called by its last part.
_NAMES: dict[str, tuple[str, str]] = {
    systems.ICPC2: ("icpc-2", "ICPC-2-DK"),
    systems.ICPC2_HL7: ("icpc-2-hl7", "ICPC-2 (HL7)"),
    systems.SKS_DIAGNOSIS: ("sks-diagnose", "SKS-diagnoser"),
    systems.SKS: ("sks", "SKS"),
}
DIAGNOSIS = CodeValue(system=systems.LOINC, code="29308-4", display="Diagnosis")
AGE = CodeValue(system=systems.LOINC, code="30525-0", display="Age")


def value_sets(package: Package, *, in_force: bool = True) -> list[Json]:
    """The codes that may include, one value set for each code system, so that a system takes the one it knows."""
    by_system: dict[str, list[InclusionCode]] = {}
    for held in package.inclusion.codes:
        for system in held.systems:
            by_system.setdefault(system, []).append(held)
    return [_value_set(package, system, codes, in_force) for system, codes in by_system.items()]


def _value_set(package: Package, system: str, codes: list[InclusionCode], in_force: bool) -> Json:
    part, words = _NAMES.get(
        system, (naming.computer_name(system.rsplit("/", 1)[-1].rsplit(":", 1)[-1]).lower(), system)
    )
    title = Text(
        da=f"Diagnoser, der kan give {package.titles.da} ({words})", en=f"Diagnoses for {package.titles.en} ({words})"
    )
    made = naming.head(package, "ValueSet", f"{package.id}-inclusion-{part}", title, in_force=in_force)
    made["immutable"] = False
    exact = [{"code": held.code} for held in codes if not held.children]
    include: list[Json] = [{"system": system, "concept": exact}] if exact else []
    # "Also codes that begin with this one": one filter each, as the filters of one include must all hold.
    include += [
        {"system": system, "filter": [{"property": "code", "op": "regex", "value": f"{held.code}.*"}]}
        for held in codes
        if held.children
    ]
    made["compose"] = {"include": include}
    return made


def group(package: Package) -> Json:
    """Who may be proposed. A proposal: a person confirms; unknown is never taken as fulfilled."""
    held = package.inclusion
    name, version = package.id, package.version
    canonicals = [f"{item['url']}|{item['version']}" for item in value_sets(package)]
    made: Json = {
        "resourceType": "Group",
        "id": naming.resource_id(name, version),
        "language": "da",
        "identifier": [{"system": naming.GROUP_IDENTIFIER, "value": f"{name}|{version}"}],
        "active": True,
        "type": "person",
        "actual": False,
        "code": naming.concept(package.titles, [package.episode_label]),
    }
    naming.put_text(made, "name", package.titles)
    codes = [CodeValue(system=system, code=code.code) for code in held.codes for system in code.systems]
    diagnosis = {
        "code": {"coding": [naming.coding(DIAGNOSIS)]},
        "valueCodeableConcept": naming.concept(held.reasons.diagnosis, codes),
        "exclude": False,
    }
    diagnosis["extension"] = [naming.extension(naming.VALUE_SET, valueCanonical=canonical) for canonical in canonicals]
    oldest = {"value": held.age_min, "unit": "a", "system": systems.UCUM, "code": "a"}
    age = {"code": {"coding": [naming.coding(AGE)]}, "valueRange": {"low": oldest}, "exclude": False}
    made["characteristic"] = [diagnosis, age, *_more(package)]
    return made


def _more(package: Package) -> Iterator[Json]:
    """What else is asked, in words: true must hold, an exclusion must not."""
    held = package.inclusion
    if held.own_doctor:
        yield {"code": naming.concept(held.reasons.own_doctor), "valueBoolean": True, "exclude": False}
    for need in held.requires:
        yield {"code": naming.concept(need.reason), "valueBoolean": True, "exclude": False}
    for block in held.blocks:
        yield {"code": naming.concept(block.reason), "valueBoolean": True, "exclude": True}


def data_requirements(package: Package) -> list[Json]:
    """What of a record the package reads: its diagnoses by value set, and each measurement by code."""
    made: list[Json] = [{"type": "Patient"}]
    for item in value_sets(package):
        canonical = f"{item['url']}|{item['version']}"
        made.append({"type": "Condition", "codeFilter": [{"path": "code", "valueSet": canonical}]})
    for asked in package.level.inputs:
        for source in asked.sources:
            if source.kind in ("measurement", "measurement-code"):
                codes = [{"system": system, "code": source.code} for system in source.systems]
                made.append({"type": "Observation", "codeFilter": [{"path": "code", "code": codes}]})
    for form in package.forms.values():
        # A filter on a reference has no place in R4: the form is among what the library depends on.
        if any(source.form == form.id for asked in package.level.inputs for source in asked.sources):
            made.append({"type": "QuestionnaireResponse"})
            break
    if any(source.kind == "contacts" for asked in package.level.inputs for source in asked.sources):
        made.append({"type": "Encounter"})
    return made
