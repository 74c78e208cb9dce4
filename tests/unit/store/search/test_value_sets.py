"""Searches for the codes of a value set: :in and :not-in, by url and by address, bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings

from lib.api import Caller
from lib.people import clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.base.errors import Problem
from tovholder.fhir import systems as s

pytestmark = pytest.mark.django_db
LUNGS = "http://example.org/ValueSet/lungs"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


def value_set(url: str, *include: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": list(include)}}


def listed(system: str, *codes: str) -> dict[str, Any]:
    return {"system": system, "concept": [{"code": code} for code in codes]}


class World:
    """Two patients' diagnoses, a set of two of the codes, and an empty one."""

    def __init__(self) -> None:
        with store.unit_of_work(system()) as uow:
            self.clinic = uow.create(clinic()).id
            self.me, self.other = uow.create(patient(self.clinic)).id, uow.create(patient(self.clinic)).id
        with store.unit_of_work(system()) as uow:
            self.copd = uow.create(condition(self.me, "R95")).id
            self.asthma = uow.create(condition(self.me, "R96")).id
            self.flu = uow.create(condition(self.other, "R80")).id
            untold = condition(self.other, "R95")
            untold["code"] = {"text": "KOL"}
            self.untold = uow.create(untold).id
            self.set = uow.create(value_set(LUNGS, listed(s.ICPC2, "R95", "R96"), listed("http://x", "R80"))).id
            uow.create(value_set("http://example.org/ValueSet/none", listed(s.ICPC2, "Z99")))
            nothing = value_set("http://example.org/ValueSet/empty", listed(s.ICPC2, "R95"))
            nothing["compose"]["exclude"] = [listed(s.ICPC2, "R95")]
            uow.create(nothing)


@pytest.fixture
def world() -> World:
    return World()


def found(kind: str, *params: tuple[str, str], **how: Any) -> set[str]:
    return {entry.id for entry in store.search(system(), kind, params, **how).entries}


def test_what_has_a_code_of_the_set_and_what_has_none_of_them(world: World) -> None:
    lungs, every = {world.copd, world.asthma}, {world.copd, world.asthma, world.flu, world.untold}
    for name in (LUNGS, f"ValueSet/{world.set}"):
        assert found("Condition", ("code:in", name)) == lungs
        assert found("Condition", ("code:not-in", name)) == every - lungs
    assert found("Condition", ("code:in", f"https://here/fhir/ValueSet/{world.set}"), base="https://here/fhir") == lungs
    assert found("Condition", ("code:in", LUNGS), ("patient", world.other)) == set()
    assert found("Condition", ("code:in", "http://example.org/ValueSet/none")) == set()
    assert found("Condition", ("code:in", f"http://example.org/ValueSet/none,{LUNGS}")) == lungs
    assert found("Condition", ("code:in", "http://example.org/ValueSet/empty")) == set()
    assert found("Condition", ("code:not-in", "http://example.org/ValueSet/empty")) == every


def test_what_comes_with_the_program_counts_and_codes_written_without_their_system(world: World) -> None:
    assert found("Patient", ("gender:in", GENDERS)) == {world.me, world.other}
    assert found("Patient", ("gender:not-in", GENDERS)) == set()
    assert found("Condition", ("patient.gender:in", GENDERS), ("code:in", LUNGS)) == {world.copd, world.asthma}


def test_many_codes_are_found_as_few_are(world: World) -> None:
    many = value_set(LUNGS + "2", listed(s.ICPC2, "R95", *(f"X{n}" for n in range(300))))
    with store.unit_of_work(system()) as uow:
        uow.create(many)
    assert found("Condition", ("code:in", LUNGS + "2")) == {world.copd}
    assert found("Condition", ("code:in", LUNGS + "2"), ("patient", world.me)) == {world.copd}
    assert world.asthma in found("Condition", ("code:not-in", LUNGS + "2"), ("patient", world.me))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("http://example.org/ValueSet/nowhere", "not-found"),
        ("ValueSet/nowhere", "not-found"),
        ("Patient/x", "value"),
        ("http://hl7.org/fhir/ValueSet/observation-codes", "not-supported"),  # all of LOINC
        ("http://example.org/ValueSet/large", "too-costly"),
    ],
)
def test_what_cannot_be_told_to_the_last_code_is_refused(
    world: World, name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(django_settings.ENV.limits, search_values=3)
    monkeypatch.setattr(django_settings, "ENV", replace(django_settings.ENV, limits=limits))
    with store.unit_of_work(system()) as uow:
        uow.create(value_set("http://example.org/ValueSet/large", listed(s.ICPC2, "A1", "A2", "A3", "A4")))
    with pytest.raises(Problem) as told:
        found("Condition", ("code:in", name))
    assert [(issue.path, issue.code) for issue in told.value.issues] == [("code:in", code)]


def test_over_http_and_only_what_the_caller_may_see(world: World) -> None:
    gp = Caller(Role.GP, world.clinic)
    answer = gp.send("GET", f"/Condition?code:in={LUNGS}&patient={world.me}").json()
    assert {entry["resource"]["id"] for entry in answer["entry"]} == {world.copd, world.asthma}
    refused = gp.send("GET", "/Condition?code:in=http://example.org/ValueSet/nowhere")
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["code"] == "not-found"
    stranger = context(Role.GP, "another")
    assert store.search(stranger, "Condition", [("code:in", LUNGS)]).entries == ()
