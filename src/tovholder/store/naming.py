"""Resources named by others, many in a few statements: so that a page of names asks no more the longer it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tovholder import database
from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.base import json
from tovholder.store import scope

KINDS = ("Practitioner", "Organization", "RelatedPerson", "Patient")


def named(ctx: Context, references: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those of the people and organisations (``Type/id``) the actor may read, by reference; one statement per type.

    What is read here is not noted: names alone are taken of it, and whoever shows patients' names notes whose.
    """
    wanted: dict[str, list[str]] = {}
    for reference in sorted(set(references)):
        kind, _, rid = reference.partition("/")
        if kind in KINDS and rid:
            wanted.setdefault(kind, []).append(rid)
    found: dict[str, dict[str, Any]] = {}
    for kind, ids in wanted.items():
        allowed = decide(ctx, "read", kind)
        if allowed.nothing:
            continue
        term, values = scope.predicate(allowed, ctx, kind)
        these, bound = database.in_list("r.rid", ids)
        rows = database.rows(
            "SELECT r.rid, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
            f" WHERE r.type = %s AND {these} AND NOT r.deleted AND {term}",
            [kind, *bound, *values],
        )
        found |= {f"{kind}/{rid}": json.loads(bytes(body)) for rid, body in rows}
    return found
