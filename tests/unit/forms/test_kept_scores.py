"""Scores that are kept: STarT Back's groups at every border, and measurements only where the answers are enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tovholder import forms, packages
from tovholder.fhir.validate import validate

LRS = packages.get("lrs")
START = LRS.forms["lrs-start-back"]
FLAGS = LRS.forms["lrs-roede-flag"]
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


def start(first: int, last: int, *, bothersome: str = "slet-ikke") -> dict[str, Any]:
    """Agreement with so many of questions 1-4 and of 5-8, and an answer to the ninth."""
    agreed = {f"start-{n}" for n in range(1, 1 + first)} | {f"start-{n}" for n in range(5, 5 + last)}
    answers = {f"start-{n}": ["enig" if f"start-{n}" in agreed else "uenig"] for n in range(1, 9)}
    return answers | {"start-9": [bothersome]}


def taken(form: Any, answers: dict[str, Any]) -> dict[str, Any]:
    given = forms.normalise(form, answers)
    made = forms.extract(form, given, patient_id="p", at=NOW, response_id="r", performer=None)
    assert [issue for item in made for issue in validate(item | {"id": "x"}) if issue.severity == "error"] == []
    return {item["code"]["coding"][0]["code"]: item for item in made}


@pytest.mark.parametrize(
    ("answers", "total", "group"),
    [
        (start(0, 0), 0, "Lav"),
        (start(3, 0), 3, "Lav"),
        (start(0, 3), 3, "Lav"),
        (start(4, 0), 4, "Middel"),
        (start(1, 3), 4, "Middel"),
        (start(0, 3, bothersome="moderat"), 3, "Lav"),  # only very and extremely count
        (start(0, 3, bothersome="meget"), 4, "Høj"),
        (start(0, 4), 4, "Høj"),
        (start(4, 4, bothersome="ekstremt"), 9, "Høj"),
    ],
)
def test_start_back(answers: dict[str, Any], total: int, group: str) -> None:
    scored = {item.id: item for item in forms.score(START, forms.normalise(START, answers))}
    assert (scored["samlet"].value, scored["gruppe"].band) == (total, group)
    kept = taken(START, answers)
    assert kept["lrs-start-back"]["valueInteger"] == total
    coding = kept["MCS88148"]["valueCodeableConcept"]["coding"][0]
    assert (coding["system"], coding["code"]) == ("urn:oid:1.2.208.184.100.8", group)


def test_one_answer_short_is_insufficient_and_kept_nowhere() -> None:
    answers = start(4, 4)
    del answers["start-9"]
    scored = {item.id: item for item in forms.score(START, forms.normalise(START, answers))}
    assert (scored["samlet"].value, scored["gruppe"].value, scored["gruppe"].band) == (None, None, None)
    assert taken(START, answers) == {}


def test_no_to_all_red_flags_is_a_count_of_none_and_an_empty_form_is_not() -> None:
    asked = next(held for held in FLAGS.scoring.scores if held.id == "i-alt").link_ids
    none = {link_id: [False] for link_id in asked}
    assert taken(FLAGS, none)["lrs-roede-flag"]["valueInteger"] == 0
    assert taken(FLAGS, none | {"feber": [True]})["lrs-roede-flag"]["valueInteger"] == 1
    del none["feber"]
    assert taken(FLAGS, none) == {}


@pytest.mark.parametrize(("given", "mean"), [((0,), 0), ((3, 4), 3.5), ((1, 2, 2), 1.67)])
def test_the_patient_specific_scale_is_the_mean_of_what_was_chosen(given: tuple[int, ...], mean: float) -> None:
    form = LRS.forms["lrs-funktion"]
    answers = {f"psfs-{n}-navn": ["Gå en tur"] for n in range(1, len(given) + 1)}
    answers |= {f"psfs-{n}": [value] for n, value in enumerate(given, start=1)}
    held = taken(form, answers)["lrs-psfs"]
    assert held.get("valueInteger", held.get("valueQuantity", {}).get("value")) == mean
