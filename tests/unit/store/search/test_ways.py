"""The way to the resources: the shapes that matter walk the index meant for them, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.people import patient, system
from tovholder import database, store
from tovholder.base.errors import Problem
from tovholder.store.search import plan, rows

pytestmark = pytest.mark.django_db
CODE = "http://loinc.org|8480-6"


@pytest.fixture
def filled() -> Iterator[None]:
    with store.unit_of_work(system()) as uow:
        for number in range(20):
            rid = uow.create(
                {**patient(family=f"Navn{number}"), "identifier": [{"system": "urn:x", "value": str(number)}]}
            ).id
            for month in range(1, 10):
                uow.create(
                    {
                        "resourceType": "Observation",
                        "status": "final",
                        "code": {"coding": [{"system": "http://loinc.org", "code": ("8480-6", "x")[month % 2]}]},
                        "subject": {"reference": f"Patient/{rid}"},
                        "effectiveDateTime": f"2026-0{month}-01",
                        "valueQuantity": {"value": month},
                    }
                )
    database.analyze()
    if database.vendor() == "postgresql":  # a small table is rather read whole; what is asked is what could be walked
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
    yield
    if database.vendor() == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = on")


def explained(kind: str, *params: tuple[str, str]) -> str:
    """What the database says of the statements of a search, one line per step."""
    with CaptureQueriesContext(connection) as run:
        store.search(system(), kind, params)
    told: list[str] = []
    for query in run.captured_queries:
        if "store_" not in query["sql"] or not query["sql"].startswith("SELECT"):
            continue
        with connection.cursor() as cursor:
            verb = "EXPLAIN" if database.vendor() == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{verb} {query['sql']}")
            told += [str(row[-1]) for row in cursor.fetchall()]
    return "\n".join(told)


def uses(text: str, table: str, index: str, *columns: str) -> bool:
    """Whether a step looks into this index of the table with these columns bound."""
    if database.vendor() == "sqlite":
        bound = " AND ".join(f"{name}[=><]+\\?" for name in columns)
        name = "PRIMARY KEY" if index == "order" else f"(COVERING )?INDEX {table}_{index}"
        return re.search(rf"SEARCH \w+ USING {name} \({bound}", text) is not None
    lines = re.split(r"\n(?=\s*(?:->|SubPlan|InitPlan))", text)
    conditions = "".join(rf".*\b{name}\b" for name in columns)
    return any(f"{table}_{index}" in line and re.search(rf"Index Cond:{conditions}", line, re.DOTALL) for line in lines)


def test_a_patients_code_by_date_is_one_walk_along_the_patients_index(filled: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rid FROM store_resource WHERE type = 'Patient' LIMIT 1")
        rid = cursor.fetchone()[0]
    told = explained("Observation", ("patient", rid), ("code", CODE), ("_sort", "-date"))
    assert uses(told, "store_resource", "patient", "patient_id", "type")
    assert uses(told, "store_token", "order", "param", "code", "key", "system")
    assert uses(told, "store_reference", "order", "param", "rid", "key")
    if database.vendor() == "sqlite":
        # In order already: what is sorted is the page alone, when its bodies have been fetched.
        assert "TEMP B-TREE" not in told.partition("SCAN p")[0]
    # A range is looked up by the resource, not the other way round.
    told = explained("Observation", ("patient", rid), ("date", "ge2026-03"), ("value-quantity", "gt3"))
    assert uses(told, "store_date", "key", "key", "param") and uses(told, "store_quantity", "key", "key", "param")


def test_what_few_resources_meet_is_listed_first(filled: None) -> None:
    assert uses(explained("Patient", ("identifier", "urn:x|7")), "store_token", "order", "param", "code")
    assert uses(explained("Patient", ("family", "navn1")), "store_string", "order", "param", "value")
    told = explained("Observation", ("subject:Patient.family", "navn1"), ("code", CODE))
    assert uses(told, "store_string", "order", "param", "value")
    told = explained("Observation", ("_lastUpdated", "gt2027-04-01"))
    assert uses(told, "store_resource", "updated", "type", "updated")


def test_what_very_many_meet_is_walked_in_order(filled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FEW", 3)
    told = explained("Observation", ("code", CODE), ("_sort", "-date"))
    assert uses(told, "store_date", "order", "param")
    assert uses(told, "store_token", "order", "param", "code", "key")
    told = explained("Observation", ("_sort", "-_lastUpdated"))
    assert uses(told, "store_resource", "updated", "type")
    told = explained("Observation", ("subject:Patient.identifier", "urn:x|7,urn:x|8,urn:x|9,urn:x|10"), ("code", CODE))
    assert uses(told, "store_token", "order", "param", "code", "key")


def test_more_than_can_be_put_in_order_is_refused(filled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FEW", 3)
    params = [("_sort", "code,-date")]
    assert len(store.search(system(), "Observation", params).entries) == 50
    monkeypatch.setattr(rows, "MOST_SORTED", 100)
    with pytest.raises(Problem, match="cannot be run") as caught:
        store.search(system(), "Observation", params)
    assert caught.value.issues[0].code == "too-costly"
    assert len(store.search(system(), "Observation", [("_sort", "code")]).entries) == 50
