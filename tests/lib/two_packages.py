"""Two small packages that share their visits and a blood test, made from a package that comes with us."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.world import World
from tovholder import packages
from tovholder.packages.installed import EARLIER, Installed
from tovholder.plan import actions, links

CODES = {"sukker": ("T99", "DE88"), "hjertet": ("K99", "DI99")}  # codes no package of ours includes
NEEDS = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
_SHARED = {
    "aarsstatus": 'shared = "aarsstatus"\n',
    "kontrol": 'shared = "kontrol"\n',
    "spirometri": 'shared = "blodproeve"\ntests = [{ system = "urn:oid:1.2.208.176.2.1", code = "NPU27300" }, '
    '{ system = "urn:oid:1.2.208.176.2.1", code = "%s" }]\n',
}
_OWN_TEST = {"sukker": "NPU19661", "hjertet": "NPU01568"}


def write(folder: Path) -> Path:
    """Both packages in a folder, as an installation keeps its own."""
    for name in CODES:
        _copy(folder / name, name)
    return folder


def _copy(folder: Path, name: str) -> None:
    shutil.copytree(EARLIER / "kol-1.0.0", folder, ignore=shutil.ignore_patterns("examples"))
    for path in sorted(folder.rglob("*.*")):
        words = path.read_text(encoding="utf-8")
        words = re.sub(r"\bkol\b", name, words).replace('"R95"', f'"{CODES[name][0]}"')
        words = (
            words.replace('"DJ44"', f'"{CODES[name][1]}"')
            .replace("KOL", name.capitalize())
            .replace("COPD", name.capitalize())
        )
        if path.name == "plan.toml":
            words = _shares(words, name)
        path.write_text(words, encoding="utf-8")
        if path.name.startswith("kol-"):
            path.rename(path.with_name(path.name.replace("kol-", f"{name}-", 1)))


def _shares(words: str, name: str) -> str:
    for kind, added in _SHARED.items():
        written = f'kind = "{kind}"\n' if kind == "spirometri" else f'kind = "{name}-{kind}"\n'
        assert written in words
        words = words.replace(written, written + (added % _OWN_TEST[name] if "%s" in added else added))
    return words


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The installation has both packages beside those that come with us."""
    packages.install(Installed(folder=write(folder)))
    try:
        yield
    finally:
        packages.install(Installed())
        links.kinds.cache_clear()
        links.measured_codes.cache_clear()


def start(w: World, patient_id: str, package: str, **confirm: Any) -> str:
    """A course with a confirmed plan at level 2; the episode's id."""
    w.diagnose(patient_id, CODES[package][0])
    found = [row for row in w.rows("episode", patient_id) if row["package"] == package]
    who = {"patient_id": patient_id, "episode_id": str(found[0]["episode_id"])}
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå en tur")], **confirm)
    return who["episode_id"]
