"""Reads into the audit trail before their answer leaves: durable each, and many requests' rows in one commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from tovholder import database
from tovholder.access import Context, audit
from tovholder.store.commits import write_audit as write_audit


def note(entry: audit.Entry) -> None:
    """Write a read into the audit trail: with the answer under way, in the unit under way, or at once."""
    if not audit.is_logged(entry) or audit.gather(entry):
        return
    write_audit([entry])


def note_refusal(ctx: Context, kind: str, rid: str) -> None:
    """Note that somebody asked for what is not theirs; what is not there refused nobody."""
    for (patient,) in database.rows("SELECT patient_id FROM store_resource WHERE type = %s AND rid = %s", [kind, rid]):
        seen = frozenset({patient} if patient else ())
        audit.gather(audit.Entry(ctx, "refused", seen, f"{kind}/{rid}", outcome="refused"))


def query(sql: str, params: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    """Rows of the trail, from Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        while rows := cursor.fetchmany(200):
            yield from rows
