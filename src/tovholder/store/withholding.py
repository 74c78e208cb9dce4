"""What blocks keep back of the facts: a resource that is withheld gives no rows to whoever it is withheld from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tovholder import database
from tovholder.access import Context, blocks
from tovholder.fhir import views
from tovholder.store import schema


@dataclass(frozen=True, slots=True)
class Withheld:
    """patients: blocked whole. rows: facts by name with the id of their resource. tables: by patient, the facts of which
    something is withheld.
    """

    patients: frozenset[str] = frozenset()
    rows: frozenset[tuple[str, str]] = frozenset()
    tables: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def named(self) -> list[tuple[str, str]]:
        """As ``scope_withheld`` takes them."""
        return [*(("", patient) for patient in self.patients), *self.rows]

    def __bool__(self) -> bool:
        return bool(self.patients or self.rows)


NOTHING = Withheld()


def of_facts(ctx: Context, tables: Iterable[str], patient: str | None = None) -> Withheld:
    """What of these facts is kept from the actor: of one patient, or of all their organisation is related to."""
    if not blocks.actors(ctx):
        return NOTHING
    if patient is None:
        whole, narrow = blocks.concerned(ctx)
    else:
        found = blocks.in_force(ctx, [patient])
        whole = frozenset({patient} if any(not block.narrow for block in found) else ())
        narrow = frozenset({patient} if found else ()) - whole
    if not narrow:
        return Withheld(whole) if whole else NOTHING
    return _rows(ctx, tables, whole, narrow)


def _rows(ctx: Context, tables: Iterable[str], whole: frozenset[str], narrow: frozenset[str]) -> Withheld:
    made_of: dict[str, list[str]] = {}
    for name in tables:
        table = schema.fact_tables()[name]
        if isinstance(table, views.View):
            made_of.setdefault(table.resource, []).append(name)
    kept, values = blocks.clause(ctx, "r", "r.patient_id")
    about, people = database.in_list("r.patient_id", sorted(narrow))
    of, kinds = database.in_list("r.type", sorted(made_of))
    sql = f"SELECT r.type, r.rid, r.patient_id FROM store_resource AS r WHERE {about} AND {of} AND NOT {kept}"
    rows: set[tuple[str, str]] = set()
    touched: dict[str, set[str]] = {}
    for kind, rid, whom in database.rows(sql, [*people, *kinds, *values]):
        for name in made_of[kind]:
            rows.add((name, rid))
            touched.setdefault(whom, set()).add(name)
    return Withheld(whole, frozenset(rows), {whom: frozenset(names) for whom, names in touched.items()})
