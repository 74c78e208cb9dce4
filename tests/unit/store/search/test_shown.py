"""What is given of the matches, and along with them: _include, _revinclude, _summary, _elements."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.config.env import Limits

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> dict[str, str]:
    with store.unit_of_work(system()) as uow:
        top = uow.create(clinic("Region")).id
        organization = uow.create({**clinic(), "partOf": {"reference": f"Organization/{top}"}}).id
        anna = uow.create(
            {
                **patient(organization, "Åkjær"),
                "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Åkjær</div>'},
            }
        ).id
        held = uow.create(condition(anna)).id
        second = uow.create(condition(anna, "L84")).id
        measured = uow.create(
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": f"Patient/{anna}"},
                "performer": [{"reference": f"Organization/{organization}"}],
                "valueString": "y",
            }
        ).id
        library = uow.create(
            {
                "resourceType": "Library",
                "url": "http://l.example/a",
                "status": "active",
                "type": {"text": "x"},
            }
        ).id
        measure = uow.create({"resourceType": "Measure", "status": "active", "library": ["http://l.example/a"]}).id
    return {
        "top": top,
        "organization": organization,
        "anna": anna,
        "condition": held,
        "second": second,
        "measured": measured,
        "library": library,
        "measure": measure,
    }


def along(kind: str, *params: tuple[str, str]) -> list[str]:
    return [entry.reference for entry in store.search(system(), kind, params).included]


def test_what_is_pointed_at_goes_along_once(world: dict[str, str]) -> None:
    anna, organization = f"Patient/{world['anna']}", f"Organization/{world['organization']}"
    assert along("Condition", ("_include", "Condition:subject")) == [anna]
    assert along("Condition", ("_include", "Condition:subject:Group")) == []
    assert along("Observation", ("_include", "Observation:subject,Observation:performer")) == [anna, organization]
    assert set(along("Observation", ("_include", "*"))) == {anna, organization}
    assert set(along("Observation", ("_include", "Observation:*"))) == {anna, organization}
    # What is a match already does not go along.
    assert along("Organization", ("_include", "Organization:partof")) == []
    assert along("Measure", ("_include", "Measure:depends-on")) == [f"Library/{world['library']}"]


def test_what_points_at_them_goes_along(world: dict[str, str]) -> None:
    told = along("Patient", ("_revinclude", "Condition:subject"), ("_revinclude", "Observation:patient"))
    assert told == [
        f"Condition/{world['condition']}",
        f"Condition/{world['second']}",
        f"Observation/{world['measured']}",
    ]
    assert set(told) <= set(along("Patient", ("_revinclude", "*")))
    assert along("Patient", ("_revinclude", "Observation:performer:Organization")) == []


def test_iterating_goes_on_from_what_was_included(world: dict[str, str]) -> None:
    anna, organization, top = (
        f"Patient/{world['anna']}",
        f"Organization/{world['organization']}",
        f"Organization/{world['top']}",
    )
    step = ("_include", "Condition:subject")
    assert along("Condition", step, ("_include", "Patient:general-practitioner")) == [anna]
    assert along("Condition", step, ("_include:iterate", "Patient:general-practitioner")) == [anna, organization]
    told = along(
        "Condition",
        step,
        ("_include:iterate", "Patient:general-practitioner"),
        ("_include:recurse", "Organization:partof"),
    )
    assert told == [anna, organization, top]
    told = along(
        "Organization", ("_id", world["organization"]),
        ("_revinclude", "Patient:general-practitioner"), ("_revinclude:iterate", "Observation:patient"),
    )  # fmt: skip
    assert told == [anna, f"Observation/{world['measured']}"]


def test_no_more_goes_along_than_the_setting_says(world: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    limits: Limits = replace(settings.ENV.limits, included=2)
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, limits=limits))
    page = store.search(system(), "Patient", [("_revinclude", "*")])
    assert len(page.included) == 2
    assert [issue.path for issue in page.notes] == ["_include"]
    assert page.ignored == ()


def shown(kind: str, *params: tuple[str, str]) -> dict[str, Any]:
    return store.search(system(), kind, params).entries[0].resource


def test_parts_say_that_they_are_parts(world: dict[str, str]) -> None:
    for params in [("_summary", "true")], [("_summary", "text")], [("_summary", "data")], [("_elements", "code")]:
        tags = shown("Observation", *params)["meta"]["tag"]
        assert [tag["code"] for tag in tags] == ["SUBSETTED"]
    assert "tag" not in shown("Observation", ("_summary", "false"))["meta"]


def test_elements_keep_what_must_be_there(world: dict[str, str]) -> None:
    told = shown("Observation", ("_elements", "value,subject"))
    assert set(told) == {"resourceType", "id", "meta", "status", "code", "subject", "valueString"}
    assert set(shown("Observation", ("_elements", "subject"))) == {
        "resourceType",
        "id",
        "meta",
        "status",
        "code",
        "subject",
    }


def test_summaries(world: dict[str, str]) -> None:
    text = shown("Patient", ("_summary", "text"))
    assert set(text) == {"resourceType", "id", "meta", "text"}
    assert "text" not in shown("Patient", ("_summary", "data"))
    summary = shown("Patient", ("_summary", "true"))
    assert {"identifier", "name", "gender", "birthDate"} <= set(summary) and "text" not in summary
    # What goes along is cut alike.
    page = store.search(system(), "Condition", [("_include", "Condition:subject"), ("_elements", "subject")])
    assert set(page.included[0].resource) == {"resourceType", "id", "meta"}
