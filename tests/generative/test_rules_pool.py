"""Rules and indicators as package authors write them give the same rows on every engine, in generated worlds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.factdb import FactDB, fact_schema
from tovholder.rules.check import FLAG_COLUMNS, INDICATOR_COLUMNS, Checked, parse, require_columns

from .rules_worlds import BOUND, SCOPES, fill, worlds
from .rules_worlds import world as world_of

EXAMPLES = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "10"))
PARAMETERS: dict[str, int | str] = {"grace_days": 30, "times": 2, "limit_milli": 1, "package": "kol"}
FILE = Path(__file__).with_name("rules_pool.sql")


def pool() -> dict[str, Checked]:
    """The rules of rules_pool.sql by name: each starts with a comment, -- name."""
    found: dict[str, Checked] = {}
    for part in FILE.read_text(encoding="utf-8").split("\n-- ")[1:]:
        name, sql = part.split("\n", 1)
        found[name] = parse(sql, fact_schema(), PARAMETERS, FILE.name)
    return found


POOL = pool()


@pytest.fixture(scope="module")
def db() -> Iterator[FactDB]:
    made = FactDB()
    yield made
    made.close()


@pytest.mark.parametrize("name", POOL)
def test_a_rule_gives_the_same_rows_on_every_engine(name: str, db: FactDB) -> None:
    checked = POOL[name]
    found = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(worlds(db.schema, checked, PARAMETERS), st.sampled_from(SCOPES))
    def same(world: dict[str, list[dict[str, int | str | None]]], scope: object) -> None:
        fill(db, world)
        db.rows(checked, scope, **PARAMETERS, **BOUND)  # type: ignore[arg-type]

    for seed in range(5):  # some larger worlds first, so that the rule has something to find
        sizes = {name: (5, 20, 60)[(seed + place) % 3] for place, name in enumerate(sorted(checked.tables))}
        fill(db, world_of(db.schema, checked, PARAMETERS, sizes, seed))
        found += len(db.rows(checked, **PARAMETERS, **BOUND))
    same()
    assert found, "no world gave this rule a row"


def test_each_rule_of_the_pool_is_a_flag_or_an_indicator() -> None:
    assert len(POOL) >= 10
    for name, checked in POOL.items():
        require_columns(checked, INDICATOR_COLUMNS if name.startswith("indicator") else FLAG_COLUMNS)
