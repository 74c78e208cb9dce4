"""What a unit of work holds while it is under way: its patients, the rows it writes, its stamp, what is staged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tovholder import database
from tovholder.access import Context
from tovholder.access.domain import Scope
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.base.ids import Ids
from tovholder.fhir.references import Ref
from tovholder.store import rows
from tovholder.store.ports import Resource
from tovholder.store.rows import Current, Write

Pair = tuple[str, str]


@dataclass
class State:
    """What the units joined in one transaction share."""

    ids: Ids
    bulk: bool = False
    staged: dict[Pair, Write] = field(default_factory=dict)
    known: dict[Pair, Current | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    acts: dict[tuple[Context, str], tuple[list[str], set[str]]] = field(default_factory=dict)
    judged: list[tuple[Context, Scope, str, str]] = field(default_factory=list)  # what it says is asked once stored
    promises: list[tuple[Context, Resource, str, Ref]] = field(default_factory=list)
    opened: database.Opened | None = None
    patients: set[str] = field(default_factory=set)  # locked
    held: set[Pair] = field(default_factory=set)  # rows nobody else can change
    failed: bool = False
    alone: bool = False  # everybody is locked
    none: set[tuple[str, frozenset[str]]] = field(default_factory=set)  # facts of whom there are none, until a flush
    unblocked: set[str] = field(default_factory=set)  # patients who keep nothing from anybody, until a flush

    def forget(self) -> None:
        """What was looked up of the record, now that it may be another."""
        self.none.clear()
        self.unblocked.clear()

    def lock(self, ctx: Context, patients: Iterable[str | None], *, then: rows.Statements = ()) -> list[rows.Answer]:
        """Hold the patients too, until the unit ends; then (in the same round trip) ask something of the database."""
        more = {patient for patient in patients if patient and patient not in self.patients}
        if not more and not then and self.opened is not None:
            return []
        if self.opened is None:
            floor = None if ctx.live else millis(ctx)
            self.opened, answers = database.open_unit(more | self.patients, floor=floor, then=then)
            self.alone = len(self.patients | more) > database.most_patients()
        else:
            if not self.alone and len(self.patients) + len(more) > database.most_patients():
                database.lock_everybody()
                self.alone = True
            answers = database.lock_patients(() if self.alone else more, then=then)
        self.patients |= more
        return answers

    def stamp(self, ctx: Context, current: Current | None) -> int:
        """When what is written now happened, epoch milliseconds: the moment itself for one who acts now, told after
        the locks were held; else the moment the caller says. Never before the version it follows, while acting now.
        """
        if not ctx.live:
            return millis(ctx)
        assert self.opened is not None
        return max(millis(ctx), self.opened.now, current.updated if current is not None else 0)

    def current(self, kind: str, rid: str) -> Current | None:
        """The row as the unit sees it; another unit may change it until it is held."""
        staged = self.staged.get((kind, rid))
        if staged is not None:
            return Current(
                staged.key or 0,
                staged.version,
                staged.new is None,
                staged.body,
                staged.patient,
                staged.updated,
                staged.new,
            )
        if (kind, rid) not in self.known:
            self.known[kind, rid] = rows.current(kind, rid)
        return self.known[kind, rid]

    def look(self, ctx: Context, kind: str, rid: str) -> Current | None:
        """The row, with its patient held (or itself, when it is about nobody): what is worked out from it stays true
        until the unit ends.
        """
        pair = (kind, rid)
        before = pair in self.known
        found = self.current(kind, rid)
        if found is None or database.writes_alone() or pair in self.staged or found.patient in self.patients:
            return found
        if not before:
            self.known.pop(pair)  # read unheld just now, and by nobody yet
        if found.patient is None:
            return self.hold(ctx, kind, rid, ())
        *_, answer = self.lock(ctx, [found.patient], then=[rows.current_statement(kind, rid)])
        self.known[kind, rid] = rows.current_of(answer)
        return self.known[kind, rid]

    def hold(self, ctx: Context, kind: str, rid: str, patients: Iterable[str | None]) -> Current | None:
        """The row, nobody else's to change until the unit ends; a new id is held too. Raises Problem(CONFLICT) when
        somebody changed it after this unit had read it.
        """
        pair = (kind, rid)
        if pair in self.staged or pair in self.held or (pair in self.known and database.writes_alone()):
            if self.opened is None or any(patient and patient not in self.patients for patient in patients):
                self.lock(ctx, patients)
            return self.current(kind, rid)
        found = rows.held_of(self.lock(ctx, patients, then=rows.hold_statements(kind, rid)))
        if found is None and not database.writes_alone():
            database.lock_name(f"{kind}/{rid}")
            found = rows.held_of(self.lock(ctx, (), then=rows.hold_statements(kind, rid)))
        if found is not None and found.patient and found.patient not in self.patients:
            self.lock(ctx, [found.patient])
        if pair in self.known and _version(self.known[pair]) != _version(found):
            raise Problem(
                Category.CONFLICT, f"Somebody else changed this {kind} meanwhile; read it again", kept="their version"
            )
        self.known[pair] = found
        self.held.add(pair)
        return found

    def hold_many(self, ctx: Context, pairs: Iterable[Pair], patients: Iterable[str | None]) -> None:
        """Look up and hold many rows in one go. New ids are left to the unique index: of two units that store the same
        one, the second is undone and told of a conflict.
        """
        wanted = [pair for pair in dict.fromkeys(pairs) if pair not in self.known and pair not in self.staged]
        self.lock(ctx, patients)
        self.known |= rows.current_many(wanted, hold=True)
        self.held |= set(wanted)


def millis(ctx: Context) -> int:
    """The context's moment in epoch milliseconds."""
    return days.millis(ctx.now)


def _version(current: Current | None) -> int:
    return current.version if current is not None else 0
