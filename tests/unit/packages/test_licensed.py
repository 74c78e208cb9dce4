"""Licensed words stand in for the neutral ones where the installation has them, and never change what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tovholder import packages
from tovholder.base.errors import Problem
from tovholder.forms import render
from tovholder.packages.installed import Installed
from tovholder.packages.questionnaires import items

WORDS = """form = "lrs-start-back"
version = "1"
licence = "Afprøvning"
[items.start-1]
da = "Afprøvet ordlyd"
en = "Tried wording"
"""


@pytest.fixture
def folder(tmp_path: Path):
    (tmp_path / "lrs-start-back.toml").write_text(WORDS, encoding="utf-8")
    yield tmp_path
    packages.install(Installed())


def test_words_notice_and_all_else_as_it_was(folder: Path):
    before = packages.get("lrs").forms["lrs-start-back"]
    packages.install(Installed(licensed=folder))
    after = packages.get("lrs").forms["lrs-start-back"]
    texts = [item["text"] for item in items(after.questionnaire)]
    assert texts[:2] == ["Afprøvet ordlyd", "Spørgsmål 2"]
    assert [item["answerOption"] for item in items(after.questionnaire)] == [
        item["answerOption"] for item in items(before.questionnaire)
    ]
    shown = render(after, {}, "en")
    assert shown.fields[0].text == "Tried wording"
    assert "Keele University" in shown.notice
    assert render(before, {}, "en").notice == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('version = "1"', 'version = "2"', "another form or version"),
        ("start-1", "start-10", 'no question "start-10"'),
        ('en = "Tried wording"', "", '"en" is missing'),
        ("licence", "license", 'unknown key "license"'),
        ('form = "', "form = ", "not TOML"),
    ],
)
def test_words_that_do_not_fit_are_refused_and_the_neutral_ones_stay(folder: Path, old: str, new: str, told: str):
    path = folder / "lrs-start-back.toml"
    path.write_text(WORDS.replace(old, new, 1), encoding="utf-8")
    packages.install(Installed(licensed=folder))
    (aside,) = packages.set_aside()
    assert aside.words and (aside.id, aside.instead) == ("lrs", packages.get("lrs").version)
    assert any(told in str(issue) for issue in aside.issues), [str(issue) for issue in aside.issues]
    assert next(items(packages.get("lrs").forms["lrs-start-back"].questionnaire))["text"] == "Spørgsmål 1"


@pytest.mark.parametrize("chosen", [{"kol": "lps"}, {"xyz": "lps"}])
def test_a_source_of_plans_a_package_cannot_have_is_refused(chosen: dict[str, str]):
    with pytest.raises(Problem):
        packages.install(Installed(plan_sources=chosen))
    assert packages.get("kol").makes_plans
