"""A package as the FHIR R4 resources other systems read: its plan, activities, forms and whom it is for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tovholder.base import days, json
from tovholder.fhir import systems
from tovholder.packages.common import CodeValue, Text
from tovholder.packages.fhir import expressions, inclusion, naming
from tovholder.packages.fhir.naming import Json, extension
from tovholder.packages.model import Activity, Goal, GoalTarget, Package, Timing

PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
LIBRARY_TYPE = "http://terminology.hl7.org/CodeSystem/library-type"
# The files whose rules no standard language holds; their words are the package's own.
LOGIC_FILES = ("inclusion.toml", "level.toml", "plan.toml", "package.toml")


def resources(package: Package, *, in_force: bool = True) -> list[Json]:
    """All that a package is as FHIR, each valid R4 with an id of its own; the same for the same package, always."""
    made = [plan_definition(package, in_force=in_force)]
    made += [activity_definition(package, held, in_force=in_force) for held in package.plan.activities]
    made += questionnaires(package)
    made += inclusion.value_sets(package, in_force=in_force)
    made.append(inclusion.group(package))
    made.append(library(package, in_force=in_force))
    return made


def bundle(held: Sequence[Json]) -> Json:
    """Resources as one collection Bundle."""
    entries = [{"fullUrl": f"{systems.BASE}/{item['resourceType']}/{item['id']}", "resource": item} for item in held]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


# -- The plan -------------------------------------------------------------------------------------------------------------


def plan_definition(package: Package, *, in_force: bool = True) -> Json:
    """The plan's template: goals to talk about, and activities with timing, level, grade and conditions."""
    made = naming.head(package, "PlanDefinition", package.id, package.plan.title, in_force=in_force)
    made["extension"] = [
        extension(naming.HORIZON, valueDuration=naming.duration(package.plan.horizon_months, "mo")),
        extension(naming.REVIEW, valueDuration=naming.duration(package.plan.review_months, "mo")),
        extension(naming.APPROVER, valueString=package.approver),
    ]
    made["type"] = {"coding": [{"system": PLAN_TYPE, "code": "clinical-protocol"}]}
    made["subjectReference"] = {
        "reference": f"Group/{naming.resource_id(package.id, package.version)}",
        "identifier": {"system": naming.GROUP_IDENTIFIER, "value": f"{package.id}|{package.version}"},
    }
    naming.put_text(made, "description", package.summary)
    made["effectivePeriod"] = {"start": days.iso(package.valid_from)}
    made["topic"] = [{"coding": [naming.coding(package.episode_label)]}]
    used = [package.plan.source, *(held.source for held in package.plan.goals)]
    used += [held.source for held in package.plan.activities]
    made["relatedArtifact"] = naming.artifacts(package.sources[name] for name in dict.fromkeys(used))
    made["library"] = [f"{naming.url('Library', package.id)}|{package.version}"]
    if package.plan.goals:
        made["goal"] = [goal(package, held) for held in package.plan.goals]
    made["action"] = [action(package, held) for held in package.plan.activities]
    return made


def goal(package: Package, held: Goal) -> Json:
    """A goal suggested for the talk."""
    made: Json = {"id": held.id}
    if held.when is not None:
        made["extension"] = [
            extension(naming.GOAL_WHEN, valueExpression=_expression(expressions.expression(held.when)))
        ]
    made["description"] = naming.concept(held.text, [held.code] if held.code else [])
    made["documentation"] = [naming.artifact(package.sources[held.source])]
    if held.target is not None:
        made["target"] = [_target(package, held.target)]
    return made


def _target(package: Package, target: GoalTarget) -> Json:
    asked = next(held for held in package.level.inputs if held.name == target.input)
    measured = next((held for held in asked.sources if held.code and held.systems), None)
    made: Json = {"extension": [extension(naming.TARGET_INPUT, valueCode=target.input)]}
    code = [CodeValue(system=measured.systems[0], code=measured.code)] if measured else []
    made["measure"] = naming.concept(asked.title, code)
    limits = {"low": target.at_least, "high": target.at_most}
    made["detailRange"] = {name: _quantity(value, asked.unit) for name, value in limits.items() if value is not None}
    return made


def _quantity(value: int | float, unit: str) -> Json:
    return {"value": value} | ({"unit": unit} if unit else {})


def action(package: Package, held: Activity) -> Json:
    """An activity: one action, or a group of which the one that fits the patient's level and grade is done."""
    made: Json = {"id": held.id, "extension": _activity_extensions(held)}
    naming.put_text(made, "title", held.title)
    made["documentation"] = [naming.artifact(package.sources[held.source])]
    asked = [] if held.when is None else [expressions.expression(held.when)]
    named = naming.activity_name(package.id, held.id)
    canonical = f"{naming.url('ActivityDefinition', named)}|{package.version}"
    if len(held.timing) == 1:
        row = held.timing[0]
        _conditions(made, [*asked, *expressions.fits(row)])
        _timing(made, row, package.plan.horizon_months)
        made["definitionCanonical"] = canonical
        return made
    _conditions(made, asked)
    made["groupingBehavior"] = "logical-group"
    made["selectionBehavior"] = "at-most-one"
    made["action"] = []
    for index, row in enumerate(held.timing):
        inner: Json = {"id": f"{held.id}-{index + 1}"}
        _conditions(inner, [*expressions.fits(row), *expressions.none_of(held.timing[:index])])
        _timing(inner, row, package.plan.horizon_months)
        inner["definitionCanonical"] = canonical
        made["action"].append(inner)
    return made


def _activity_extensions(held: Activity) -> list[Json]:
    window = [
        extension("before", valueDuration=naming.duration(held.window_before_days, "d")),
        extension("after", valueDuration=naming.duration(held.window_after_days, "d")),
    ]
    made = [{"url": naming.WINDOW, "extension": window}]
    if held.anchor != "confirmed":
        made.append(extension(naming.ANCHOR, valueCode=held.anchor))
    if held.anchor_input is not None:
        made.append(extension(naming.ANCHOR_INPUT, valueCode=held.anchor_input))
    if held.referral is not None:
        made.append(extension(naming.REFERRAL, valueCode=held.referral))
    if held.shared is not None:
        made.append(extension(naming.SHARED, valueCode=held.shared))
    made += [extension(naming.TEST, valueCoding=naming.coding(test)) for test in held.tests]
    return made


def _expression(text: str) -> Json:
    return {"language": expressions.LANGUAGE, "expression": text}


def _conditions(made: Json, texts: Iterable[str]) -> None:
    told = [{"kind": "applicability", "expression": _expression(text)} for text in texts]
    if told:
        made["condition"] = told


def _timing(made: Json, row: Timing, horizon: int) -> None:
    """Days of a cycle, one time after the anchor, or a repetition within the plan's horizon; in a season or all year."""
    if row.season is not None:
        parts = [extension("from", valueString=row.season.opens), extension("to", valueString=row.season.closes)]
        made["extension"] = [*made.get("extension", ()), {"url": naming.SEASON, "extension": parts}]
    if row.at_days:
        cycle = [extension("day", valueInteger=day + 1) for day in row.at_days]
        made["extension"] = [*made.get("extension", ()), {"url": naming.DAYS_OF_CYCLE, "extension": cycle}]
        return
    first = (
        naming.duration(row.after_days, "d")
        if row.after_days is not None
        else naming.duration(row.after_months or 0, "mo")
    )
    if not row.repeat_months:
        made["timingDuration"] = first
        return
    made["timingTiming"] = {
        "extension": [extension(naming.FIRST, valueDuration=first)],
        "repeat": {
            "boundsDuration": naming.duration(horizon, "mo"),
            "frequency": 1,
            "period": row.repeat_months,
            "periodUnit": "mo",
        },
    }


def activity_definition(package: Package, held: Activity, *, in_force: bool = True) -> Json:
    """What is asked for: a ServiceRequest of a kind, by whom."""
    name = naming.activity_name(package.id, held.id)
    made = naming.head(package, "ActivityDefinition", name, held.title, in_force=in_force)
    made["subjectCodeableConcept"] = {
        "coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient", "display": "Patient"}]
    }
    made["relatedArtifact"] = naming.artifacts([package.sources[held.source]])
    made["kind"] = "ServiceRequest"
    made["code"] = naming.concept(held.title, [CodeValue(system=systems.ACTIVITY_SYSTEM, code=held.kind)])
    made["intent"] = "plan"
    role = {"coding": [{"system": systems.RECEIVER_SYSTEM, "code": held.performer}]}
    made["participant"] = [{"type": "patient" if held.performer == "patient" else "practitioner", "role": role}]
    return made


# -- Forms, logic and codes ------------------------------------------------------------------------------------------------


def questionnaires(package: Package) -> list[Json]:
    """The forms, always in the words we may pass on: licensed ones stay in the installation that has the licence."""
    made = []
    for form in package.forms.values():
        neutral = json.loads((package.folder / "forms" / f"{form.id}.json").read_bytes())
        made.append({**neutral, "id": naming.resource_id(form.id, form.version)})
    return made


def library(package: Package, *, in_force: bool = True) -> Json:
    """What the conditions' %inputs, %grade and %level are: our own rules as written, and where they come from."""
    made = naming.head(package, "Library", package.id, package.titles, in_force=in_force)
    made["extension"] = [extension(naming.APPROVER, valueString=package.approver)]
    made["type"] = {"coding": [{"system": LIBRARY_TYPE, "code": "logic-library"}]}
    naming.put_text(made, "description", package.summary)
    made["effectivePeriod"] = {"start": days.iso(package.valid_from)}
    asked = [f"{item['url']}|{item['version']}" for item in inclusion.value_sets(package)]
    asked += [form.canonical for form in package.forms.values()]
    made["relatedArtifact"] = [
        *naming.artifacts(package.sources.values()),
        *({"type": "depends-on", "resource": canonical} for canonical in asked),
    ]
    made["parameter"] = [
        {"name": name, "use": "in", "min": 0, "max": "1", "documentation": words, "type": kind}
        for name, words, kind in _parameters(package)
    ]
    made["dataRequirement"] = inclusion.data_requirements(package)
    made["content"] = [
        {
            "contentType": "application/toml",
            "data": base64.b64encode((package.folder / name).read_bytes()).decode(),
            "title": name,
        }
        for name in LOGIC_FILES
    ]
    return made


def _parameters(package: Package) -> Iterator[tuple[str, str, str]]:
    for held in package.level.inputs:
        yield f"inputs.{held.name}", held.title.da, "decimal"
    if package.level.grade is not None:
        yield "grade", package.level.grade.title.da, "code"
    yield "level", "Tovholderniveau", "integer"


_SYSTEM_WORDS: dict[str, tuple[str, Text]] = {
    systems.ACTIVITY_SYSTEM: ("activity", Text(da="Aktiviteter i planer", en="Activities of plans")),
    systems.KIND_SYSTEM: ("appointment-kind", Text(da="Slags aftaler", en="Kinds of appointment")),
    systems.PACKAGE_SYSTEM: ("package", Text(da="Kronikerpakker", en="Chronic-care packages")),
}


def code_systems(packages: Sequence[Package]) -> list[Json]:
    """Our codes for packages, activities and appointments: those of these packages, so a fragment of what may come."""
    told: dict[str, dict[str, Text]] = {system: {} for system in _SYSTEM_WORDS}
    for package in packages:
        told[systems.PACKAGE_SYSTEM].setdefault(package.id, package.titles)
        for activity in package.plan.activities:
            told[systems.ACTIVITY_SYSTEM].setdefault(activity.kind, activity.title)
            told[systems.KIND_SYSTEM].setdefault(activity.kind, activity.title)
        for kind in package.appointment_kinds:
            told[systems.KIND_SYSTEM][kind.kind] = kind.title
    return [_code_system(system, codes) for system, codes in told.items()]


def _code_system(system: str, codes: dict[str, Text]) -> Json:
    name, title = _SYSTEM_WORDS[system]
    made: Json = {
        "resourceType": "CodeSystem",
        "id": f"{naming.OUR_ID}{name}",
        "language": "da",
        "url": system,
        "version": hashlib.sha256(repr(sorted((k, v.da, v.en) for k, v in codes.items())).encode()).hexdigest()[:12],
        "name": naming.computer_name("Tovholder", name),
    }
    naming.put_text(made, "title", title)
    concepts: list[dict[str, Any]] = []
    for code in sorted(codes):
        words = codes[code]
        concepts.append({"code": code, "display": words.da, "designation": [{"language": "en", "value": words.en}]})
    return made | {
        "status": "active",
        "experimental": False,
        "publisher": "Tovholder",
        "jurisdiction": [naming.JURISDICTION],
        "caseSensitive": True,
        "content": "fragment",
        "concept": concepts,
    }
