"""Which versions of a package there are: the highest is in force, the others stay for the plans made with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tovholder import packages
from tovholder.base.errors import Category, Problem
from tovholder.packages import installed
from tovholder.packages.installed import Installed
from tovholder.packages.loader import BUILTIN


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "own"
    folder.mkdir()
    yield folder
    packages.install(Installed())


def put(own: Path, version: str, *, name: str = "", of: str = "lrs") -> Path:
    """A copy of a package under another version; the line of the version is told by its text."""
    made = own / (name or f"{of}-{version}")
    shutil.copytree(BUILTIN / of, made)
    text = (made / "package.toml").read_text(encoding="utf-8")
    current = packages.get(of).version
    (made / "package.toml").write_text(text.replace(f'version = "{current}"', f'version = "{version}"', 1), "utf-8")
    return made


def refused(own: Path) -> dict[str, str]:
    """What is set aside of the folder, by place; what was in force stays so."""
    before = {key: held.version for key, held in packages.builtin().items()}
    packages.install(Installed(folder=own))
    assert {key: held.version for key, held in packages.builtin().items()} == before
    assert packages.set_aside() and all(one.instead for one in packages.set_aside())
    return {issue.path: f"{issue.message} ({issue.expected})" for one in packages.set_aside() for issue in one.issues}


def test_a_higher_version_of_its_own_is_in_force_and_the_other_stays(own: Path) -> None:
    before = packages.get("lrs").version
    put(own, "9.0.0")
    put(own, "9.1.0")
    packages.install(Installed(folder=own))
    assert packages.get("lrs").version == "9.1.0"
    assert packages.versions("lrs") == (before, "9.0.0", "9.1.0")
    assert packages.version("lrs", "9").version == "9.1.0"  # the highest that begins so
    assert packages.version("lrs", "9.0").version == "9.0.0"
    assert packages.named(f"lrs@{before}").version == before
    assert packages.followed("lrs", "9.0.0").version == "9.0.0"
    assert packages.followed("lrs", "7.7.7").version == "9.1.0"  # not kept here


def test_versions_are_ordered_as_numbers(own: Path) -> None:
    put(own, "9.10.0")
    put(own, "9.9.0")
    packages.install(Installed(folder=own))
    assert packages.get("lrs").version == "9.10.0"


@pytest.mark.parametrize("wanted", ["8", "1.0.0.0", "one", "1.", "-1"])
def test_a_version_that_is_not_here_names_those_that_are(wanted: str) -> None:
    with pytest.raises(Problem) as caught:
        packages.version("lrs", wanted)
    assert caught.value.category is Category.NOT_FOUND
    assert packages.get("lrs").version in caught.value.issues[0].expected


def test_the_same_version_twice_is_refused_with_both_places(own: Path) -> None:
    put(own, packages.get("lrs").version)
    found = refused(own)
    (place,) = found
    assert place.startswith(f"lrs-{packages.get('lrs').version}/package.toml:")
    assert "is here already (lrs/package.toml:" in found[place]


def test_what_is_no_version_is_refused_with_its_line_and_nothing_changes(own: Path) -> None:
    before = packages.get("lrs")
    made = put(own, "9.0.0")
    text = (made / "package.toml").read_text(encoding="utf-8")
    (made / "package.toml").write_text(text.replace('version = "9.0.0"', 'version = "9.0"', 1), "utf-8")
    line = text[: text.index('version = "9.0.0"')].count("\n") + 1
    assert refused(own) == {
        f"lrs-9.0.0/package.toml:{line}": "'9.0' is no version (three numbers, such as 1.0.0)",
    }
    assert packages.get("lrs").version == before.version


def test_a_package_with_a_hole_is_refused_with_folder_file_and_line(own: Path) -> None:
    made = put(own, "9.0.0")
    (made / "level.toml").unlink()
    text = (made / "plan.toml").read_text(encoding="utf-8")
    (made / "plan.toml").write_text(text + "\n[[activities]]\nid = 3\n", "utf-8")
    found = refused(own)
    assert "the file is missing" in found["lrs-9.0.0/level.toml"]
    assert any(place.startswith("lrs-9.0.0/plan.toml:") for place in found)
    assert packages.get("lrs").version != "9.0.0"


def test_a_package_whose_parts_disagree_is_refused(own: Path) -> None:
    made = put(own, "9.0.0")
    text = (made / "plan.toml").read_text(encoding="utf-8")
    kind = packages.get("lrs").plan.activities[0].kind
    (made / "plan.toml").write_text(text.replace(f'kind = "{kind}"', 'kind = "ukendt-slags"', 1), "utf-8")
    found = refused(own)
    assert any("ukendt-slags is no kind of appointment here" in told for told in found.values())
    assert all(place.startswith("lrs-9.0.0/plan.toml:") for place in found)


def test_an_earlier_version_is_lower_than_the_one_in_force(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "earlier"
    kept.mkdir()
    put(kept, "9.0.0")
    put(kept, "0.5.0", name="lrs-0.6.0")
    with monkeypatch.context() as patched:
        patched.setattr(installed, "EARLIER", kept)
        found = refused(own)
    assert any("higher than the one in force" in told for told in found.values())
    assert any(told.endswith("(lrs-0.5.0)") for told in found.values())


def test_every_earlier_version_that_comes_with_us_can_be_read() -> None:
    for package_id in packages.builtin():
        for version in packages.versions(package_id):
            assert packages.version(package_id, version).version == version
