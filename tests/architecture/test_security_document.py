"""docs/security.md names modules, tests and settings that are there, and every property has both."""

from __future__ import annotations

import re
from pathlib import Path

from tovholder.config.env import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.split("## Threat model")[0].splitlines() if re.match(r"\| \d+ \|", line)]


def places(text: str) -> list[str]:
    """What is named in code type and looks like a path."""
    return [name for name in re.findall(r"`([^`]+)`", text) if re.fullmatch(r"[\w./-]*/[\w./-]*", name)]


def is_there(name: str) -> bool:
    """Below the root, below the package, or beside the access tests."""
    below = (ROOT, ROOT / "src" / "tovholder", ROOT / "tests" / "unit" / "access", ROOT / "tests" / "unit" / "store")
    return any((folder / name).exists() or (folder / f"{name}.py").exists() for folder in below)


def test_every_property_names_who_keeps_it_and_what_proves_it() -> None:
    assert len(ROWS) >= 15
    for row in ROWS:
        _, _, promise, kept, proved, _ = row.split("|")
        assert promise.strip() and kept.strip() and proved.strip(), row
        for name in places(kept):
            assert is_there(name), name
        for name in [*places(proved), *(part for part in re.findall(r"`(test_\w+\.py)`", proved))]:
            assert is_there(name), name


def test_every_setting_it_names_is_one() -> None:
    known = {variable.name for variable in VARIABLES}
    assert set(re.findall(r"TOVHOLDER_[A-Z_]+", TEXT)) <= known
