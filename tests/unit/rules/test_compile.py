"""What is written for each engine: scope, parameters, widths; and that nothing gets round the scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from lib.factdb import FactDB
from tovholder.rules.compile import ENGINES, All, Clinic, Compiled, Engine, LeaveOut, Patient, Patients, Scope
from tovholder.rules.compile import compile as compile_

NOSHOW = """
SELECT a.patient_id, l.episode_id, MAX(a.start_day) AS since_day
FROM appointment AS a
JOIN episode_link AS l ON l.resource_id = a.appointment_id
WHERE a.status = 'noshow' AND a.start_day <= :today - :grace_days
  AND NOT EXISTS (SELECT 1 FROM appointment AS b
                  WHERE b.patient_id = a.patient_id AND b.kind = a.kind AND b.start_day > a.start_day
                    AND (b.status = 'fulfilled' OR (b.status = 'booked' AND b.start_day >= :today)))
GROUP BY a.patient_id, l.episode_id
"""
SCOPES: list[Scope] = [All(), Patients(), Patient(), Clinic()]
PEOPLE = """
    patient
    patient_id | organization_id
    p1         | o1
    p2         | o2
    p3         | o2
    p4         |

    episode
    episode_id | patient_id | organization_id | package
    e1         | p1         | o1              | kol
    e2         | p2         | o1              | kol
    e3         | p3         | o2              | lrs
    e4         | p4         | o1              | kol

    organization
    organization_id | region
    o1              | 84
    o2              | 85
"""


@pytest.fixture(scope="module")
def people() -> Iterator[FactDB]:
    db = FactDB().load(PEOPLE)
    yield db
    db.close()


def compiled(db: FactDB, sql: str, engine: Engine, scope: Scope, **parameters: int | str) -> Compiled:
    return compile_(db.check(sql, parameters), engine, scope)


@pytest.mark.parametrize(
    ("scope", "patients"),
    [(All(), "p1 p2 p3 p4"), (Patient(), "p2"), (Patients(), "p3 p4"), (Clinic(), "p1 p2 p4")],
    ids=str,
)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT e.patient_id FROM episode AS e",
        "SELECT patient_id FROM patient",
        "WITH all_of_them AS (SELECT e.patient_id FROM episode AS e) SELECT x.patient_id FROM all_of_them AS x",
        "SELECT x.patient_id FROM (SELECT DISTINCT e.patient_id FROM episode AS e) AS x",
        "SELECT p.patient_id FROM patient AS p "
        "WHERE EXISTS (SELECT 1 FROM episode AS e WHERE e.patient_id = p.patient_id)",
        "SELECT p.patient_id FROM patient AS p WHERE p.patient_id IN (SELECT e.patient_id FROM episode AS e)",
        "SELECT e.patient_id FROM episode AS e UNION SELECT p.patient_id FROM patient AS p",
    ],
)
def test_no_query_sees_outside_its_scope(people: FactDB, sql: str, scope: Scope, patients: str) -> None:
    people.scope_to(["p3", "p4"])
    rows = people.rows(sql, scope, scope_patient="p2", scope_organization="o1")
    assert [row[0] for row in rows] == patients.split()


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_unscoped_tables_are_read_whole(people: FactDB, scope: Scope) -> None:
    rows = people.rows(
        "SELECT o.organization_id FROM organization AS o", scope, scope_patient="p1", scope_organization="o1"
    )
    assert rows == [("o1",), ("o2",)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_physical_tables_stand_in_the_scoped_ctes_only(people: FactDB, engine: Engine, scope: Scope) -> None:
    dialect = "postgres" if engine == "postgresql" else engine
    tree = sqlglot.parse_one(compiled(people, NOSHOW, engine, scope, grace_days=14).sql, dialect=dialect)
    ctes = {cte.alias: cte for cte in tree.args["with_"].expressions}
    for name in ("appointment", "episode_link"):
        cte = ctes.pop(name)
        assert next(table.name for table in cte.find_all(exp.Table)) == f"fact_{name}"
        assert (cte.find(exp.Where) is None) == isinstance(scope, All)
    assert set(ctes) == ({"scope_clinic"} if isinstance(scope, Clinic) else set())
    tree.set("with_", None)
    assert {table.name for table in tree.find_all(exp.Table)} == {"appointment", "episode_link"}


def test_text_per_engine(people: FactDB) -> None:
    sql = """
        SELECT e.episode_id, SUM(e.paused_days * 2) AS days,
               COUNT(*) FILTER (WHERE e.phase IS DISTINCT FROM 'a%') AS n
        FROM episode AS e WHERE e.deadline_day < :today AND e.package = :package AND e.phase <> '50%'
        GROUP BY e.episode_id HAVING SUM(e.paused_days) > 1
    """
    texts = {engine: compiled(people, sql, engine, Patient(), package="kol").sql for engine in ENGINES}
    tail = {engine: text.split(") SELECT ", 1)[1] for engine, text in texts.items()}
    assert tail["sqlite"] == (
        '"e"."episode_id" AS "episode_id", SUM("e"."paused_days" * 2) AS "days", '
        'COUNT(*) FILTER(WHERE "e"."phase" IS NOT \'a%\') AS "n" FROM "episode" AS "e" '
        'WHERE "e"."deadline_day" < :today AND "e"."package" = :package AND "e"."phase" <> \'50%\' '
        'GROUP BY "e"."episode_id" HAVING SUM("e"."paused_days") > 1'
    )
    assert tail["duckdb"] == (
        '"e"."episode_id" AS "episode_id", CAST(SUM("e"."paused_days" * CAST(2 AS BIGINT)) AS BIGINT) AS "days", '
        'COUNT(*) FILTER(WHERE "e"."phase" IS DISTINCT FROM \'a%\') AS "n" FROM "episode" AS "e" '
        'WHERE "e"."deadline_day" < CAST($today AS BIGINT) AND "e"."package" = CAST($package AS TEXT) '
        'AND "e"."phase" <> \'50%\' GROUP BY "e"."episode_id" HAVING CAST(SUM("e"."paused_days") AS BIGINT) > 1'
    )
    assert tail["postgresql"] == (
        '"e"."episode_id" AS "episode_id", CAST(SUM("e"."paused_days" * CAST(2 AS BIGINT)) AS BIGINT) AS "days", '
        'COUNT(*) FILTER(WHERE "e"."phase" IS DISTINCT FROM \'a%%\') AS "n" FROM "episode" AS "e" '
        'WHERE "e"."deadline_day" < CAST(%(today)s AS BIGINT) AND "e"."package" = CAST(%(package)s AS TEXT) '
        'AND "e"."phase" <> \'50%%\' GROUP BY "e"."episode_id" HAVING CAST(SUM("e"."paused_days") AS BIGINT) > 1'
    )
    assert tail["spark"] == (
        "`e`.`episode_id` AS `episode_id`, SUM(`e`.`paused_days` * CAST(2 AS BIGINT)) AS `days`, "
        "COUNT(*) FILTER(WHERE `e`.`phase` IS DISTINCT FROM 'a%') AS `n` FROM `episode` AS `e` "
        "WHERE `e`.`deadline_day` < CAST(:today AS BIGINT) AND `e`.`package` = CAST(:package AS STRING) "
        "AND `e`.`phase` <> '50%' GROUP BY `e`.`episode_id` HAVING SUM(`e`.`paused_days`) > 1"
    )


@pytest.mark.parametrize(
    ("scope", "extra"),
    [
        (All(), ()),
        (Patients(), ()),
        (Patient(), (("scope_patient", "text"),)),
        (Clinic(), (("scope_organization", "text"),)),
    ],
    ids=str,
)
def test_what_is_bound(people: FactDB, scope: Scope, extra: tuple[tuple[str, str], ...]) -> None:
    sql = "SELECT e.episode_id FROM episode AS e WHERE e.deadline_day < :today - :days AND e.package = :package"
    made = compiled(people, sql, "duckdb", scope, days=3, package="kol", unused=1)
    assert set(made.binds) == {("today", "int"), ("days", "int"), ("package", "text"), *extra}
    assert made.parameters == tuple(name for name, _ in made.binds)


@pytest.mark.parametrize("scope", [Patient(), Clinic(), Patients()], ids=str)
@pytest.mark.parametrize("analysed", [False, True], ids=["fresh", "analysed"])
def test_sqlite_reads_facts_by_patient_and_never_whole(scope: Scope, analysed: bool) -> None:
    db = FactDB()
    db.sqlite.execute("CREATE INDEX fact_episode_organization ON fact_episode (organization_id)")
    db.sqlite.execute("CREATE INDEX fact_patient_organization ON fact_patient (organization_id)")
    people = [f"p{n:03}" for n in range(300)]
    db.insert("patient", [{"patient_id": p, "organization_id": f"o{n % 30}"} for n, p in enumerate(people)])
    db.insert(
        "episode",
        [{"episode_id": f"e{p}", "patient_id": p, "organization_id": f"o{n % 20}"} for n, p in enumerate(people)],
    )
    db.insert("appointment", [{"appointment_id": f"{p}-{n}", "patient_id": p} for p in people for n in range(4)])
    db.insert("episode_link", [{"resource_id": f"{p}-1", "patient_id": p, "episode_id": f"e{p}"} for p in people])
    if analysed:
        db.sqlite.execute("ANALYZE")
    queries = [
        NOSHOW,
        "SELECT e.patient_id FROM episode AS e "
        "LEFT JOIN appointment AS a ON a.patient_id = e.patient_id AND a.kind = 'x'",
        "WITH n AS (SELECT a.patient_id, COUNT(*) AS n FROM appointment AS a GROUP BY a.patient_id) "
        "SELECT n.patient_id FROM n JOIN n AS m ON m.patient_id = n.patient_id LEFT JOIN episode AS e "
        "ON e.patient_id = n.patient_id",
        "SELECT a.appointment_id FROM appointment AS a UNION ALL SELECT e.episode_id FROM episode AS e",
    ]
    for sql in queries:
        made = compiled(db, sql, "sqlite", scope, grace_days=3)
        bound = {name: 1 if kind == "int" else "x" for name, kind in made.binds}
        plan = [row[3] for row in db.sqlite.execute(f"EXPLAIN QUERY PLAN {made.sql}", bound)]
        whole = [step for step in plan if step.startswith("SCAN fact_") and "USING INDEX" not in step]
        assert not whole, "\n".join([made.sql, *plan])
        assert not [step for step in plan if step == "MATERIALIZE appointment"]
    db.close()


def test_a_fact_can_be_left_out(people: FactDB) -> None:
    checked = people.check("SELECT e.episode_id FROM episode AS e")
    made = compile_(checked, "sqlite", Patient(), LeaveOut("episode", "episode_id", 2))
    assert made.parameters == ("scope_out_0", "scope_out_1", "scope_patient")
    rows = people.sqlite.execute(made.sql, {"scope_patient": "p1", "scope_out_0": "e1", "scope_out_1": ""}).fetchall()
    assert rows == []


def test_compiling_does_not_change_what_was_checked(people: FactDB) -> None:
    checked = people.check(NOSHOW, {"grace_days": 3})
    before = checked.tree.sql()
    for engine in ENGINES:
        for scope in SCOPES:
            compile_(checked, engine, scope)
    assert checked.tree.sql() == before


def test_a_part_of_a_rule_is_worked_out_once_about_listed_patients(people: FactDB) -> None:
    sql = """
    WITH seen AS (SELECT e.patient_id, e.episode_id FROM episode AS e WHERE e.package = 'kol')
    SELECT p.patient_id, s.episode_id FROM patient AS p LEFT JOIN seen AS s ON s.patient_id = p.patient_id
    """
    listed = compiled(people, sql, "postgresql", Patients()).sql
    assert '"seen" AS MATERIALIZED' in listed
    assert '"episode" AS NOT MATERIALIZED' in listed
    for scope in (All(), Patient(), Clinic()):
        assert '"seen" AS (' in compiled(people, sql, "postgresql", scope).sql
