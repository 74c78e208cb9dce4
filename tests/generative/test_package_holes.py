"""A package with a hole of any kind is set aside with its faults told; the other packages and versions stay in force."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tovholder import packages
from tovholder.packages import installed
from tovholder.packages.installed import Installed
from tovholder.packages.loader import BUILTIN

FILES = sorted(
    path.relative_to(BUILTIN / "lrs").as_posix()
    for path in (BUILTIN / "lrs").rglob("*")
    if path.is_file() and "examples" not in path.parts
)
HOLES = ("gone", "empty", "half", "bytes", "folder", "line", "nested", "word")


def bore(path: Path, hole: str, at: int) -> None:
    """Make a hole of a kind in a file; ``at`` chooses where."""
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    place = at % max(1, len(lines))
    if hole in ("gone", "folder"):
        path.unlink()
        if hole == "folder":
            path.mkdir()
        return
    made = {
        "empty": b"",
        "half": content[: len(content) * (at % 90 + 5) // 100],
        "bytes": content[: at % len(content)] + b"\xff\xfe\x00" + content[at % len(content) :],
        "line": b"".join(lines[:place] + lines[place + 1 :]),
        "nested": b"x = " + b"[" * 5000 + b"]" * 5000,
        "word": b"".join([*lines[:place], lines[place].replace(b'"', b'"zz', 1), *lines[place + 1 :]]),
    }[hole]
    path.write_bytes(made)


@given(file=st.sampled_from(FILES), hole=st.sampled_from(HOLES), at=st.integers(0, 5000))
@example("package.toml", "gone", 0)
@example("package.toml", "nested", 0)
@example("level.toml", "folder", 0)
@example("plan.toml", "half", 40)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_hole_the_others_stay_and_it_is_told(file: str, hole: str, at: int) -> None:
    before = {key: held.version for key, held in packages.builtin().items()}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "lrs-9.0.0"
        shutil.copytree(BUILTIN / "lrs", made)
        head = made / "package.toml"
        head.write_text(
            head.read_text("utf-8").replace(f'version = "{before["lrs"]}"', 'version = "9.0.0"', 1), "utf-8"
        )
        bore(made / file, hole, at)
        try:
            packages.install(Installed(folder=Path(folder)))
            now = {key: held.version for key, held in packages.builtin().items()}
            aside = packages.set_aside()
            if now.get("lrs") == "9.0.0":  # a hole that leaves a whole package, such as a comment less
                assert not aside
            elif "lrs" in {one.id for one in aside}:
                assert now == before
                (one,) = aside
                assert one.issues and all(issue.path.startswith("lrs-9.0.0") for issue in one.issues)
                assert one.instead == before["lrs"]
            else:  # it calls itself something else now, whole or not
                assert now.items() >= before.items()
        finally:
            packages.install(Installed())


@pytest.mark.parametrize("file", ["package.toml", "level.toml", "rules/.."])
def test_one_that_comes_with_us_is_set_aside_too_and_its_earlier_version_is_in_force(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(BUILTIN, tmp_path / "builtin")
    if file == "rules/..":
        rule = next((tmp_path / "builtin" / "kol" / "rules").iterdir())
        rule.write_text(rule.read_text("utf-8").replace("SELECT", "SELCT", 1), "utf-8")
    else:
        (tmp_path / "builtin" / "kol" / file).write_text("[[[", "utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(installed, "BUILTIN", tmp_path / "builtin")
        packages.install(Installed(plan_sources={"lrs": "lps"}))
        try:
            (one,) = packages.set_aside()
            assert (one.id, one.instead) == ("kol", "1.0.0") == ("kol", packages.get("kol").version)
            assert not packages.is_set_aside("kol", "1.0.0")
            assert packages.is_set_aside("kol", "2.0.0") == (file != "package.toml")
            assert set(packages.builtin()) == {"hjerte", "kol", "lrs", "t2d"}
        finally:
            patched.undo()
            packages.install(Installed())
