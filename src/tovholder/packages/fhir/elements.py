"""What each element of R4's PlanDefinition and ActivityDefinition means when one is applied: used, without effect, or refused.

Nothing is ignored in silence: an element that would change the plan and that we do not act on is refused with its path and
what is supported. The tables below name every element there is (a test walks R4's definitions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tovholder.base.errors import Issue
from tovholder.fhir import definitions
from tovholder.packages.fhir import naming
from tovholder.packages.questionnaires import TRANSLATION


class Use(StrEnum):
    """What an element does to the plan."""

    USED = "used"
    COPIED = "copied"  # into the resource that is made, whole
    NONE = "without effect"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """What an element does. ``told``: to what it is mapped, or what is supported instead."""

    use: Use
    told: str


def _rows(use: Use, told: str, *paths: str) -> dict[str, Row]:
    return {f"{path}": Row(use, told) for path in paths}


def _each(base: str, use: Use, told: str, names: str) -> dict[str, Row]:
    return _rows(use, told, *(f"{base}.{name}" for name in names.split()))


_ABOUT = "identifies and describes the definition; $apply does not act on it"
_UNKNOWN = "only extensions that are known here"
_MODIFIER = "no modifier extensions"
_HEAD = "id meta text identifier name subtitle experimental date publisher contact description useContext jurisdiction purpose"
_HEAD += (
    " usage copyright approvalDate lastReviewDate effectivePeriod topic author editor reviewer endorser relatedArtifact"
)


def _head(kind: str) -> dict[str, Row]:
    return {
        **_each(kind, Use.NONE, _ABOUT, _HEAD),
        **_each(kind, Use.USED, "extensions of ours, translations, and those that only describe", "extension"),
        **_each(kind, Use.REFUSED, _MODIFIER, "modifierExtension"),
        **_each(kind, Use.REFUSED, "no implicit rules", "implicitRules"),
        **_each(kind, Use.NONE, "words are taken as they stand, and in English from their translation", "language"),
        **_each(kind, Use.USED, "draft or active", "status"),
    }


def _group(path: str) -> dict[str, Row]:
    return {
        **_each(path, Use.USED, _UNKNOWN, "extension"),
        **_each(path, Use.REFUSED, _MODIFIER, "modifierExtension"),
    }


_GOAL, _ACTION = "PlanDefinition.goal", "PlanDefinition.action"
_PLAN: dict[str, Row] = {
    **_head("PlanDefinition"),
    **_each("PlanDefinition", Use.USED, "CarePlan.instantiatesCanonical", "url version"),
    **_each("PlanDefinition", Use.USED, "CarePlan.title", "title"),
    **_each("PlanDefinition", Use.USED, "clinical-protocol or workflow-definition", "type"),
    **_each("PlanDefinition", Use.USED, "a patient: the code Patient, or the Group of one of our packages", "subject"),
    **_each("PlanDefinition", Use.USED, "ActivityDefinitions named by #id", "contained"),
    **_each("PlanDefinition", Use.USED, "one, of a package of ours: what %inputs, %grade and %level are", "library"),
    **_each("PlanDefinition", Use.USED, "contained Goals, proposed", "goal"),
    **_each("PlanDefinition", Use.USED, "contained ServiceRequests, one for each due day", "action"),
    **_group(_GOAL),
    **_each(_GOAL, Use.USED, "what an action's goalId names", "id"),
    **_each(_GOAL, Use.COPIED, "the Goal's", "category description priority"),
    **_each(_GOAL, Use.USED, "the Goal's", "target"),
    **_each(_GOAL, Use.COPIED, "Goal.startCodeableConcept", "start"),
    **_each(_GOAL, Use.NONE, "describes the goal; $apply does not act on it", "addresses documentation"),
    **_each(_GOAL + ".target", Use.COPIED, "Goal.target", "measure detail due"),
    **_each(_GOAL + ".target", Use.NONE, "names the element only", "id"),
    **_group(_GOAL + ".target"),
    **_group(_ACTION),
    **_each(_ACTION, Use.USED, "the activity's name", "id"),
    **_each(_ACTION, Use.USED, "ServiceRequest.code.text", "title"),
    **_each(_ACTION, Use.COPIED, "ServiceRequest.priority", "priority"),
    **_each(_ACTION, Use.COPIED, "ServiceRequest.reasonCode", "reason"),
    **_each(_ACTION, Use.USED, "the goals the ServiceRequest pertains to", "goalId"),
    **_each(_ACTION, Use.USED, "a patient: the code Patient", "subject"),
    **_each(_ACTION, Use.USED, "FHIRPath that must be true (kind applicability)", "condition"),
    **_each(_ACTION, Use.USED, "a Duration after the start, or a Timing that repeats every so many months", "timing"),
    **_each(_ACTION, Use.USED, "at most one, practitioner or patient: ServiceRequest.performerType", "participant"),
    **_each(_ACTION, Use.USED, "create", "type"),
    **_each(_ACTION, Use.USED, "all, or at-most-one among the timings of one ActivityDefinition", "selectionBehavior"),
    **_each(_ACTION, Use.USED, "must", "requiredBehavior"),
    **_each(_ACTION, Use.USED, "yes", "precheckBehavior"),
    **_each(_ACTION, Use.USED, "single", "cardinalityBehavior"),
    **_each(_ACTION, Use.USED, "definitionCanonical: an ActivityDefinition here, or contained", "definition"),
    **_each(_ACTION, Use.USED, "actions inside, whose conditions hold besides this one's", "action"),
    **_each(_ACTION, Use.NONE, "only for reading and showing", "prefix description textEquivalent code documentation"),
    **_each(_ACTION, Use.NONE, "only for showing", "groupingBehavior"),
    **_each(
        _ACTION, Use.NONE, "says which data are asked for; expressions are given all the patient's", "input output"
    ),
    **_each(_ACTION, Use.REFUSED, "$apply is what starts a plan: no triggers", "trigger"),
    **_each(_ACTION, Use.REFUSED, "timing counted from the plan's start or the diagnosis", "relatedAction"),
    **_each(_ACTION, Use.REFUSED, "values in the ActivityDefinition itself", "transform dynamicValue"),
    **_group(_ACTION + ".condition"),
    **_each(_ACTION + ".condition", Use.USED, "applicability", "kind"),
    **_each(_ACTION + ".condition", Use.USED, "text/fhirpath", "expression"),
    **_each(_ACTION + ".condition", Use.NONE, "names the element only", "id"),
    **_group(_ACTION + ".participant"),
    **_each(_ACTION + ".participant", Use.USED, "practitioner or patient", "type"),
    **_each(_ACTION + ".participant", Use.COPIED, "ServiceRequest.performerType", "role"),
    **_each(_ACTION + ".participant", Use.NONE, "names the element only", "id"),
    **_each(_ACTION + ".relatedAction", Use.REFUSED, "no related actions", "actionId relationship offset id"),
    **_each(_ACTION + ".relatedAction", Use.REFUSED, "no related actions", "extension modifierExtension"),
    **_each(
        _ACTION + ".dynamicValue", Use.REFUSED, "no dynamic values", "id path expression extension modifierExtension"
    ),
}
_ACTIVITY: dict[str, Row] = {
    **_head("ActivityDefinition"),
    **_each("ActivityDefinition", Use.NONE, "named from the action", "url version"),
    **_each(
        "ActivityDefinition",
        Use.USED,
        "ServiceRequest.code.text where neither the action nor the code is told in words",
        "title",
    ),
    **_each("ActivityDefinition", Use.NONE, "nothing in it is asked for", "contained"),
    **_each("ActivityDefinition", Use.USED, "a patient: the code Patient", "subject"),
    **_each("ActivityDefinition", Use.REFUSED, "no logic of its own", "library transform"),
    **_each("ActivityDefinition", Use.USED, "ServiceRequest", "kind"),
    **_each("ActivityDefinition", Use.REFUSED, "no profile: the request is held to R4", "profile"),
    **_each("ActivityDefinition", Use.COPIED, "ServiceRequest.code", "code"),
    **_each("ActivityDefinition", Use.USED, "proposal or plan: nobody is asked before a person decides", "intent"),
    **_each("ActivityDefinition", Use.COPIED, "ServiceRequest", "priority doNotPerform bodySite"),
    **_each("ActivityDefinition", Use.USED, "as an action's, where the action has none", "timing"),
    **_each("ActivityDefinition", Use.COPIED, "ServiceRequest.locationReference", "location"),
    **_each(
        "ActivityDefinition",
        Use.USED,
        "at most one, practitioner or patient: ServiceRequest.performerType",
        "participant",
    ),
    **_each("ActivityDefinition", Use.COPIED, "ServiceRequest.quantityQuantity", "quantity"),
    **_each("ActivityDefinition", Use.REFUSED, "services are asked for, no products or doses", "product dosage"),
    **_each(
        "ActivityDefinition", Use.REFUSED, "a ServiceRequest with a code", "specimenRequirement observationRequirement"
    ),
    **_each("ActivityDefinition", Use.REFUSED, "a ServiceRequest with a code", "observationResultRequirement"),
    **_each("ActivityDefinition", Use.REFUSED, "no values that are worked out", "dynamicValue"),
    **_group("ActivityDefinition.participant"),
    **_each("ActivityDefinition.participant", Use.USED, "practitioner or patient", "type"),
    **_each("ActivityDefinition.participant", Use.COPIED, "ServiceRequest.performerType", "role"),
    **_each("ActivityDefinition.participant", Use.NONE, "names the element only", "id"),
    **_each("ActivityDefinition.dynamicValue", Use.REFUSED, "no dynamic values", "id path expression"),
    **_each("ActivityDefinition.dynamicValue", Use.REFUSED, "no dynamic values", "extension modifierExtension"),
}
# Of datatypes: those whose parts decide something. Others are copied whole, or have no effect whole.
_TYPES: dict[str, Row] = {
    **_each("Expression", Use.USED, "text/fhirpath", "language"),
    **_each("Expression", Use.USED, "the expression itself", "expression"),
    **_each("Expression", Use.REFUSED, "the expression itself, not where it stands", "reference"),
    **_each("Expression", Use.NONE, "describes or names it", "id description name"),
    **_each("Expression", Use.USED, _UNKNOWN, "extension"),
    **_each("Timing", Use.USED, _UNKNOWN, "extension"),
    **_each("Timing", Use.REFUSED, _MODIFIER, "modifierExtension"),
    **_each("Timing", Use.REFUSED, "repeat, in months", "event code"),
    **_each("Timing", Use.USED, "a repetition", "repeat"),
    **_each("Timing", Use.NONE, "names the element only", "id"),
    **_each("Timing.repeat", Use.USED, "a Duration in months: the plan's horizon", "bounds"),
    **_each("Timing.repeat", Use.USED, "1", "frequency"),
    **_each("Timing.repeat", Use.USED, "a whole number", "period"),
    **_each("Timing.repeat", Use.USED, "mo or a", "periodUnit"),
    **_each("Timing.repeat", Use.USED, _UNKNOWN, "extension"),
    **_each("Timing.repeat", Use.NONE, "names the element only", "id"),
    **_each(
        "Timing.repeat", Use.REFUSED, "frequency, period and bounds", "count countMax duration durationMax durationUnit"
    ),
    **_each("Timing.repeat", Use.REFUSED, "frequency, period and bounds", "frequencyMax periodMax dayOfWeek timeOfDay"),
    **_each("Timing.repeat", Use.REFUSED, "frequency, period and bounds", "when offset"),
    **_each("Duration", Use.USED, "a whole number from 0", "value"),
    **_each("Duration", Use.USED, "days, weeks, months or years by UCUM code", "system code"),
    **_each("Duration", Use.NONE, "only for showing", "unit id"),
    **_each("Duration", Use.USED, _UNKNOWN, "extension"),
    **_each("Duration", Use.REFUSED, "an exact duration", "comparator"),
}
TABLE: Mapping[str, Row] = {**_PLAN, **_ACTIVITY, **_TYPES}
# Of a choice, the types that are refused, each with what is supported.
CHOICES: Mapping[str, str] = {
    "PlanDefinition.action.timingDateTime": "a Duration after the start, or a repeating Timing",
    "PlanDefinition.action.timingAge": "a Duration after the start, or a repeating Timing",
    "PlanDefinition.action.timingPeriod": "a Duration after the start, or a repeating Timing",
    "PlanDefinition.action.timingRange": "a Duration after the start, or a repeating Timing",
    "ActivityDefinition.timingDateTime": "a Duration after the start, or a repeating Timing",
    "ActivityDefinition.timingAge": "a Duration after the start, or a repeating Timing",
    "ActivityDefinition.timingPeriod": "a Duration after the start, or a repeating Timing",
    "ActivityDefinition.timingRange": "a Duration after the start, or a repeating Timing",
    "PlanDefinition.action.definitionUri": "definitionCanonical: an ActivityDefinition here, or contained",
    "PlanDefinition.action.subjectReference": "the code Patient",
    "ActivityDefinition.subjectReference": "the code Patient",
    "Timing.repeat.boundsRange": "a Duration in months",
    "Timing.repeat.boundsPeriod": "a Duration in months",
}

# Extensions that only describe what they stand on.
_DESCRIBING = (
    "http://hl7.org/fhir/StructureDefinition/artifact-",
    "http://hl7.org/fhir/StructureDefinition/cqf-knowledge",
    "http://hl7.org/fhir/StructureDefinition/resource-",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-",
    "http://hl7.org/fhir/StructureDefinition/rendering-",
    "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-knowledge",
    "http://hl7.org/fhir/uv/crmi/StructureDefinition/",
)
# Those we act on, each where it means something.
EXTENSIONS: Mapping[str, frozenset[str]] = {
    "PlanDefinition": frozenset({naming.APPROVER, naming.HORIZON, naming.REVIEW}),
    _GOAL: frozenset({naming.GOAL_WHEN}),
    _GOAL + ".target": frozenset({naming.TARGET_INPUT}),
    _ACTION: frozenset(
        {
            naming.WINDOW,
            naming.ANCHOR,
            naming.ANCHOR_INPUT,
            naming.REFERRAL,
            naming.SHARED,
            naming.TEST,
            naming.DAYS_OF_CYCLE,
            naming.SEASON,
        }
    ),
    "Timing": frozenset({naming.FIRST}),
}


def _is_known(address: object, known: frozenset[str]) -> bool:
    return isinstance(address, str) and (address in known or address.startswith(_DESCRIBING))


def unsupported(resource: Mapping[str, Any]) -> list[Issue]:
    """Every element of a valid PlanDefinition or ActivityDefinition that would have to be ignored, with its path."""
    kind = str(resource.get("resourceType"))
    return list(_walk(resource, kind, kind))


def _walk(held: Mapping[str, Any], type_path: str, place: str) -> Iterator[Issue]:
    for name, value in held.items():
        if name == "resourceType":
            continue
        if name.startswith("_"):
            yield from _primitive(value, f"{place}.{name[1:]}", _use(type_path, name[1:]))
            continue
        element = definitions.find(type_path, name)
        if element is None:  # the validator has told it
            continue
        row = TABLE[f"{type_path}.{element.name}"]
        refused = CHOICES.get(f"{type_path}.{name}")
        here = f"{place}.{name}"
        if row.use is Use.REFUSED or refused is not None:
            yield _issue(here, refused or row.told)
        elif name == "extension":
            yield from _extensions(value, place, EXTENSIONS.get(type_path, frozenset()))
        elif row.use is Use.USED:
            child = definitions.child_path(type_path, name)
            many = value if isinstance(value, list) else [value]
            for index, item in enumerate(many):
                at = f"{here}[{index}]" if isinstance(value, list) else here
                if isinstance(item, dict) and child in _HELD:
                    yield from _walk(item, child, at)
                else:
                    yield from _modifiers(item, at)
        else:
            yield from _modifiers(value, here)


# Types and groups whose elements stand in the table.
_HELD = frozenset(path.rpartition(".")[0] for path in TABLE)


def _use(type_path: str, name: str) -> Use:
    element = definitions.find(type_path, name)
    row = TABLE.get(f"{type_path}.{element.name}") if element is not None else None
    return row.use if row is not None else Use.NONE


def _primitive(value: Any, place: str, use: Use) -> Iterator[Issue]:
    """An extension on a simple value could say that the value is worked out, or absent for a reason."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and use is not Use.NONE:
            yield from _extensions(item.get("extension"), place, frozenset({TRANSLATION}))


def _extensions(value: Any, place: str, known: frozenset[str]) -> Iterator[Issue]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict) and not _is_known(item.get("url"), known):
            yield _issue(f"{place}.extension[{index}]", _UNKNOWN)


def _modifiers(value: Any, place: str) -> Iterator[Issue]:
    """Modifier extensions anywhere below: they may change what is around them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _modifiers(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "modifierExtension":
                yield _issue(f"{place}.{name}", _MODIFIER)
            else:
                yield from _modifiers(item, f"{place}.{name}")


def _issue(place: str, expected: str) -> Issue:
    return Issue(place, "this is not supported when a definition is applied", expected, "not-supported")
