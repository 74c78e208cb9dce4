"""Ids: valid, unlike each other, those made later sort later, and the same for the same seed."""

from __future__ import annotations

import time
import uuid

from tovholder.base.ids import is_fhir_id, random_ids, seeded_ids


def test_random_ids_are_uuids_of_their_moment() -> None:
    before = time.time_ns() // 1_000_000
    made = [random_ids() for _ in range(2000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    for text in made:
        told = uuid.UUID(text)
        assert (told.version, told.variant, str(told)) == (7, uuid.RFC_4122, text)
        assert before <= told.int >> 80 <= after
        assert is_fhir_id(text)
    assert len({text[14:] for text in made}) == len(made)  # chance alone tells them apart


def test_what_is_made_later_sorts_later() -> None:
    first = random_ids()
    time.sleep(0.002)
    assert first < random_ids()


def test_seeded_ids_repeat() -> None:
    one, other = seeded_ids(7), seeded_ids(7)
    made = [one() for _ in range(50)]
    assert made == [other() for _ in range(50)]
    assert len(set(made)) == 50
    assert all(is_fhir_id(text) for text in made)
    assert made[0] != seeded_ids(8)()
