"""Which packages an installation has, and which versions of each: those that come with Tovholder, and its own.

One version of a package is in force, the highest; the others are kept because plans were made with them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tovholder.base.errors import Category, Issue, Problem, Severity, not_found
from tovholder.packages import loader
from tovholder.packages.locate import locate
from tovholder.packages.model import Package

BUILTIN = loader.BUILTIN
EARLIER = Path(__file__).parent / "earlier"
_NUMBER = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
_WANTED = re.compile(r"\d{1,6}(\.\d{1,6}){0,2}")
Number = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation says about its packages: licensed words, where plans come from, packages of its own."""

    licensed: Path | None = None
    plan_sources: Mapping[str, str] = field(default_factory=dict)  # package → source; others as the package says
    folder: Path | None = None  # with a folder for each package, or version of one, besides those that come with us


@dataclass(frozen=True, slots=True)
class Shelved:
    """One version of a package on the shelf, not read beyond its name."""

    id: str
    number: Number
    folder: Path
    place: str  # of the version, as ``folder/package.toml:line``

    @property
    def version(self) -> str:
        """The version as written."""
        return ".".join(map(str, self.number))


_installed = Installed()


def install(held: Installed) -> None:
    """Use this from now on. Raises Problem(INVALID) when a package cannot be run so; then all is as before."""
    global _installed
    before, _installed = _installed, held
    _forget()
    try:
        builtin()
        _check_own()
    except Problem:
        _installed = before
        _forget()
        raise


def _forget() -> None:
    for cached in (builtin, shelf, _loaded):
        cached.cache_clear()


@cache
def builtin() -> dict[str, Package]:
    """The packages in force, by id: of each the highest version there is."""
    found = {package_id: _loaded(held[-1].folder) for package_id, held in shelf().items()}
    for package_id, source in _installed.plan_sources.items():
        try:
            found[package_id] = found[package_id].taking_plans_from(source)
        except KeyError:
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
    earlier = _loaded(fitting[-1].folder)
    return earlier.taking_plans_from(current.source) if current.source in earlier.source_choices else earlier


def named(text: str) -> Package:
    """A package by ``id`` or ``id@version``."""
    package_id, _, wanted = text.partition("@")
    return version(package_id, wanted)


def followed(package_id: str, made_with: str) -> Package:
    """The version a plan was made with, where it is kept here; else the one in force."""
    return version(package_id, made_with) if made_with in versions(package_id) else get(package_id)


def number_of(text: str) -> Number | None:
    """A version as three numbers, which order it; None for what is no version."""
    found = _NUMBER.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


@cache
def shelf() -> dict[str, tuple[Shelved, ...]]:
    """Every version of every package by id, lowest first. Raises Problem(INVALID) with every fault in their order."""
    issues: list[Issue] = []
    ours = [held for folder in _folders(BUILTIN) for held in _shelved(folder, issues)]
    kept = [held for folder in _folders(EARLIER) for held in _shelved(folder, issues)]
    own = [held for folder in _folders(_installed.folder) for held in _shelved(folder, issues)]
    highest = {held.id: held for held in ours}
    for held in kept:
        now = highest.get(held.id)
        if held.folder.name != f"{held.id}-{held.version}":
            issues.append(Issue(held.place, f"the folder of {held.id} {held.version}", f"{held.id}-{held.version}"))
        elif now is None or held.number > now.number:
            told = f"{held.id} {held.version} is kept as an earlier version but is higher than the one in force"
            issues.append(Issue(held.place, told, f"lower than {now.version}" if now else "a package of that name"))
    # A copy put by before its package is changed waits until it is.
    kept = [held for held in kept if held.id in highest and held.number != highest[held.id].number]
    found: dict[str, dict[Number, Shelved]] = {}
    for held in (*ours, *kept, *own):
        same = found.setdefault(held.id, {}).setdefault(held.number, held)
        if same is not held:
            told = f"{held.id} {held.version} is here already ({same.place})"
            issues.append(Issue(held.place, told, "a version of its own for what is not the same"))
    if issues:
        raise Problem(Category.INVALID, "The packages cannot be used together", issues, kept="no package was changed")
    return {key: tuple(held[number] for number in sorted(held)) for key, held in sorted(found.items())}


def _folders(parent: Path | None) -> list[Path]:
    if parent is None or not parent.is_dir():
        return []
    return [folder for folder in sorted(parent.iterdir()) if (folder / "package.toml").is_file()]


def _shelved(folder: Path, issues: list[Issue]) -> Iterator[Shelved]:
    """What package.toml calls itself; a fault is told and gives nothing."""
    file = f"{folder.name}/package.toml"
    try:
        text = (folder / "package.toml").read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        issues.append(Issue(file, f"this is not TOML: {error}", "TOML 1.0 in UTF-8"))
        return
    lines = locate(text)
    package_id, written = data.get("id"), data.get("version")
    number = number_of(written) if isinstance(written, str) else None
    place = f"{file}:{lines.line(('version',))}"
    if not isinstance(package_id, str) or not package_id:
        issues.append(Issue(f"{file}:{lines.line(('id',))}", "the package has no id", "a short name"))
    elif number is None:
        issues.append(Issue(place, f"{written!r} is no version", "three numbers, such as 1.0.0"))
    else:
        yield Shelved(package_id, number, folder, place)


@cache
def _loaded(folder: Path) -> Package:
    try:
        return loader.load(folder, licensed=_installed.licensed)
    except Problem as problem:
        issues = [Issue(f"{folder.name}/{held.path}", held.message, held.expected) for held in problem.issues]
        raise Problem(problem.category, problem.message, issues, kept=problem.kept) from None


def _check_own() -> None:
    """A package of the installation's own is checked as ``tovholder package check`` does, but for its examples."""
    from tovholder.packages.check import check  # reads the facts' definitions, which only this needs

    for folder in _folders(_installed.folder):
        wrong = [
            Issue(f"{folder.name}/{held.path}", held.message, held.expected)
            for held in check(_loaded(folder))
            if held.severity in (Severity.ERROR, Severity.FATAL) and not held.path.startswith("examples")
        ]
        if wrong:
            message = f"The package in {folder.name} cannot be used"
            raise Problem(Category.INVALID, message, wrong, kept="no package was changed")
