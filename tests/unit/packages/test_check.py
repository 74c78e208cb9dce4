"""Static checks: each thing an author can get wrong is told where it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tovholder.base import days
from tovholder.base.errors import Severity
from tovholder.packages import get, load
from tovholder.packages.check import check, fact_schema
from tovholder.packages.loader import BUILTIN
from tovholder.rules.schema import Schema


@pytest.fixture(scope="module")
def schema() -> Schema:
    return fact_schema()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "kol"
    shutil.copytree(BUILTIN / "kol", made)
    return made


def test_the_built_in_package_has_no_fault(schema: Schema):
    assert check(get("kol"), schema=schema, today=days.day_of(get("kol").content[0].valid_until)) == []


def test_expired_content_is_a_warning(schema: Schema):
    package = get("kol")
    found = check(package, schema=schema, today=days.day_of(package.content[0].valid_until) + 1)
    assert found
    assert {issue.severity for issue in found} == {Severity.WARNING}
    assert found[0].path.startswith("content.toml:")


TARGET = 'id = "motion"'
CASES = {
    "forbidden function": (
        "rules/not-started.toml",
        "e.eligible_day <= :today - :start_days",
        "e.eligible_day <= CURRENT_DATE",
        "CURRENT_DATE",
    ),
    "undeclared parameter": ("rules/not-started.toml", ":start_days", ":start_dayz", "start_dayz"),
    "unknown column": ("rules/not-started.toml", "e.eligible_day <=", "e.eligibleday <=", "eligibleday"),
    "like": ("rules/not-started.toml", "e.package = 'kol'", "e.package LIKE 'kol%'", "LIKE"),
    "required column": ("rules/not-started.toml", "e.eligible_day AS since_day", "e.eligible_day AS day", "since_day"),
    "indicator column": ("indicators/plan-30-days.toml", "END AS missing", "END AS gone", "missing"),
    "compliance at level 1": ("rules/noshow-unbooked.toml", "levels = [2, 3]", "levels = [1, 2, 3]", "levels = [2, 3]"),
    "deadline at levels": ("rules/not-started.toml", 'levels = "all"', "levels = [2, 3]", 'levels = "all"'),
    "placeholder": (
        "rules/noshow-unbooked.toml",
        "udeblev fra en aftale den {since}",
        "udeblev {deadline}",
        "{deadline}",
    ),
    "placeholders differ": ("rules/noshow-unbooked.toml", "on {since} and has", "and has", "different placeholders"),
    "raiser placeholder": ("level.toml", "MRC er {mrc} (4", "MRC er {mmrc} (4", "{mmrc}"),
    "unknown source": ("plan.toml", 'source = "dsam-kol"', 'source = "dsam"', 'no source has the id "dsam"'),
    "unused source": ("inclusion.toml", 'source = "flp-inklusion"', 'source = "dsam-kol"', "flp-inklusion"),
    "unknown input": (
        "level.toml",
        'when = { input = "mrc", op = "ge", value = 4 }',
        'when = { input = "mmrc", op = "ge", value = 4 }',
        'called "mmrc"',
    ),
    "unknown grade": ("plan.toml", 'grades = ["C", "D", "E"]', 'grades = ["C", "D", "F"]', '"F" is no grade'),
    "target of an unknown input": (
        "plan.toml",
        TARGET,
        f'{TARGET}\ntarget = {{ input = "fev", at_least = 1 }}',
        '"fev"',
    ),
    "target of what is not measured": (
        "plan.toml",
        TARGET,
        f'{TARGET}\ntarget = {{ input = "smoking", at_most = 0 }}',
        "smoking is no measurement",
    ),
    "target nobody can reach": (
        "plan.toml",
        TARGET,
        f'{TARGET}\ntarget = {{ input = "fev1_percent", at_least = 900 }}',
        "900 is outside",
    ),
    "unknown referral of a flag": (
        "rules/rehab-not-offered.toml",
        'refer = "rehabilitering"',
        'refer = "traening"',
        "there is no referral traening",
    ),
    "unknown referral": ("plan.toml", 'referral = "rygestop"', 'referral = "rygning"', "there is no referral rygning"),
    "unknown question": ("level.toml", '"psykisk"', '"psyke"', 'no question "psyke"'),
    "score question": ("forms/kol-behovsvurdering.toml", '"psykisk"', '"psyke"', 'no question "psyke"'),
    "guideline": ("package.toml", 'value = "abe2026"', 'value = "abe2030"', "one of: abe2026, abe2023, abcd"),
    "levels twice": ("package.toml", "level = 2", "level = 3", "1, 2 and 3"),
    "no plan right": (
        "package.toml",
        'stopped_by = "plan-confirmed"',
        'stopped_by = "offer-started"',
        "exactly one right",
    ),
    "unknown right": ("referrals.toml", 'right = "kol-prevention-21"', 'right = "kol-21"', "there is no right kol-21"),
    "fact column": ("cockpit.toml", 'fact = "patient.birth_day"', 'fact = "patient.birthday"', "no column birthday"),
    "fact table": ("cockpit.toml", 'fact = "patient.birth_day"', 'fact = "person.birth_day"', "no fact table person"),
    "cockpit flag": ("cockpit.toml", '"kol-plan-deadline-near",', '"kol-near",', "no rule has the id kol-near"),
    "start list column": ("cockpit.toml", '"mulig-siden", "frist"', '"siden", "frist"', "no column has the id siden"),
    "fill": ("referrals.toml", 'name = "cat"', 'name = "kat"', 'called "kat"'),
    "fhirpath": ("referrals.toml", ".medication.text", ".medication..text", "not FHIRPath"),
    "form not FHIR": ("forms/kol-aarsstatus.json", '"status": "active"', '"status": "ready"', "status"),
    "form without English": ("forms/kol-aarsstatus.json", '"_text"', '"_texts"', "English"),
    "enableWhen": ("forms/kol-aarsstatus.json", '"question": "rygning"', '"question": "ryger"', "depends on ryger"),
    "example fact column": (
        "rules/not-started.toml",
        'eligible_day = "2027-02-04"',
        'eligible = "2027-02-04"',
        "no column eligible",
    ),
    "example output column": (
        "rules/not-started.toml",
        'since_day = "2027-02-03"',
        'day = "2027-02-03"',
        "gives no column day",
    ),
    "example rule": ("examples/udeblevet.json", "kol-noshow-unbooked", "kol-noshow", "no rule has the id kol-noshow"),
    "example parameter": (
        "examples/udeblevet.json",
        '"resources":',
        '"parameters": {"gold": "abcd"}, "resources":',
        "there is no parameter gold",
    ),
    "example guideline": (
        "examples/udeblevet.json",
        '"resources":',
        '"parameters": {"gold_guideline": "abcd2030"}, "resources":',
        "abcd2030 is no guideline",
    ),
    "example parameter of another kind": (
        "examples/udeblevet.json",
        '"resources":',
        '"parameters": {"near_days": "seven"}, "resources":',
        "a value of the same kind",
    ),
    "example band": (
        "examples/udeblevet.json",
        '"expect": {',
        '"expect": {"bands": [{"input": "smoking", "band": "a"}],',
        "no input smoking has bands",
    ),
    "appointment kind": ("plan.toml", 'kind = "spirometri"', 'kind = "lungetal"', "lungetal is no kind of appointment"),
}


LRS_CASES = {
    "score": ("level.toml", 'score = "akutte"', 'score = "akut"', 'lrs-roede-flag has no score "akut"'),
    "unknown input": ("level.toml", 'unknown = "red_flags_acute"', 'unknown = "acute"', 'called "acute"'),
    "block form": ("level.toml", 'form = "lrs-roede-flag"\nwhen', 'form = "lrs-flag"\nwhen', 'no form "lrs-flag"'),
    "action placeholder": ("level.toml", "Gennemgå røde flag, før", "Gennemgå {flag}, før", "nothing fills {flag}"),
    "change source": ("level.toml", 'source = "rmdq-aendring" }', 'source = "rmdq" }', 'no source has the id "rmdq"'),
    "group score": ("forms/lrs-start-back.toml", 'score = "psykosocial"', 'score = "psyke"', "no score above"),
    "kept band": ("forms/lrs-funktion.toml", 'method = "mean"', 'method = "mean"\nkeep = "band"', "neither bands"),
    "twice": ("forms/lrs-start-back.toml", 'id = "psykosocial"', 'id = "samlet"', "samlet is there twice"),
    "requirement": (
        "inclusion.toml",
        "kun dokumenteret i {duration_days}",
        "kun dokumenteret i {x}",
        "nothing fills {x}",
    ),
    "recurrence": ("inclusion.toml", "afsluttet for {days} dage", "afsluttet for {day} dage", "nothing fills {day}"),
    "optional code": ("inclusion.toml", 'parameter = "include_l02"', 'parameter = "l02"', "names no parameter"),
    "stop": ("plan.toml", "(Roland-Morris {rmdq})", "(Roland-Morris {rm})", "nothing fills {rm}"),
    "own source": ("package.toml", '["tovholder", "lps"]', '["lps"]', "the source is not among them"),
    "own parameter": (
        "package.toml",
        "[parameters.start_days]",
        "[parameters.plan_source]",
        "the package's own source",
    ),
    "example stop": ("examples/kan-afsluttes.json", '"god-funktion"', '"god"', "no stop rule has the id god"),
    "example change": ("examples/bedring.json", '"input": "pain"', '"input": "prolapse"', "no input prolapse says"),
}


@pytest.mark.parametrize("name", LRS_CASES)
def test_a_fault_in_what_back_pain_brought_is_told_where_it_stands(tmp_path: Path, schema: Schema, name: str):
    file, old, new, told = LRS_CASES[name]
    folder = tmp_path / "lrs"
    shutil.copytree(BUILTIN / "lrs", folder)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = check(load(folder), schema=schema)
    assert any(told in str(issue) for issue in found), [str(issue) for issue in found]


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_where_it_stands(folder: Path, schema: Schema, name: str):
    file, old, new, told = CASES[name]
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = check(load(folder), schema=schema)
    assert any(told in str(issue) for issue in found), [str(issue) for issue in found]
    assert all(issue.path for issue in found)


def test_the_place_of_a_fault_in_sql_is_its_own_line(folder: Path, schema: Schema):
    path = folder / "rules" / "noshow-unbooked.toml"
    text = path.read_text(encoding="utf-8").replace("a.status = 'noshow'", "a.state = 'noshow'")
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("a.state")].count("\n") + 1
    [issue] = check(load(folder), schema=schema)
    assert issue.path == f"rules/noshow-unbooked.toml:{line}"


def test_every_level_must_be_shown_by_a_compliance_rule(folder: Path, schema: Schema):
    path = folder / "rules" / "control-overdue.toml"
    text = path.read_text(encoding="utf-8").replace(', "undecided" = false, "3-to-1" = false', "")
    path.write_text(text, encoding="utf-8")
    [issue] = check(load(folder), schema=schema)
    assert "at level undecided, 3-to-1" in issue.message


def test_a_rule_needs_an_example(folder: Path, schema: Schema):
    path = folder / "rules" / "not-started.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[[examples]]")], encoding="utf-8")
    assert [issue.message for issue in check(load(folder), schema=schema)] == ["the rule has no example"]


def test_eight_example_patients_are_the_least(folder: Path, schema: Schema):
    for path in sorted((folder / "examples").iterdir())[7:]:
        path.unlink()
    assert "there are 7 example patients" in [issue.message for issue in check(load(folder), schema=schema)]
