"""What a Consent about privacy means: a block, access opened by the patient, a power of attorney, or one taken back.

One shape is understood (our profile tovholder-consent): one provision, whose actors, period, period of data, kinds of
data and areas are looked at. What says more than that is refused when a person writes it, for nobody may believe that
something is kept from others which is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tovholder.access import Role, audit_acts
from tovholder.access.blocks import ALWAYS, EVERYBODY, FRAME, OTHERS, Block
from tovholder.access.domain import Context
from tovholder.access.relations import RelationRow
from tovholder.access.representation import AREAS, Given
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import data_kinds, search_tables
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.references import parse_reference, patient_of
from tovholder.fhir.search_values import date_range
from tovholder.fhir.systems import BASE
from tovholder.store.ports import Change, Guard, Resource

PROFILE = f"{BASE}/StructureDefinition/tovholder-consent"
CATEGORY_SYSTEM = f"{BASE}/CodeSystem/consent-category"
AREA_SYSTEM = f"{BASE}/CodeSystem/representation-area"
PRIVACY = "patient-privacy"
SCOPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/consentscope"
TYPE_SYSTEM = "http://hl7.org/fhir/resource-types"
_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_ROLE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_UNDERSTOOD = frozenset({"id", "type", "period", "actor", "action", "dataPeriod", "class"})
# What a document or a report says may stand in a file of its own, which tells nothing of what it belongs to.
_FILE = "Binary"
_HOLDS_FILES = frozenset({"DocumentReference", "DiagnosticReport", "Media"})
_ACTORS = {"deny": ("Practitioner", "Organization", "RelatedPerson"), "permit": ("Organization", "RelatedPerson")}


@dataclass(frozen=True, slots=True)
class Told:
    """What one Consent gives, as rows."""

    blocks: tuple[Block, ...] = ()
    opened: tuple[RelationRow, ...] = ()
    given: tuple[Given, ...] = ()


NOTHING = Told()


def about_privacy(consent: Mapping[str, Any]) -> bool:
    """Whether it is for us to do what the Consent says."""
    return any(
        item.get("system") == SCOPE_SYSTEM and item.get("code") == PRIVACY
        for item in (consent.get("scope") or {}).get("coding") or ()
    )


def is_leave(consent: Mapping[str, Any]) -> bool:
    """Whether it withdraws sharing as a whole: from everybody beside the clinics, whoever they are."""
    return any(
        item.get("system") == CATEGORY_SYSTEM and item.get("code") == "leave"
        for concept in consent.get("category") or ()
        for item in concept.get("coding") or ()
    )


def told(consent: Mapping[str, Any]) -> Told:
    """The rows a Consent gives; none while it is not active, or says what is not understood."""
    patient = patient_of(dict(consent))
    if patient is None or consent.get("status") != "active" or not about_privacy(consent) or faults(consent):
        return NOTHING
    provision: dict[str, Any] = consent["provision"]
    source = f"Consent/{consent['id']}"
    start, end = _span(provision.get("period"))
    since, until = start or 0, ALWAYS if end is None else end
    if provision["type"] == "permit":
        opened: list[RelationRow] = []
        given: list[Given] = []
        for kind, identity in _actors(provision):
            if kind == "Organization":
                first = days.day_of_millis(since)
                last = None if end is None else days.day_of_millis(end - 1)
                opened.append(RelationRow(patient, identity, "own-act", source, first, last))
            else:
                given.append(Given(identity, patient, _areas(provision), False, source, since, until))
        return Told(opened=tuple(opened), given=tuple(given))
    data_from, data_until = _span(provision.get("dataPeriod"))
    blocks: list[Block] = []
    taken: list[Given] = []
    for kind, identity in _actors(provision) or [("", OTHERS if is_leave(consent) else EVERYBODY)]:
        if kind == "RelatedPerson":
            taken.append(Given(identity, patient, (), True, source, since, until))
            continue
        actor = f"{kind}/{identity}" if kind else identity
        for name, data_kind in _types(provision):
            blocks.append(Block(patient, actor, source, since, until, data_from, data_until, name, data_kind))
    return Told(blocks=tuple(blocks), given=tuple(taken))


def _actors(provision: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for actor in provision.get("actor") or ():
        ref = parse_reference((actor.get("reference") or {}).get("reference", ""))
        if ref is not None:
            found.append((ref.type, ref.id))
    return found


def _areas(provision: Mapping[str, Any]) -> tuple[str, ...]:
    codes = [coding.get("code") for action in provision.get("action") or () for coding in action.get("coding") or ()]
    return tuple(area for area in AREAS if area in codes)


def _types(provision: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The resource types a provision is about, each whole or those of one kind; one empty pair for everything."""
    found: list[tuple[str, str]] = []
    for coding in provision.get("class") or ():
        code = str(coding.get("code"))
        if coding.get("system") == TYPE_SYSTEM:
            found.append((code, ""))
            continue
        kind = data_kinds.kinds()[code]
        found += [*((name, "") for name in kind.types), *((name, kind.id) for name in kind.coded)]
    if not _HOLDS_FILES.isdisjoint(name for name, kind in found if not kind):
        found.append((_FILE, ""))
    return list(dict.fromkeys(found)) or [("", "")]


def _span(period: Mapping[str, Any] | None) -> tuple[int | None, int | None]:
    """A Period in epoch milliseconds, half open; None where it is open."""
    start = date_range((period or {}).get("start", ""))
    end = date_range((period or {}).get("end", ""))
    return start[0] if start else None, end[1] if end else None


def faults(consent: Mapping[str, Any]) -> list[Issue]:
    """What of a Consent about privacy is not understood; nothing for one that is."""
    provision = consent.get("provision")
    if not isinstance(provision, dict):
        return [_fault("provision", "nothing says what it allows or refuses", "one provision")]
    found: list[Issue] = []
    for name in sorted(set(provision) - _UNDERSTOOD):
        found.append(_fault(f"provision.{name}", "not understood here, so it would not be obeyed", "without it"))
    for name in ("modifierExtension", "implicitRules"):
        if name in consent:
            found.append(_fault(name, "not understood here", "without it"))
    if "modifierExtension" not in provision and _turned_round(provision):
        found.append(_fault("provision", "a modifier extension below it is not understood here", "without it"))
    kind = provision.get("type")
    if kind not in _ACTORS:
        return [*found, _fault("provision.type", "says neither", "deny or permit")]
    actors = provision.get("actor") or []
    if kind == "permit" and not actors:
        found.append(_fault("provision.actor", "nobody is let in", "an Organization or a RelatedPerson"))
    types: set[str] = set()
    for number, actor in enumerate(actors):
        ref = parse_reference((actor.get("reference") or {}).get("reference", ""))
        if ref is None or ref.base or ref.type not in _ACTORS[kind]:
            expected = f"a reference to one of: {', '.join(_ACTORS[kind])}"
            found.append(_fault(f"provision.actor[{number}].reference", "not an actor of this record", expected))
        else:
            types.add(ref.type)
    narrowed = "dataPeriod" in provision or "class" in provision
    if narrowed and (kind == "permit" or "RelatedPerson" in types):
        where = "provision.dataPeriod" if "dataPeriod" in provision else "provision.class"
        found.append(_fault(where, "only what is kept from professionals can be narrowed", "without it"))
    for number, coding in enumerate(provision.get("class") or ()):
        known = (
            coding.get("code") in data_kinds.kinds()
            if coding.get("system") == data_kinds.SYSTEM
            else coding.get("system") == TYPE_SYSTEM and coding.get("code") in _keepable()
        )
        if not known:
            kinds = ", ".join(data_kinds.kinds())
            expected = (
                f"{data_kinds.SYSTEM} with one of: {kinds}; or a resource type about patients, not {', '.join(FRAME)}"
            )
            found.append(_fault(f"provision.class[{number}]", "not a kind of data known here", expected))
    found += _area_faults(provision, kind, types)
    for name in ("period", "dataPeriod"):
        told_period = provision.get(name) or {}
        since, until = _span(told_period)
        empty = (since is None and until is None) or (since is not None and until is not None and since >= until)
        if name in provision and empty:
            found.append(_fault(f"provision.{name}", "covers no time", "a start before its end"))
    return found


def _turned_round(value: Any) -> bool:
    """Whether something in it says that it means something else (R4 §2.4.1)."""
    if isinstance(value, dict):
        return "modifierExtension" in value or any(_turned_round(child) for child in value.values())
    return isinstance(value, list) and any(_turned_round(child) for child in value)


@cache
def _keepable() -> frozenset[str]:
    """The types a block can be of: those about patients, but for what no block of some of the data keeps back."""
    return (frozenset(search_tables.patient_compartment()) | {_FILE}) & resource_types() - set(FRAME)


def _area_faults(provision: Mapping[str, Any], kind: str, types: set[str]) -> list[Issue]:
    actions = provision.get("action") or []
    codings = [coding for action in actions for coding in action.get("coding") or ()]
    areas = [item for item in codings if item.get("system") == AREA_SYSTEM and item.get("code") in AREAS]
    expected = f"{AREA_SYSTEM} with one of: {', '.join(AREAS)}"
    if kind == "permit" and "RelatedPerson" in types:
        if not areas or len(areas) != len(codings):
            return [_fault("provision.action", "a power of attorney says what it is for", expected)]
        if types != {"RelatedPerson"}:
            return [_fault("provision.actor", "a power of attorney is for relatives alone", "one Consent for each")]
    elif actions:
        return [_fault("provision.action", "areas are for a power of attorney", "without it")]
    return []


def _fault(where: str, message: str, expected: str) -> Issue:
    return Issue(f"Consent.{where}", message, expected, "business-rule")


def guard(change: Change, uow: object) -> None:
    """A person's Consent about privacy says what is understood, and stays about the same patient; what it changes is
    noted in the audit trail.
    """
    new, old, ctx = change.new, change.old, change.ctx
    if ctx.role is not Role.SYSTEM:
        _require_understood(new, old)
    if ctx.role is Role.REPRESENTATIVE and new is not None:
        _require_block(ctx, new, old)
    before, after = told(old) if old is not None else NOTHING, told(new) if new is not None else NOTHING
    stored = new or old or {}
    patient, source = patient_of(stored), f"Consent/{stored.get('id')}"
    if patient is None or before == after:
        return
    if after.blocks:
        audit_acts.block_set(ctx, patient, source)
    elif before.blocks:
        audit_acts.block_ended(ctx, patient, source)
    else:
        audit_acts.consent_changed(ctx, patient, source)


def _require_understood(new: Resource | None, old: Resource | None) -> None:
    if new is None:
        return
    if not about_privacy(new):
        raise _refused([_fault("scope", "nothing else is agreed on here", f"{SCOPE_SYSTEM}|{PRIVACY}")])
    if new.get("status") == "active":
        found = faults(new)
        if found:
            raise _refused(found)
    if old is not None and patient_of(old) != patient_of(new):
        raise _refused([_fault("patient", "a stored Consent stays the patient's", "the patient as it was")])


def _require_block(ctx: Context, new: Resource, old: Resource | None) -> None:
    """Who stands for a patient keeps data from professionals in their own name, and ends what they kept back so."""
    if old is not None:
        if new.get("status") != "inactive" or _said(new) != _said(old):
            raise _refused([_fault("status", "what was kept back can be ended, and nothing else of it", "inactive")])
        return
    provision = new.get("provision") or {}
    if provision.get("type") != "deny" or is_leave(new):
        raise _refused([_fault("provision.type", "letting somebody in is the patient's own act", "deny")])
    if any(kind == "RelatedPerson" for kind, _identity in _actors(provision)):
        raise _refused([_fault("provision.actor", "who stands for the patient is the patient's own to say", "others")])
    if [item.get("reference") for item in new.get("performer") or ()] != [ctx.actor]:
        raise _refused([_fault("performer", "it is said in one's own name", "the one who stands for the patient")])


def _said(consent: Resource) -> Resource:
    return {name: value for name, value in consent.items() if name not in ("status", "meta")}


def _refused(issues: list[Issue]) -> Problem:
    return Problem(Category.RULE, "This Consent cannot be obeyed as it stands", issues, kept="what held before")


def block_resource(
    ctx: Context,
    patient: str,
    *,
    actor: str,
    display: str = "",
    kind: str = "",
    data_from: str = "",
    data_until: str = "",
    until: str = "",
) -> dict[str, Any]:
    """A Consent that keeps data from an actor (``Practitioner/<id>``, ``Organization/<id>``; empty: everybody).

    kind: one of ``data_kinds``; empty for all. data_from, data_until: FHIR dates of what happened then. until: the last
    day the block holds.
    """
    provision: dict[str, Any] = {"type": "deny"}
    if until:
        provision["period"] = {"end": until}
    if actor:
        provision["actor"] = [_actor(actor, display)]
    if kind:
        title = data_kinds.kinds()[kind].title("da")
        provision["class"] = [{"system": data_kinds.SYSTEM, "code": kind, "display": title}]
    if data_from or data_until:
        ends = {"start": data_from, "end": data_until}
        provision["dataPeriod"] = {name: value for name, value in ends.items() if value}
    return resource(ctx, patient, "block", "OPTOUT", provision)


def leave_resource(ctx: Context, patient: str) -> dict[str, Any]:
    """A Consent that withdraws sharing; by the clinic on the patient's word it is still the patient's."""
    made = resource(ctx, patient, "leave", "OPTOUT", {"type": "deny"})
    return made | {"performer": [{"reference": f"Patient/{patient}"}]}


def open_resource(ctx: Context, patient: str, *, organization: str, display: str, until: str) -> dict[str, Any]:
    """A Consent that lets an organisation see the patient until a day."""
    actor = _actor(f"Organization/{organization}", display)
    provision = {"type": "permit", "period": {"end": until}, "actor": [actor]}
    return resource(ctx, patient, "open", "OPTIN", provision)


def power_resource(
    ctx: Context, patient: str, *, related: str, display: str, areas: Sequence[str], until: str = ""
) -> dict[str, Any]:
    """A Consent that lets a relative (``RelatedPerson``) act for the patient in some areas, until a day or for good."""
    provision: dict[str, Any] = {"type": "permit"}
    if until:
        provision["period"] = {"end": until}
    provision["actor"] = [_actor(f"RelatedPerson/{related}", display)]
    provision["action"] = [{"coding": [{"system": AREA_SYSTEM, "code": area}]} for area in AREAS if area in areas]
    return resource(ctx, patient, "power-of-attorney", "OPTIN", provision)


def _actor(reference: str, display: str) -> dict[str, Any]:
    told = {"reference": reference, **({"display": display} if display else {})}
    return {"role": {"coding": [{"system": _ROLE, "code": "IRCP"}]}, "reference": told}


def resource(ctx: Context, patient: str, category: str, rule: str, provision: dict[str, Any]) -> dict[str, Any]:
    """A Consent of our profile, given now by the patient."""
    return {
        "resourceType": "Consent",
        "meta": {"profile": [PROFILE]},
        "status": "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": PRIVACY}]},
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": category}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": days.instant_text(ctx.now),
        "performer": [{"reference": ctx.actor}],
        "policyRule": {"coding": [{"system": _ACT, "code": rule}]},
        "provision": provision,
    }


GUARDS: dict[str, list[Guard]] = {"Consent": [guard]}
