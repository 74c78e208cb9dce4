"""Whose facts a SELECT may read: each table by the decision on the type its rows are made from, all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.crypto import salted_hmac

from tovholder import database
from tovholder.access import Context
from tovholder.access.domain import Condition, Grant, Scope
from tovholder.access.policy import decide
from tovholder.base.errors import forbidden
from tovholder.fhir import views
from tovholder.rules import compile
from tovholder.store import schema, scope

# Derived for a course, and as much its own as its rows.
_OF_COURSES = "EpisodeOfCare"
_OWN = frozenset({Condition.SELF, Condition.REPRESENTED})
_CLINIC = frozenset({Condition.OWN_LIST, Condition.CARE_TEAM})
# Organisations and months are nobody's; every other id is somebody's, or of something about somebody.
_OPEN_IDS = frozenset({"organization_id", "receiver_id", "period_id"})
_PERSONS = frozenset({"confirmed_by", "assigned_to", "handled_by"})
# Texts that people wrote may say who somebody is.
_WORDS = frozenset({"override_reason", "no_goal_reason"})
_BORN = frozenset({"birth_day"})


@dataclass(frozen=True, slots=True)
class FactScope:
    """What a rule is compiled for, and what it binds. nameless: ids in its rows are pseudonyms."""

    rule: compile.Scope
    bound: dict[str, str] = field(default_factory=dict)
    nameless: bool = False


def of(ctx: Context, tables: Iterable[str], patient: str | None) -> FactScope | None:
    """The scope of a query over these facts; None when the patient asked for is not the actor's.

    Where several tables are decided on apart, what holds for all of them counts. Raises Problem(FORBIDDEN).
    """
    kinds = sorted({_made_of(name) for name in tables} - {""}) or [_OF_COURSES]
    decided = {kind: decide(ctx, "facts", kind) for kind in kinds}
    refused = [kind for kind, allowed in decided.items() if allowed.nothing]
    if refused:
        if patient is None and not any(decide(ctx, "pseudonyms", kind).nothing for kind in kinds):
            return _under_pseudonyms(ctx)
        raise forbidden(refused[0], f"the role {ctx.role} may not read facts of {refused[0]}", "another role")
    by_content = [kind for kind, allowed in decided.items() if allowed.by_content]
    if by_content:
        raise forbidden(by_content[0], "facts are given whole, or not at all", "every resource of the type")
    whole = _together(decided.values())
    if patient is not None:
        return (
            FactScope(compile.Patient(), {"scope_patient": patient})
            if scope.reaches(whole, ctx, "Patient", patient)
            else None
        )
    if whole.everything and not ctx.is_foreign:
        return FactScope(compile.All())
    if whole.patient is not None or whole.conditions <= _OWN:
        mine = whole.patient or ctx.patient or ""
        return FactScope(
            compile.Patient(), {"scope_patient": mine if scope.reaches(whole, ctx, "Patient", mine) else ""}
        )
    if whole.conditions >= _CLINIC and len(ctx.units) < 2:
        return FactScope(compile.Clinic(), {"scope_organization": ctx.organization or ""})
    term, values = scope.predicate(whole, ctx, "Patient", row=None, patient="r.rid")
    asked = f"SELECT r.rid FROM store_resource AS r WHERE r.type = 'Patient' AND {term}"
    database.fill_scope([rid for (rid,) in database.rows(asked, values)])
    return FactScope(compile.Patients())


def under_pseudonyms(ctx: Context) -> tuple[str, ...]:
    """The tables of facts the actor may read under pseudonyms: those of types the policy gives them so."""
    told = {name: _made_of(name) for name in schema.fact_tables()}
    given = sorted(name for name, kind in told.items() if kind and not decide(ctx, "pseudonyms", kind).nothing)
    return (*given, *sorted(name for name, kind in told.items() if not kind)) if given else ()


def _made_of(table: str) -> str:
    """The type a table's rows are made from; nothing for what is about nobody."""
    found = schema.fact_tables()[table]
    if isinstance(found, views.View):
        return found.resource if "patient_id" in schema.column_names(table) else ""
    return _OF_COURSES if "patient_id" in schema.column_names(table) else ""


def _together(decided: Iterable[Scope]) -> Scope:
    told = list(decided)
    narrow = [allowed for allowed in told if not allowed.everything]
    if not narrow:
        return told[0]
    patient = next((allowed.patient for allowed in narrow if allowed.patient is not None), None)
    conditions = frozenset.intersection(*(allowed.conditions for allowed in narrow))
    return Scope((Grant(conditions),), patient=patient)


def _under_pseudonyms(ctx: Context) -> FactScope:
    """Everybody's facts, nobody's name: one person's pseudonyms are no other's, so that sets cannot be laid together."""
    names = {name for table in schema.fact_tables() for name in schema.column_names(table)}
    ids = frozenset(name for name in names if name.endswith("_id")) - _OPEN_IDS | _PERSONS
    key = salted_hmac("tovholder.pseudonyms", ctx.person or ctx.actor, secret=settings.SECRET_KEY, algorithm="sha256")
    database.ready_for_pseudonyms()
    return FactScope(compile.Pseudonyms(ids, _WORDS, _BORN), {compile.SCOPE_KEY: key.hexdigest()}, nameless=True)
