"""One version read: a resource as it is now or as it was, in the actor's scope, given as stored without reading its JSON."""

from __future__ import annotations

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.policy import decide
from tovholder.base.errors import Category, Problem, not_found
from tovholder.fhir.references import patient_of
from tovholder.store import scope, shown, withholding
from tovholder.store.compartment import about
from tovholder.store.reading import note, require_type, sees
from tovholder.store.rows import Stored
from tovholder.store.trail import note_refusal as note_refusal

_SELECT = "SELECT v.version, v.updated, v.method, v.body, r.patient_id, r.version FROM store_resource AS r"
_NOW = f"{_SELECT} JOIN store_version AS v ON v.seq = r.seq WHERE r.type = %s AND r.rid = %s AND "
_THEN = f"{_SELECT} JOIN store_version AS v ON v.key = r.key AND v.version = %s WHERE r.type = %s AND r.rid = %s AND "


def read(ctx: Context, kind: str, rid: str, *, version: int | None = None) -> Stored:
    """A resource as it is now, or one version of it. Raises Problem(NOT_FOUND or GONE); not yours is not found."""
    require_type(kind)
    allowed = decide(ctx, "read", kind)
    term, values = scope.predicate(allowed, ctx, kind, few=True)
    if version is None:
        found = database.rows(_NOW + term, [kind, rid, *values])
    else:
        if allowed.by_content:
            still, more = scope.of_old_versions(allowed, ctx, kind)
            term, values = f"{term} AND {still}", [*values, *more]
        found = database.rows(_THEN + term, [version, kind, rid, *values])
    if not found:
        note_refusal(ctx, kind, rid)
        raise not_found(kind)
    ((number, updated, method, body, patient, current),) = found
    stored = Stored(None, kind, rid, number, updated, body=bytes(body))
    seen = set(about(stored, patient))
    if number != current and stored.body:
        # A version from before the resource was moved to another patient is about the first one.
        first = patient_of(stored.resource)
        moved = first is not None and first != patient
        if (moved and not sees(ctx, str(first))) or withholding.Versions(ctx).hold(stored):
            note_refusal(ctx, kind, rid)
            raise not_found(kind)
        if moved:
            seen.add(str(first))
    note(audit.Entry(ctx, "read", frozenset(seen), f"{kind}/{rid}"))
    if method == "delete":
        raise Problem(Category.GONE, f"{kind} was deleted", kept="its versions")
    return shown.to(ctx, stored)
