"""Nobody is called what our own jobs act as: the record could not tell the two apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tovholder
from lib.people import system
from tovholder.access import staff
from tovholder.base.errors import Category, Problem
from tovholder.plan.definitions import ACTOR

_SOURCES = Path(tovholder.__file__).parent
_NAMED = re.compile(r'(?:as_system\(|system_context\([^,()]*(?:\([^()]*\))?, )"([a-z-]+)"')


def test_every_name_our_jobs_act_under_is_kept() -> None:
    used = {name for file in _SOURCES.rglob("*.py") for name in _NAMED.findall(file.read_text(encoding="utf-8"))}
    assert "derive" in used and "appointments" in used
    assert used | {ACTOR} <= staff.RESERVED


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["packages", "Packages", " derive "])
def test_a_user_is_not_called_so(name: str) -> None:
    with pytest.raises(Problem) as told:
        staff.add(system(), name, "Petra Pakker")
    assert told.value.category is Category.INVALID
    assert [issue.path for issue in told.value.issues] == ["username"]
    assert not staff.is_there(name)
