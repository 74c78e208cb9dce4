"""The policy file: default deny, checked at load, and what the roles may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.people import context, system
from tovholder.access import Role
from tovholder.access.domain import Condition
from tovholder.access.policy import current, decide, load
from tovholder.base.errors import Problem
from tovholder.fhir.validate import resource_types


def test_what_no_row_allows_is_refused() -> None:
    assert decide(context(Role.CITIZEN, None, patient="x"), "create", "Observation").nothing
    assert decide(context(Role.ANALYST, "o"), "read", "Patient").nothing
    assert decide(context(Role.OPERATOR, "o"), "search", "Condition").nothing
    assert decide(system(), "read", "Patient").everything


def test_a_partner_gets_the_minimum_and_no_diagnoses() -> None:
    partner = context(Role.PARTNER, "o")
    assert Condition.REFERRAL in decide(partner, "read", "CarePlan").conditions
    assert decide(partner, "read", "Condition").nothing


def test_every_type_in_the_policy_is_a_resource_type() -> None:
    named = {kind for _, _, kind in current().rows}
    assert named - {"*"} <= resource_types()


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (
            '[[allow]]\nrole = "king"\nresources = ["Patient"]\nactions = ["read"]\nwhen = ["any"]',
            "allow[1].role",
            "citizen",
        ),
        (
            '[[allow]]\nrole = "gp"\nresources = ["Patient"]\nactions = ["peek"]\nwhen = ["any"]',
            "allow[1].actions",
            "read",
        ),
        (
            '[[allow]]\nrole = "gp"\nresources = ["@x"]\nactions = ["read"]\nwhen = ["any"]',
            "allow[1].resources",
            "one of",
        ),
        ('[[allow]]\nrole = "gp"\nresources = []\nactions = ["read"]\nwhen = ["friend"]', "allow[1].when", "own-list"),
        ('[[allow]]\nrole = "gp"\nresources = []\nactions = []\nwhen = []\nunless = "x"', "allow[1].unless", "when"),
        ("[extra]\na = 1", "extra", "allow"),
    ],
)
def test_a_hole_in_the_file_is_told_where_and_what_fits(tmp_path: Path, text: str, path: str, expected: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load(file)
    assert any(path in issue.path and expected in issue.expected for issue in caught.value.issues)
