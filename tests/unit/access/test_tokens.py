"""Bearer tokens: what they stand for is remembered for a moment; that they end is seen at once."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from typing import Any

import pytest

from lib.people import NOW
from tovholder.access import Role, people
from tovholder.access.models import AccessToken, Assignment, User
from tovholder.access.people import Persona
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
    with django_assert_num_queries(1):
        first = people.context_of_token(token, NOW, request_id="1")
        later = people.context_of_token(token, NOW + timedelta(minutes=1), request_id="2", live=True)
    assert (first.role, first.organization, first.request_id, first.live) == (Role.GP, "clinic", "1", False)
    assert (later.now, later.request_id, later.live) == (NOW + timedelta(minutes=1), "2", True)


def test_a_token_ends_at_once_when_its_time_is_over(token: str) -> None:
    assert not refused(token)
    assert refused(token, NOW + timedelta(hours=1))


def test_a_revoked_token_goes_on_no_longer_than_the_setting(token: str, settings: Any) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, token_seconds=0)
    people.forget_tokens()
    assert not refused(token)
    User.objects.update(is_active=False)
    assert refused(token)
    User.objects.update(is_active=True)
    assert not refused(token)
    AccessToken.objects.all().delete()
    assert refused(token)


@pytest.mark.parametrize("taken", ["user", "token", "assignment"])
def test_what_is_remembered_ends_by_itself(token: str, taken: str, settings: Any, monkeypatch: Any) -> None:
    started = time.monotonic()
    monkeypatch.setattr(people.time, "monotonic", lambda: started)
    assert not refused(token)
    if taken == "user":
        User.objects.update(is_active=False)
    elif taken == "token":
        AccessToken.objects.all().delete()
    else:
        Assignment.objects.update(to_day=0)
    monkeypatch.setattr(people.time, "monotonic", lambda: started + settings.ENV.token_seconds)
    assert refused(token)


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
