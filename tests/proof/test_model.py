"""What the running record decides is what an independent reading of the policy says, for every combination there is.

Who asks (each role, with and without rights, break-glass and an app) x how they are related x what the patient keeps
back x the type x the act x the element. A policy or a clause that is broken on purpose must be found out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib import policy_worlds as worlds
from lib.own_reading import Reading, Thing, Who, cut
from lib.policy_worlds import Model
from lib.tally import Tally
from tovholder import store
from tovholder.access import Context, blocks, policy
from tovholder.base import json
from tovholder.base.errors import Category, Problem
from tovholder.store import ports, schema, scope

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
FILE = Path(policy.__file__).with_name("policy.toml")


@pytest.fixture(autouse=True)
def _policy_alone() -> Iterator[None]:
    """Without the guards and derivations of plan and cockpit, which refuse for reasons of their own."""
    guards, steps = dict(ports._guards), ports.steps()
    ports.bind(guards={}, steps=[])
    yield
    ports.bind(guards=guards, steps=list(steps))


# How many single reads and writes each of those who ask tries, picked by chance but always the same ones.
READS = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25")) * 2
WRITES = READS // 4
MANY = 1_000_000
CLINIC = frozenset({"gp", "staff"})


@dataclass
class Held:
    """How many decisions were held against the reading, by what was asked, and those that differ."""

    count: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def same(self, way: str, asked: int, here: Iterable[str], there: Iterable[str], told: Callable[[str], str]) -> None:
        """The running code lets through ``here``, the reading ``there``."""
        self.count[way] += asked
        running, reading = set(here), set(there)
        self.wrong += [f"{way}: let through, and should not be: {told(one)}" for one in sorted(running - reading)[:5]]
        self.wrong += [f"{way}: kept back, and should not be: {told(one)}" for one in sorted(reading - running)[:5]]

    def __bool__(self) -> bool:
        return bool(self.wrong)


@dataclass
class Checker:
    """Holds the running code against a reading, over a model of what stands in the database."""

    model: Model
    reading: Reading
    held: Held = field(default_factory=Held)

    def __post_init__(self) -> None:
        self.by_type: dict[str, list[Thing]] = {}
        self.every: dict[str, set[str]] = {}  # the rows there are, by fact table
        for thing in self.model.things:
            self.by_type.setdefault(thing.type, []).append(thing)
        self.random = Random(11)

    def _named(self, name: str, kind: str) -> Callable[[str], str]:
        def named(rid: str) -> str:
            about = next((thing.patient for thing in self.by_type[kind] if thing.resource["id"] == rid), None)
            return f"{name}: {kind}/{rid} ({self.model.named.get(about or '', 'about nobody')})"

        return named

    def may(self, who: Who, action: str, kind: str) -> dict[str, Thing]:
        """What the reading lets through, by id."""
        return {
            str(thing.resource["id"]): thing
            for thing in self.reading.among(who, action, self.by_type[kind], self.model.world)
        }

    def searches(self, name: str, who: Who, ctx: Context) -> None:
        """Set by set: everything of a type."""
        for kind, things in self.by_type.items():
            there = self.may(who, "search", kind)
            try:
                here = store.match_ids(ctx, kind, [], MANY)
            except Problem as problem:
                require(problem, Category.FORBIDDEN)
                here = []
            self.held.same("search", len(things), here, there, self._named(name, kind))

    def reads_by_set(self, name: str, who: Who, ctx: Context) -> None:
        """The clause every read, history and $everything asks by, over every row there is."""
        from tovholder import database

        term, values = scope.readable(ctx)
        rows = database.rows(f"SELECT r.type, r.rid FROM store_resource AS r WHERE {term}", values)
        here: dict[str, list[str]] = {}
        for kind, rid in rows:
            here.setdefault(kind, []).append(rid)
        for kind, things in self.by_type.items():
            there = self.may(who, "read", kind)
            self.held.same("read (set)", len(things), here.get(kind, []), there, self._named(name, kind))

    def reads(self, name: str, who: Who, ctx: Context) -> None:
        """One by one, with what is shown of each."""
        for thing in self.random.sample(self.model.things, READS):
            rid = str(thing.resource["id"])
            there = {rid} if self.reading.may(who, "read", thing, self.model.world) else set()
            here: set[str] = set()
            try:
                found = store.read(ctx, thing.type, rid, version=self.random.choice((None, 1)))
            except Problem as problem:
                require(problem, Category.NOT_FOUND)
            else:
                here.add(rid)
                self._elements(name, who, thing, json.loads(found.body))
            self.held.same("read (one)", 1, here, there, self._named(name, thing.type))

    def _elements(self, name: str, who: Who, thing: Thing, shown: Json) -> None:
        view = self.reading.view(who.role, thing.type)
        there = thing.resource if view is None else cut(thing.resource, view)
        told = {path for path, _ in _paths(shown) if not path.startswith("meta")}
        expected = {path for path, _ in _paths(there) if not path.startswith("meta")}
        self.held.same(
            "element", len(list(_paths(thing.resource))), told, expected, lambda path: f"{name}: {thing.type}.{path}"
        )

    def elements(self, name: str, who: Who, ctx: Context) -> None:
        """What is shown of the first of each type that may be read."""
        for kind in self.by_type:
            for thing in list(self.may(who, "read", kind).values())[:1]:
                try:
                    found = store.read(ctx, kind, str(thing.resource["id"]))
                except Problem as problem:
                    require(problem, Category.NOT_FOUND)  # told of by the search
                else:
                    self._elements(name, who, thing, json.loads(found.body))

    def facts(self, name: str, who: Who, ctx: Context) -> None:
        """Every fact table: whose rows there are."""
        from tovholder import database

        for table, view in schema.fact_tables().items():
            kind = getattr(view, "resource", None)
            if kind is None or kind not in self.by_type or "patient_id" not in schema.column_names(table):
                continue
            key = schema.column_names(table)[0]
            if table not in self.every:
                self.every[table] = {str(row[0]) for row in database.rows(f"SELECT {key} FROM fact_{table}", [])}
            every = self.every[table]
            may = self.may(who, "facts", kind)
            there = {rid for rid in may if rid in every}
            try:
                also = "" if key == "patient_id" else ", t.patient_id"
                rows = store.facts(ctx, f"SELECT t.{key}{also} FROM {table} AS t")
                here = {row[key] for row in rows}
            except Problem as problem:
                require(problem, Category.FORBIDDEN)
                here = set()
            if "pseudonymised-facts" in who.rights and here:
                # Every id is a pseudonym: of nobody there is, and as many as there are.
                people = {thing.patient for thing in self.by_type[kind]}
                assert not {str(value) for row in rows for value in row.values()} & (every | people)
                here, there = ({table} if self.reading.ever(who, "pseudonyms", kind) else here), {table}
            if who.role in CLINIC:
                # The clinic's own figures: of those on its list. It may not know of more, and asks of no more.
                there = {rid for rid in there if rid in here or may[rid].patient in self.model.listed}
            self.held.same("facts", len(every), here, there, self._named(f"{name}, {table}", kind))

    def writes(self, name: str, who: Who, ctx: Context) -> None:
        """Update, delete and create, undone each time. What other rules refuse besides is not this policy's to say."""
        things = [thing for thing in self.model.things if thing.type in ("Goal", "Condition", "Observation")]
        for thing in self.random.sample(things, WRITES):
            for action in ("update", "delete", "create"):
                there = {action} if self.reading.may(who, action, thing, self.model.world) else set()
                refused = _refused(ctx, action, thing.resource)
                here = set() if refused else {action}
                self.held.same(action, 1, here, there, _told(name, thing, self.model))

    def all(self, askers: Iterable[tuple[str, Who]], *ways: str) -> Held:
        for name, who in askers:
            ctx = worlds.context(who)
            for way in ways or ("searches", "reads_by_set", "reads", "facts", "writes"):
                getattr(self, way)(name, who, ctx)
        return self.held


def _told(name: str, thing: Thing, model: Model) -> Callable[[str], str]:
    return lambda action: (
        f"{name}: {action} {thing.type}/{thing.resource['id']} ({model.named.get(thing.patient or '', '')})"
    )


def require(problem: Problem, category: Category) -> None:
    """A refusal of another kind is a failure."""
    if problem.category is not category:
        raise problem


class _Undo(Exception):
    pass


def _refused(ctx: Context, action: str, resource: Json) -> bool:
    """Whether the policy refuses: told as not there, or that the role may not. Guards come after it."""
    try:
        with store.unit_of_work(ctx) as uow:
            if action == "delete":
                uow.delete(resource["resourceType"], resource["id"])
            elif action == "update":
                uow.update(resource | {"language": "da"})
            else:
                uow.create({name: value for name, value in resource.items() if name != "id"})
            uow.finish()
            raise _Undo
    except _Undo:
        return False
    except Problem as problem:
        if problem.category is Category.NOT_FOUND:
            return True
        told = ("The role", "is not yours to write")  # nothing of the type, or nothing that says this
        return problem.category is Category.FORBIDDEN and any(words in str(problem) for words in told)


def _paths(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf with its path, items of lists told by what they say; what is empty is not there."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _paths(one, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for one in value:
            yield from _paths(one, at)
    else:
        yield f"{at}={value}", value


@pytest.mark.slow
def test_every_decision_is_the_readings(tally: Tally) -> None:
    model = worlds.build(whole=True)
    checker = Checker(model, Reading.of_file(FILE))
    askers = list(worlds.askers(model))
    held = checker.all(askers)
    assert not held, "\n".join([f"{len(held.wrong)} decisions differ", *held.wrong[:30]])
    told = ", ".join(f"{way} {count:,}" for way, count in sorted(held.count.items()))
    tally("model", f"{sum(held.count.values()):,} decisions as an independent reading of the policy has them ({told})")
    tally(
        "model",
        f"{len(askers)} who ask, {len(model.named):,} patients: {len(list(worlds.relations()))} relations x"
        f" {len(list(worlds.blocks()))} blocks x {len(worlds.GLASS)} states of break-glass, {len(checker.by_type)} types",
    )


def test_a_smaller_part_of_it(tally: Tally) -> None:
    model = worlds.build(whole=False)
    checker = Checker(model, Reading.of_file(FILE))
    some = [one for one in worlds.askers(model) if "," not in one[0] or "glass" in one[0]]
    held = checker.all(some, "searches", "reads_by_set")
    assert not held, "\n".join(held.wrong[:30])
    tally("model", f"{sum(held.count.values()):,} decisions of the smaller world")


# -- the check itself --------------------------------------------------------------------------------------------------

# A slip in the policy file, as (what is there, what somebody made of it).
_OUTSIDE = 'when = ["care-team", "referral", "appointment", "own-act", "stated"]'
_FOR_THEM = 'actions = ["read", "search"]\nwhen = ["represented"]'
SLIPS = {
    "a relation too many": (f"{_OUTSIDE}\nfields", f'{_OUTSIDE[:-1]}, "own-list"]\nfields'),
    "a relation too few": (
        '["own-list", "care-team", "own-act", "stated", "b',
        '["care-team", "own-act", "stated", "b',
    ),
    "a type too many": (f'["@minimum"]\n{_FOR_THEM}', f'["@minimum", "Condition"]\n{_FOR_THEM}'),
    "no criteria": ('matching = "code=http://tovholder.dk/fhir/CodeSystem/observation|tovholder-level"\n', ""),
    "no right": ('right = "record"\n', ""),
    "an element too many": (
        '"communication", "generalPractitioner"]',
        '"communication", "generalPractitioner", "contact"]',
    ),
}


@contextmanager
def _running(broken: str) -> Iterator[None]:
    """The running code with a policy of this text."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.toml"
        path.write_text(broken, encoding="utf-8")
        policy.use(policy.load(path))
        try:
            yield
        finally:
            policy.use(None)


SOME = frozenset({"gp", "prevention", "representative of t0 ('plan'", "representative of t0 ()", "citizen t0"})


def _found(model: Model, *ways: str) -> bool:
    """Whether the running code, as it is now, is caught by those who ask without an app."""
    some = [one for one in worlds.askers(model) if one[0].split(",")[0] in SOME and "app" not in one[0]]
    return bool(Checker(model, Reading.of_file(FILE)).all(some, *ways))


def test_a_slip_in_the_policy_is_found(tally: Tally) -> None:
    model = worlds.build(whole=False)
    text = FILE.read_text(encoding="utf-8")
    assert not _found(model, "searches", "elements")
    for slip, (there, made) in SLIPS.items():
        assert there in text, f"the policy says it otherwise now: make this slip again: {slip}"
        with _running(text.replace(there, made, 1)):
            assert _found(model, "searches", "elements"), slip
    tally("model", f"{len(SLIPS)} slips made in the policy on purpose, all found")


Fault = Callable[[str, list[Any]], tuple[str, list[Any]]]
CLAUSES: dict[str, Fault] = {
    "blocks forgotten": lambda text, values: ("", []),
    "blocks that end never": lambda text, values: (text.replace("blk.until_ms > %s", "%s IS NOT NULL"), values),
    "blocks that hold too early": lambda text, values: (text.replace("blk.from_ms <= %s", "%s IS NOT NULL"), values),
    "narrow blocks forgotten": lambda text, values: (text.replace("blk.narrow OR (", "blk.narrow OR (1 = 0 AND "), values),
    "a period read backwards": lambda text, values: (text.replace("> COALESCE(blk.", "< COALESCE(blk."), values),
}  # fmt: skip


def _with(broken: Fault, changed: list[bool]) -> Callable[..., tuple[str, list[Any]]]:
    whole = blocks.clause

    def clause(ctx: Context, row: str | None, patient: str) -> tuple[str, list[Any]]:
        text, values = whole(ctx, row, patient)
        made = broken(text, values) if text else (text, values)
        changed.append(made[0] != text)
        return made

    return clause


def test_a_broken_clause_is_found(tally: Tally) -> None:
    model = worlds.build(whole=False)
    for name, broken in CLAUSES.items():
        changed: list[bool] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocks, "clause", _with(broken, changed))
            found = _found(model, "searches")
        assert any(changed), f"the clause says it otherwise now: make this fault again: {name}"
        assert found, name
    tally("model", f"{len(CLAUSES)} faults made in the clause of blocks on purpose, all found")
