"""Reading the record: rows of facts in a scope, and noting in the audit trail what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.policy import decide
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.validate import resource_types
from tovholder.rules import check, compile, run
from tovholder.rules import schema as rule_schema
from tovholder.store import fact_scope, schema, scope, withholding
from tovholder.store.trail import note as note
from tovholder.store.trail import note_refusal


def facts(
    ctx: Context,
    sql: str,
    params: Mapping[str, int | str] | None = None,
    *,
    patient: str | None = None,
    name: str = "facts",
) -> list[dict[str, Any]]:
    """Rows of a SELECT in the rule subset over the facts the actor may see; ``:today`` is bound.

    patient: narrow to one patient (not yours gives no rows). Who may read facts under pseudonyms alone is given those.
    Raises Problem(INVALID) for a SELECT outside the subset, FORBIDDEN for facts that are not the actor's to read.
    """
    bound: dict[str, int | str] = {"today": ctx.today, **(params or {})}
    tables = tables_of(sql, params or {})
    allowed = fact_scope.of(ctx, tables, patient)
    if allowed is None:
        assert patient is not None
        note_refusal(ctx, "Patient", patient)
        return []
    bound |= allowed.bound
    kept = withholding.of_facts(ctx, tables, patient)
    if kept:
        database.fill_withheld(kept.named)
    checked, compiled = prepared(sql, params or {}, allowed.rule, withheld=bool(kept))
    with connection.cursor() as cursor:
        rows = run.run(compiled, cursor, bound)
    names = [column[0] for column in checked.columns]
    found = [dict(zip(names, row, strict=True)) for row in rows]
    named = () if allowed.nameless else (row.get("patient_id") for row in found)
    seen = {rid for rid in named if rid} | ({patient} if patient else set())
    note(audit.Entry(ctx, "search", frozenset(seen), name))
    return found


def sees(ctx: Context, patient: str) -> bool:
    """Whether the actor may read this patient at all."""
    return scope.reaches(decide(ctx, "read", "Patient"), ctx, "Patient", patient)


def scope_of(patients: Sequence[str]) -> tuple[compile.Scope, dict[str, int | str]]:
    """The scope of a rule about these patients, and what it binds. One is bound, more are named in ``scope_patient``."""
    if len(patients) == 1:
        return compile.Patient(), {compile.SCOPE_PATIENT: patients[0]}
    database.fill_scope(patients)
    return compile.Patients(), {}


def prepared(
    sql: str,
    parameters: Mapping[str, int | str],
    rule_scope: compile.Scope,
    engine: compile.Engine | None = None,
    *,
    withheld: bool = False,
) -> tuple[check.Checked, compile.Compiled]:
    """A SELECT of the subset with the parameters it may bind, checked and compiled once per process.

    engine: which is to run it; the database's own without it. withheld: rows are kept back (``database.fill_withheld``).
    """
    kinds = tuple(sorted((name, type(value)) for name, value in parameters.items()))
    return _prepared(sql, kinds, rule_scope, engine or database.vendor(), withheld)


@lru_cache(maxsize=512)
def _prepared(
    sql: str,
    parameters: tuple[tuple[str, type], ...],
    rule_scope: compile.Scope,
    engine: compile.Engine,
    withheld: bool,
) -> tuple[check.Checked, compile.Compiled]:
    declared: dict[str, int | str] = {name: kind() for name, kind in parameters}
    checked = check.parse(sql, fact_schema(), declared)
    return checked, compile.compile(checked, engine, rule_scope, withheld=withheld)


def tables_of(sql: str, parameters: Mapping[str, int | str]) -> frozenset[str]:
    """The facts a SELECT of the subset reads; what is bound does not change them, so the text alone is the key."""
    found = _tables.get(sql)
    if found is None:
        checked, _ = prepared(sql, parameters, compile.Patients())
        found = _tables[sql] = checked.tables
    return found


_tables: dict[str, frozenset[str]] = {}


@lru_cache(maxsize=1)
def fact_schema() -> rule_schema.Schema:
    """The facts as rules see them."""
    return rule_schema.schema_from_views(schema.FACTS_FOLDER)


def require_type(kind: str) -> None:
    """Raise Problem(NOT_FOUND) for something that is no R4 resource type."""
    if kind not in resource_types():
        raise Problem(
            Category.NOT_FOUND,
            "That is not a FHIR R4 resource type",
            [Issue("resourceType", "unknown resource type", "an R4 resource type such as Patient", "not-supported")],
        )
