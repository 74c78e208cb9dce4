"""Bearer tokens: what they stand for is remembered until rights change; that they end is seen at once."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from lib.people import NOW
from tovholder.access import Role, generation, hats, people
from tovholder.access.domain import Context, Emergency, Grants
from tovholder.access.models import AccessToken, Assignment, User
from tovholder.access.people import Persona
from tovholder.base import days
from tovholder.base.errors import Category, Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def token() -> str:
    people.save_persona(Persona("gp", "GP", "GP", Role.GP, "clinic", "p", ""))
    return people.make_token("gp", NOW, hours=1)


def refused(token: str, now: Any = NOW) -> bool:
    try:
        people.context_of_token(token, now)
    except Problem as problem:
        return problem.category is Category.UNAUTHENTICATED
    return False


def test_a_token_is_asked_once_and_stands_for_who_asks_now(token: str, django_assert_num_queries: Any) -> None:
    first = people.context_of_token(token, NOW, request_id="1")
    with django_assert_num_queries(1):  # whether rights have changed
        later = people.context_of_token(token, NOW + timedelta(minutes=1), request_id="2", live=True)
    assert (first.role, first.organization, first.request_id, first.live) == (Role.GP, "clinic", "1", False)
    assert (later.now, later.request_id, later.live) == (NOW + timedelta(minutes=1), "2", True)
    assert (later.person, later.units) == (str(User.objects.get().pk), ("clinic",))


def test_a_token_ends_at_once_when_its_time_is_over(token: str) -> None:
    assert not refused(token)
    assert refused(token, NOW + timedelta(hours=1))


@pytest.mark.parametrize("taken", ["user", "token", "assignment", "everything begun"])
def test_what_is_taken_away_is_gone_at_the_next_request(token: str, taken: str) -> None:
    assert not refused(token)
    if taken == "user":
        User.objects.update(is_active=False)
    elif taken == "token":
        AccessToken.objects.all().delete()
    elif taken == "assignment":
        Assignment.objects.update(to_day=0)
    else:
        User.objects.update(not_before_ms=days.millis(NOW) + 1)
    generation.bump()
    assert refused(token)


def test_a_look_that_began_before_rights_changed_is_not_remembered(token: str) -> None:
    memory: generation.Memory[str, str] = generation.Memory()

    def slowly() -> str:
        generation.bump()  # another process takes something away while this one reads
        return "old rights"

    assert memory.get("user", slowly) == "old rights"
    assert memory.get("user", lambda: "new rights") == "new rights"
    assert memory.get("user", lambda: "newer still") == "new rights"


def test_no_number_comes_back() -> None:
    seen = {generation.current()}
    for _ in range(20):
        generation.bump()
        seen.add(generation.current())
    assert len(seen) == 21


def test_what_is_remembered_is_of_one_key(token: str, settings: Any) -> None:
    key = settings.SECRET_KEY
    assert not refused(token)
    settings.SECRET_KEY = "another" * 10
    assert refused(token)
    settings.SECRET_KEY = key
    assert not refused(token)


def test_a_persona_made_anew_is_seen_at_once(token: str) -> None:
    assert people.context_of_token(token, NOW).organization == "clinic"
    people.save_persona(Persona("gp", "GP", "GP", Role.GP, "another", "p", ""))
    assert people.context_of_token(token, NOW).organization == "another"


def test_what_is_no_token_is_refused_each_time(token: str) -> None:
    assert refused("nonsense")
    assert refused(token + "x")
    assert refused("")


def test_a_remembered_context_loses_nothing_but_what_its_time_ends() -> None:
    over, open_ = (Emergency(n, "p", days.millis(NOW) + more, "r") for n, more in ((1, 0), (2, 1)))
    held = Context(
        actor="Practitioner/p",
        role=Role.GP,
        organization="o",
        now=NOW - timedelta(days=1),
        patient="p",
        purpose="x",
        client="c",
        person="u",
        units=("o", "above"),
        rights=frozenset({"r"}),
        emergencies=(over, open_),
        grants=Grants((("read", "Patient", ("",)),)),
    )
    assert all(getattr(held, field.name) for field in fields(Context) if field.name not in ("request_id", "live"))
    found = hats.at(held, NOW, request_id="1", live=True)
    assert found == replace(held, now=NOW, request_id="1", live=True, emergencies=(open_,))
