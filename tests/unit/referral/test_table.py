"""The pakketabel: versioned data over what packages ask for; a file with faults tells them all, with their lines."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from lib.world import day
from tovholder import packages
from tovholder.base.errors import Category, Problem
from tovholder.referral import table

OURS = files("tovholder.referral").joinpath("tables", table.BUILTIN).read_text(encoding="utf-8")
OWN = """
[[referrals]]
package = "kol"
referral = "rehabilitering"
receiver_kind = "prevention"
source = "standard"
leave_out = ["fev1"]

[[referrals.fields]]
id = "cat"
title.da = "CAT"
title.en = "CAT"
required = true
stale_months = 3
fill = { kind = "input", name = "cat" }
"""


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "egen.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_referral_of_every_package_is_asked_for_whole() -> None:
    held = table.builtin()
    assert table.check(held, packages.builtin()) == ()
    for package in packages.builtin().values():
        for kind in package.referrals:
            for receiver in kind.receiver_kinds:
                asked = table.fields(held, kind, package.id, receiver)
                ids = [one.field.id for one in asked]
                assert len(ids) == len(set(ids))
                assert {one.field.id for one in asked} >= {one.id for one in kind.fields}
                filled_by = [one.field.fill.kind for one in asked if one.field.required]
                assert {"patient", "sender", "service", "diagnosis"} <= set(filled_by)
                sources = [
                    (one.field.fill.kind, one.field.fill.name) for one in asked if one.field.fill.kind != "written"
                ]
                assert len(sources) == len(set(sources)), (package.id, kind.id, receiver)  # nothing is asked for twice


def test_an_operators_table_changes_one_referral_from_its_first_day(tmp_path: Path) -> None:
    text = OURS.replace('version = "2026.2"', 'version = "2027.2"').replace("2026-01-01", "2027-06-01") + OWN
    path = own(tmp_path, text)
    assert table.in_force(day("2027-05-31"), path).version == "2026.2"
    held = table.in_force(day("2027-06-01"), path)
    assert held.version == "2027.2" and table.check(held, packages.builtin(), "egen.toml") == ()
    kind = packages.get("kol").referral("rehabilitering")
    asked = {one.field.id: one for one in table.fields(held, kind, "kol", "prevention")}
    assert "fev1" not in asked
    assert asked["cat"].by == "table" and asked["cat"].field.required and asked["cat"].field.stale_after == 3
    assert "fev1" in {one.field.id for one in table.fields(table.builtin(), kind, "kol", "prevention")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "kl-119"', 'source = "kl-120"', "no source kl-120"),
        ('kind = "physio"', 'kind = "prevention"', "prevention is there twice"),
        ('fill = { kind = "sender" }', 'fill = { kind = "sender", name = "x" }', "takes no name"),
        ('name = "cpr"', 'name = "shoe-size"', "needs a name"),
        ("required = true", 'required = "ja"', "required"),
        ("valid_from = 2026-01-01", "valid_from = 2026-13-01", "not TOML"),
        ("approver", "godkendt_af", "unknown key"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(Problem) as problem:
        table.load(own(tmp_path, OURS.replace(old, new, 1)))
    assert problem.value.category is Category.INVALID
    assert told in " ".join(str(issue) for issue in problem.value.issues)
    assert re.match(r"egen\.toml(:\d+)?", problem.value.issues[0].path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('package = "kol"', 'package = "gigt"', "no package gigt"),
        ('referral = "rehabilitering"', 'referral = "bingo"', "no referral bingo"),
        ('receiver_kind = "prevention"', 'receiver_kind = "hospital"', "goes to no hospital"),
        ('name = "cat"', 'name = "hund"', 'called "hund"'),
    ],
)
def test_what_fits_no_package_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    held = table.load(own(tmp_path, OURS + OWN.replace(old, new)))
    assert told in " ".join(str(issue) for issue in table.check(held, packages.builtin()))


def test_who_may_refer_on_is_in_the_table() -> None:
    assert "prevention" in table.builtin().may_refer_on("partner")
    assert "hospital" not in table.builtin().may_refer_on("partner")
    assert table.builtin().may_refer_on("citizen") == frozenset()
