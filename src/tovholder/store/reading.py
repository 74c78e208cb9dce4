"""Reading the record: one resource, a search page, rows of facts; always in a scope, always noted in the audit trail."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.domain import Condition
from tovholder.access.policy import decide
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number
from tovholder.fhir.references import patient_of
from tovholder.fhir.validate import resource_types
from tovholder.rules import check, compile, run
from tovholder.rules import schema as rule_schema
from tovholder.store import params as search_params
from tovholder.store import schema, scope
from tovholder.store.rows import Stored
from tovholder.store.trail import note as note


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: its matches, how many there are in all (None: not counted), where the next begins."""

    entries: tuple[Stored, ...]
    total: int | None
    cursor: str | None


def search_page(ctx: Context, kind: str, params: Sequence[tuple[str, str]]) -> Page:
    """One page of matches. Raises Problem(INVALID) that lists the parameters there are."""
    require_type(kind)
    control, filters = search_params.split(kind, params)
    clauses, values = _where(ctx, kind, filters)
    total = None
    with connection.cursor() as cursor:
        if control.total:
            cursor.execute(f"SELECT COUNT(*) FROM store_resource AS r WHERE {' AND '.join(clauses)}", values)
            total = cursor.fetchone()[0]
    if control.count == 0:
        return Page((), total, None)
    after = _decode(control.cursor)
    if control.newest_first:
        order = "r.updated DESC, r.key DESC"
        if after:
            clauses.append("(r.updated, r.key) < (%s, %s)")
            values += after
    else:
        order = "r.key"
        if after:
            clauses.append("r.key > %s")
            values.append(after[1])
    found = list(_rows(kind, clauses, values, order, control.count + 1))
    more = len(found) > control.count
    entries = tuple(stored for _, stored in found[: control.count])
    cursor_text = _encode(entries[-1].updated, found[control.count - 1][0]) if more else None
    if not more and total is None and not after:
        total = len(entries)
    patients = frozenset(p for p in (patient_of(entry.resource) for entry in entries) if p)
    note(audit.Entry(ctx, "search", patients, kind))
    return Page(entries, total, cursor_text)


def search_all(ctx: Context, kind: str, params: Sequence[tuple[str, str]], *, limit: int = 5000) -> list[Stored]:
    """Every match, noted as one search; for pages that show a patient's whole (bounded) history."""
    entries = matches(ctx, kind, params, limit=limit)
    patients = frozenset(p for p in (patient_of(entry.resource) for entry in entries) if p)
    note(audit.Entry(ctx, "search", patients, kind))
    return entries


def matches(ctx: Context, kind: str, params: Sequence[tuple[str, str]], *, limit: int | None) -> list[Stored]:
    """Matches in the actor's scope, not noted: for guards and derivations inside a unit of work."""
    _, filters = search_params.split(kind, params)
    clauses, values = _where(ctx, kind, filters)
    return [stored for _, stored in _rows(kind, clauses, values, "r.key", limit)]


def facts(
    ctx: Context,
    sql: str,
    params: Mapping[str, int | str] | None = None,
    *,
    patient: str | None = None,
    name: str = "facts",
) -> list[dict[str, Any]]:
    """Rows of a SELECT in the rule subset over the facts the actor may see; ``:today`` is bound.

    patient: narrow to one patient (not yours gives no rows). Raises Problem(INVALID) for a SELECT outside the subset.
    """
    bound: dict[str, int | str] = {"today": ctx.today, **(params or {})}
    allowed = decide(ctx, "facts", "EpisodeOfCare")
    rule_scope: compile.Scope
    if allowed.nothing:
        raise Problem(Category.FORBIDDEN, f"The role {ctx.role} may not read facts", kept="nothing was read")
    if patient is not None:
        if not sees(ctx, patient):
            return []
        rule_scope = compile.Patient()
        bound["scope_patient"] = patient
    elif allowed.everything:
        rule_scope = compile.All()
    elif Condition.SELF in allowed.conditions:
        rule_scope = compile.Patient()
        bound["scope_patient"] = ctx.patient or ""
    elif {Condition.OWN_LIST, Condition.CARE_TEAM} <= allowed.conditions:
        rule_scope = compile.Clinic()
        bound["scope_organization"] = ctx.organization or ""
    else:
        rule_scope = compile.Patients()
        fill_scope_by_relation(ctx, allowed.relations)
    checked, compiled = prepared(sql, params or {}, rule_scope)
    with connection.cursor() as cursor:
        rows = run.run(compiled, cursor, bound)
    names = [column[0] for column in checked.columns]
    found = [dict(zip(names, row, strict=True)) for row in rows]
    seen = {row["patient_id"] for row in found if row.get("patient_id")} | ({patient} if patient else set())
    note(audit.Entry(ctx, "search", frozenset(seen), name))
    return found


def sees(ctx: Context, patient: str) -> bool:
    """Whether the actor may read this patient at all."""
    term, values = scope.predicate(decide(ctx, "read", "Patient"), ctx, patient="p.id")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM (SELECT %s AS id) AS p WHERE {term}", [patient, *values])
        return cursor.fetchone() is not None


def fill_scope(patients: Sequence[str]) -> None:
    """Name the patients a set-wise rule may see (the rows of ``scope_patient``)."""
    database.fill_scope(patients)


def fill_scope_by_relation(ctx: Context, kinds: Sequence[str]) -> None:
    """The patients an organisation is related to become the scope."""
    marks = ", ".join(["%s"] * len(kinds)) or "''"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT patient_id FROM access_relation WHERE organization_id = %s AND kind IN ({marks})"
            " AND from_day <= %s AND (to_day IS NULL OR to_day >= %s)",
            [ctx.organization, *kinds, ctx.today, ctx.today],
        )
        fill_scope([row[0] for row in cursor.fetchall()])


def prepared(
    sql: str, parameters: Mapping[str, int | str], rule_scope: compile.Scope, engine: compile.Engine | None = None
) -> tuple[check.Checked, compile.Compiled]:
    """A SELECT of the subset with the parameters it may bind, checked and compiled once per process.

    engine: which is to run it; the database's own without it.
    """
    kinds = tuple(sorted((name, type(value)) for name, value in parameters.items()))
    return _prepared(sql, kinds, rule_scope, engine or database.vendor())


@lru_cache(maxsize=512)
def _prepared(
    sql: str, parameters: tuple[tuple[str, type], ...], rule_scope: compile.Scope, engine: compile.Engine
) -> tuple[check.Checked, compile.Compiled]:
    declared: dict[str, int | str] = {name: kind() for name, kind in parameters}
    checked = check.parse(sql, fact_schema(), declared)
    return checked, compile.compile(checked, engine, rule_scope)


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


def _where(
    ctx: Context, kind: str, filters: Sequence[search_params.Filter]
) -> tuple[list[str], list[str | int | float]]:
    term, values = scope.predicate(decide(ctx, "search", kind), ctx)
    clauses = ["r.type = %s", "NOT r.deleted"]
    found: list[str | int | float] = [kind]
    for item in filters:
        sql, bound = search_params.clause(kind, item)
        clauses.append(sql)
        found += bound
    return [*clauses, term], [*found, *values]


def _rows(
    kind: str, clauses: Sequence[str], values: Sequence[str | int | float], order: str, limit: int | None
) -> Iterator[tuple[int, Stored]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.key, r.rid, r.version, r.updated, v.body FROM store_resource AS r"
            f" JOIN store_version AS v ON v.seq = r.seq WHERE {' AND '.join(clauses)} ORDER BY {order}"
            + ("" if limit is None else f" LIMIT {int(limit)}"),
            list(values),
        )
        for key, rid, version, updated, body in cursor.fetchall():
            yield key, Stored(json.loads(bytes(body)), kind, rid, version, updated, body=bytes(body))


def require_type(kind: str) -> None:
    """Raise Problem(NOT_FOUND) for something that is no R4 resource type."""
    if kind not in resource_types():
        raise Problem(
            Category.NOT_FOUND,
            "That is not a FHIR R4 resource type",
            [Issue("resourceType", "unknown resource type", "an R4 resource type such as Patient", "not-supported")],
        )


def _encode(updated: int, key: int) -> str:
    return base64.urlsafe_b64encode(f"{updated}.{key}".encode()).decode().rstrip("=")


def _decode(text: str | None) -> list[int] | None:
    if not text:
        return None
    try:
        updated, key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(".")
    except (ValueError, binascii.Error):
        updated = key = ""
    moment, last = whole_number(updated), whole_number(key)
    if moment is None or last is None:
        raise Problem(
            Category.INVALID, "The page cursor is not one of ours", [Issue("_cursor", "unreadable", "a link we gave")]
        )
    return [moment, last]
