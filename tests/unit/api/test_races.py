"""Twenty at once: one is made, one wins, nothing is lost; on whichever database the tests run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from lib.api import Caller
from tovholder.access import Role

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 20


def device(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Device", "identifier": [{"system": "urn:x", "value": "one"}]} | more


def together(ask: Callable[[Caller, int], Any]) -> list[Any]:
    """Everybody asks at the same moment; each with a client and a connection of their own."""
    caller = Caller(Role.SYSTEM)
    barrier = Barrier(AT_ONCE)

    def one(number: int) -> Any:
        mine = Caller.__new__(Caller)
        mine.headers = caller.headers
        mine.client = type(caller.client)(headers=caller.headers)
        try:
            barrier.wait(30)
            return ask(mine, number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_conditional_creates_make_one() -> None:
    answers = together(
        lambda caller, _: caller.send("POST", "/Device", device(), **{"If-None-Exist": "identifier=urn:x|one"})
    )
    assert statuses(answers) == {201: 1, 200: AT_ONCE - 1}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len({answer.content for answer in answers}) == 1
    assert len(Caller(Role.SYSTEM, name="after").send("GET", "/Device").json()["entry"]) == 1


def test_conditional_creates_in_transactions_make_one() -> None:
    entry = {
        "resource": device(),
        "request": {"method": "POST", "url": "Device", "ifNoneExist": "identifier=urn:x|one"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answers = together(lambda caller, _: caller.send("POST", "", bundle))
    told = Counter(answer.json()["entry"][0]["response"]["status"][:3] for answer in answers)
    assert told == {"201": 1, "200": AT_ONCE - 1}


def test_conditional_updates_make_one_and_lose_none() -> None:
    answers = together(
        lambda caller, number: caller.send("PUT", "/Device?identifier=urn:x|one", device(lotNumber=str(number)))
    )
    assert statuses(answers) == {201: 1, 200: AT_ONCE - 1}
    assert {answer.headers["ETag"] for answer in answers} == {f'W/"{n + 1}"' for n in range(AT_ONCE)}


def test_of_those_who_name_the_same_version_one_wins() -> None:
    made = Caller(Role.SYSTEM).send("POST", "/Device", device()).json()
    answers = together(lambda caller, _: caller.send("PUT", f"/Device/{made['id']}", made, **{"If-Match": 'W/"1"'}))
    assert statuses(answers) == {200: 1, 412: AT_ONCE - 1}


def test_no_patch_is_lost() -> None:
    made = Caller(Role.SYSTEM).send("POST", "/Device", device(note=[{"text": "first"}])).json()

    def patch(caller: Caller, number: int) -> Any:
        change = [{"op": "add", "path": "/note/-", "value": {"text": str(number)}}]
        return caller.send("PATCH", f"/Device/{made['id']}", change, "application/json-patch+json")

    assert statuses(together(patch)) == {200: AT_ONCE}
    held = Caller(Role.SYSTEM, name="after").send("GET", f"/Device/{made['id']}").json()
    assert {note["text"] for note in held["note"]} == {"first", *map(str, range(AT_ONCE))}


def test_an_id_of_ones_own_is_given_once() -> None:
    answers = together(lambda caller, _: caller.send("PUT", "/Device/mine", device(id="mine")))
    found = statuses(answers)
    assert found[201] == 1
    assert set(found) <= {200, 201, 409}


def test_whoever_asks_for_history_from_where_the_last_answer_ended_misses_nobody() -> None:
    seen: set[str] = set()

    def ask(caller: Caller, number: int) -> Any:
        if number:
            return [caller.send("POST", "/Device", device()).json()["id"] for _ in range(5)]
        moment = "2000-01-01T00:00:00Z"
        for _ in range(15):
            path = f"/Device/_history?_since={moment}&_count=7"
            while path:
                bundle = caller.send("GET", path).json()
                seen.update(entry["resource"]["id"] for entry in bundle.get("entry", []))
                moment = bundle["meta"]["lastUpdated"]
                links = {link["relation"]: link["url"] for link in bundle["link"]}
                path = links.get("next", "").partition("/fhir")[2]
        return moment

    moment, *made = together(ask)
    last = Caller(Role.SYSTEM, name="after").send("GET", f"/Device/_history?_since={moment}&_count=1000").json()
    seen.update(entry["resource"]["id"] for entry in last.get("entry", []))
    assert {rid for rids in made for rid in rids} <= seen
