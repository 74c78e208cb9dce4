"""Tokens and personas: they end, they tell nothing, and they cannot exist in production."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from lib.people import NOW
from tovholder.access import Role, people, personas
from tovholder.access.people import Persona
from tovholder.base.errors import Category, Problem
from tovholder.config import env

pytestmark = pytest.mark.django_db
ANNA = Persona("anna", "Anna Holm", "Læge", Role.GP, "clinic", "practitioner", "")


def test_a_token_stands_for_its_person_until_it_ends() -> None:
    people.save_persona(ANNA)
    token = people.make_token("anna", NOW, hours=1)
    found = people.context_of_token(token, NOW + timedelta(minutes=59))
    assert (found.actor, found.role, found.organization) == ("Practitioner/practitioner", Role.GP, "clinic")
    with pytest.raises(Problem) as caught:
        people.context_of_token(token, NOW + timedelta(minutes=61))
    assert caught.value.category is Category.UNAUTHENTICATED


def test_only_the_tokens_digest_is_kept() -> None:
    people.save_persona(ANNA)
    token = people.make_token("anna", NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM access_accesstoken")
        assert token not in str(cursor.fetchall())


def test_an_unknown_persona_is_told_who_there_is() -> None:
    people.save_persona(ANNA)
    with pytest.raises(Problem, match="anna"):
        people.make_token("bo", NOW)


def test_personas_do_not_exist_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    people.save_persona(ANNA)
    monkeypatch.setattr(settings, "PERSONAS_ALLOWED", False)
    assert personas.all_personas() == []
    with pytest.raises(Problem) as caught:
        personas.require_allowed()
    assert caught.value.category is Category.FORBIDDEN


def test_production_is_the_default_and_allows_no_personas() -> None:
    read = env.read({"TOVHOLDER_SECRET_KEY": "k" * 50})
    assert (read.name, read.personas_allowed) == ("production", False)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "TOVHOLDER_SECRET_KEY"),
        ({"TOVHOLDER_SECRET_KEY": "short"}, "TOVHOLDER_SECRET_KEY"),
        ({"TOVHOLDER_ENV": "staging"}, "production, demo, test"),
        ({"TOVHOLDER_ENV": "test", "TOVHOLDER_DATABASE_URL": "mysql://x"}, "sqlite:///"),
        ({"TOVHOLDER_ENV": "test", "TOVHOLDER_THREADS": "many"}, "TOVHOLDER_THREADS"),
    ],
)
def test_a_missing_or_wrong_setting_says_what_to_set(environ: dict[str, str], told: str) -> None:
    with pytest.raises(env.SettingsError, match=told):
        env.read(environ)
