"""What an export is of: which types, whose, since when; as rows of the record (Bulk Data Access IG 2.0 §2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

from django.db import connection

from tovholder import database
from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found
from tovholder.fhir.references import parse_reference, subjects_of
from tovholder.fhir.validate import resource_types
from tovholder.store import compartment, scope, shown
from tovholder.store.search import condition, parse_query

Level = Literal["system", "patient", "group"]
FETCH = 1000
MEMBERS = 500  # patients asked for in one statement
# The audit trail is no resource of the record's: it is read by search, in an access context of its own.
_NEVER = frozenset({"AuditEvent"})
_ROW = "r.rid, v.body, r.patient_id"
Row = tuple[str, Any, Any]
Belongs = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported.

    level: everything; what is about patients; or what is about a Group's members. group: its id. types: only these,
    all when empty. since: changed from then on, epoch milliseconds. patients: only these, all when None. filters: by
    type, searches one of which a resource must match.
    """

    level: Level = "system"
    group: str = ""
    types: tuple[str, ...] = ()
    since: int | None = None
    patients: tuple[str, ...] | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON, for the queue."""
        return asdict(self)

    @staticmethod
    def of(told: Mapping[str, Any]) -> Selection:
        """From JSON."""
        patients = told["patients"]
        return Selection(
            told["level"],
            told["group"],
            tuple(told["types"]),
            told["since"],
            None if patients is None else tuple(patients),
            {kind: tuple(texts) for kind, texts in told["filters"].items()},
        )


def check(ctx: Context, wish: Selection) -> None:
    """Raise Problem when it cannot be exported: FORBIDDEN for the role, INVALID or NOT_FOUND for what there is not."""
    named = {*wish.types, *wish.filters}
    if not named <= resource_types() - _NEVER:
        raise Problem(
            Category.INVALID,
            "That type cannot be exported",
            [Issue("_type", "unknown resource type", "R4 resource types such as Observation", "value")],
            kept="nothing was exported",
        )
    refused = [kind for kind in wish.types if decide(ctx, "export", kind).nothing]
    if refused or not types_of(ctx, wish):
        what = refused[0] if refused else "Patient"
        raise forbidden(what, f"the role {ctx.role} may not export {what}", "a role that may export")
    if wish.level == "group":
        _group(wish.group)
    for kind, texts in wish.filters.items():
        for text in texts:
            _matching(ctx, kind, text)


def types_of(ctx: Context, wish: Selection) -> list[str]:
    """The types that may hold something, sorted: below the level of the system those about patients, and the named."""
    own = resource_types() if wish.level == "system" else compartment.kinds()
    wanted = wish.types or own
    return sorted(kind for kind in wanted if kind not in _NEVER and not decide(ctx, "export", kind).nothing)


def count(ctx: Context, wish: Selection) -> dict[str, int]:
    """How many resources of each type there are about to be exported, deleted ones and all patients' included."""
    with connection.cursor() as cursor:
        term, bound = database.in_list("r.type", types_of(ctx, wish))
        cursor.execute(
            f"SELECT r.type, COUNT(*) FROM store_resource AS r WHERE {term} AND r.updated >= %s GROUP BY r.type",
            [*bound, wish.since or 0],
        )
        return dict(cursor.fetchall())


def rows(
    ctx: Context, wish: Selection, kind: str, members: frozenset[str] | None, *, deleted: bool = False
) -> Iterator[list[Row]]:
    """The resources of a type, some at a time: id, body, and whom it is filed under. Inside a snapshot.

    members: as told by ``members_of`` in the same snapshot.
    """
    view = shown.view_of(ctx, kind)
    for clauses, values, belongs in _statements(ctx, wish, kind, members, deleted):
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                f"SELECT {_ROW} FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
                f" WHERE {' AND '.join(clauses)}",
                values,
            )
            while found := cursor.fetchmany(FETCH):
                kept = found if belongs is None else [row for row in found if belongs(row)]
                if kept and view is not None:
                    kept = [(rid, shown.body(bytes(body), view), about) for rid, body, about in kept]
                if kept:
                    yield kept


def _statements(
    ctx: Context, wish: Selection, kind: str, members: frozenset[str] | None, deleted: bool
) -> Iterator[tuple[list[str], list[Any], Belongs | None]]:
    """What to ask, and where a row alone does not tell, what its resource must say."""
    term, values = scope.predicate(decide(ctx, "export", kind), ctx, kind)
    clauses = ["r.type = %s", "r.updated >= %s", "r.deleted" if deleted else "NOT r.deleted", term]
    bound: list[Any] = [kind, wish.since or 0, *values]
    filters = [_matching(ctx, kind, text) for text in wish.filters.get(kind, ()) if not deleted]
    if filters:
        clauses.append("(" + " OR ".join(f"({clause})" for clause, _ in filters) + ")")
        bound += [value for _, more in filters for value in more]
    if wish.level == "system" or kind not in compartment.kinds():
        yield clauses, bound, None
    elif members is None:
        yield clauses, bound, lambda row: row[2] is not None or bool(_subjects(row))
    else:
        listed = sorted(members)
        for at in range(0, len(listed), MEMBERS):
            here = listed[at : at + MEMBERS]
            filed, ids = database.in_list("r.patient_id", here)
            yield [*clauses, filed], [*bound, *ids], None
            named, ids = compartment.naming(here, kind)
            first = partial(_first_here, members=members, here=frozenset(here))
            yield [*clauses, named], [*bound, *ids], first


def _first_here(row: Row, members: frozenset[str], here: frozenset[str]) -> bool:
    # About several members it is told once: with the first of them, and not when it is filed under one already.
    return row[2] not in members and min(_subjects(row) & members, default="") in here


def _subjects(row: Row) -> frozenset[str]:
    return subjects_of(json.loads(bytes(row[1]))) if row[1] else frozenset()


def members_of(wish: Selection) -> frozenset[str] | None:
    """The patients of a Group now, or those that were named (of these two both, where both were given); None: all."""
    named = None if wish.patients is None else frozenset(wish.patients)
    if wish.level != "group":
        return named
    found = frozenset(_members(_group(wish.group).get("member") or ()))
    return found if named is None else found & named


def _group(rid: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
            " WHERE r.type = 'Group' AND r.rid = %s AND NOT r.deleted",
            [rid],
        )
        row = cursor.fetchone()
    if row is None:
        raise not_found("The Group")
    found: dict[str, Any] = json.loads(bytes(row[0]))
    return found


def _members(told: Iterable[dict[str, Any]]) -> Iterator[str]:
    for member in told:
        ref = parse_reference((member.get("entity") or {}).get("reference"))
        if ref is not None and ref.type == "Patient" and not ref.base and member.get("inactive") is not True:
            yield ref.id


def _matching(ctx: Context, kind: str, text: str) -> tuple[str, list[Any]]:
    """A search as a condition on the resource's row. Raises Problem for one that cannot be understood."""
    return condition(ctx, kind, parse_query(text))
