"""Reference search: id, Type/id, an absolute address, a canonical; :Type, :identifier (R4 §3.1.1.4.12)."""

from __future__ import annotations

from tovholder.fhir.definitions import resource_types
from tovholder.fhir.references import parse_reference
from tovholder.fhir.search_values import bounded
from tovholder.store.params import token
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.terms import OfPatient, Rows, Sql, Term, among, conjunction, either

PATIENT = "Patient"


def term(asked: Asked) -> Term:
    """Resources that point at one of the targets.

    A reference to a version is one to the resource: the index holds what is pointed at, not which version of it. A
    canonical matches with its version, and without one whatever the version (R4 §3.1.1.4.12).
    """
    if asked.modifier == "identifier":
        return token.rows(asked, ":identifier")
    if asked.modifier and asked.modifier not in resource_types():
        asked.without("identifier", "<type>")
    targets = [target(asked, plain(value)) for value in asked.values]
    if not asked.parameter.is_patient:
        return _rows(asked, targets)
    about = [rid for kind, rid in targets if kind == PATIENT]
    others = [(kind, rid) for kind, rid in targets if kind != PATIENT]
    found: list[Term] = []
    if about:
        rows = None if asked.parameter.patient_alone else _rows(asked, [(PATIENT, rid) for rid in about])
        found.append(OfPatient(asked.kind, tuple(dict.fromkeys(about)), rows))
    if others:
        found.append(_rows(asked, others))
    return either(found)


def target(asked: Asked, text: str) -> tuple[str | None, str]:
    """Type (None: any; empty: elsewhere) and id of a value. Raises Problem(INVALID)."""
    if asked.base and text.startswith(f"{asked.base}/"):
        text = text[len(asked.base) + 1 :]
    reference = parse_reference(text)
    if reference is not None and not reference.base:
        if reference.type not in resource_types():
            asked.refuse("a reference to what is no R4 resource type", "an id, Type/id or an address")
        if asked.modifier and asked.modifier != reference.type:
            asked.refuse("the modifier names another type than the value", "one type")
        return reference.type, reference.id
    if ":" in text:
        return "", bounded(text)
    if not text or "/" in text:
        asked.refuse("not a reference", "an id, Type/id or an address")
    if asked.modifier:
        return asked.modifier, text
    return (asked.parameter.target[0] if len(asked.parameter.target) == 1 else None), text


def _rows(asked: Asked, targets: list[tuple[str | None, str]]) -> Rows:
    by_type: dict[str | None, list[str]] = {}
    for kind, rid in targets:
        by_type.setdefault(kind, []).append(rid)
    only = asked.parameter.only
    own = (
        [conjunction([among("t.rid", by_type[only]), Sql("t.type = %s", (only,))])] if only and only in by_type else []
    )
    others = [
        conjunction([among("t.rid", rids), Sql("t.type = %s", (kind,)) if kind is not None else Sql("")])
        for kind, rids in by_type.items()
        if not (only and kind == only)
    ]
    named = asked.rows("store_reference", own, typed=True)
    return Rows("store_reference", named.where + asked.rows("store_reference", others).where, exact=True)
