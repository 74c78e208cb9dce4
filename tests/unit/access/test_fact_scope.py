"""Whose facts a role may read, table by table; and the nation's under pseudonyms, for who has that right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib import world
from lib.people import context
from tovholder import store
from tovholder.access import Context, Role, audit
from tovholder.access.domain import Grants, Right
from tovholder.base.errors import Category, Problem

pytestmark = pytest.mark.django_db
PATIENTS = "SELECT p.patient_id, p.birth_day, p.organization_id FROM patient AS p"
DIAGNOSES = "SELECT d.patient_id, d.code FROM diagnosis AS d"
BOTH = (
    "SELECT p.patient_id, d.diagnosis_id, o.region FROM patient AS p JOIN diagnosis AS d ON d.patient_id = p.patient_id"
    " JOIN organization AS o ON o.organization_id = p.organization_id"
)


@pytest.fixture
def w() -> world.World:
    return world.build()


def told(ctx: Context, sql: str, patient: str | None = None) -> set[str]:
    return {str(row["patient_id"]) for row in store.facts(ctx, sql, patient=patient)}


def test_each_role_reads_the_facts_of_whom_it_may(w: world.World) -> None:
    mine, other = w.patient(), w.patient(organization=w.other_clinic)
    for who in (mine, other):
        w.diagnose(who)
    for sql in (PATIENTS, DIAGNOSES, BOTH):
        assert told(w.gp, sql) == told(w.staff, sql) == told(w.gp, sql, mine) == {mine}
        assert told(w.gp, sql, other) == set()
        assert told(w.citizen(other), sql) == {other} == told(w.citizen(other), sql, other)
        assert told(w.citizen(other), sql, mine) == set()
        assert told(w.system, sql) == {mine, other}
    for role in (Role.HOSPITAL, Role.PREVENTION, Role.PARTNER, Role.ANALYST, Role.OPERATOR, Role.AUTHOR):
        with pytest.raises(Problem) as caught:
            store.facts(context(role, w.clinic), PATIENTS)
        assert caught.value.category is Category.FORBIDDEN


def test_an_app_reads_facts_only_of_types_it_was_given_whole(w: world.World) -> None:
    mine, other = w.patient(), w.patient()
    w.diagnose(mine)
    w.diagnose(other)

    def app(*types: str, search: str = "", patient: str | None = None) -> Context:
        allowed = tuple((action, kind, (search,)) for action in ("read", "search") for kind in types)
        return replace(w.gp, grants=Grants(allowed, patient))

    assert told(app("Patient"), PATIENTS) == {mine, other}
    assert told(app("Patient", "Condition", patient=mine), BOTH) == {mine}
    assert told(app("Patient", patient=mine), PATIENTS, other) == set()
    for narrow in (app("Patient"), app("Condition"), app("Patient", "Condition", search="code=R95")):
        with pytest.raises(Problem) as caught:
            store.facts(narrow, BOTH)
        assert caught.value.category is Category.FORBIDDEN


def test_facts_under_pseudonyms_name_nobody_and_still_belong_together(w: world.World) -> None:
    people = [w.patient(born="1960-05-01"), w.patient(born="1975-08-09", organization=w.other_clinic)]
    diagnoses = [w.diagnose(one) for one in people]
    rights = frozenset({str(Right.PSEUDONYMS)})
    analyst = replace(context(Role.ANALYST, None, actor="Practitioner/a"), rights=rights)
    with audit.answer() as entries:
        rows = store.facts(analyst, BOTH)
    assert {row["region"] for row in rows} == {"DK-82"} and len(rows) == 2
    assert not {value for row in rows for value in row.values()} & {*people, *diagnoses}
    assert [entry.patients for entry in entries] == [frozenset()]
    assert told(analyst, BOTH) == told(analyst, PATIENTS)  # one pseudonym everywhere
    assert told(replace(analyst, actor="Practitioner/b"), PATIENTS).isdisjoint(told(analyst, PATIENTS))
    assert all(row["birth_day"] % 365 == 0 for row in store.facts(analyst, PATIENTS))
    sought = f"{PATIENTS} WHERE p.patient_id = '{people[0]}'"
    assert store.facts(analyst, sought) == []
    with pytest.raises(Problem):
        store.facts(analyst, PATIENTS, patient=people[0])
    with pytest.raises(Problem):
        store.facts(replace(analyst, rights=frozenset()), PATIENTS)
    assert store.search(analyst, "Patient", []).entries == ()  # facts alone, never resources
