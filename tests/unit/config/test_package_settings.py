"""What an installation says of its packages: where plans come from, and where licensed words lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tovholder.config import env
from tovholder.config.env import SettingsError


def read(**given: str) -> env.Env:
    return env.read({"TOVHOLDER_ENV": "test", **given})


@pytest.mark.parametrize(
    ("text", "found"),
    [("", {}), ("lrs=lps", {"lrs": "lps"}), (" lrs = lps , kol=tovholder,", {"lrs": "lps", "kol": "tovholder"})],
)
def test_sources_of_plans(text: str, found: dict[str, str]) -> None:
    assert read(TOVHOLDER_PLAN_SOURCES=text).plan_sources == found


@pytest.mark.parametrize("text", ["lrs", "lrs=", "=lps", "lrs=lps,lrs=tovholder"])
def test_sources_that_cannot_be_read_are_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="TOVHOLDER_PLAN_SOURCES"):
        read(TOVHOLDER_PLAN_SOURCES=text)


def test_the_folder_of_licensed_words_must_be_there(tmp_path: Path) -> None:
    assert read().licensed_texts is None
    assert read(TOVHOLDER_LICENSED_TEXTS=str(tmp_path)).licensed_texts == tmp_path
    with pytest.raises(SettingsError, match="TOVHOLDER_LICENSED_TEXTS"):
        read(TOVHOLDER_LICENSED_TEXTS=str(tmp_path / "nowhere"))
