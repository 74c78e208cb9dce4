"""Each of R4's invariants, as we check it, answers as fhirpathpy does with R4's own expression; exceptions have a reason."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import fhirpathpy
import orjson
import pytest
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models
from fhirpathpy.parser import parse

from lib.corpus import examples
from lib.instances import Maker
from lib.mutations import mutations
from tovholder.fhir import definitions, invariants, invariants_walk
from tovholder.fhir.definitions import Invariant
from tovholder.fhir.invariants import Rule, Scope
from tovholder.fhir.validate import Validator

HERE = Path(__file__).parent
EXCEPTIONS = ("differs", "cannot-run", "never-broken")
# What a made-up value must have beside what the expression names, to break the rule at times.
BESIDE = {"que-2": "item", "sdf-9": "snapshot differential", "rng-2": "value code", "ref-1": "'#x'", "sdf-8": "path"}
FEWEST, MOST = 30, 4000  # values made up for each rule; more of them while it was never broken, or never kept


def stated() -> Iterator[tuple[str, Rule, Invariant]]:
    """Every rule with the type its values are of, and R4's statement of it. The domain's rules have tests of their own."""
    for path in definitions.paths():
        kind = definitions.type_of(path)
        if kind.kind == "abstract":
            continue
        yield from ((path, *pair) for pair in paired(invariants.of_type(path), kind.invariants))
        for name, element in kind.elements.items():
            for pair in paired(invariants.of_element(path, name), element.invariants):
                for below in (element.path,) if element.path else element.types:
                    yield (below, *pair)


def paired(rules: tuple[Rule, ...], statements: tuple[Invariant, ...]) -> Iterator[tuple[Rule, Invariant]]:
    spoken = [one for one in statements if one.key not in invariants.STRUCTURAL]
    assert [rule.key for rule in rules] == [one.key for one in spoken]
    return ((r, i) for r, i in zip(rules, spoken, strict=True) if not r.key.startswith("dom-"))


@cache
def exceptions() -> dict[str, dict[str, str]]:
    with (HERE / "r4_invariants_exceptions.toml").open("rb") as file:
        rows = tomllib.load(file)["exception"]
    assert all(row["reason"] and row["kind"] in EXCEPTIONS for row in rows)
    return {
        kind: {key: row["reason"] for row in rows if row["kind"] == kind for key in row["keys"]} for kind in EXCEPTIONS
    }


def listed(kind: str, key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in exceptions()[kind])


def has_value(items: list[Any]) -> list[bool]:
    """The function R4 adds to FHIRPath (fhirpath.html#functions), which the library leaves out."""
    return [len(items) == 1 and not isinstance(getattr(items[0], "data", items[0]), dict)]


OPTIONS = {
    "traceFn": lambda label, items: None,
    "userInvocationTable": {"hasValue": {"fn": has_value, "arity": {0: []}}},
}


@cache
def parsed(expression: str) -> Any:
    return parse(expression)


def answer(base: str, expression: str, raw: bytes, resource: bytes) -> bool | None:
    """Whether the library finds the rule broken (certainly false); None when it cannot run the expression."""
    value, around = orjson.loads(raw), orjson.loads(resource)
    known = {"resource": around, "rootResource": around, "context": value}
    node = value if base in definitions.resource_types() else ResourceNode.create_node(value, base)
    try:
        found = fhirpathpy.apply_parsed_path(node, parsed(expression), known, models["r4"], OPTIONS)
    except Exception:  # the library raises bare ones
        return None
    return bool(found == [False])


def test_every_invariant_answers_as_the_library_does_on_made_up_values() -> None:
    wrong: list[str] = []
    differed, ran, broken_once, all_keys = set(), set(), set(), set()
    for base, rule, statement in stated():
        all_keys.add(rule.key)
        expression = f"{statement.expression} {BESIDE.get(rule.key, '')}"
        maker = Maker(random.Random(f"{rule.key} {base}"), expression)
        broken = kept = 0
        for count in range(MOST):
            if count >= FEWEST and ((broken and kept) or listed("never-broken", rule.key)):
                break
            made = maker.make(base)
            owner = made if isinstance(made, dict) else {}
            if "%resource" in expression and "." in base:
                root, _, leaf = base.partition(".")
                owner = maker.make(root) | {leaf: made}
            ours = rule.broken(made, Scope(owner))
            broken, kept = broken + ours, kept + (not ours)
            if count >= FEWEST and not ours:
                continue
            raw = orjson.dumps(made)
            theirs = answer(base, statement.expression, raw, orjson.dumps(owner))
            if theirs is not None:
                ran.add(rule.key)
                if theirs != ours:
                    differed.add(rule.key)
                    if not listed("differs", rule.key):
                        wrong.append(f"{rule.key} of {base}: broken is {ours} for us, {theirs} for them: {raw[:300]!r}")
        if broken:
            broken_once.add(rule.key)
    assert wrong == []
    assert len(all_keys) >= 210
    for kind, found in (
        ("differs", differed),
        ("cannot-run", all_keys - ran),
        ("never-broken", all_keys - broken_once),
    ):
        assert {key for key in found if not listed(kind, key)} == set(), kind
        assert {key for key in exceptions()[kind] if not any(fnmatchcase(one, key) for one in found)} == set(), (
            f"stale: {kind}"
        )


def test_every_invariant_answers_as_the_library_does_on_published_examples_and_mutations() -> None:
    texts = {(r.key, r.human): i.expression for _, r, i in stated()}
    thorough, wrong, seen = Validator(trusting=False), [], set()
    named = [(name, resource) for name, resource in examples()] + list(mutations(7, 1000))
    for name, resource in named:
        if any(code != "invariant" for *_, code in thorough.thorough(resource)):
            continue
        plain = orjson.loads(orjson.dumps(resource, default=float, option=orjson.OPT_PASSTHROUGH_SUBCLASS))
        for visit in invariants_walk.visits(plain):
            raw = orjson.dumps(visit.value)
            for rule in visit.rules:
                expression = texts.get((rule.key, rule.human))
                if expression is None or (rule.key, raw) in seen or "%" in expression:
                    continue
                seen.add((rule.key, raw))
                if listed("differs", rule.key) or listed("cannot-run", rule.key):
                    continue
                theirs = answer(visit.type, expression, raw, orjson.dumps(visit.scope.resource))
                if theirs is not None and theirs != rule.broken(visit.value, visit.scope):
                    wrong.append(f"{rule.key} at {visit.location} of {name}")
    assert wrong == []
    assert len(seen) > 1500


def participant(reference: str, contained: str = "Patient") -> dict[str, Any]:
    member = {"member": {"reference": reference}, "onBehalfOf": {"reference": "Organization/1"}}
    inside = {"resourceType": contained, "id": "m"}
    return {"resourceType": "CareTeam", "participant": [member]} | (
        {"contained": [inside]} if reference == "#m" else {}
    )


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        (participant("Practitioner/1"), ""),
        (participant("Patient/1"), "ctm-1"),
        (participant("https://example.org/fhir/Patient/1/_history/2"), "ctm-1"),
        (participant("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), ""),
        (participant("#m"), "ctm-1"),
        (participant("#m", "Practitioner"), ""),
    ],
)
def test_rules_written_by_hand(resource: dict[str, Any], key: str) -> None:
    assert [issue.message for issue in Validator().validate(resource)] == ([f"{key} is broken"] if key else [])


@pytest.mark.parametrize(
    ("contained", "key"),
    [
        ([{"resourceType": "Organization", "id": "o", "contained": []}], None),
        ([{"resourceType": "Organization", "id": "x", "name": "A"}], "dom-3"),
        ([{"resourceType": "Organization", "id": "o", "name": "A", "meta": {"versionId": "1"}}], "dom-4"),
        ([{"resourceType": "Organization", "id": "o", "name": "A", "meta": {"security": [{"code": "R"}]}}], "dom-5"),
        ([{"resourceType": "Organization", "id": "o", "name": "A"}], ""),
    ],
)
def test_rules_of_contained_resources(contained: list[dict[str, Any]], key: str | None) -> None:
    reference = {"reference": "#o"} if contained[0]["id"] == "o" else {"display": "A"}
    resource = {"resourceType": "Patient", "contained": contained, "managingOrganization": reference}
    issues = [issue.message for issue in Validator().validate(resource)]
    if key == "":
        assert issues == []
    else:
        assert issues if key is None else issues == [f"{key} is broken"]
