"""Which packages an installation has, and which versions of each: those that come with Tovholder, and its own.

One version of a package is in force, the highest; the others are kept because plans were made with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.packages import loader
from tovholder.packages import shelf as shelves
from tovholder.packages.aside import SetAside
from tovholder.packages.model import Package
from tovholder.packages.shelf import Number, Shelf, Shelved, number_of

__all__ = ["Installed", "Number", "SetAside", "Shelved", "number_of"]

BUILTIN = loader.BUILTIN
EARLIER = Path(__file__).parent / "earlier"
_WANTED = re.compile(r"\d{1,6}(\.\d{1,6}){0,2}")


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation says about its packages: licensed words, where plans come from, packages of its own."""

    licensed: Path | None = None
    plan_sources: Mapping[str, str] = field(default_factory=dict)  # package → source; others as the package says
    folder: Path | None = None  # with a folder for each package, or version of one, besides those that come with us


_installed = Installed()


def install(held: Installed) -> None:
    """Use this from now on. A package with a hole is set aside (``set_aside``) and stops nothing.

    Raises Problem(INVALID) when what is said about the sources of plans cannot be; then all is as before.
    """
    global _installed
    before, _installed = _installed, held
    _forget()
    try:
        builtin()
    except Problem:
        _installed = before
        _forget()
        raise


def _forget() -> None:
    for cached in (builtin, _shelf, _loaded):
        cached.cache_clear()


@cache
def builtin() -> dict[str, Package]:
    """The packages in force, by id: of each the highest version there is."""
    found = {package_id: _package(held[-1]) for package_id, held in shelf().items()}
    lost = {held.id for held in set_aside()}
    for package_id, source in _installed.plan_sources.items():
        try:
            found[package_id] = found[package_id].taking_plans_from(source)
        except KeyError:
            if package_id in lost:
                continue  # told where it is set aside
            wrong = Issue(package_id, f"there is no package {package_id}", f"one of: {', '.join(found)}")
        except ValueError as error:
            wrong = Issue(package_id, str(error), "one of those")
        else:
            continue
        raise Problem(Category.INVALID, "The sources of plans cannot be used", [wrong])
    return found


def get(package_id: str) -> Package:
    """The version in force of a package, or Problem(NOT_FOUND)."""
    try:
        return builtin()[package_id]
    except KeyError:
        raise not_found(f"the package {package_id}") from None


def versions(package_id: str) -> tuple[str, ...]:
    """The versions there are of a package, lowest first; none of one that is not here."""
    return tuple(held.version for held in shelf().get(package_id, ()))


def version(package_id: str, wanted: str = "") -> Package:
    """A version of a package: whole ("1.0.0"), by its beginning ("1": the highest of those), or the one in force ("").

    Raises Problem(NOT_FOUND) that names the versions there are.
    """
    current = get(package_id)
    if wanted in ("", current.version):
        return current
    parts = tuple(map(int, wanted.split("."))) if _WANTED.fullmatch(wanted) else ()
    fitting = [held for held in shelf()[package_id] if parts and held.number[: len(parts)] == parts]
    if not fitting:
        issue = Issue(
            f"{package_id}@{wanted}", "there is no such version", f"one of: {', '.join(versions(package_id))}"
        )
        raise Problem(Category.NOT_FOUND, f"{package_id} has no version {wanted} here", [issue])
    if fitting[-1].version == current.version:
        return current
    earlier = _package(fitting[-1])
    return earlier.taking_plans_from(current.source) if current.source in earlier.source_choices else earlier


def named(text: str) -> Package:
    """A package by ``id`` or ``id@version``."""
    package_id, _, wanted = text.partition("@")
    return version(package_id, wanted)


def followed(package_id: str, made_with: str) -> Package:
    """The version a plan was made with, where it is kept here; else the one in force."""
    return version(package_id, made_with) if made_with in versions(package_id) else get(package_id)


def shelf() -> Mapping[str, tuple[Shelved, ...]]:
    """Every version that can be used of every package by id, lowest first."""
    return _shelf().held


def set_aside() -> tuple[SetAside, ...]:
    """The versions with a hole: not in force, not followed, and told to clinic and operator."""
    return _shelf().aside


def is_set_aside(package_id: str, made_with: str | None = None) -> bool:
    """Whether a package (or the version a plan was made with) is set aside, so that its plans are only read.

    A package that has no version left is; so is each version of its own that is, whatever is in force in its place.
    """
    lost = [held for held in set_aside() if held.id == package_id and not held.words]
    if package_id not in shelf():
        return bool(lost)
    return bool(made_with) and made_with not in versions(package_id) and any(held.version == made_with for held in lost)


@cache
def _shelf() -> Shelf:
    return shelves.survey(BUILTIN, EARLIER, _installed.folder, _installed.licensed)


def _package(held: Shelved) -> Package:
    return held.package or _loaded(held.folder)


@cache
def _loaded(folder: Path) -> Package:
    """An earlier version of ours as released, read when it is asked for; licensed words are of a form's last version."""
    try:
        return shelves.load(folder, _installed.licensed)
    except Problem:
        return shelves.load(folder, None)
