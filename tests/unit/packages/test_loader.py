"""A package folder is read whole or refused whole, every fault with its file, line and the valid keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tovholder.base.errors import Category, Problem
from tovholder.packages import builtin, get, load
from tovholder.packages.loader import BUILTIN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "kol"
    shutil.copytree(BUILTIN / "kol", made)
    return made


def edit(folder: Path, file: str, old: str, new: str) -> int:
    """Change the first place in a file; the line it stood on."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def faults(folder: Path) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        load(folder)
    assert caught.value.category is Category.INVALID
    return {issue.path: str(issue) for issue in caught.value.issues}


def test_the_built_in_package_is_read():
    package = get("kol")
    assert builtin()["kol"] is package
    assert package.titles.da == "KOL"
    assert package.plan_right.rule == "kol-plan-30@1"
    assert package.parameters["plan_days"] == 30  # a right's days are parameters, written once
    assert {form.canonical.rpartition("/")[2] for form in package.forms.values()} == {
        "kol-behovsvurdering|1",
        "kol-aarsstatus|2",
        "kol-kontrol|1",
    }
    assert package.forms["kol-aarsstatus"].titles.en == "COPD annual status"


def test_an_unknown_key_names_file_line_and_valid_keys(folder: Path):
    line = edit(folder, "rules/noshow-unbooked.toml", 'severity = "high"', 'severety = "high"')
    found = faults(folder)
    assert (
        'unknown key "severety" (expected one of: id, version, kind, title, severity'
        in found[f"rules/noshow-unbooked.toml:{line}"]
    )


def test_an_unknown_key_deep_inside_names_the_keys_of_that_place(folder: Path):
    line = edit(folder, "level.toml", "at_least = 2\nwhen", "at_most = 2\nwhen")
    text = faults(folder)[f"level.toml:{line}"]
    assert 'unknown key "at_most" in raisers.0' in text
    assert "one of: id, at_least, when, reason, source" in text


def test_a_wrong_type_and_a_wrong_word_are_told(folder: Path):
    days = edit(folder, "package.toml", "days = 30", 'days = "30"')
    severity = edit(folder, "rules/not-started.toml", 'severity = "medium"', 'severity = "urgent"')
    found = faults(folder)
    assert "days is '30'" in found[f"package.toml:{days}"]
    assert "valid integer" in found[f"package.toml:{days}"]
    assert "'high', 'medium', 'low'" in found[f"rules/not-started.toml:{severity}"]


def test_true_is_no_number(folder: Path):
    line = edit(folder, "inclusion.toml", "age_min = 18", "age_min = true")
    assert f"inclusion.toml:{line}" in faults(folder)


def test_an_age_at_coding_is_told_with_its_words(folder: Path):
    edit(folder, "inclusion.toml", "age_min = 18", "age_min = 18\ncoded_age_min = 18")
    (told,) = faults(folder).values()
    assert "coded_age_min and reasons.coded_too_young belong together" in told


def test_all_faults_of_all_files_are_told_at_once(folder: Path):
    edit(folder, "plan.toml", "horizon_months", "horizon_month")
    edit(folder, "cockpit.toml", "[[filters]]", "[[filter]]")
    (folder / "content.toml").write_text("content = [", encoding="utf-8")
    (folder / "referrals.toml").unlink()
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    files = {place.partition(":")[0] for place in faults(folder)}
    assert files == {"plan.toml", "cockpit.toml", "content.toml", "referrals.toml", "notes.txt"}


def test_broken_toml_is_told_with_its_line(folder: Path):
    line = edit(folder, "level.toml", "review_months = 12", "review_months = twelve")
    assert "this is not TOML" in faults(folder)[f"level.toml:{line}"]


def test_a_text_in_one_language_only_is_refused(folder: Path):
    edit(folder, "rules/not-started.toml", 'title.en = "Not started"\n', "")
    [text] = faults(folder).values()
    assert 'the key "en" is missing in title' in text


def test_an_id_that_is_not_its_files_is_refused(folder: Path):
    edit(folder, "rules/not-started.toml", 'id = "kol-not-started"', 'id = "kol-begun"')
    assert "rules/begun.toml" in faults(folder)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ('{ input = "mrc", op = "ge", value = 4, grade = ["E"] }', "exactly one of"),
        ('{ input = "mrc" }', "needs"),
        ('{ input = "mrc", op = "ge", value = "4" }', "needs a number"),
        ('{ input = "smoking", op = "in", value = "dagligt" }', "needs a list"),
        ("{ }", "found none"),
    ],
)
def test_a_condition_asks_exactly_one_thing(folder: Path, condition: str, told: str):
    line = edit(folder, "level.toml", 'when = { input = "mrc", op = "ge", value = 4 }', f"when = {condition}")
    assert told in faults(folder)[f"level.toml:{line}"]


def test_an_example_with_an_unknown_key_is_refused(folder: Path):
    edit(folder, "examples/udeblevet.json", '"flags"', '"flag"')
    assert "unknown key" in faults(folder)["examples/udeblevet.json"]


def test_a_form_without_scoring_is_refused(folder: Path):
    (folder / "forms" / "kol-aarsstatus.toml").unlink()
    assert "has no scoring file" in faults(folder)["forms/kol-aarsstatus.json"]


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path):
    with pytest.raises(Problem) as caught:
        load(tmp_path / "none")
    assert caught.value.category is Category.NOT_FOUND
    with pytest.raises(Problem) as caught:
        get("none")
    assert caught.value.category is Category.NOT_FOUND


def test_only_what_all_packages_know_can_be_shared(folder: Path):
    line = edit(folder, "plan.toml", 'shared = "aarsstatus"', 'shared = "status"')
    told = faults(folder)[f"plan.toml:{line}"]
    assert 'nothing shared is called "status"' in told
    assert "aarsstatus, kontrol, blodproeve" in told


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ('{ input = "fev1_percent" }', "at_least, at_most or both"),
        ('{ input = "fev1_percent", at_least = 60, at_most = 50 }', "at_least is above at_most"),
        ('{ input = "fev1_percent", at_least = "60" }', "valid integer"),
        ('{ input = "fev1_percent", above = 60 }', "one of: input, at_least, at_most"),
    ],
)
def test_a_target_says_what_to_reach(folder: Path, target: str, told: str):
    line = edit(folder, "plan.toml", 'id = "motion"', f'id = "motion"\ntarget = {target}') + 1
    assert told in faults(folder)[f"plan.toml:{line}"]


def test_what_is_shared_and_tested_is_read(folder: Path):
    tests = 'tests = [{ system = "urn:oid:1.2.208.176.2.1", code = "NPU27300", display = "HbA1c" }]'
    edit(folder, "plan.toml", 'kind = "handleplan"', f'kind = "handleplan"\nshared = "aarsstatus"\n{tests}')
    held = next(item for item in load(folder).plan.activities if item.id == "handleplan")
    assert (held.shared, [test.code for test in held.tests]) == ("aarsstatus", ["NPU27300"])
