"""Scopes: read, narrowed, told back; never more than was asked, never more than is allowed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tovholder.access.domain import Grants
from tovholder.access.smart import scopes
from tovholder.access.smart.scopes import grants, narrowed, parse


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("patient/Observation.rs", "patient/Observation.rs"),
        ("patient/*.cruds", "patient/*.cruds"),
        ("patient/*.*", "patient/*.*"),
        ("patient/Observation.read", "patient/Observation.read"),
        ("user/Goal.write", "user/Goal.write"),
        ("patient/Observation.r patient/Observation.s", "patient/Observation.rs"),
        ("patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"),
        (
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        ),
        ("openid launch/patient", "launch/patient openid"),
    ],
)
def test_what_is_a_scope(text: str, told: str) -> None:
    found = parse(text)
    assert found.unknown == ()
    assert str(found) == told


@pytest.mark.parametrize(
    "text",
    [
        "patient/Observation.sr",
        "patient/Observation.",
        "patient/Observation.x",
        "patient/observation.rs",
        "patient/Nonsense.rs",
        "Patient/Observation.rs",
        "patient/Observation.rs?",
        "patient/Observation.rs?nonsense=1",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "patient/Observation.rs?_count=1",
        "patient/Observation.rs?_has:Group:member:_id=1",
        "patient/Observation.rs?subject.name=x",
        "patient/Observation.rs?_include=*",
        "patient/*.rs?code=x",
        "patient/Observation.read.write",
        "patient//Observation.rs",
        "*/*.rs",
        "launch/practitioner",
        "x" * 50,
    ],
)
def test_what_is_none(text: str) -> None:
    found = parse(text)
    assert found.is_empty
    assert found.unknown == (text,)


@pytest.mark.parametrize(
    ("asked", "allowed", "both"),
    [
        ("patient/*.cruds", "patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
        ("patient/Observation.rs", "user/*.r", "patient/Observation.r"),
        ("user/Observation.rs", "patient/*.rs", ""),
        ("system/Observation.rs", "user/*.rs", ""),
        ("patient/Observation.rs?code=a", "patient/Observation.rs", "patient/Observation.rs?code=a"),
        ("patient/Observation.rs", "patient/Observation.rs?code=a", "patient/Observation.rs?code=a"),
        (
            "patient/Observation.rs?code=a",
            "patient/Observation.rs?status=final",
            "patient/Observation.rs?code=a&status=final",
        ),
        ("patient/Goal.rs", "patient/Observation.rs", ""),
        ("openid launch", "launch offline_access", "launch"),
        ("patient/Observation.rs", "patient/*.r patient/Observation.rs", "patient/Observation.rs"),
        ("patient/Observation.c patient/Observation.r", "patient/*.cr", "patient/Observation.cr"),
    ],
)
def test_narrowing(asked: str, allowed: str, both: str) -> None:
    assert str(narrowed(parse(asked), parse(allowed))) == both


KINDS = ("*", "Patient", "Observation", "Practitioner")
SOME = st.builds(
    lambda level, kind, letters, query: f"{level}/{kind}.{letters}{query if kind == 'Observation' else ''}",
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(KINDS),
    st.sampled_from(["r", "rs", "cud", "cruds", "s", "read", "write", "*"]),
    st.sampled_from(["", "?code=a", "?status=final"]),
)
TEXTS = st.lists(SOME, max_size=4).map(" ".join)


def lets(given_: Grants, action: str, kind: str, met: frozenset[str]) -> bool:
    """Whether a resource that meets these searches may be had."""
    found = given_.searches(action, kind)
    return found is not None and (not found or any(set(one.split("&")) <= met for one in found))


# The tables of R4 are read at the first draw.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, TEXTS)
def test_nothing_is_let_through_that_either_would_not(asked: str, allowed: str) -> None:
    both = grants(narrowed(parse(asked), parse(allowed)), None)
    wide = grants(parse(allowed), "p"), grants(parse(asked), "p")
    for action in scopes.ACTIONS.values():
        for kind in KINDS[1:]:
            for met in (frozenset[str](), frozenset({"code=a"}), frozenset({"code=a", "status=final"})):
                if lets(both, action, kind, met):
                    full = met | {"patient=Patient/p", "_id=p"}
                    assert all(lets(one, action, kind, full) for one in wide)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_a_scope_text_told_back_says_the_same(text: str) -> None:
    found = parse(text)
    assert parse(str(found)).resources == found.resources


def test_one_patient_beside_all_a_user_sees() -> None:
    both = grants(parse("patient/Observation.rs patient/Patient.r patient/Practitioner.r user/Goal.rs"), "p")
    assert both.patient is None
    assert both.searches("read", "Observation") == ("patient=Patient/p",)
    assert both.searches("read", "Patient") == ("_id=p",)
    assert both.searches("read", "Practitioner") == ()
    assert both.searches("read", "Goal") == ()
    assert both.searches("create", "Goal") is None
    assert grants(parse("patient/Observation.rs"), "p").patient == "p"
    assert grants(parse("patient/Observation.rs"), None).searches("read", "Observation") is None
