"""What queries mean: joins, groups, aggregates, windows, WITH, UNION."""

from __future__ import annotations

import pytest

from lib.factdb import FactDB

from .spec import TODAY, Spec

FACTS = """
    appointment
    appointment_id | patient_id | kind | status    | start_day
    a1             | p1         | x    | noshow    | 19900
    a2             | p1         | x    | fulfilled | 19950
    a3             | p1         | y    | noshow    | 19900
    a4             | p2         | x    | booked    |
    a5             | p2         |      | booked    | 20005

    episode
    episode_id | patient_id | package | deadline_day
    e1         | p1         | kol     | 19980
    e2         | p1         | lrs     |
    e3         | p3         | kol     | 20010

    episode_link
    resource_id | resource_type | patient_id | episode_id
    a1          | Appointment   | p1         | e1
    a1          | Appointment   | p1         | e2
    a3          | Appointment   | p1         | e1

    period
    period_id | kind  | start_day | end_day
    m1        | month | 19880     | 19909
    m2        | month | 19910     | 19950
"""


def query(says: str, sql: str, gives: str, **parameters: int | str) -> Spec:
    return Spec(says, FACTS, sql, gives, parameters)


SPECS = [
    query(
        "JOIN gives a row per pair",
        """
        SELECT a.appointment_id, l.episode_id
        FROM appointment AS a JOIN episode_link AS l ON l.resource_id = a.appointment_id
        """,
        "appointment_id | episode_id\na1 | e1\na1 | e2\na3 | e1",
    ),
    query(
        "LEFT JOIN keeps rows without a pair, a condition in ON does not drop them",
        """
        SELECT e.episode_id, a.appointment_id FROM episode AS e
        LEFT JOIN appointment AS a ON a.patient_id = e.patient_id AND a.status = 'fulfilled'
        """,
        "episode_id | appointment_id\ne1 | a2\ne2 | a2\ne3 |",
    ),
    query(
        "a condition in WHERE does drop them",
        """
        SELECT e.episode_id FROM episode AS e
        LEFT JOIN appointment AS a ON a.patient_id = e.patient_id WHERE a.status = 'fulfilled'
        """,
        "episode_id\ne1\ne2",
    ),
    query(
        "CROSS JOIN pairs everything, unscoped tables included",
        """
        SELECT p.period_id, COUNT(*) AS n FROM period AS p CROSS JOIN appointment AS a
        WHERE a.start_day BETWEEN p.start_day AND p.end_day GROUP BY p.period_id
        """,
        "period_id | n\nm1 | 2\nm2 | 1",
    ),
    query(
        "a fact may be read under its own name, and columns that only one table has need no alias",
        "SELECT episode_id, deadline_day FROM episode WHERE package = 'kol'",
        "episode_id | deadline_day\ne1 | 19980\ne3 | 20010",
    ),
    query(
        "DISTINCT drops rows that are alike, NULL being like NULL",
        "SELECT DISTINCT a.kind, a.status FROM appointment AS a WHERE a.patient_id = 'p2' OR a.kind = 'y'",
        "kind | status\ny | noshow\nx | booked\n | booked",
    ),
    query(
        "GROUP BY makes one group of all NULLs",
        "SELECT a.kind, COUNT(*) AS n FROM appointment AS a GROUP BY a.kind",
        "kind | n\nx | 3\ny | 1\n | 1",
    ),
    query(
        "aggregates leave NULL out, COUNT(*) does not",
        """
        SELECT a.patient_id, COUNT(*) AS rows_, COUNT(a.start_day) AS days, COUNT(DISTINCT a.start_day) AS differing,
               SUM(a.start_day) AS total, MIN(a.start_day) AS first_day, MAX(a.start_day) AS last_day,
               MAX(a.appointment_id) AS last_id, MIN(a.appointment_id) AS first_id
        FROM appointment AS a GROUP BY a.patient_id
        """,
        "patient_id | rows_ | days | differing | total | first_day | last_day | last_id | first_id\n"
        "p1 | 3 | 3 | 2 | 59750 | 19900 | 19950 | a3 | a1\np2 | 2 | 1 | 1 | 20005 | 20005 | 20005 | a5 | a4",
    ),
    query(
        "aggregates of nothing: COUNT is 0, the others NULL",
        """
        SELECT COUNT(*) AS n, SUM(a.start_day) AS s, MAX(a.start_day) AS m, AVG(a.start_day) AS v
        FROM appointment AS a WHERE a.kind = 'z'
        """,
        "n | s | m | v\n0 | | |",
    ),
    query(
        "FILTER counts the rows of a group it is true for",
        """
        SELECT a.patient_id, COUNT(*) FILTER (WHERE a.status = 'noshow') AS missed,
               SUM(a.start_day) FILTER (WHERE a.kind = 'y') AS y_days,
               MAX(a.start_day) FILTER (WHERE a.kind = 'x') AS x_day
        FROM appointment AS a GROUP BY a.patient_id
        """,
        "patient_id | missed | y_days | x_day\np1 | 2 | 19900 | 19950\np2 | 0 | |",
    ),
    query(
        "HAVING keeps groups",
        """
        SELECT a.patient_id FROM appointment AS a
        GROUP BY a.patient_id HAVING COUNT(a.start_day) > 1 AND MAX(a.start_day) < :today
        """,
        "patient_id\np1",
    ),
    query(
        "AVG is a fraction",
        "SELECT a.patient_id, AVG(a.start_day) AS mean FROM appointment AS a GROUP BY a.patient_id",
        "patient_id | mean\np1 | 19916.666666666668\np2 | 20005",
    ),
    query(
        "a sum of sums stays a whole number",
        """
        WITH per_patient AS (SELECT a.patient_id, SUM(a.start_day) AS days FROM appointment AS a GROUP BY a.patient_id)
        SELECT SUM(p.days) AS total, SUM(p.days * 2) - 1 AS more FROM per_patient AS p
        """,
        "total | more\n79755 | 159509",
    ),
    query(
        "ROW_NUMBER counts in an order without ties",
        """
        WITH numbered AS (
          SELECT a.appointment_id, a.patient_id, ROW_NUMBER() OVER (
            PARTITION BY a.patient_id ORDER BY a.start_day DESC NULLS LAST, a.appointment_id DESC,
              a.activity_id NULLS FIRST) AS n
          FROM appointment AS a)
        SELECT r.patient_id, r.appointment_id FROM numbered AS r WHERE r.n = 1
        """,
        "patient_id | appointment_id\np1 | a2\np2 | a5",
    ),
    query(
        "NULLS FIRST puts the empty ones first",
        """
        SELECT a.appointment_id,
               RANK() OVER (
                 PARTITION BY a.patient_id ORDER BY a.start_day NULLS FIRST, a.appointment_id,
                 a.activity_id NULLS FIRST) AS n
        FROM appointment AS a WHERE a.patient_id = 'p2'
        """,
        "appointment_id | n\na4 | 1\na5 | 2",
    ),
    query(
        "LAG and LEAD look at the neighbour, NULL where there is none",
        """
        SELECT a.appointment_id,
               LAG(a.kind) OVER (
                 PARTITION BY a.patient_id ORDER BY a.start_day NULLS FIRST, a.appointment_id,
                 a.activity_id NULLS FIRST) AS before,
               LEAD(a.start_day, 2) OVER (
                 PARTITION BY a.patient_id ORDER BY a.start_day NULLS FIRST, a.appointment_id,
                 a.activity_id NULLS FIRST) AS later
        FROM appointment AS a WHERE a.patient_id = 'p1'
        """,
        "appointment_id | before | later\na1 | | 19950\na3 | x |\na2 | y |",
    ),
    query(
        "SUM, COUNT, MIN and MAX run along the order, or take the whole partition without one",
        """
        SELECT a.appointment_id, SUM(a.start_day) OVER (
                 PARTITION BY a.patient_id ORDER BY a.appointment_id,
                 a.activity_id NULLS FIRST) AS sofar,
               COUNT(*) OVER (PARTITION BY a.patient_id) AS n,
               MAX(a.start_day) OVER (PARTITION BY a.patient_id) AS last_day,
               MIN(a.appointment_id) OVER (PARTITION BY a.kind) AS first_id
        FROM appointment AS a WHERE a.patient_id = 'p1'
        """,
        "appointment_id | sofar | n | last_day | first_id\na1 | 19900 | 3 | 19950 | a1\na2 | 39850 | 3 | 19950 | a1\n"
        "a3 | 59750 | 3 | 19950 | a3",
    ),
    query(
        "a joined table needs no more in the order than what tells its rows apart",
        """
        SELECT a.appointment_id, l.episode_id,
               ROW_NUMBER() OVER (
                 PARTITION BY a.patient_id, e.episode_id ORDER BY a.start_day NULLS LAST, a.appointment_id,
                 a.activity_id NULLS FIRST) AS n
        FROM appointment AS a
        JOIN (SELECT DISTINCT k.resource_id, k.patient_id, k.episode_id FROM episode_link AS k) AS l
          ON l.resource_id = a.appointment_id AND l.patient_id = a.patient_id
        JOIN episode AS e ON e.episode_id = l.episode_id
        """,
        "appointment_id | episode_id | n\na1 | e1 | 1\na3 | e1 | 2\na1 | e2 | 1",
    ),
    query(
        "UNION drops rows that are alike, UNION ALL does not, from left to right",
        """
        SELECT a.patient_id, a.kind FROM appointment AS a WHERE a.kind = 'x'
        UNION SELECT e.patient_id, 'x' FROM episode AS e
        UNION ALL SELECT e.patient_id, e.package FROM episode AS e
        """,
        "patient_id | kind\np1 | x\np2 | x\np3 | x\np1 | kol\np1 | lrs\np3 | kol",
    ),
    query(
        "a CTE is read as often as wanted, and a later one reads an earlier one",
        """
        WITH missed AS (SELECT a.patient_id, a.start_day FROM appointment AS a WHERE a.status = 'noshow'),
             latest AS (SELECT m.patient_id, MAX(m.start_day) AS last_day FROM missed AS m GROUP BY m.patient_id)
        SELECT l.patient_id, l.last_day, COUNT(*) AS n FROM latest AS l JOIN missed AS m ON m.patient_id = l.patient_id
        GROUP BY l.patient_id, l.last_day
        """,
        "patient_id | last_day | n\np1 | 19900 | 2",
    ),
    query(
        "IN may ask a grouped subquery that looks at nothing outside",
        """
        SELECT e.episode_id FROM episode AS e WHERE e.patient_id IN (
          SELECT a.patient_id FROM appointment AS a GROUP BY a.patient_id
          HAVING COUNT(*) FILTER (WHERE a.status = 'noshow') >= :times)
        """,
        "episode_id\ne1\ne2",
        times=2,
    ),
    query(
        "missing the deadline, counted as an indicator counts",
        """
        SELECT e.patient_id, e.episode_id, 'x' AS period_id,
               CASE WHEN e.deadline_day IS NOT NULL THEN 1 ELSE 0 END AS in_denominator,
               CASE WHEN e.deadline_day >= :today THEN 1 ELSE 0 END AS in_numerator,
               CASE WHEN e.deadline_day IS NULL THEN 1 ELSE 0 END AS missing
        FROM episode AS e ORDER BY e.patient_id, episode_id DESC
        """,
        "patient_id | episode_id | period_id | in_denominator | in_numerator | missing\n"
        "p1 | e1 | x | 1 | 0 | 0\np1 | e2 | x | 0 | 0 | 1\np3 | e3 | x | 1 | 1 | 0",
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.says)
def test_queries(db: FactDB, spec: Spec) -> None:
    spec.check(db)


def test_order_by_at_the_end_orders_rows(db: FactDB) -> None:
    from tovholder.rules import compile as compiler
    from tovholder.rules.run import run

    db.load(FACTS)
    sql = """
        SELECT a.start_day AS appointment_id, a.appointment_id AS id FROM appointment AS a
        ORDER BY appointment_id DESC NULLS LAST, id
    """
    checked = db.check(sql)
    for engine, connection in db.connections.items():
        rows = run(compiler.compile(checked, engine, compiler.All()), connection, {"today": TODAY})
        assert [row[1] for row in rows] == ["a5", "a2", "a1", "a3", "a4"], engine
