"""Patient $open and $break-glass: finding a patient one treats by number, and lifting blocks, over the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings

from tovholder.access import emergencies, limits, people
from tovholder.access.domain import Emergency
from tovholder.access.limits import address_of
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, wrong
from tovholder.base import days
from tovholder.base.errors import forbidden, not_found
from tovholder.fhir import systems
from tovholder.store import opening


def open_patient(call: Call) -> dict[str, Any]:
    """[base]/Patient/$open: the patient with an identifier, opened by what is stated to treat them."""
    call.params.require_known(("identifier", "reason", "text"))
    number, reason, text = _identifier(call.params), _code(call.params, "reason"), call.params.text("text") or ""
    where = address_of(call.request)
    return opening.open_patient(call.ctx, number, reason=reason, text=text, address=where).resource


def break_glass_by_number(call: Call) -> dict[str, Any]:
    """[base]/Patient/$break-glass: the same for one whose id nobody may know who is blocked. Whether there is such a
    patient is not told: a search by the number finds the one whose blocks were lifted.
    """
    call.params.require_known(("identifier", "reason", "text"))
    number, reason, text = _identifier(call.params), _code(call.params, "reason"), call.params.text("text") or ""
    if emergencies.may(call.ctx):
        _require_fresh(call)
    where = address_of(call.request)
    return _opened(replace(opening.break_glass(call.ctx, number, reason=reason, text=text, address=where), patient=""))


def break_glass(call: Call) -> dict[str, Any]:
    """[base]/Patient/[id]/$break-glass: lift the blocks on a patient for a while, with a reason."""
    call.params.require_known(("reason", "text"))
    reason, text = _code(call.params, "reason"), call.params.text("text") or ""
    if emergencies.may(call.ctx):
        _require_fresh(call)
    limits.attempt("open", call.ctx.now, account=call.ctx.person or call.ctx.actor, address=address_of(call.request))
    return _opened(emergencies.open_glass(call.ctx, call.rid, reason=reason, text=text))


def end_glass(call: Call) -> dict[str, Any]:
    """[base]/Patient/[id]/$end-break-glass: the blocks hold again from the next request on."""
    call.params.require_known(())
    if not emergencies.end(call.ctx, call.rid):
        raise not_found("The break-glass")
    return {"resourceType": "Parameters", "parameter": [{"name": "ended", "valueBoolean": True}]}


def _require_fresh(call: Call) -> None:
    """Blocks are lifted by whoever has just proved who they are: a token made minutes ago (TOVHOLDER_FRESH_MINUTES)."""
    token = call.request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[2].strip()
    made, minutes = people.token_made_at(token), settings.ENV.fresh_minutes
    if made is None or call.ctx.now - made > timedelta(minutes=minutes):
        raise forbidden(
            "Authorization",
            "who lifts blocks has just proved who they are",
            f"a token of the person's own, at most {minutes} minutes old; or the page for it",
        )


def _opened(found: Emergency) -> dict[str, Any]:
    about = {"name": "patient", "valueReference": {"reference": f"Patient/{found.patient}"}}
    until = {"name": "until", "valueInstant": days.instant_of(found.until)}
    return {"resourceType": "Parameters", "parameter": [about, until] if found.patient else [until]}


def _identifier(params: Parameters) -> str:
    found = params.one("identifier")
    value = found.value if found is not None else None
    if not isinstance(value, dict) or value.get("system") != systems.CPR or not isinstance(value.get("value"), str):
        raise wrong("identifier", "not a CPR number", f"a valueIdentifier with the system {systems.CPR}")
    return str(value["value"])


def _code(params: Parameters, name: str) -> str:
    """A code, as it is or as a Coding's."""
    found = params.one(name)
    if found is None:
        raise wrong(name, "not given", "a code")
    value = found.value.get("code") if isinstance(found.value, dict) else found.value
    return str(value or "")
