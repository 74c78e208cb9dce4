"""What blocks keep back beside the rows of a search: facts, versions of before; and what is said of it.

A resource that is withheld gives no facts to whoever it is withheld from. A version of before is withheld by what it said
itself, whatever was said later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tovholder import database
from tovholder.access import Context, blocks
from tovholder.access.blocks import Block
from tovholder.base.errors import Issue, Severity
from tovholder.fhir import search_tables, views
from tovholder.fhir.references import patient_of
from tovholder.store import schema
from tovholder.store.rows import Stored


@dataclass(frozen=True, slots=True)
class Withheld:
    """patients: blocked whole. rows: facts by name with the id of their resource. tables: by patient, the facts of which
    something is withheld; links are not told there, for what they link tells it.
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
# Derived from resources of every type, each row from the one whose id it has first.
_LINKS = "episode_link"


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
    linked = False
    for name in tables:
        table = schema.fact_tables()[name]
        if isinstance(table, views.View):
            made_of.setdefault(table.resource, []).append(name)
        elif name == _LINKS:
            linked = True
    kept, values = blocks.clause(ctx, "r", "r.patient_id")
    about, people = database.in_list("r.patient_id", sorted(narrow))
    of, kinds = ("1 = 1", []) if linked else database.in_list("r.type", sorted(made_of))
    sql = f"SELECT r.type, r.rid, r.patient_id FROM store_resource AS r WHERE {about} AND {of} AND NOT {kept}"
    rows: set[tuple[str, str]] = set()
    touched: dict[str, set[str]] = {}
    for kind, rid, whom in database.rows(sql, [*people, *kinds, *values]):
        for name in (*made_of.get(kind, ()), *((_LINKS,) if linked else ())):
            rows.add((name, rid))
            if name != _LINKS:
                touched.setdefault(whom, set()).add(name)
    return Withheld(whole, frozenset(rows), {whom: frozenset(names) for whom, names in touched.items()})


@dataclass(slots=True)
class Versions:
    """Whether versions of before are kept from the actor; remembers the blocks of whoever was asked about."""

    ctx: Context
    _known: dict[str, list[Block]] = field(default_factory=dict)

    def hold(self, stored: Stored) -> bool:
        """Whether this version, which is not the current one, is kept back."""
        if not blocks.actors(self.ctx):
            return False
        patient = patient_of(stored.resource) if stored.body else None
        if patient is None:
            return False
        if patient not in self._known:
            self._known[patient] = blocks.in_force(self.ctx, [patient])
        return any(block.hides(stored.resource) for block in self._known[patient])


def notice(ctx: Context, kinds: Iterable[str], patients: Iterable[str] | None) -> Issue | None:
    """What an answer about these patients (None: about any) says where some of their data is kept from the actor."""
    if not blocks.actors(ctx):
        return None
    about_somebody = search_tables.patient_compartment().keys() | {"Patient"}
    if about_somebody.isdisjoint(kinds) or not blocks.withheld(ctx, patients):
        return None
    return Issue(
        "",
        "something is withheld, because the patient has blocked it",
        "",
        "suppressed",
        Severity.WARNING,
    )
