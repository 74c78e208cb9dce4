"""Where bulk loads read from: lines, files, folders, packages and Bundles, as items with the place they stood."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tovholder.base import json
from tovholder.base.errors import Issue, Problem
from tovholder.fhir import references


class Item:
    """One resource as it was read: parsed when somebody asks, which other processes may do.

    source: file and line (or entry). issues: why it cannot be read, once that is known. as_written: the bytes of a
    resource that ``json.dumps`` would write just so; empty when it would not.
    """

    __slots__ = ("_parsed", "_raw", "_resource", "as_written", "source", "told")

    def __init__(
        self, source: str, resource: dict[str, Any] | None = None, issues: tuple[Issue, ...] = (), raw: bytes = b""
    ) -> None:
        self.source, self.told, self._raw = source, issues, raw
        self._resource, self._parsed = resource, resource is not None or bool(issues)
        self.as_written = b""

    @property
    def raw(self) -> bytes:
        """The bytes it was read from, or what stands for them."""
        if not self._raw and self._resource is not None:
            self._raw = json.dumps(self._resource)
        return self._raw

    @property
    def resource(self) -> dict[str, Any] | None:
        """The resource; None when it cannot be read."""
        self._parse()
        return self._resource

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Why it cannot be read; nothing when it can."""
        self._parse()
        return self.told

    def forget(self) -> None:
        """Let go of what was parsed, where it can be parsed again: hundreds of them take much memory."""
        if self._raw and not self.told:
            self._resource, self._parsed = None, False

    def __reduce__(self) -> tuple[Any, ...]:
        return (Item, (self.source, None, self.told, self.raw))

    def _parse(self) -> None:
        if self._parsed:
            return
        self._parsed = True
        try:
            value, same = json.read(self._raw)
        except Problem as problem:
            self.told = problem.issues
            return
        if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            self._resource = value
            self.as_written = self._raw if same else b""
        else:
            self.told = (Issue("resourceType", "missing", "a FHIR resource", "structure"),)


def read_paths(paths: Iterable[Path]) -> Iterator[Item]:
    """Resources from files and folders: .json (a resource, a Bundle), .ndjson, .gz of these, .tgz packages."""
    for path in paths:
        if path.is_dir():
            for child in sorted(child for child in path.rglob("*") if child.is_file()):
                # A Bulk Data export's manifest names the files beside it and is no resource.
                if _suffix(child) in (".json", ".ndjson", ".jsonl", ".tgz") and child.name != "manifest.json":
                    yield from _whole_file(child)
        elif path.exists():
            yield from _whole_file(path)
        else:
            yield Item(str(path), issues=(Issue(str(path), "no such file", "a file or folder", "not-found"),))


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return ".tgz" if path.name.lower().endswith((".tgz", ".tar.gz")) else Path(name).suffix


def _whole_file(path: Path) -> Iterator[Item]:
    # A torn file stops neither what was whole in it nor the files after it; it is told like a bad line.
    try:
        yield from _read_file(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        told = getattr(error, "strerror", None) or str(error)
        yield Item(
            str(path), issues=(Issue(path.name, f"the file cannot be read: {told}", "a whole file", "structure"),)
        )


def _read_file(path: Path) -> Iterator[Item]:
    suffix = _suffix(path)
    if suffix == ".tgz":
        with tarfile.open(path, "r:gz") as package:
            for member in package:
                # A FHIR package keeps its example resources under package/example.
                if member.isfile() and member.name.endswith(".json") and "/example/" in member.name:
                    handle = package.extractfile(member)
                    if handle is not None:
                        yield from _read_json(handle.read(), f"{path.name}:{member.name}")
        return
    opener: Callable[..., IO[bytes]] = gzip.open if path.name.endswith(".gz") else open  # type: ignore[assignment]
    with opener(path, "rb") as handle:
        if suffix == ".json":
            yield from _read_json(handle.read(), path.name)
        else:
            yield from read_lines(handle, path.name)


def read_lines(handle: Iterable[bytes], name: str) -> Iterator[Item]:
    """NDJSON: one resource a line."""
    for number, line in enumerate(handle, start=1):
        if line.strip():
            yield Item(f"{name}:{number}", raw=line.strip())


def _read_json(raw: bytes, source: str) -> Iterator[Item]:
    item = Item(source, raw=raw)
    if item.resource is None:
        yield item
        return
    if item.resource.get("resourceType") != "Bundle" or item.resource.get("type") not in (
        "transaction",
        "batch",
        "collection",
        "searchset",
    ):
        yield item
        return
    yield from bundle_items(item.resource, source)


def bundle_items(bundle: dict[str, Any], source: str) -> Iterator[Item]:
    """A Bundle's resources; urn:uuid references between them are rewritten to the ids they are stored under."""
    mapping: dict[str, str] = {}
    told = bundle.get("entry", [])
    if not isinstance(told, list):
        yield Item(source, issues=(Issue(f"{source} Bundle.entry", "not a list", "a list of entries", "structure"),))
        return
    entries = [entry if isinstance(entry, dict) else {} for entry in told]
    for entry in entries:
        resource, url = entry.get("resource"), entry.get("fullUrl", "")
        if isinstance(resource, dict) and str(url).startswith("urn:uuid:"):
            resource.setdefault("id", str(url).removeprefix("urn:uuid:"))
            mapping[url] = f"{resource.get('resourceType')}/{resource['id']}"
    for number, entry in enumerate(entries):
        resource = entry.get("resource")
        where = f"{source} Bundle.entry[{number}]"
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            yield Item(where, issues=(Issue(f"{where}.resource", "missing", "a FHIR resource", "structure"),))
            continue
        references.rewrite(resource, mapping)
        yield Item(where, resource)
