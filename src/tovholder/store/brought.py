"""What somebody else's system may change of what is kept from it: what it brought itself, and nothing else (ADR 0020)."""

from __future__ import annotations

from tovholder import database
from tovholder.access import Context, blocks
from tovholder.access.domain import Condition, under
from tovholder.store import scope
from tovholder.store.holding import State

_EVERYTHING = under(Condition.ANY)
# Of the trail, by the patient's own index: what is kept from a system is asked for seldom.
_WROTE = (
    "SELECT 1 FROM access_auditpatient AS p JOIN access_auditevent AS e ON e.id = p.event_id WHERE p.patient_id = %s"
    " AND e.actor = %s AND e.outcome = 'ok' AND e.action IN ('create', 'update', 'import')"
    " AND ' ' || e.detail || ' ' LIKE %s LIMIT 1"
)


def may_change(ctx: Context, state: State, kind: str, rid: str) -> bool:
    """Whether no block stands between the actor and what is stored under the id, or they wrote it there themselves.

    For systems of others; whom else a block keeps from something, the decision on the act keeps from it already.
    """
    if not ctx.is_foreign or not blocks.actors(ctx):
        return True
    current = state.current(kind, rid)
    patient = current.patient if current is not None else None
    if patient is None or patient in state.unblocked:
        return True
    if not blocks.of_patient(patient):
        state.unblocked.add(patient)
        return True
    return scope.reaches_stored(_EVERYTHING, ctx, kind, rid) or _wrote(ctx, state, kind, rid, patient)


def _wrote(ctx: Context, state: State, kind: str, rid: str, patient: str) -> bool:
    named = f"{kind}/{rid}"
    if any(other.actor == ctx.actor and named in told for (other, _), (told, _) in state.acts.items()):
        return True
    return bool(database.rows(_WROTE, [patient, ctx.actor, f"% {named} %"]))
