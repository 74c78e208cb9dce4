"""Random blocks against an independent reading of them: what is found, read, counted as a fact and told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import people, world
from lib.world import World
from tovholder import store
from tovholder.access import Context, Role, blocks
from tovholder.access.domain import Emergency
from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.fhir import systems
from tovholder.store import consents, ports

pytestmark = pytest.mark.django_db
EXAMPLES = 60


@dataclass(frozen=True)
class Thing:
    """One resource as the reference knows it: what kinds it is of, and the day it happened (None: not known)."""

    rid: str
    type: str
    kinds: frozenset[str]
    day: str | None
    frame: bool = False


@dataclass(frozen=True)
class Aim:
    """One block as the reference knows it: whom for, which kind, of which days, until when."""

    actor: str
    kind: str
    first: str
    last: str
    until: str

    def hits(self, names: set[str], today: str) -> bool:
        return (self.actor == "" or self.actor in names) and (self.until == "" or today <= self.until)

    @property
    def whole(self) -> bool:
        return not (self.kind or self.first or self.last)

    def hides(self, thing: Thing) -> bool:
        if self.whole:
            return True
        if thing.frame or (self.kind and self.kind not in thing.kinds):
            return False
        if thing.day is None or not (self.first or self.last):
            return True
        return (not self.first or thing.day >= self.first) and (not self.last or thing.day <= self.last)


DAYS = ["2019-06-01", "2020-01-01", "2020-12-31", "2023-03-03"]
EDGES = ["", "2019-06-01", "2019-06-02", "2020-12-30", "2020-12-31", "2023-03-03"]
KINDS = ["", "diagnoses", "measurements", "mental-health", "appointments", "sexual-health", "questionnaires"]


@pytest.fixture
def here() -> Iterator[World]:
    guards, steps = dict(ports._guards), ports.steps()
    ports.bind(guards=consents.GUARDS, steps=[])  # a record of its own making, whatever a course would ask of it
    yield world.build()
    ports.bind(guards=guards, steps=steps)


def populate(here: World, patient: str) -> list[Thing]:
    """A record with something of every kind, on days at the edges and on none."""
    found = [Thing(patient, "Patient", frozenset(), None, frame=True)]
    made: list[tuple[dict[str, object], Thing]] = []
    for day in [*DAYS, None]:
        for code, kinds in (
            ("R95", {"diagnoses"}),
            ("P76", {"diagnoses", "mental-health"}),
            ("X70", {"diagnoses", "sexual-health"}),
        ):
            resource = people.condition(patient, code, recorded=day)
            made.append((resource, Thing("", "Condition", frozenset(kinds), day)))
    about = {"subject": {"reference": f"Patient/{patient}"}}
    for day in DAYS[:2]:
        observed = {"resourceType": "Observation", "status": "final", **about, "effectiveDateTime": day}
        for system, code, kinds in (
            (systems.MCS, "MCS88019", {"measurements"}),
            (systems.LOINC, "44261-6", {"measurements", "mental-health"}),
        ):
            coded = {**observed, "code": {"coding": [{"system": system, "code": code}]}}
            made.append((coded, Thing("", "Observation", frozenset(kinds), day)))
        level = {
            **observed,
            "code": {"coding": [{"system": systems.OBSERVATION_SYSTEM, "code": "tovholder-level"}]},
            "valueCodeableConcept": {"coding": [{"system": systems.LEVEL_SYSTEM, "code": "1"}]},
            "performer": [{"reference": f"Practitioner/{here.doctor}"}],
        }
        made.append((level, Thing("", "Observation", frozenset(), day, frame=True)))
        visit = {
            "resourceType": "Encounter", "status": "finished", **about,
            "class": {"system": systems.ACT_CODE, "code": "AMB"}, "period": {"start": day, "end": day},
        }  # fmt: skip
        made.append((visit, Thing("", "Encounter", frozenset({"appointments"}), day)))
    with store.unit_of_work(here.system) as uow:
        found += [replace(thing, rid=uow.create(resource).id) for resource, thing in made]
    return found


@contextmanager
def undone() -> Iterator[None]:
    class Undo(Exception):
        pass

    try:
        with transaction.atomic():
            yield
            raise Undo
    except Undo:
        pass


def found(ctx: Context, things: list[Thing], patient: str) -> set[str]:
    """What searches of every type find, which is what reads give too."""
    ids: set[str] = set()
    for kind in {thing.type for thing in things}:
        name = "_id" if kind == "Patient" else "patient"
        ids |= {entry.id for entry in store.search(ctx, kind, [(name, patient), ("_count", "100")]).entries}
    for thing in things:
        try:
            store.read(ctx, thing.type, thing.rid)
            read = True
        except Problem:
            read = False
        assert read == (thing.rid in ids), (thing, read)
    return ids & {thing.rid for thing in things}


def test_blocks_hide_what_an_independent_reading_says(here: World) -> None:
    patient = here.patient()
    things = populate(here, patient)
    with store.unit_of_work(here.system) as uow:
        above = uow.create(people.clinic("Lægerne, hele kæden")).id
    units = (here.clinic, above)
    whom = ["", f"Organization/{here.clinic}", f"Organization/{above}", f"Organization/{here.other_clinic}",
            f"Practitioner/{here.doctor}", "Practitioner/nurse"]  # fmt: skip
    untils = ["", days.iso(here.today), days.iso(here.today + 5)]
    aims = st.builds(
        Aim, st.sampled_from(whom), st.sampled_from(KINDS), st.sampled_from(EDGES), st.sampled_from(EDGES),
        st.sampled_from(untils),
    ).filter(lambda aim: not (aim.first and aim.last) or aim.first <= aim.last)  # fmt: skip
    seen = {"hidden": 0, "shown": 0, "examples": 0}

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
    )
    @given(st.lists(aims, max_size=4), st.sampled_from(["doctor", "nurse"]), st.booleans(), st.sampled_from([0, 1, 6]))
    def check(told: list[Aim], who: str, opened: bool, later: int) -> None:
        citizen = here.citizen(patient)
        with undone():
            with store.unit_of_work(citizen) as uow:
                for aim in told:
                    uow.create(
                        consents.block_resource(
                            citizen, patient, actor=aim.actor, kind=aim.kind, data_from=aim.first,
                            data_until=aim.last, until=aim.until,
                        )
                    )  # fmt: skip
            then = here.later(later)
            ctx = replace(then.gp if who == "doctor" else then.staff, units=units)
            if opened:
                until = days.millis(then.now) + 1000
                ctx = replace(ctx, emergencies=(Emergency(1, patient, until, "danger"),)) if who == "doctor" else ctx
            lifted = bool(ctx.emergencies)
            names = {ctx.actor, *(f"Organization/{unit}" for unit in units)}
            hits = [] if lifted else [aim for aim in told if aim.hits(names, days.iso(then.today))]
            wanted = {thing.rid for thing in things if not any(aim.hides(thing) for aim in hits)}
            assert found(ctx, things, patient) == wanted
            rows = store.facts(ctx, "SELECT d.diagnosis_id, d.patient_id FROM diagnosis AS d")
            assert {row["diagnosis_id"] for row in rows} == {
                thing.rid for thing in things if thing.type == "Condition" and thing.rid in wanted
            }
            whole = any(aim.whole for aim in hits)
            assert blocks.withheld(ctx, [patient]) == (bool(hits) and not whole)
            assert found(then.citizen(patient), things, patient) == {thing.rid for thing in things}
            seen["hidden"] += len(things) - len(wanted)
            seen["shown"] += len(wanted)
            seen["examples"] += 1

    check()
    assert seen["examples"] >= EXAMPLES and seen["hidden"] > 200 and seen["shown"] > 200, seen
    assert ctx_of_other(here, patient) == set()


def ctx_of_other(here: World, patient: str) -> set[str]:
    """A clinic the patient has nothing to do with finds nothing, blocks or none."""
    other = people.context(Role.GP, here.other_clinic, now=here.now)
    return {entry.id for entry in store.search(other, "Condition", [("patient", patient)]).entries}
