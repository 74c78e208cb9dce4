"""Packages as FHIR hold for an independent validator too (fhirkit-rs); what it says otherwise is explained."""

from __future__ import annotations

import fhirkit
import pytest

from tovholder import packages
from tovholder.base import json
from tovholder.packages import fhir

MADE = [
    item
    for package in packages.builtin().values()
    for item in (*fhir.resources(package), *fhir.code_systems([package]))
]


@pytest.mark.parametrize("resource", MADE, ids=lambda item: f"{item['resourceType']}-{item['id']}")
def test_exported_resource_is_valid(resource: dict[str, object]):
    found = fhirkit.validate(json.dumps(resource).decode())
    assert [issue.message for issue in found if issue.severity == "error"] == []
