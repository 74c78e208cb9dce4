"""A package in two versions of a test's own: COPD as it was first written, and as a later version changes it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tovholder import packages
from tovholder.packages.installed import EARLIER, Installed

OLD, NEW = "8.0.0", "9.0.0"
_NEW_STEP = """
[[activities]]
id = "selvbehandling"
kind = "opstart-samtale"
title.da = "Plan for selvbehandling"
title.en = "Self-management plan"
performer = "nurse"
window_before_days = 14
window_after_days = 14
source = "standard-plan"
[[activities.timing]]
after_months = 1
"""


def put(parent: Path, version: str) -> Path:
    """A folder with COPD as first written, under a version."""
    folder = parent / f"kol-{version}"
    shutil.copytree(EARLIER / "kol-1.0.0", folder)
    edit(folder / "package.toml", 'version = "1.0.0"', f'version = "{version}"')
    return folder


def edit(file: Path, old: str, new: str) -> int:
    """Change the first place of a text; the line it stood on."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} has no {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def changed(parent: Path, version: str = NEW) -> Path:
    """The later version: annual status two months earlier, no lung function test, a self-management plan, a later flag."""
    folder = put(parent, version)
    plan = folder / "plan.toml"
    edit(plan, "after_months = 12\nrepeat_months = 12", "after_months = 10\nrepeat_months = 12")
    text = plan.read_text(encoding="utf-8")
    whole = re.search(r'\[\[activities\]\]\nid = "spirometri".*?(?=\n\[\[activities\]\])', text, re.DOTALL)
    assert whole is not None
    plan.write_text(text.replace(whole.group(0), "") + _NEW_STEP, encoding="utf-8")
    edit(folder / "package.toml", "[parameters.noshow_days]\nvalue = 14", "[parameters.noshow_days]\nvalue = 28")
    return folder


def in_force(parent: Path, *, later: bool) -> None:
    """Run with the old version, or with both, when the later one is in force."""
    if not (parent / f"kol-{OLD}").exists():
        put(parent, OLD)
    if later and not (parent / f"kol-{NEW}").exists():
        changed(parent)
    packages.install(Installed(folder=parent))


@contextmanager
def old_in_force(parent: Path) -> Iterator[Path]:
    """An own folder with the old version in force, for a while; afterwards what comes with Tovholder alone."""
    folder = parent / "own"
    folder.mkdir()
    try:
        in_force(folder, later=False)
        yield folder
    finally:
        packages.install(Installed())
