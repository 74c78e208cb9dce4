"""Operations by name and level (R4 §3.2): the one table that routes, documents and declares them."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse

from tovholder.api import http
from tovholder.api.operations import (
    apply,
    everything,
    export,
    messages,
    opening,
    parameters,
    referrals,
    terminology,
    validate,
)
from tovholder.api.operations.call import Call, Operation
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.systems import BASE

Level = Literal["system", "type", "instance"]

_OWN = f"{BASE}/OperationDefinition/"
_R4 = "http://hl7.org/fhir/OperationDefinition/"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
# (level, type or "*", name): what is answered. A later feature adds its rows here and nowhere else.
OPERATIONS: dict[tuple[Level, str, str], Operation] = {
    ("instance", "Patient", "$everything"): Operation(
        everything.instance, _R4 + "Patient-everything", "Everything about one patient, and what it refers to."
    ),
    ("type", "Patient", "$everything"): Operation(
        everything.everybody, _R4 + "Patient-everything", "The same for every patient, for roles that may export."
    ),
    ("type", "Patient", "$open"): Operation(
        opening.open_patient,
        _OWN + "patient-open",
        "The patient with a CPR number, opened by what is stated to treat them and checked afterwards.",
        affects_state=True,
    ),
    ("type", "Patient", "$break-glass"): Operation(
        opening.break_glass_by_number,
        _OWN + "patient-break-glass",
        "Break-glass on the patient with a CPR number, where a block hides even that they are there.",
        affects_state=True,
    ),
    ("instance", "Patient", "$break-glass"): Operation(
        opening.break_glass,
        _OWN + "patient-break-glass",
        "Lift a patient's blocks for a while, with a reason; the patient and their clinic see it.",
        affects_state=True,
    ),
    ("instance", "Patient", "$end-break-glass"): Operation(
        opening.end_glass, _OWN + "patient-end-break-glass", "End it before its time.", affects_state=True
    ),
    ("instance", "Task", "$referral-draft"): Operation(
        referrals.draft,
        _OWN + "task-referral-draft",
        "The fields of a referral on, with where each comes from and its day.",
    ),
    ("instance", "Task", "$refer-on"): Operation(
        referrals.refer_on,
        _OWN + "task-refer-on",
        "Refer a patient one was referred on to the next receiver; the clinic sees it.",
        affects_state=True,
    ),
    ("instance", "Task", "$hand-back"): Operation(
        referrals.hand_back,
        _OWN + "task-hand-back",
        "End a referral and tell the clinic what it should know.",
        affects_state=True,
    ),
    ("system", "*", "$process-message"): Operation(
        messages.process,
        _R4 + "MessageHeader-process-message",
        "A MedCom HospitalNotification: a stay begins, pauses, ends or never was; its end plans the check-up after it.",
        affects_state=True,
    ),
    ("system", "*", "$export"): Operation(
        export.system, _BULK + "export", "Bulk Data export of the whole record, asynchronous."
    ),
    ("type", "Patient", "$export"): Operation(
        export.patients, _BULK + "patient-export", "Bulk Data export of what is about patients."
    ),
    ("instance", "Group", "$export"): Operation(
        export.group, _BULK + "group-export", "Bulk Data export of what is about a Group's members."
    ),
    ("type", "*", "$validate"): Operation(
        validate.check,
        _R4 + "Resource-validate",
        "What is wrong with a resource: R4, profiles, and mode by mode our rules.",
    ),
    ("instance", "*", "$validate"): Operation(
        validate.check, _R4 + "Resource-validate", "The same for what is stored, or for what would replace it."
    ),
    ("type", "ValueSet", "$expand"): Operation(
        terminology.expand_value_set, _R4 + "ValueSet-expand", "The codes of a value set, whole or refused."
    ),
    ("instance", "ValueSet", "$expand"): Operation(
        terminology.expand_value_set, _R4 + "ValueSet-expand", "The codes of a stored value set."
    ),
    ("type", "ValueSet", "$validate-code"): Operation(
        terminology.validate_in_value_set, _R4 + "ValueSet-validate-code", "Whether a code is in a value set."
    ),
    ("instance", "ValueSet", "$validate-code"): Operation(
        terminology.validate_in_value_set, _R4 + "ValueSet-validate-code", "Whether a code is in a stored value set."
    ),
    ("type", "CodeSystem", "$validate-code"): Operation(
        terminology.validate_in_code_system, _R4 + "CodeSystem-validate-code", "Whether a code is in a code system."
    ),
    ("instance", "CodeSystem", "$validate-code"): Operation(
        terminology.validate_in_code_system,
        _R4 + "CodeSystem-validate-code",
        "Whether a code is in a stored code system.",
    ),
    ("type", "CodeSystem", "$lookup"): Operation(
        terminology.lookup, _R4 + "CodeSystem-lookup", "What a code means, and what stands above and below it."
    ),
    ("type", "PlanDefinition", "$apply"): Operation(
        apply.plan,
        _R4 + "PlanDefinition-apply",
        "The plan a definition, sent or named by canonical, gives a patient today; nothing is stored.",
    ),
    ("instance", "PlanDefinition", "$apply"): Operation(
        apply.plan, _R4 + "PlanDefinition-apply", "The same of a stored definition: the packages', or others'."
    ),
    ("type", "ActivityDefinition", "$apply"): Operation(
        apply.activity,
        _R4 + "ActivityDefinition-apply",
        "The request an activity's definition, sent or named, asks for a patient; nothing is stored.",
    ),
    ("instance", "ActivityDefinition", "$apply"): Operation(
        apply.activity, _R4 + "ActivityDefinition-apply", "The same of a stored definition."
    ),
}


def run(request: HttpRequest, name: str, kind: str = "", rid: str = "") -> HttpResponse:
    """Answer an operation. Raises Problem: NOT_FOUND lists those there are at this level."""
    ctx = http.caller(request)
    level: Level = "instance" if rid else "type" if kind else "system"
    operation = OPERATIONS.get((level, kind or "*", name)) or OPERATIONS.get((level, "*", name))
    if operation is None:
        there = ", ".join(names(level, kind)) or "none"
        raise Problem(
            Category.NOT_FOUND,
            "There is no such operation here",
            [Issue("url", "unknown operation", f"one of: {there}", "not-supported")],
            kept="nothing was read or changed",
        )
    if operation.affects_state and request.method != "POST":
        return http.not_allowed(request, "POST")
    found = operation.handler(Call(request, ctx, name, kind, rid, parameters.of_request(request)))
    return found if isinstance(found, HttpResponse) else http.answer(found)


def names(level: Level, kind: str) -> list[str]:
    """The operations there are at a level of a type, sorted."""
    return sorted({name for at, of, name in OPERATIONS if at == level and of in ("*", kind or "*")})
