"""What conditions mean: comparisons, NULL, AND OR NOT, IN, BETWEEN, EXISTS."""

from __future__ import annotations

import pytest

from lib.factdb import FactDB

from .spec import Spec

VISITS = """
    appointment
    appointment_id | patient_id | kind       | status    | start_day | created_day
    a1             | p1         | spirometri | booked    | 19990     | 19990
    a2             | p1         |            | noshow    |           | 19000
    a3             | p2         | rygestop   | fulfilled | 20010     |
    a4             | p3         | Spirometri | booked    | 20000     | 19990
"""


def where(says: str, condition: str, ids: str, **parameters: int | str) -> Spec:
    """Which of the four visits a condition keeps."""
    gives = "appointment_id\n" + "\n".join(ids.split())
    return Spec(says, VISITS, f"SELECT a.appointment_id FROM appointment AS a WHERE {condition}", gives, parameters)


SPECS = [
    where("texts are equal letter by letter, case included", "a.kind = 'spirometri'", "a1"),
    where("NULL is not different from anything by <>", "a.kind <> 'spirometri'", "a3 a4"),
    where("NULL is distinct from a value", "a.kind IS DISTINCT FROM 'spirometri'", "a2 a3 a4"),
    where("nothing is distinct from itself, NULL included", "a.kind IS NOT DISTINCT FROM a.kind", "a1 a2 a3 a4"),
    where("two empty columns are not distinct", "a.start_day IS NOT DISTINCT FROM a.created_day", "a1"),
    where("a comparison with NULL keeps no row", "a.start_day <= :today", "a1 a4"),
    where("NOT of an unknown is unknown", "NOT a.start_day <= :today", "a3"),
    where("NOT NULL is asked with IS", "a.start_day IS NOT NULL", "a1 a3 a4"),
    where("NULL is asked with IS", "a.start_day IS NULL OR a.created_day IS NULL", "a2 a3"),
    where("OR is true when one side is, whatever the other", "a.start_day = 1 OR a.status = 'noshow'", "a2"),
    where(
        "AND binds more tightly than OR", "a.patient_id = 'p2' OR a.patient_id = 'p1' AND a.status = 'booked'", "a1 a3"
    ),
    where("parentheses decide", "(a.patient_id = 'p2' OR a.patient_id = 'p1') AND a.status = 'booked'", "a1"),
    where("BETWEEN includes both ends", "a.start_day BETWEEN 19990 AND :today", "a1 a4"),
    where("NOT BETWEEN leaves NULL out", "a.start_day NOT BETWEEN 19990 AND :today", "a3"),
    where("IN takes a list", "a.kind IN ('rygestop', 'spirometri')", "a1 a3"),
    where("NOT IN a list leaves NULL out", "a.kind NOT IN ('rygestop', 'spirometri')", "a4"),
    where("IN takes parameters", "a.kind IN (:kind, 'x')", "a3", kind="rygestop"),
    where("IN takes negative numbers", "a.start_day - :today IN (-10, 10)", "a1 a3"),
    where("a text may hold a percent sign and a quote", "a.kind <> '100 %s'' %(x)s :today'", "a1 a3 a4"),
    where("two ids have an order", "a.appointment_id < a.patient_id", "a1 a2 a3 a4"),
    where("bound numbers are numbers", "a.start_day <= :today - :days", "a1", days=10),
    where("capital letters in keywords mean nothing", "a.kind is not null and not (a.kind = 'rygestop')", "a1 a4"),
    Spec(
        "EXISTS looks for a row of another table",
        VISITS + "\n\nepisode\nepisode_id | patient_id | package\ne1 | p1 | kol\ne2 | p3 | lrs",
        """
        SELECT e.episode_id FROM episode AS e
        WHERE EXISTS (SELECT 1 FROM appointment AS a WHERE a.patient_id = e.patient_id AND a.status = 'noshow')
        """,
        "episode_id\ne1",
    ),
    Spec(
        "NOT EXISTS is true when the inner condition is unknown for every row",
        VISITS + "\n\nepisode\nepisode_id | patient_id | deadline_day\ne1 | p1 | \ne2 | p3 | 19000",
        """
        SELECT e.episode_id FROM episode AS e
        WHERE NOT EXISTS (SELECT 1 FROM appointment AS a
                          WHERE a.patient_id = e.patient_id AND a.start_day > e.deadline_day)
        """,
        "episode_id\ne1",
    ),
    Spec(
        "IN (SELECT …) is not true for NULL on either side",
        VISITS,
        """
        SELECT a.appointment_id FROM appointment AS a
        WHERE a.start_day IN (SELECT b.created_day FROM appointment AS b)
        """,
        "appointment_id\na1",
    ),
    Spec(
        "EXISTS may stand in a CASE of the SELECT list, and may nest without looking two steps out",
        VISITS + "\n\nepisode\nepisode_id | patient_id\ne1 | p1\ne4 | p4",
        """
        SELECT e.episode_id,
               CASE WHEN EXISTS (SELECT 1 FROM appointment AS a WHERE a.patient_id = e.patient_id
                                 AND a.status IN (SELECT b.status FROM appointment AS b WHERE b.kind = 'Spirometri'))
                    THEN 1 ELSE 0 END AS booked
        FROM episode AS e
        """,
        "episode_id | booked\ne1 | 1\ne4 | 0",
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.says)
def test_conditions(db: FactDB, spec: Spec) -> None:
    spec.check(db)
