"""PlanDefinition $apply and ActivityDefinition $apply: a plan or a request for one patient, as an answer only.

http://hl7.org/fhir/R4/plandefinition-operation-apply.html and http://hl7.org/fhir/R4/activitydefinition-operation-apply.html.
The definition is the address's, or given: as a resource, or by its canonical (url or url|version).
"""

from __future__ import annotations

from typing import Any

from tovholder import store
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, wrong
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import parse_reference
from tovholder.plan import applying
from tovholder.plan.applying import Wish

Resource = dict[str, Any]
_GIVEN = {"PlanDefinition": "planDefinition", "ActivityDefinition": "activityDefinition"}
# R4 has them to choose among variants of a definition; here there is one for everybody, and we say so.
_NO_EFFECT_HERE = ("userType", "userTaskContext", "setting", "settingContext")
_NAMES = ("subject", "encounter", "practitioner", "organization", "userLanguage")


def plan(call: Call) -> Resource:
    """[base]/PlanDefinition/$apply and [base]/PlanDefinition/[id]/$apply: a CarePlan."""
    return applying.apply_plan(call.ctx, _definition(call), _wish(call.params))


def activity(call: Call) -> Resource:
    """[base]/ActivityDefinition/$apply and [base]/ActivityDefinition/[id]/$apply: a ServiceRequest."""
    return applying.apply_activity(call.ctx, _definition(call), _wish(call.params))


def _definition(call: Call) -> Resource:
    """The definition to apply. Raises Problem: INVALID when none or two are given, NOT_FOUND for one not at hand."""
    name, params = _GIVEN[call.kind], call.params
    for unused in _NO_EFFECT_HERE:
        if params.all(unused):
            raise Problem(
                Category.UNSUPPORTED,
                "A definition has no variants here",
                [Issue(unused, "not supported", ", ".join((name, *_NAMES)), "not-supported")],
                kept="nothing was made or stored",
            )
    known = (*_NAMES, *(() if call.rid else (name, "canonical", "url")))
    Parameters(params.items).require_known(known)
    ways = [item for given in (name, "canonical", "url") for item in params.all(given)]
    if call.rid:
        if params.body is not None:
            raise wrong(name, "the address names the definition", "a Parameters resource with subject")
        return store.read(call.ctx, call.kind, call.rid).resource
    if len(ways) + (params.body is not None) != 1:
        raise wrong(name, "not exactly one definition", "one resource, or one canonical")
    if params.body is not None:
        return params.body
    if ways[0].resource is not None:
        return ways[0].resource
    found = applying.by_canonical(call.ctx, call.kind, params.text(ways[0].name) or "")
    if found is None:
        raise Problem(
            Category.NOT_FOUND,
            "The definition is not at hand",
            [Issue(ways[0].name, "none, or several versions", "the url of one here, with |version", "not-found")],
            kept="nothing was made or stored",
        )
    return found


def _wish(params: Parameters) -> Wish:
    subject = _reference(params, "subject", "Patient")
    if not subject:
        raise wrong("subject", "missing", "the patient, as Patient/[id]")
    return Wish(
        subject=subject,
        encounter=_reference(params, "encounter", "Encounter"),
        practitioner=_reference(params, "practitioner", "Practitioner"),
        organization=_reference(params, "organization", "Organization"),
        language=_language(params),
    )


def _reference(params: Parameters, name: str, kind: str) -> str:
    """The id a reference to one type names; empty when it was not given."""
    text = params.text(name)
    if text is None:
        return ""
    found = parse_reference(text)
    if found is None or found.type != kind or not found.id or found.base:
        raise wrong(name, "not such a reference", f"{kind}/[id]")
    return found.id


def _language(params: Parameters) -> str:
    """Danish unless English is asked for, by a code or a CodeableConcept."""
    found = params.one("userLanguage")
    if found is None:
        return "da"
    codes = [found.value]
    if isinstance(found.value, dict):
        listed = found.value.get("coding")
        codes = [item.get("code") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    for code in codes:
        if isinstance(code, str) and code.lower().split("-")[0] in ("da", "en"):
            return code.lower().split("-")[0]
    raise wrong("userLanguage", "not a language we have", "da or en")
