"""Searches over generated worlds: SQL finds what looking at every resource finds, page by page, in the same order."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from lib.people import NOW, system
from lib.search_answers import Answers
from tovholder import store
from tovholder.store.search import plan

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25"))

SYSTEM, OTHER, UCUM = "urn:oid:1.2.3", "http://other.example", "http://unitsofmeasure.org"
CODES = ("A1", "B2", "a1")
SYSTEMS = (SYSTEM, OTHER, None)
NAMES = ("Åkjær", "Ågård", "Sørensen", "Sorensen", "Jensen", "Jens O'Bø", "de la Peña", "100% _x!")
DATES = ("2026", "2027-01", "2027-01-15", "2027-01-15T10:30:00Z", "2027-03-01", "2025-12-31T23:30:00+01:00")
NUMBERS = ("5", "5.0", "5.4", "99.5", "100", "0.005", "-3", "1e2")
UNITS = ("mg", "mmol/L")
URLS = ("http://a.example/x", "http://a.example/x/y", "urn:uuid:1")
IDS = {
    "Patient": ("p1", "p2", "p3"),
    "Organization": ("o1", "o2"),
    "Practitioner": ("d1",),
    "Observation": tuple(f"b{number}" for number in range(8)),
    "Condition": ("c1", "c2", "c3"),
    "Encounter": ("e1", "e2"),
}

maybe = st.booleans()


@st.composite
def codings(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"code": draw(st.sampled_from(CODES))}
    told = draw(st.sampled_from(SYSTEMS))
    if told:
        made["system"] = told
    if draw(maybe):
        made["display"] = draw(st.sampled_from(NAMES))
    return made


@st.composite
def concepts(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"coding": draw(st.lists(codings(), max_size=2))}
    if not made["coding"] or draw(maybe):
        made["text"] = draw(st.sampled_from(NAMES))
    return {name: value for name, value in made.items() if value}


@st.composite
def periods(draw: st.DrawFn) -> dict[str, str]:
    first, last = sorted(draw(st.tuples(st.sampled_from(DATES[:3]), st.sampled_from(DATES[:3]))))
    shape = draw(st.sampled_from(("both", "start", "end")))
    return {**({"start": first} if shape != "end" else {}), **({"end": last} if shape != "start" else {})}


@st.composite
def quantities(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"value": float(draw(st.sampled_from(NUMBERS)))}
    if draw(maybe):
        made |= {"system": UCUM, "code": draw(st.sampled_from(UNITS))}
    if draw(maybe):
        made["unit"] = draw(st.sampled_from(("mg", "milligram")))
    if draw(st.integers(0, 4)) == 0:
        made["comparator"] = draw(st.sampled_from(("<", ">=")))
    return made


def pointing(*kinds: str) -> st.SearchStrategy[dict[str, Any]]:
    literal = [{"reference": f"{kind}/{rid}"} for kind in kinds for rid in IDS[kind]]
    told: list[dict[str, Any]] = [
        {"identifier": {"system": SYSTEM, "value": "x1"}},
        {"reference": f"http://elsewhere.example/fhir/{kinds[0]}/p1"},
    ]
    return st.sampled_from([*literal, *literal, *told])


@st.composite
def patients(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Patient"}
    names = draw(st.lists(st.sampled_from(NAMES), max_size=2))
    if names:
        made["name"] = [{"family": names[0], **({"given": names[1:]} if names[1:] else {})}]
    if draw(maybe):
        made["gender"] = draw(st.sampled_from(("male", "female")))
    if draw(maybe):
        made["birthDate"] = draw(st.sampled_from(("1950", "1950-03", "1950-03-01", "1971-12-31")))
    if draw(maybe):
        made["identifier"] = [{"system": SYSTEM, "value": draw(st.sampled_from(("x1", "x2")))}]
    if draw(maybe):
        made["generalPractitioner"] = [draw(pointing("Organization", "Practitioner"))]
    if draw(maybe):
        made["active"] = draw(maybe)
    return made


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "status": draw(st.sampled_from(("final", "preliminary"))),
        "code": draw(concepts()),
    }
    if draw(st.integers(0, 4)):
        made["subject"] = draw(pointing("Patient"))
    if draw(maybe):
        made["performer"] = [draw(pointing("Practitioner", "Organization", "Patient"))]
    when = draw(st.sampled_from(("none", "dateTime", "dateTime", "period")))
    if when == "dateTime":
        made["effectiveDateTime"] = draw(st.sampled_from(DATES))
    elif when == "period":
        made["effectivePeriod"] = draw(periods())
    value = draw(st.sampled_from(("none", "quantity", "concept", "string", "dateTime")))
    if value == "quantity":
        made["valueQuantity"] = draw(quantities())
    elif value == "concept":
        made["valueCodeableConcept"] = draw(concepts())
    elif value == "string":
        made["valueString"] = draw(st.sampled_from(NAMES))
    elif value == "dateTime":
        made["valueDateTime"] = draw(st.sampled_from(DATES))
    if draw(maybe):
        # With a value of its own an Observation says no other of the same code in a component (obs-7).
        code = draw(concepts()) if value == "none" else {"coding": [{"system": SYSTEM, "code": "K1"}]}
        made["component"] = [{"code": code, "valueQuantity": draw(quantities())}]
    if draw(maybe):
        made["meta"] = {"profile": [draw(st.sampled_from(URLS))], "tag": [draw(codings())]}
    return made


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Condition",
        "subject": draw(pointing("Patient")),
        "code": draw(concepts()),
        "verificationStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]
        },
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
    }
    if draw(maybe):
        made["onsetDateTime"] = draw(st.sampled_from(DATES))
    if draw(maybe):
        made["recordedDate"] = draw(st.sampled_from(DATES))
    if draw(maybe):
        made["encounter"] = {"reference": f"Encounter/{draw(st.sampled_from(IDS['Encounter']))}"}
    return made


@st.composite
def encounters(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Encounter", "status": "finished", "class": draw(codings())}
    if draw(maybe):
        made["subject"] = draw(pointing("Patient"))
    if draw(maybe):
        made["period"] = draw(periods())
    if draw(maybe):
        made["length"] = {"value": float(draw(st.sampled_from(NUMBERS))), "system": UCUM, "code": "min"}
    return made


def named(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    key = "name"
    value: Any = st.sampled_from(NAMES)
    if kind == "Practitioner":
        value = st.sampled_from(NAMES).map(lambda name: [{"family": name}])
    return value.map(lambda told: {"resourceType": kind, key: told})


MAKERS = {
    "Patient": patients(),
    "Organization": named("Organization"),
    "Practitioner": named("Practitioner"),
    "Observation": observations(),
    "Condition": conditions(),
    "Encounter": encounters(),
}


@st.composite
def worlds(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = [
        {"id": rid, **draw(MAKERS[kind])} for kind, rids in IDS.items() for rid in rids if draw(st.integers(0, 6)) > 0
    ]
    return draw(st.permutations(found))


def prefixed(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    prefixes = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
    return st.tuples(st.sampled_from(prefixes), st.sampled_from(values)).map("".join)


texts = st.sampled_from((*NAMES, "å", "sø", "so", "JENS", "j", "%", "_", "x!"))
tokens = st.one_of(
    st.sampled_from((*CODES, "K1")),
    st.tuples(st.sampled_from((SYSTEM, OTHER, "")), st.sampled_from(CODES)).map("|".join),
    st.sampled_from((f"{SYSTEM}|", f"{OTHER}|")),
)
numbers = st.one_of(
    prefixed(NUMBERS),
    st.tuples(prefixed(NUMBERS), st.sampled_from((f"|{UCUM}|mg", "||mg", "||milligram", f"|{UCUM}|", "||mmol/L"))).map(
        "".join
    ),
)
missing = st.sampled_from(("true", "false"))


def targets(*kinds: str) -> st.SearchStrategy[str]:
    literal = [text for kind in kinds for rid in IDS[kind] for text in (f"{kind}/{rid}", rid)]
    return st.sampled_from([*literal, "http://elsewhere.example/fhir/Patient/p1"])


def several(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.lists(values, min_size=1, max_size=3).map(lambda told: (name, ",".join(told)))


def once(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return values.map(lambda told: (name, told))


PATIENT = [
    several("name", texts),
    several("family", texts),
    several("family:exact", texts),
    several("family:contains", texts),
    several("gender", st.sampled_from(("male", "http://hl7.org/fhir/administrative-gender|female", "|male"))),
    several("gender:not", st.sampled_from(("male", "female"))),
    several("birthdate", prefixed(("1950", "1950-03", "1950-03-01", "1971-12-31", "1960"))),
    several("identifier", st.sampled_from(("x1", f"{SYSTEM}|x2", f"{SYSTEM}|", "|x1"))),
    several("general-practitioner", targets("Organization", "Practitioner")),
    several("general-practitioner:Organization", st.sampled_from(IDS["Organization"])),
    several("general-practitioner:identifier", st.sampled_from(("x1", f"{SYSTEM}|x1", "y"))),
    several("active", st.sampled_from(("true", "false"))),
    several("general-practitioner:Organization.name", texts),
    several("general-practitioner.name", texts),
    several("_has:Observation:patient:code", tokens),
    several("_has:Observation:subject:value-quantity", numbers),
    several("_has:Observation:performer:status", st.sampled_from(("final", "preliminary"))),
    several("_has:Condition:patient:_has:Encounter:diagnosis:class", tokens),
    several("_has:Condition:patient:encounter.class", tokens),
    several("_id", st.sampled_from(IDS["Patient"])),
    several("_id:not", st.sampled_from(IDS["Patient"])),
    *(
        once(f"{name}:missing", missing)
        for name in ("name", "birthdate", "gender", "general-practitioner", "identifier")
    ),
]
OBSERVATION = [
    several("code", tokens),
    several("code:not", tokens),
    several("code:text", texts),
    several("combo-code", tokens),
    several("status", st.sampled_from(("final", "preliminary", "amended"))),
    several("date", prefixed(DATES)),
    several("date", prefixed(DATES)),
    several("patient", targets("Patient")),
    several("patient", targets("Patient")),
    several("subject", targets("Patient")),
    several("subject:Patient", st.sampled_from(IDS["Patient"])),
    several("subject:identifier", st.sampled_from(("x1", f"{SYSTEM}|x1"))),
    several("performer", targets("Patient", "Organization")),
    several("value-quantity", numbers),
    several("combo-value-quantity", numbers),
    several("value-string", texts),
    several("value-concept", tokens),
    several("value-date", prefixed(DATES)),
    several("code-value-quantity", st.tuples(tokens, numbers).map("$".join)),
    several("code-value-concept", st.tuples(tokens, tokens).map("$".join)),
    several("code-value-string", st.tuples(tokens, texts).map("$".join)),
    several("code-value-date", st.tuples(tokens, prefixed(DATES)).map("$".join)),
    several("combo-code-value-quantity", st.tuples(tokens, numbers).map("$".join)),
    several("subject:Patient.name", texts),
    several("patient.gender", st.sampled_from(("male", "female"))),
    several("patient.general-practitioner:Organization.name", texts),
    several("performer:Practitioner.family", texts),
    several("performer.name", texts),
    several("_profile", st.sampled_from(URLS)),
    several("_profile:below", st.sampled_from(URLS)),
    several("_profile:above", st.sampled_from((*URLS, "http://a.example/x/y/z"))),
    several("_tag", tokens),
    *(
        once(f"{name}:missing", missing)
        for name in ("code", "date", "subject", "value-quantity", "value-string", "code-value-quantity", "_profile")
    ),
]
SORTS = {
    "Patient": ("_id", "name", "family", "birthdate", "gender", "identifier", "general-practitioner"),
    "Observation": (
        "_id",
        "date",
        "code",
        "value-quantity",
        "value-string",
        "patient",
        "status",
        "combo-code",
        "_profile",
    ),
}


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    kind = draw(st.sampled_from(("Patient", "Observation")))
    offered = PATIENT if kind == "Patient" else OBSERVATION
    params = draw(st.lists(st.one_of(offered), max_size=3))
    sorts = draw(st.lists(st.sampled_from(SORTS[kind]), max_size=2, unique=True))
    if sorts:
        told = [draw(st.sampled_from(("", "-"))) + name for name in sorts]
        params = [*params, ("_sort", ",".join(told))]
    return kind, params


def pages(kind: str, params: list[tuple[str, str]], count: int) -> list[str]:
    """Ids page by page."""
    found: list[str] = []
    cursor = None
    for _ in range(50):
        at = [("_cursor", cursor)] if cursor else []
        page = store.search(system(), kind, [*params, ("_count", str(count)), *at])
        found += [entry.id for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(made=worlds(), asked=st.lists(searches(), min_size=8, max_size=8), few=st.sampled_from((0, 2, 1000)))
def test_sql_finds_what_looking_at_everything_finds(
    made: list[dict[str, Any]],
    asked: list[tuple[str, list[tuple[str, str]]]],
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "FEW", few)
    sid = transaction.savepoint()
    try:
        with store.unit_of_work(system()) as uow:
            for resource in made:
                uow.update(resource)
        answers = Answers(made, int(NOW.timestamp() * 1000))
        for kind, params in asked:
            note(f"{kind}?{params} few={few}")
            wanted = answers.find(kind, params)
            assert pages(kind, params, 3) == wanted
            counted = store.search(system(), kind, [*params, ("_count", "0")])
            assert counted.total == len(wanted)
            assert store.match_ids(system(), kind, params, 2) == wanted[:2]
    finally:
        transaction.savepoint_rollback(sid)
