"""The policy file: default deny, every name checked at load, no holes; and what the roles may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib.people import context, system
from tovholder.access import Role, policy
from tovholder.access.domain import Condition, Grants, Right
from tovholder.access.policy import FILE, decide, load
from tovholder.base.errors import Problem

LEVEL = "code=http://tovholder.dk/fhir/CodeSystem/observation|tovholder-level"
OWN = FILE.read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


@pytest.fixture
def own_again() -> Iterator[None]:
    yield
    policy.use(None)


# -- what it decides ---------------------------------------------------------------------------------------------------


def test_what_no_row_allows_is_refused() -> None:
    assert decide(context(Role.CITIZEN, None, patient="x"), "create", "Observation").nothing
    assert decide(context(Role.ANALYST, "o"), "read", "Patient").nothing
    assert decide(context(Role.OPERATOR, "o"), "search", "Condition").nothing
    assert decide(context(Role.AUTHOR, "o"), "create", "PlanDefinition").nothing
    assert decide(system(), "read", "Patient").everything
    assert decide(system(), "conjure", "Patient").nothing


@pytest.mark.parametrize("role", [Role.PARTNER, Role.PREVENTION])
def test_who_takes_part_beside_gets_the_minimum_and_no_diagnoses(role: Role) -> None:
    ctx = context(role, "o")
    assert Condition.REFERRAL in decide(ctx, "read", "CarePlan").conditions
    assert decide(ctx, "read", "Condition").nothing
    assert LEVEL in {grant.criteria for grant in decide(ctx, "search", "Observation").grants}
    assert "" not in {grant.criteria for grant in decide(ctx, "search", "Observation").grants}
    view = decide(ctx, "read", "Patient").view
    assert (
        view is not None and {"name", "birthDate", "telecom", "generalPractitioner"} <= view and "contact" not in view
    )
    assert decide(ctx, "facts", "Patient").nothing


def test_who_works_under_instruction_makes_no_diagnosis_and_sets_no_block_aside() -> None:
    gp, staff = context(Role.GP, "o"), context(Role.STAFF, "o")
    for kind in ("Condition", "MedicationRequest"):
        assert not decide(gp, "create", kind).nothing
        assert decide(staff, "create", kind).nothing and decide(staff, "update", kind).nothing
        assert decide(staff, "read", kind).conditions < decide(gp, "read", kind).conditions
    assert not decide(staff, "create", "Observation").nothing
    assert Condition.BREAK_GLASS in decide(gp, "read", "Patient").conditions
    assert Condition.BREAK_GLASS not in decide(staff, "read", "Patient").conditions


def test_who_looks_in_as_an_exception_writes_nothing() -> None:
    for role in Role:
        exceptions = {Condition.BREAK_GLASS, Condition.STATED, Condition.OWN_ACT}
        if role in (Role.PARTNER, Role.PREVENTION):  # whom the patient lets in takes part (ADR 0021)
            exceptions = {Condition.BREAK_GLASS, Condition.STATED}
        for row in policy.current().rows:
            if row.role is role and row.actions & policy.WRITES:
                assert not row.conditions & exceptions, row.number


def test_only_citizens_write_who_may_see_them() -> None:
    for role in Role:
        may = not decide(context(role, "o", patient="p"), "create", "Consent").nothing
        assert may is (role in (Role.CITIZEN, Role.SYSTEM)), role


def test_a_right_is_asked_for_where_the_row_says_so() -> None:
    analyst = context(Role.ANALYST, "o")
    assert decide(analyst, "pseudonyms", "Observation").nothing
    given = replace(analyst, rights=frozenset({str(Right.PSEUDONYMS)}))
    assert not decide(given, "pseudonyms", "Observation").nothing
    assert decide(given, "facts", "Observation").nothing
    relative = context(Role.REPRESENTATIVE, None, patient="p")
    assert not decide(relative, "read", "Patient").nothing
    assert decide(relative, "read", "CarePlan").nothing
    plan, record = (replace(relative, rights=frozenset({right})) for right in ("plan", "record"))
    assert not decide(plan, "read", "CarePlan").nothing and decide(plan, "read", "Condition").nothing
    assert decide(record, "read", "CarePlan").nothing and not decide(record, "read", "Condition").nothing
    assert decide(record, "create", "Goal").nothing
    assert not decide(replace(relative, rights=frozenset({"act"})), "create", "Goal").nothing


# -- what an app was given ---------------------------------------------------------------------------------------------


def test_what_an_app_was_given_narrows_and_never_widens() -> None:
    gp = context(Role.GP, "o")
    given = Grants((("read", "Observation", (LEVEL,)), ("read", "Flag", ("",)), ("delete", "Patient", ("",))), "p")
    app = replace(gp, grants=given)
    held = decide(app, "read", "Observation")
    assert held.grants == decide(gp, "read", "Observation").grants
    assert held.within == ((LEVEL,),) and held.patient == "p" and held.by_content
    assert decide(app, "read", "Flag").within == ()
    assert decide(app, "search", "Observation").nothing  # given to read, not to search
    assert decide(app, "read", "Condition").nothing
    assert decide(app, "delete", "Patient").nothing  # given, but never the doctor's to do
    every = replace(gp, grants=Grants((("read", "*", ("",)), ("search", "*", ("",)))))
    assert decide(every, "read", "Condition") == decide(gp, "read", "Condition")
    assert not decide(every, "facts", "Condition").nothing
    assert decide(every, "create", "Condition").nothing


def test_a_backend_exports_what_it_was_given_to_read_and_search() -> None:
    held = system()
    both = Grants((("read", "Observation", ("",)), ("search", "Observation", ("",))))
    assert decide(replace(held, grants=both), "export", "Observation").everything
    assert decide(replace(held, grants=both), "export", "Condition").nothing
    one = Grants((("search", "Observation", ("",)),))
    assert decide(replace(held, grants=one), "export", "Observation").nothing


# -- checked at load ---------------------------------------------------------------------------------------------------


def row(**changes: object) -> str:
    told: dict[str, object] = {"role": "gp", "resources": ["Patient"], "actions": ["read"], "when": ["own-list"]}
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in (told | changes).items() if value is not None]
    return "\n[[allow]]\n" + "\n".join(lines) + "\n"


BAD = {
    "unknown role": (row(role="king"), r"\.role", "citizen"),
    "unknown action": (row(actions=["peek"]), r"\.actions", "aggregate"),
    "unknown condition": (row(when=["friend"]), r"\.when", "own-list"),
    "unknown set": (row(resources=["@x"]), r"\.resources", "one of: clinical"),
    "unknown type": (row(resources=["Patiant"]), r"\.resources", "Patient"),
    "unknown key": (row(unless="x"), r"\.unless", "when"),
    "unknown right": (row(right="all"), r"\.right", "pseudonymised-facts"),
    "unknown view": (row(fields="little"), r"\.fields", "minimum"),
    "missing key": (row(when=None), r"\.when", "each row has"),
    "no actions": (row(actions=[]), r"\.actions", "a list"),
    "no list": (row(resources="Patient"), r"\.resources", "a list"),
    "told twice": (row(actions=["read", "read"]), r"\.actions", "each once"),
    "unknown criteria": (row(resources=["Flag"], matching="kode=x"), r"\.matching", "such as|one of"),
    "no criteria": (row(resources=["Flag"], matching=""), r"\.matching", "code"),
    "empty criteria": (row(resources=["Condition"], matching="code="), r"\.matching", "code=value"),
    "criteria of another type": (row(resources=["Flag", "Goal"], matching="code=x"), r"\.matching", "such as|one of"),
    "criteria of dates": (row(resources=["Condition"], matching="onset-date=2027"), r"\.matching", "a code"),
    "chained criteria": (row(resources=["Condition"], matching="subject.name=x"), r"\.matching", "such as|one of"),
    "unknown placeholder": (row(resources=["Task"], matching="owner=Organization/{me}"), r"\.matching", "organization"),
    "criteria of every type": (row(role="system", resources=["*"], matching="_tag=x"), r"\.matching", "by name"),
    "facts by criteria": (row(resources=["Condition"], actions=["facts"], matching="code=x"), r"\.matching", "read"),
    "a view of another type": (row(role="partner", resources=["Flag"], fields="minimum"), r"\.fields", "minimum.Flag"),
    "another view": (row(role="partner", when=["contact"]), r"\.fields", "one view"),
    "writes what is shown in part": (
        row(role="partner", actions=["update"], fields="minimum", when=["referral"]),
        r"\.actions",
        "all of it",
    ),
    "facts of what is shown in part": (
        row(role="partner", actions=["facts"], fields="minimum", when=["referral"]),
        r"\.actions",
        "all of it",
    ),
    "writes what is not read": (
        row(role="partner", resources=["Flag"], actions=["create"], when=["referral"], matching="author=x"),
        r"\.matching",
        "with read",
    ),
    "the same twice": (row(), r"allow\[\d+\]", "told once"),
    "everybody's patients": (row(role="hospital", when=["any"]), r"\.when", "a relation"),
    "every type to anybody": (row(role="operator", resources=["*"], when=["any"]), r"\.when", "a relation"),
    "another's self": (row(when=["self"]), r"\.when", "citizen"),
    "a citizen's list": (row(role="citizen"), r"\.when", "gp"),
    "the trail written": (row(role="operator", resources=["AuditEvent"], actions=["delete"], when=["any"]), "", "read"),
    "pseudonyms for all": (row(role="analyst", actions=["pseudonyms"], when=["any"]), r"\.right", "pseudonymised"),
    "a closed type": (row(resources=["Account"]), "closed", "taken out"),
    "an unknown table": ("\n[extra]\na = 1\n", "extra", "allow"),
    "an unused set": ('\n[sets.unused]\n', "sets.unused", "list"),
    "an unknown element": ('\n[views.v]\nPatient = ["nam"]\n', r"views\.v\.Patient: nam", "name"),
    "an element below none": ('\n[views.v]\nPatient = ["name.nick"]\n', "name.nick", "family"),
    "a view of no type": ('\n[views.v]\nPerso = ["name"]\n', r"views\.v\.Perso", "Person"),
    "a view without whom it is about": ('\n[views.v]\nGoal = ["description"]\n', "subject", "subject"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_hole_or_a_slip_is_told_with_its_row_and_what_fits(file: Path, name: str) -> None:
    more, path, expected = BAD[name]
    file.write_text(OWN + more, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load(file)
    told = caught.value.issues
    assert any(re.search(path, issue.path) and re.search(expected, issue.expected) for issue in told), told
    if more.startswith("\n[[allow]]"):
        assert any("allow[" in issue.path or "closed" in issue.path for issue in told)


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [("author", "the role author has no row"), ("analyst", "the role analyst has no row")],
)
def test_a_role_without_a_row_is_a_hole(file: Path, left_out: str, expected: str) -> None:
    head, *rows = OWN.split("[[allow]]")
    kept = [text for text in rows if f'role = "{left_out}"' not in text]
    file.write_text("[[allow]]".join([head, *kept]), encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load(file)
    assert expected in {issue.message for issue in caught.value.issues}


def test_a_type_nobody_reaches_is_listed_on_purpose(file: Path) -> None:
    file.write_text(OWN.replace('"Account", ', ""), encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load(file)
    assert [issue.message for issue in caught.value.issues] == ["nobody but a system may reach Account"]


NONE = ["", "version = 2", "allow = 1", "[[allow]\n", "version = 1\nallow = [1]", "sets = 1", "views = [1]"]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_policy_at_all_is_told(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        load(file)
    assert caught.value.issues and "cannot be used" in caught.value.message


def test_a_file_that_is_not_there_or_is_no_text(file: Path) -> None:
    with pytest.raises(Problem):
        load(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Problem):
        load(file)


def test_another_policy_decides_at_once(file: Path, own_again: None) -> None:
    text = OWN.replace(', "Communication", "Encounter", "DocumentReference"', ', "Encounter", "DocumentReference"', 1)
    gp = context(Role.GP, "o")
    assert not decide(gp, "read", "Communication").nothing
    file.write_text(text, encoding="utf-8")
    policy.use(load(file))
    assert decide(gp, "read", "Communication").nothing
    policy.use(None)
    assert not decide(gp, "read", "Communication").nothing
