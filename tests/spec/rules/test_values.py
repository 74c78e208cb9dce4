"""What values mean: arithmetic, CASE, COALESCE, literals, and the types that come out."""

from __future__ import annotations

import pytest

from lib.factdb import FactDB

from .spec import Spec

EPISODES = """
    episode
    episode_id | patient_id | phase   | clock_start_day | deadline_day | paused_days
    e1         | p1         | startup | 19990           | 20020        | 3
    e2         | p2         |         |                 | 20020        |
    e3         | p3         | ended   | -5              | 0            | 0
"""


def select(says: str, expression: str, values: str, **parameters: int | str) -> Spec:
    """What an expression gives for the three episodes; _ stands for NULL."""
    cells = [cell.replace("_", "") for cell in values.split()]
    gives = "episode_id | x\n" + "\n".join(f"e{n} | {cell}" for n, cell in enumerate(cells, 1))
    return Spec(says, EPISODES, f"SELECT e.episode_id, {expression} AS x FROM episode AS e", gives, parameters)


SPECS = [
    select("sums and differences with NULL are NULL", "e.deadline_day - e.clock_start_day + e.paused_days", "33 _ 5"),
    select("products come before sums", "1 + 2 * e.paused_days", "7 _ 1"),
    select("minus in front of a sign and of a column", "- -2 - -e.paused_days", "5 _ 2"),
    select("minus in front of parentheses", "-(e.paused_days - 5)", "2 _ 5"),
    select("numbers are 64 bits wide, literals too", "e.paused_days * 1000000 * 1000000", "3000000000000 _ 0"),
    select("literals alone are 64 bits wide", "100000 * 100000", "10000000000 10000000000 10000000000"),
    select(
        "a CASE of literals too",
        "CASE WHEN e.paused_days = 3 THEN 100000 ELSE 2 END * 100000",
        "10000000000 200000 200000",
    ),
    select("a product of parameters too", ":n * :n", "10000000000 10000000000 10000000000", n=100000),
    select("a text parameter is a text", ":t", "æøå æøå æøå", t="æøå"),
    select("COALESCE takes the first that is known", "COALESCE(e.paused_days, e.clock_start_day, -1)", "3 -1 0"),
    select("COALESCE of texts", "COALESCE(e.phase, 'none')", "startup none ended"),
    select(
        "CASE takes the first true branch",
        "CASE WHEN e.deadline_day > 0 THEN 1 WHEN e.paused_days = 0 THEN 2 END",
        "1 1 2",
    ),
    select("CASE without ELSE is NULL", "CASE WHEN e.phase = 'ended' THEN 'x' END", "_ _ x"),
    select("an unknown condition is not true", "CASE WHEN e.paused_days > 1 THEN 1 ELSE 0 END", "1 0 0"),
    select(
        "CASE of a value compares with =, so NULL meets nothing", "CASE e.phase WHEN 'ended' THEN 1 ELSE 2 END", "2 2 1"
    ),
    select("NULL may be a branch of CASE", "CASE WHEN e.paused_days = 0 THEN NULL ELSE e.paused_days END", "3 _ _"),
    select("an empty number that is always empty", "CASE WHEN 1 = 0 THEN 0 END", "_ _ _"),
    Spec(
        "words of one engine may be names",
        EPISODES,
        "SELECT e.episode_id AS end, e.phase AS row, 1 AS date, 2 AS order_ FROM episode AS e WHERE e.phase = 'ended'",
        "end | row | date | order_\ne3 | ended | 1 | 2",
    ),
    Spec(
        "a result may be named as a fact or a column is",
        EPISODES,
        "SELECT episode_id AS level, e.paused_days AS deadline_day FROM episode AS e WHERE e.deadline_day = 0",
        "level | deadline_day\ne3 | 0",
    ),
    Spec(
        "comments say nothing",
        EPISODES,
        "SELECT e.episode_id -- LIMIT 1\nFROM episode AS e /* a.b / 2 */ WHERE e.phase = 'ended'",
        "episode_id\ne3",
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.says)
def test_values(db: FactDB, spec: Spec) -> None:
    spec.check(db)
