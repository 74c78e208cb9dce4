"""The unit of work: one transaction, its patients locked, guards before each write, derivations once before commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import transaction

from tovholder import database
from tovholder.access import Context, audit, audit_event, system_context, views
from tovholder.access.domain import Condition, Right, Scope, under
from tovholder.access.policy import decide
from tovholder.base import json
from tovholder.base.errors import Category, Problem, forbidden, not_found
from tovholder.base.ids import Ids, is_fhir_id, random_ids
from tovholder.fhir.prepare import Prepared, prepare
from tovholder.fhir.references import patient_of
from tovholder.store import brought, commits, compartment, custody, flush, ports, relations, rows, schema, scope, shown
from tovholder.store.failing import told_as_problems
from tovholder.store.holding import State
from tovholder.store.ports import Change, Resource
from tovholder.store.rows import Stored, Write
from tovholder.store.stamping import bad_id, content, instant, require_same_version, stamped

_active: ContextVar[State | None] = ContextVar("tovholder_unit", default=None)


@contextmanager
def unit_of_work(
    ctx: Context, *, patients: Iterable[str] = (), ids: Ids = random_ids, bulk: bool = False
) -> Iterator[UnitOfWork]:
    """Everything written inside is committed together or not at all. Joins a unit already under way.

    patients: whom the unit will touch, locked first and in order (on SQLite the one writer's turn locks everybody).
    bulk: leave the derivations to ``bulk.derive_pending`` (the patients are noted in the same transaction).
    """
    outer = _active.get()
    if outer is not None:
        try:
            yield UnitOfWork(ctx, outer)
        except BaseException:
            outer.failed = True
            raise
        return
    state = State(ids=ids, bulk=bulk, patients=set(patients))
    with ExitStack() as stack:
        stack.enter_context(told_as_problems())
        if not commits.is_shared():
            stack.enter_context(database.write_turn())
            stack.enter_context(transaction.atomic())
        token = _active.set(state)
        stack.callback(_active.reset, token)
        if state.patients:
            state.lock(ctx, ())
        uow = UnitOfWork(ctx, state)
        yield uow
        if state.failed:
            raise Problem(Category.FAULT, "Part of the work failed and was caught; the whole is undone")
        uow.finish()


class UnitOfWork:
    """One actor's hand on a unit: reads see what the unit has written."""

    def __init__(self, ctx: Context, state: State) -> None:
        self.ctx = ctx
        self._state = state

    def as_system(self, name: str) -> UnitOfWork:
        """The same unit in the hand of one of our own derivations or guards."""
        return UnitOfWork(system_context(self.ctx.now, name, live=self.ctx.live), self._state)

    @property
    def is_bulk(self) -> bool:
        """Whether this is a bulk load: guards leave to the unique indexes what they refuse anyway."""
        return self._state.bulk

    # Writes

    def create(
        self,
        resource: Resource,
        *,
        id: str | None = None,  # noqa: A002 (FHIR's own word)
        prepared: Prepared | None = None,
    ) -> Stored:
        """Store a new resource under a new id; ``id`` only where our own code gave one before. Raises Problem.

        prepared: what ``ready`` made of this very resource under this very new id, before the unit began.
        """
        rid = id or self._state.ids()
        kind = str(resource.get("resourceType", ""))
        if id is not None and prepared is None and (not is_fhir_id(id) or self._current(kind, id) is not None):
            raise Problem(Category.CONFLICT, f"{kind} with this id exists already, or the id is none")
        return self._write("create", kind, rid, None, {**resource, "id": rid}, prepared)

    def update(self, resource: Resource, *, if_match: int | None = None, prepared: Prepared | None = None) -> Stored:
        """Store the next version of a resource; a system may also create it under its own id. Raises Problem.

        prepared: what ``fhir.prepare`` made of this very resource before, in another process perhaps.
        """
        kind, rid = str(resource.get("resourceType", "")), resource.get("id")
        if not isinstance(rid, str) or not is_fhir_id(rid):
            raise Problem(Category.INVALID, "The resource needs its id", [bad_id(resource)])
        current = self._hold(kind, rid, resource)
        if current is None or current.deleted:
            if not self.ctx.is_system or not brought.may_change(self.ctx, self._state, kind, rid):
                raise not_found(kind)
            if if_match is not None:
                raise Problem(Category.PRECONDITION, f"There is no version {if_match} of this {kind}")
            return self._write("create" if current is None else "update", kind, rid, current, resource, prepared)
        held = current.resource()
        if not self._may("update", kind, rid):
            raise self._not_yours("update", kind, rid, held)
        require_same_version(kind, current, if_match)
        return self._write("update", kind, rid, current, resource, prepared)

    def delete(self, kind: str, rid: str, *, if_match: int | None = None) -> None:
        """Mark a resource deleted; every version stays. Raises Problem(NOT_FOUND) when it is not there."""
        current = self._hold(kind, rid, None)
        if current is None or not self._may("delete", kind, rid):
            raise self._not_yours("delete", kind, rid, current.resource()) if current is not None else not_found(kind)
        require_same_version(kind, current, if_match)
        if not current.deleted:
            self._write("delete", kind, rid, current, None)

    # Reads

    def read(self, kind: str, rid: str) -> Resource:
        """The current content. Raises Problem(NOT_FOUND or GONE)."""
        current = self._state.look(self.ctx, kind, rid)
        if current is None or not self._may("read", kind, rid):
            raise not_found(kind)
        if current.deleted:
            raise Problem(Category.GONE, f"{kind} was deleted", kept="its versions")
        view = shown.view_of(self.ctx, kind)
        return current.resource() if view is None else views.cut(current.resource(), view)

    def find(self, kind: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Search inside the unit, in the actor's scope; every match."""
        from tovholder.store.search import matches

        self.flush()
        return [entry.resource for entry in matches(self.ctx, kind, params, limit=None)]

    def fact_rows(
        self, table: str, patients: Iterable[str], columns: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Fact rows of the patients, as the unit sees them (derivations and guards only)."""
        wanted = frozenset(patients)
        if any(write.patient in wanted or write.key is not None for write in self._state.staged.values()):
            self.flush()  # only what is about these patients could change their rows (or had others' rows before)
        asked = (table, wanted)
        if not wanted or asked in self._state.none:  # several steps ask for the courses of those who have none
            return []
        names = columns or schema.column_names(table)
        term, values = database.in_list("patient_id", sorted(wanted))
        found = database.rows(f"SELECT {', '.join(names)} FROM fact_{table} WHERE {term}", values)
        if not found:
            self._state.none.add(asked)
        return [dict(zip(names, row, strict=True)) for row in found]

    def replace_links(self, patients: Iterable[str], links: Iterable[dict[str, Any]]) -> None:
        """Exchange the episode links of the patients."""
        self.flush()
        self._state.none.clear()
        columns = schema.column_names("episode_link")
        term, values = database.in_list("patient_id", sorted(patients))
        with database.pipeline():
            database.execute(f"DELETE FROM fact_episode_link WHERE {term}", values)
            flush.insert_facts("episode_link", [tuple(link[name] for name in columns) for link in links])
        self._state.tables.add("episode_link")

    def holds(self, resource: Resource) -> bool:
        """Whether the current version already says exactly this (version and time of storing aside)."""
        current = self._current(str(resource.get("resourceType")), str(resource.get("id")))
        if current is None or current.deleted:
            return False
        return content(current.resource()) == content(resource)

    def prefetch(self, wanted: Iterable[tuple[str, str]], patients: Iterable[str] = ()) -> None:
        """Look up and hold many resources (and patients) in one go (bulk loads, Bundles)."""
        self._state.hold_many(self.ctx, wanted, patients)

    # Bulk loads (bulk/fresh.py)

    def any_there(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether there is any such resource, deleted or not. Of two units that go on from a No, one is undone."""
        self.flush()
        return rows.any_there(pairs)

    def require_everything(self, action: str, kinds: Iterable[str]) -> None:
        """Raise Problem(FORBIDDEN) when the actor may not do this to every resource of the types."""
        for kind in kinds:
            if not decide(self.ctx, action, kind).everything:
                raise forbidden(kind, f"the role {self.ctx.role} may not {action} every {kind}", "another role")

    def moment(self) -> tuple[int, str]:
        """When what the unit writes now happened: epoch milliseconds, and as a FHIR instant."""
        stamp = self._state.stamp(self.ctx, None)
        return stamp, instant(stamp)

    def stored_new(
        self,
        references: Iterable[str],
        *,
        pairs: Iterable[tuple[str, str]],
        tables: Iterable[str],
        touched: Iterable[str],
        seen: Iterable[str],
    ) -> None:
        """Learn of new resources that were written past the unit: derivations and audit trail count them in."""
        state = self._state
        state.none.clear()
        for pair in pairs:
            state.known.pop(pair, None)
        state.tables.update(tables)
        state.touched.update(touched)
        refs, about = state.acts.setdefault((self.ctx, "create"), ([], set()))
        refs += references
        about |= set(seen)

    # Inside

    def _current(self, kind: str, rid: str) -> rows.Current | None:
        return self._state.current(kind, rid)

    def _hold(self, kind: str, rid: str, new: Resource | None) -> rows.Current | None:
        return self._state.hold(self.ctx, kind, rid, [patient_of(new)] if new is not None else ())

    def _may(self, action: str, kind: str, rid: str) -> bool:
        """Whether the actor may do this to what is stored under the id, as it is now."""
        allowed = decide(self.ctx, action, kind)
        if action == "read" and self.ctx.is_foreign:
            return self._stored_within(allowed, kind, rid, self.ctx)
        may = allowed.everything or (not allowed.nothing and self._stored_within(allowed, kind, rid, self._writing()))
        return may and brought.may_change(self.ctx, self._state, kind, rid)

    def _may_say(self, allowed: Scope, action: str, resource: Resource) -> bool:
        """Whether the actor may write about whom this is about; what it says is judged once it is stored."""
        if resource["resourceType"] == "Patient" and action == "create" and allowed.relations and not allowed.patient:
            own = relations.relations_of(resource)
            if any(row.organization_id == self.ctx.organization and row.kind in allowed.relations for row in own):
                return True
        return self._within(allowed, resource["resourceType"], patient_of(resource))

    def _within(self, allowed: Scope, kind: str, patient: str | None) -> bool:
        if any(staged in relations.SOURCES for staged, _ in self._state.staged):
            self.flush()  # a patient or relation made in this unit counts
        return scope.reaches(allowed, self._writing(), kind, patient)

    def _writing(self) -> Context:
        """Blocks keep data from being seen: somebody else's system brings what it brings."""
        return replace(self.ctx, rights=self.ctx.rights | {Right.BLOCKED}) if self.ctx.is_foreign else self.ctx

    def _stored_within(self, allowed: Scope, kind: str, rid: str, ctx: Context) -> bool:
        staged = self._state.staged
        if (kind, rid) in staged or any(other in relations.SOURCES for other, _ in staged):
            self.flush()
        return scope.reaches_stored(allowed, ctx, kind, rid)

    def _holds(self, condition: Condition, patient: str) -> bool:
        return self._within(under(condition), "Patient", patient)

    def _not_yours(self, action: str, kind: str, rid: str, about: Resource) -> Problem:
        self._refused(kind, rid, about)
        seen = decide(self.ctx, action, kind).by_content and self._may("read", kind, rid)
        return forbidden(kind, f"this {kind} is not yours to {action}", "one that is") if seen else not_found(kind)

    def _refused(self, kind: str, rid: str, about: Resource | None) -> None:
        # Gathered with the answer: the unit it happened in is undone.
        patient = patient_of(about) if about else None
        seen = frozenset({patient} if patient else ())
        audit.gather(audit.Entry(self.ctx, "refused", seen, f"{kind}/{rid}", "refused"))

    def _write(
        self,
        method: str,
        kind: str,
        rid: str,
        current: rows.Current | None,
        resource: Resource | None,
        prepared: Prepared | None = None,
    ) -> Stored:
        state = self._state
        old = current.resource() if current is not None and not current.deleted else None
        new: Resource | None = None
        patient = patient_of(resource) if resource is not None else None
        # Before anything is asked of the record: what the guards see then stays so.
        state.lock(self.ctx, (patient,))
        stamp = state.stamp(self.ctx, current)
        if resource is not None:
            if prepared is None:
                prepared = prepare(resource, schema.FACTS_FOLDER)
            errors = [issue for issue in prepared.issues if issue.severity in ("error", "fatal")]
            if errors:
                raise Problem(Category.INVALID, f"{kind or 'The resource'} is not valid FHIR R4", errors)
            if kind == "AuditEvent":
                raise forbidden(kind, "audit events are written by the record itself", "no AuditEvent")
            action = "create" if old is None else "update"
            allowed = decide(self.ctx, action, kind)
            if allowed.nothing:
                self._refused(kind, rid, None)
                raise custody.not_for_this_role(self.ctx, kind)
            if not allowed.everything and not self._may_say(allowed, action, resource):
                self._refused(kind, rid, resource)
                raise not_found("The patient")
            if allowed.by_content:
                state.judged.append((self._writing(), allowed, kind, rid))
            version = (current.version if current else 0) + 1
            new = stamped(resource, rid, version, stamp)
        change = Change(kind, old, new, self.ctx)
        for guard in ports.guards_of(kind):
            guard(change, self)
        if new is not None and not self.ctx.is_system:
            if old is not None:
                custody.require_own(self.ctx, old)
            custody.require_may_grant(self.ctx, old, new, self._holds)
            custody.require_no_new_representative(old, new)
            state.promises += [(self.ctx, new, path, ref) for path, ref in custody.new_references(old, new)]
        if (kind, rid) in state.staged:
            self.flush()
            current = self._current(kind, rid)
        version = (current.version if current else 0) + 1
        earlier = current.patient if current is not None and old is not None else None
        body = json.dumps(new) if new is not None else b""
        write = Write(
            kind=kind,
            rid=rid,
            key=current.key if current else None,
            version=version,
            method=method,
            updated=stamp,
            patient=patient if new is not None else earlier,
            old=old,
            new=new,
            body=body,
            prepared=prepared,
        )
        state.staged[kind, rid] = write
        state.known.pop((kind, rid), None)
        refs, seen = state.acts.setdefault((self.ctx, method), ([], set()))
        refs.append(f"{kind}/{rid}")
        stored = Stored(new or {}, kind, rid, version, write.updated, created=old is None, body=body)
        seen |= compartment.about(stored, write.patient)
        if old is not None:
            seen |= compartment.about(Stored(old, kind, rid, version, write.updated), earlier)
        return stored

    def flush(self) -> None:
        """Send what is staged to the database, still inside the transaction."""
        state = self._state
        if not state.staged:
            return
        writes = list(state.staged.values())
        state.staged.clear()
        assert state.opened is not None  # nothing is staged before
        state.forget()
        tables, patients = flush.write_all(writes, state.opened)
        state.tables |= tables
        state.touched |= patients
        for write in writes:
            state.held.add((write.kind, write.rid))
            state.known[write.kind, write.rid] = rows.Current(
                write.key or 0, write.version, write.new is None, write.body, write.patient, write.updated, write.new
            )
        judged, state.judged = state.judged, []
        for ctx, allowed, kind, rid in judged:
            if not scope.reaches_stored(allowed, ctx, kind, rid):  # then the whole unit is undone
                UnitOfWork(ctx, state)._refused(kind, rid, None)
                raise custody.not_yours_to_say(kind, allowed)

    def finish(self) -> None:
        """Flush, derive once, write the audit trail. Called by unit_of_work before commit."""
        state = self._state
        self.flush()
        for ctx, resource, path, ref in state.promises:  # now: entries of a transaction may point forward
            hand = UnitOfWork(ctx, state)
            current = None if ref.type == "Patient" else self._current(ref.type, ref.id)
            target = current.resource() if current is not None and not current.deleted else None
            sees, reads = (partial(hand._within, decide(ctx, "read", kind), kind) for kind in ("Patient", ref.type))
            custody.require_same_patient(path, ref, resource, target, sees, reads)
        if state.touched and state.bulk:
            flush.note_pending(state.touched)
        elif state.touched:
            patients = frozenset(state.touched)
            for step in ports.steps():
                step.changed(self.as_system("derive"), patients, frozenset(state.tables))
                self.flush()
        loads = {"create": "import", "update": "import"} if state.bulk else {}
        entries = [
            audit.Entry(ctx, loads.get(method, method), frozenset(seen), audit_event.naming(refs))  # type: ignore[arg-type]
            for (ctx, method), (refs, seen) in state.acts.items()
        ]
        commits.note(entries)
