"""What the package for low-back pain promises, read against the decisions it is built on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tovholder.packages import get, load
from tovholder.packages.check import parts
from tovholder.packages.loader import BUILTIN
from tovholder.packages.model import SourceKind, Text
from tovholder.packages.questionnaires import items

LRS = get("lrs")
ICPC, SKS = "urn:oid:1.2.208.176.2.31", "urn:oid:1.2.208.176.2.4.12"


def test_inclusion_codes():
    for code in ("L84", "L86", "L03"):
        assert LRS.inclusion.matches(ICPC, code)
    for code in ("DM545", "DM544", "DM543", "DM511", "DM51", "DM480", "DM480A"):
        assert LRS.inclusion.matches(SKS, code)
    for system, code in ((ICPC, "L02"), (ICPC, "L840"), (SKS, "DM481"), (SKS, "DM50"), (SKS, "L84")):
        assert not LRS.inclusion.matches(system, code)


def test_the_optional_code_is_chosen_by_a_parameter(tmp_path: Path):
    folder = tmp_path / "lrs"
    shutil.copytree(BUILTIN / "lrs", folder)
    path = folder / "package.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("include_l02]\nvalue = 0", "include_l02]\nvalue = 1"), encoding="utf-8")
    assert load(folder).inclusion.matches(ICPC, "L02")


def test_every_code_asks_for_more_than_twelve_weeks():
    (need,) = LRS.inclusion.requires
    assert (need.when.input, need.when.op, need.when.value) == ("duration_days", "gt", 12 * 7)
    assert LRS.inclusion.confirm is not None  # and a person confirms


def test_the_clock_starts_when_the_patient_is_found():
    """Counted from the diagnosis, the deadline would have passed before the package can begin."""
    assert (LRS.plan_right.event, LRS.plan_right.days) == ("inclusion", 30)


def test_compliance_flags_are_for_levels_2_and_3_and_deadlines_for_all():
    for rule in LRS.rules:
        raised = [level for level in (None, 1, 2, 3) if rule.applies_at(level)]
        assert raised == ([None, 1, 2, 3] if rule.kind == "deadline" else [2, 3]), rule.id
    assert {"lrs-course-stopped", "lrs-function-missing", "lrs-noshow-unbooked", "lrs-sick-leave-no-plan"} <= {
        rule.id for rule in LRS.rules
    }


@pytest.mark.parametrize(
    ("activity", "level", "due"),
    [
        ("foerste-opfoelgning", 1, [35]),
        ("kontrol", 1, [91]),
        ("kontrol", 2, [91, 273]),
        ("kontrol", 3, [91, 182, 273]),
        ("fysioterapi", 1, []),
        ("fysioterapi", 2, [14]),
        ("fysioterapi", 3, [7]),
        ("kiropraktor-prolaps", 2, [14, 28, 56]),
        ("kiropraktor-prolaps", 1, [14, 56]),
        ("kiropraktor-stenose", 3, [28, 84]),
        ("arbejde", 3, [7, 28, 56]),
    ],
)
def test_what_is_done_when_at_each_level(activity: str, level: int, due: list[int]):
    held = next(item for item in LRS.plan.activities if item.id == activity)
    row = next((timing for timing in held.timing if timing.fits(level, None)), None)
    assert ([] if row is None else list(row.at_days) or [row.after_days]) == due


@pytest.mark.parametrize(
    ("name", "better", "minimal", "percent"),
    [
        ("pain", "lower", 2, None),
        ("rmdq", "lower", None, 30),
        ("psfs", "higher", 2, None),
        ("odi", "lower", 10, None),
        ("manniche", "lower", None, 30),
        ("who5", "higher", 10, None),
        ("sick_leave", "lower", 1, None),
    ],
)
def test_each_measure_says_which_change_matters_and_who_says_so(
    name: str, better: str, minimal: int | None, percent: int | None
):
    change = next(item for item in LRS.level.inputs if item.name == name).change
    assert change is not None
    assert (change.better, change.minimal, change.minimal_percent) == (better, minimal, percent)
    assert LRS.sources[change.source].kind is (SourceKind.GUIDELINE if name == "rmdq" else SourceKind.DEFAULT)


def test_plans_may_come_from_here_or_from_the_gp_system():
    assert LRS.makes_plans
    other = LRS.taking_plans_from("lps")
    assert not other.makes_plans
    assert (LRS.parameters["plan_source"], other.parameters["plan_source"]) == ("tovholder", "lps")
    with pytest.raises(ValueError, match="kol takes plans from tovholder"):
        get("kol").taking_plans_from("lps")


def test_questionnaires_hold_no_licensed_items():
    """STarT Back: neutral labels. Oswestry, Roland-Morris, Manniche and WHO-5: one total each."""
    labels = [item["text"] for item in items(LRS.forms["lrs-start-back"].questionnaire)]
    assert labels == [f"Spørgsmål {number}" for number in range(1, 10)]
    assert LRS.forms["lrs-start-back"].scoring.licensed is not None
    totals = json.dumps(LRS.forms["lrs-funktion"].questionnaire, ensure_ascii=False)
    for code in ("lrs-rmdq", "lrs-odi", "MCS88147", "MCS88173"):
        assert totals.count(f'"{code}"') == 1
    assert not re.search(r"støvler|sokker|sengen|socks|stairs|trapper|munter|cheerful", totals, re.IGNORECASE)


def test_our_own_proposals_are_marked_as_such():
    kinds = {source.kind for source in LRS.sources.values()}
    assert kinds == set(SourceKind)
    assert all(key.startswith("standard-") for key in LRS.defaults())
    assert LRS.episode_label.system.startswith("http://tovholder.dk/")  # no national course marker exists


def test_every_text_is_told_in_both_languages():
    same = {"Niveau 1", "Roland-Morris", "STarT Back", "Roland-Morris (0-24)"}
    seen = 0
    for where, entry in parts(LRS):
        if isinstance(entry, Text):
            seen += 1
            assert entry.da != entry.en or entry.da in same, where
    assert seen > 250
