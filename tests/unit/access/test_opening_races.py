"""Fifty at once: one relation stated, one glass broken, one referral on, one hand-back; on whichever database the tests run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from lib import people, world
from tovholder import store
from tovholder.access import Context, Role, emergencies, evidence
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions as plan_actions
from tovholder.referral import actions
from tovholder.store import opening

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 50
FIELDS = {"formaal": "Genoptræning", "mrc": "3", "fev1": "55", "niveau": "Niveau 2", "telefon": "00 11",
          "kommune": "Randers", "diagnose": "KOL (R95)", "klinik": "Lægerne"}  # fmt: skip


def together(act: Callable[[int], Any]) -> list[Any]:
    """Everybody at the same moment, each with a connection of their own: what they got, or how they were refused."""
    barrier = Barrier(AT_ONCE)

    def one(number: int) -> Any:
        try:
            barrier.wait(60)
            return act(number)
        except Problem as problem:
            return problem.category
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def count(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def test_one_relation_is_stated_and_one_glass_broken() -> None:
    here = world.build()
    patient = here.patient()
    other = replace(people.context(Role.GP, here.other_clinic, now=here.now), person="p1", units=(here.other_clinic,))
    made = together(lambda _: evidence.state(other, patient, reason="visit", text="").number)
    assert set(made) == {made[0]} and count("SELECT COUNT(*) FROM access_stated") == 1
    assert count("SELECT COUNT(*) FROM access_relation WHERE kind = 'stated'") == 1
    opened = together(
        lambda _: emergencies.open_glass(other, patient, reason="danger", text="Kan ikke svare nu").number
    )
    assert set(opened) == {opened[0]}
    assert count("SELECT COUNT(*) FROM access_auditevent WHERE action = 'glass-opened'") == 1
    assert opening.check_stated(here.later(15).now) == (0, 1)
    again = replace(other, now=here.later(16).now)  # what ended may be stated anew
    assert evidence.state(again, patient, reason="visit", text="").number != made[0]


def test_one_referral_goes_on_and_one_is_handed_back() -> None:
    here = world.build()
    with store.unit_of_work(here.system) as uow:
        centre = uow.create(people.clinic("Sundhedscenter Øst", kind="prevention")).id
        next_one = uow.create(people.clinic("Sundhedscenter Vest", kind="prevention")).id
    patient = here.patient()
    here.diagnose(patient)
    who = {"patient_id": patient, "episode_id": str(here.rows("episode", patient)[0]["episode_id"])}
    plan_actions.start_episode(here.gp, **who)
    sent = actions.send(
        here.gp, **who, kind="rehabilitering", receiver_id=centre, receiver_kind="prevention", fields=FIELDS
    )
    receiver = Context("Practitioner/r", Role.PREVENTION, centre, here.now)
    about = {"patient_id": patient, "referral_id": str(sent.id)}
    actions.accept(receiver, **about)
    fields = {"rygning": "Dagligt", "telefon": "00 11", "kommune": "Randers"}
    made = together(
        lambda _: (
            actions.refer_on(
                receiver,
                **about,
                kind="rygestop",
                receiver_id=next_one,
                receiver_kind="prevention",
                fields=fields,
                key="k",
            ).id
        )
    )
    assert set(made) == {made[0]} and isinstance(made[0], str) and made[0] != sent.id
    actions.start(receiver, **about)
    ended = together(lambda number: actions.hand_back(receiver, **about, answer=f"Slut {number % 2}"))
    done = {one.answer for one in ended if not isinstance(one, Category)}
    others = {one for one in ended if isinstance(one, Category)}
    assert len(done) == 1 and others == {Category.CONFLICT}, ended  # whose words came first; the others are told
    assert store.read(here.gp, "Task", str(sent.id)).version == 4  # sent, accepted, begun, handed back
