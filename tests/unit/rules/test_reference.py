"""The reference page is the one the code writes, and tells every refusal."""

from __future__ import annotations

from pathlib import Path

from tovholder.rules.reference import page
from tovholder.rules.refusals import refusals

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python -m tovholder.rules.reference"


def test_every_refusal_is_told() -> None:
    text = page()
    for code, refusal in refusals().items():
        assert f"### {code}\n" in text
        assert refusal.why in text
    assert "{" not in text
