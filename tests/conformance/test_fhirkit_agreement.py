"""Mutated examples are accepted and refused as fhirkit-rs does, an independent validator; each exception is explained."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fhirkit

from lib.corpus import examples
from lib.mutations import mutations
from tovholder.base import json
from tovholder.fhir.validate import validate

COUNT = 4000
ROWS = tomllib.loads((Path(__file__).parent / "fhirkit_disagreements.toml").read_text(encoding="utf-8"))["disagreement"]


def theirs(resource: dict[str, Any]) -> list[str]:
    """What fhirkit finds wrong."""
    try:
        found = fhirkit.validate(json.dumps(resource).decode())
    except fhirkit.ParseError as error:
        return [str(error)]
    return [issue.message for issue in found if issue.severity == "error"]


def explaining(side: str, messages: Iterable[str]) -> set[int]:
    """The rows that explain one of the messages."""
    told = list(messages)
    return {
        n for n, row in enumerate(ROWS) if row["side"] == side and any(re.search(row["message"], one) for one in told)
    }


def test_fhirkit_agrees_on_mutated_examples_or_the_difference_is_explained() -> None:
    assert all(row["reason"] and re.search(r"R4 [a-z]+\.html", row["reason"]) for row in ROWS)
    agreed, used, unexplained = 0, set(), []
    cases = [*((name, resource) for name, resource in examples()), *mutations(11, COUNT)]
    for done, resource in cases:
        ours, others = [issue.message for issue in validate(resource)], theirs(resource)
        if bool(ours) == bool(others):
            agreed += 1
            continue
        rows = explaining("we", ours) if ours else explaining("they", others)
        used |= rows
        if not rows:
            unexplained.append(f"{resource.get('resourceType')}, {done}: we say {ours[:2]}, they say {others[:2]}")
    assert unexplained == []
    assert [row["message"] for n, row in enumerate(ROWS) if n not in used] == [], "stale"
    assert agreed > 0.9 * len(cases)
