"""Task $referral-draft, $refer-on and $hand-back: what a receiver does with a patient it was referred, over the API."""

from __future__ import annotations

from typing import Any

from tovholder import store
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, wrong
from tovholder.base import days
from tovholder.fhir.references import parse_reference
from tovholder.plan import resources
from tovholder.referral import actions
from tovholder.referral.prefill import Answered


def draft(call: Call) -> dict[str, Any]:
    """[base]/Task/[id]/$referral-draft: the fields of a referral on, as the caller's own sight and what it was told fill them."""
    call.params.require_known(("kind", "receiver-kind"))
    made = actions.onward(
        call.ctx,
        patient_id=_patient(call),
        referral_id=call.rid,
        kind=_required(call.params, "kind"),
        receiver_kind=call.params.text("receiver-kind") or "",
    )
    head = [
        {"name": "table", "valueString": made.table.version},
        {"name": "receiver-kind", "valueCode": made.receiver_kind},
    ]
    return {"resourceType": "Parameters", "parameter": [*head, *(_field(one) for one in made.answers)]}


def refer_on(call: Call) -> dict[str, Any]:
    """[base]/Task/[id]/$refer-on: a referral of the patient's to the next receiver; the clinic sees it."""
    call.params.require_known(("kind", "receiver", "receiver-kind", "field", "confirmed", "text", "key"))
    receiver = parse_reference(_required(call.params, "receiver"))
    if receiver is None or receiver.type != "Organization" or receiver.base:
        raise wrong("receiver", "not a receiver of this server's", "Organization/<id>")
    made = actions.refer_on(
        call.ctx,
        patient_id=_patient(call),
        referral_id=call.rid,
        kind=_required(call.params, "kind"),
        receiver_id=receiver.id,
        receiver_kind=_required(call.params, "receiver-kind"),
        fields=_fields(call.params),
        confirmed=frozenset(call.params.texts("confirmed")),
        text=call.params.text("text") or "",
        key=call.params.text("key") or "",
    )
    # The next receiver's own task: the caller is shown what it asked for, and may not be able to read it later.
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "referral", "valueReference": {"reference": f"Task/{made.id}"}},
            {"name": "request", "valueReference": {"reference": f"ServiceRequest/{made.request_id}"}},
            {"name": "sent", "valueDate": days.iso(made.sent_day)},
        ],
    }


def hand_back(call: Call) -> dict[str, Any]:
    """[base]/Task/[id]/$hand-back: over, or stopped for a reason, with what the clinic should know."""
    call.params.require_known(("answer", "reason"))
    actions.hand_back(
        call.ctx,
        patient_id=_patient(call),
        referral_id=call.rid,
        answer=_required(call.params, "answer"),
        reason=call.params.text("reason") or "",
    )
    return store.read(call.ctx, "Task", call.rid).resource


def _patient(call: Call) -> str:
    return resources.read_referral(store.read(call.ctx, "Task", call.rid).resource).patient_id


def _required(params: Parameters, name: str) -> str:
    found = params.text(name)
    if not found or not found.strip():
        raise wrong(name, "missing", "a value")
    return found.strip()


def _fields(params: Parameters) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in params.all("field"):
        parts = {part.name: part.value for part in item.parts}
        if set(parts) - {"id", "value"} or not all(isinstance(parts.get(name), str) for name in ("id", "value")):
            raise wrong("field", "a field has an id and a value", "parts id and value, both text")
        found[parts["id"]] = parts["value"]
    return found


def _field(one: Answered) -> dict[str, Any]:
    field = one.asked.field
    parts: list[dict[str, Any]] = [
        {"name": "id", "valueCode": field.id},
        {"name": "title", "valueString": field.title.da},
        {"name": "required", "valueBoolean": field.required},
        {"name": "state", "valueCode": str(one.state)},
    ]
    if one.value:
        parts.append({"name": "value", "valueString": one.value})
    if one.day is not None:
        parts.append({"name": "day", "valueDate": days.iso(one.day)})
    parts += [{"name": "source", "valueReference": {"reference": source}} for source in one.sources]
    return {"name": "field", "part": parts}
