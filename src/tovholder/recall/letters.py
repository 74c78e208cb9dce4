"""Letters as one PDF to print: A4 for window envelopes, text that can be read aloud and searched, its font embedded.

The address stands where the window of a Danish C5 or M65 envelope is (20 mm from the left, 45 mm from the top, within 90
by 40 mm); nothing else stands there. Each letter begins on a page of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fpdf import FPDF, ViewerPreferences

from tovholder.recall.texts import Clinic

_LEFT, _TOP, _WIDTH = 20.0, 45.0, 90.0
_FONT = "Plex"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter: to whom, where, and its words (paragraphs apart by an empty line)."""

    name: str
    address: tuple[str, ...]
    text: str


def pdf(letters: Iterable[Letter], clinic: Clinic, *, title: str, date: str, made: datetime, fonts: Path) -> bytes:
    """The letters, one after the other. fonts: the folder with the font's files. Raises FileNotFoundError without them."""
    paper = FPDF(format="A4")
    paper.set_margins(_LEFT, 20, _LEFT)
    paper.set_auto_page_break(auto=True, margin=25)
    paper.add_font(_FONT, "", fonts / "IBMPlexSans-Regular.ttf")
    paper.add_font(_FONT, "B", fonts / "IBMPlexSans-Bold.ttf")
    paper.set_title(title)
    paper.set_author(clinic.name)
    paper.set_lang("da")
    paper.set_creation_date(made)
    paper.viewer_preferences = ViewerPreferences(display_doc_title=True)
    for letter in letters:
        _write(paper, letter, clinic, date)
    return bytes(paper.output())


def _write(paper: FPDF, letter: Letter, clinic: Clinic, date: str) -> None:
    paper.add_page()
    paper.set_font(_FONT, "B", 11)
    _block(paper, _LEFT, 15, (clinic.name,))
    paper.set_font(_FONT, "", 9)
    _block(paper, _LEFT, 20, (" · ".join((*clinic.address, *((f"Tlf. {clinic.phone}",) if clinic.phone else ()))),))
    paper.set_font(_FONT, "", 11)
    _block(paper, _LEFT, _TOP, (letter.name, *letter.address)[:7])
    paper.set_xy(_LEFT, 92)
    paper.cell(0, 6, date, align="R", new_x="LMARGIN", new_y="NEXT")
    paper.set_xy(_LEFT, 102)
    for part in letter.text.split("\n\n"):
        paper.multi_cell(0, 5.5, part, align="L", new_x="LMARGIN", new_y="NEXT")
        paper.ln(3)


def _block(paper: FPDF, x: float, y: float, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        paper.set_xy(x, y + number * 5)
        paper.cell(_WIDTH if y == _TOP else 0, 5, line)
