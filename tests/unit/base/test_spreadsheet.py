"""Files for spreadsheets: nothing that somebody called themselves or wrote is run there."""

from __future__ import annotations

import pytest

from tovholder.base.spreadsheet import harmless, meant


@pytest.mark.parametrize(
    "text", ["=1+1", "+45", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "\u00a0=cmd|' /C calc'!A0"]
)
def test_a_formula_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}" and meant(harmless(text)) == text


@pytest.mark.parametrize("text", ["", "Prøve Jensen", "2027-01-31", "1-2", "a=b", "5 %", "(=)", "'s-Hertogenbosch"])
def test_other_text_stays(text: str) -> None:
    assert harmless(text) == text == meant(text)
