"""How often something may be tried: counted by account, by address and together, in every process at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from lib.people import NOW
from tovholder.access import limits
from tovholder.access.models import Attempt
from tovholder.base.errors import Category, Problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few(settings: Any) -> None:
    settings.ENV = replace(settings.ENV, attempts=replace(settings.ENV.attempts, account=3, address=5, everybody=8))


def passes(what: str = "login", now: Any = NOW, **who: str) -> bool:
    try:
        limits.attempt(what, now, **who)
    except Problem as problem:
        return problem.category is not Category.TOO_MANY
    return True


def test_an_account_is_tried_so_often_from_wherever() -> None:
    assert [passes(account="a", address=str(n)) for n in range(5)] == [True, True, True, False, False]
    assert passes(account="b", address="0")


def test_an_address_tries_so_often_whatever_account() -> None:
    assert [passes(account=str(n), address="x") for n in range(7)] == [True] * 5 + [False] * 2


def test_everybody_together_tries_so_often() -> None:
    assert [passes(account=str(n), address=str(n)) for n in range(10)] == [True] * 8 + [False] * 2
    assert passes("token", account="1")  # another thing is counted by itself


def test_after_a_while_it_may_be_tried_again_and_the_old_is_forgotten() -> None:
    while passes(account="a"):
        pass
    assert passes(account="a", now=NOW + timedelta(seconds=limits.SPAN))
    assert passes(account="a", now=NOW + timedelta(seconds=3 * limits.SPAN))
    assert Attempt.objects.count() == 2


def test_nobody_can_be_read_from_what_is_counted() -> None:
    passes(account="0101010101", address="192.0.2.1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM access_attempt")
        assert "0101010101" not in repr(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_those_who_try_at_once_are_all_counted() -> None:
    def one(_: int) -> bool:
        try:
            return passes(account="a")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(one, range(24)))
    assert done.count(True) <= 3
    assert all(row.tries >= 3 for row in Attempt.objects.all())


@pytest.mark.parametrize(
    ("proxies", "told", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),  # whoever asks may write what they like there
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "203.0.113.9:51034", "203.0.113.9"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "2001:db8:1:2::7", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2:a:b:c:d", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2::9]:51034", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:3::9]", "2001:db8:1:3::/64"),
        (1, "unknown", "unknown"),
    ],
)
def test_where_a_request_comes_from(settings: Any, proxies: int, told: str, address: str) -> None:
    settings.ENV = replace(settings.ENV, proxies=proxies)
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=told)
    assert limits.address_of(request) == address
