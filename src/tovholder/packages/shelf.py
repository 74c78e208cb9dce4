"""Finds every version of every package, reads and checks it, and sets aside those with a hole: one never stops another."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from tovholder.base.errors import Issue, Problem, Severity
from tovholder.packages import loader
from tovholder.packages.aside import Origin, SetAside
from tovholder.packages.locate import locate
from tovholder.packages.model import Package

# What comes with us was checked before it was released. The list holds the digest of each folder as it was then; one that
# is not so (a damaged installation, a package being worked on) is checked like an installation's own.
CHECKED = Path(__file__).parent / "checked.toml"
_NUMBER = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")
_SAID = {
    name: re.compile(rf"""^{name}\s*=\s*["']([A-Za-z0-9][A-Za-z0-9._-]*)["']""", re.M) for name in ("id", "version")
}
_FOLDER = re.compile(r"(?P<id>.+?)(?:-(?P<version>\d+(?:\.\d+)*))?")
Number = tuple[int, int, int]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shelved:
    """One version of a package on the shelf. ``package`` is None until an earlier version as released is asked for."""

    id: str
    number: Number
    folder: Path
    place: str  # of the version, as ``folder/package.toml:line``
    origin: Origin
    title: str
    package: Package | None = None
    words: SetAside | None = None  # its licensed words, where they cannot be used

    @property
    def version(self) -> str:
        """The version as written."""
        return ".".join(map(str, self.number))


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found: the versions that can be used by package, lowest first, and those set aside."""

    held: Mapping[str, tuple[Shelved, ...]]
    aside: tuple[SetAside, ...]


def number_of(text: str) -> Number | None:
    """A version as three numbers, which order it; None for what is no version."""
    found = _NUMBER.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def survey(ours: Path, earlier: Path, own: Path | None, licensed: Path | None) -> Shelf:
    """Read everything there is. Never raises for what is in a folder."""
    heads: list[Shelved] = []
    aside: list[SetAside] = []
    for origin, parent in ((Origin.OURS, ours), (Origin.EARLIER, earlier), (Origin.OWN, own)):
        for folder in _folders(parent):
            found = _head(folder, origin)
            (heads if isinstance(found, Shelved) else aside).append(found)  # type: ignore[arg-type]
    shown = {held.id: held for held in heads if held.origin is Origin.OURS}
    damaged = {held.id for held in aside if held.origin is Origin.OURS}
    whole: dict[str, dict[Number, Shelved]] = {}
    for held in heads:
        wrong = _misplaced(held, shown, damaged)
        same = whole.get(held.id, {}).get(held.number)
        if wrong is None and same is not None:
            # A copy of ours that is put by before the package is changed waits until it is.
            if held.origin is Origin.EARLIER:
                continue
            told = f"{held.id} {held.version} is here already ({same.place})"
            wrong = Issue(held.place, told, "a version of its own for what is not the same")
        read = _read(held, licensed) if wrong is None else _set_aside(held, (wrong,))
        if isinstance(read, SetAside):
            aside.append(read)
            continue
        whole.setdefault(held.id, {})[held.number] = read
        if read.words is not None:
            aside.append(read.words)
    shelf = {key: tuple(held[number] for number in sorted(held)) for key, held in sorted(whole.items())}
    named = [replace(one, instead=shelf[one.id][-1].version) if one.id in shelf else one for one in aside]
    for one in named:
        first = one.issues[0]
        log.error(
            "package set aside", package=one.name, folder=one.folder, origin=str(one.origin), faults=len(one.issues),
            place=first.path, fault=first.message, instead=one.instead or "nothing",
        )  # fmt: skip
    return Shelf(shelf, tuple(sorted(named, key=lambda one: (one.id, one.version, one.folder))))


def load(folder: Path, licensed: Path | None) -> Package:
    """Read a package; the places of its faults begin with its folder. Raises Problem whatever is wrong with it."""
    try:
        return loader.load(folder, licensed=licensed)
    except Problem as problem:
        issues = [Issue(f"{folder.name}/{held.path}", held.message, held.expected) for held in problem.issues]
        raise Problem(problem.category, problem.message, issues, kept=problem.kept) from None


def digest(folder: Path) -> str:
    """A digest of every file of a folder, by name and content."""
    made = hashlib.sha256()
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        content = path.read_bytes()
        made.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        made.update(content)
    return made.hexdigest()


@cache
def _released() -> frozenset[str]:
    try:
        return frozenset(tomllib.loads(CHECKED.read_text(encoding="utf-8"))["folders"].values())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        return frozenset()  # then everything is checked


def _folders(parent: Path | None) -> list[Path]:
    """The folders there are, those without a package.toml too: a file that is gone is a hole, not another folder."""
    try:
        found = sorted(parent.iterdir()) if parent is not None and parent.is_dir() else []
    except OSError:
        return []
    return [folder for folder in found if folder.is_dir() and not folder.name.startswith((".", "__"))]


def _head(folder: Path, origin: Origin) -> Shelved | SetAside:
    """What package.toml calls itself; a fault sets the version aside under the name it has as far as anybody can tell."""
    file, text = f"{folder.name}/package.toml", ""
    data: dict[str, Any] = {}
    lines = locate("")
    try:
        text = (folder / "package.toml").read_text(encoding="utf-8")
        data = tomllib.loads(text)
        lines = locate(text)
    except FileNotFoundError:
        wrong = Issue(file, "the file is missing", "a file of this name in every package")
    except OSError as error:
        wrong = Issue(file, f"the file cannot be read: {error.strerror}", "a file that can be read")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        wrong = Issue(file, f"this is not TOML: {error}", "TOML 1.0 in UTF-8")
    else:
        package_id, written = data.get("id"), data.get("version")
        number = number_of(written) if isinstance(written, str) else None
        place = f"{file}:{lines.line(('version',))}"
        if not isinstance(package_id, str) or not package_id:
            wrong = Issue(f"{file}:{lines.line(('id',))}", "the package has no id", "a short name")
        elif number is None:
            wrong = Issue(place, f"{written!r} is no version", "three numbers, such as 1.0.0")
        else:
            return Shelved(package_id, number, folder, place, origin, _title(data) or package_id)
    named = _FOLDER.fullmatch(folder.name)
    said = {name: found[1] if (found := pattern.search(text)) else "" for name, pattern in _SAID.items()}
    identity = said["id"] or (named["id"] if named else folder.name)
    version = said["version"] if number_of(said["version"]) else ((named and named["version"]) or "")
    return SetAside(folder.name, origin, identity, version, _title(data) or identity, (wrong,))


def _title(data: Mapping[str, Any]) -> str:
    titles = data.get("title")
    found = titles.get("da") if isinstance(titles, dict) else None
    return found if isinstance(found, str) else ""


def _misplaced(held: Shelved, ours: Mapping[str, Shelved], damaged: Iterable[str]) -> Issue | None:
    """What is wrong with an earlier version of ours by its name and number alone."""
    if held.origin is not Origin.EARLIER:
        return None
    now = ours.get(held.id)
    if held.folder.name != f"{held.id}-{held.version}":
        return Issue(held.place, f"the folder of {held.id} {held.version}", f"{held.id}-{held.version}")
    if (now is None and held.id not in damaged) or (now is not None and held.number > now.number):
        told = f"{held.id} {held.version} is kept as an earlier version but is higher than the one in force"
        return Issue(held.place, told, f"lower than {now.version}" if now else "a package of that name")
    return None


def _read(held: Shelved, licensed: Path | None) -> Shelved | SetAside:
    """Read and, unless it is as it was released, checked as ``tovholder package check`` does, but for its examples."""
    try:
        released = held.origin is not Origin.OWN and digest(held.folder) in _released()
        if released and held.origin is Origin.EARLIER:
            return held
        package = load(held.folder, None)
        wrong = () if released else _faults(package)
    except Problem as problem:
        return _set_aside(held, problem.issues)
    except Exception as error:  # whatever a folder holds, the others are not stopped by it
        log.exception("package could not be read", folder=held.folder.name)
        told = getattr(error, "strerror", None) or type(error).__name__
        return _set_aside(held, (Issue(held.folder.name, f"it cannot be read: {told}", "a whole package"),))
    if wrong:
        return _set_aside(held, wrong)
    try:
        return replace(held, package=load(held.folder, licensed) if licensed is not None else package)
    except Problem as problem:
        return replace(held, package=package, words=replace(_set_aside(held, problem.issues), words=True))


def _set_aside(held: Shelved, issues: Iterable[Issue]) -> SetAside:
    return SetAside(held.folder.name, held.origin, held.id, held.version, held.title, tuple(issues))


def _faults(package: Package) -> tuple[Issue, ...]:
    from tovholder.packages.check import check  # reads the facts' definitions, which only this needs

    return tuple(
        Issue(f"{package.folder.name}/{held.path}", held.message, held.expected)
        for held in check(package)
        if held.severity in (Severity.ERROR, Severity.FATAL) and not held.path.startswith("examples")
    )
