"""Writes the code systems and value sets we ship: R4's own, and those of the Danish packages, each as one zip of JSON.

Sources and licences are those of tools/published.py and stand in each archive's ``source.json``. Members are compressed
one by one, so that a process reads only what it needs. Narrative and publishing details are left out; nothing else is.

Run ``python tools/generate_terminology.py [FOLDER]`` to write, ``--check`` to fail when a committed archive's content differs.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

from published import FREE, Json, bundled, generate, packages

KEPT = (
    "resourceType", "id", "language", "url", "version", "name", "title", "status", "copyright", "valueSet", "hierarchyMeaning",
    "compositional", "caseSensitive", "content", "supplements", "count", "filter", "property", "concept", "compose",
)  # fmt: skip
# Systems of others of which a package lists the codes it uses, and calls that all of them: kept as the parts they are.
PARTS = ("urn:oid:1.2.208.176.2.1", "urn:oid:1.2.208.184.100.1")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


def compact(resource: Json) -> Json:
    """What expansion, validation and look-up need of a resource."""
    kept = {key: resource[key] for key in KEPT if key in resource}
    if resource["resourceType"] == "ValueSet" and "compose" not in kept and "expansion" in resource:
        kept["expansion"] = resource["expansion"]
    if kept["url"] in PARTS:
        kept["content"] = "fragment"
    return kept


def archive(note: list[Json], resources: list[Json]) -> dict[str, bytes]:
    """The members of an archive by name: ``source.json``, ``index.json`` and one file per resource."""
    members: dict[str, bytes] = {}
    index: dict[str, str] = {}
    for resource in resources:
        key = f"{resource['resourceType']} {resource['url']}"
        if key in index:
            continue
        index[key] = f"{len(index)}.json"
        members[index[key]] = _json(compact(resource))
    head = {"source.json": _json({"generator": "tools/generate_terminology.py", "packages": note})}
    return head | {"index.json": _json(dict(sorted(index.items())))} | members


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def official() -> dict[str, bytes]:
    """R4's own, HL7 v3 and v2 tables with it."""
    found = [
        resource
        for name in ("valuesets", "v3-codesystems", "v2-tables")
        for kind in ("CodeSystem", "ValueSet")
        for resource in bundled(name, kind)
        if resource.get("version") != "5.0.0"  # put in by the npm package
    ]
    return archive([{"name": "hl7.fhir.r4.core", "version": "4.0.1", "licence": FREE}], found)


def danish(folder: Path) -> dict[str, bytes]:
    """Those of HL7 Denmark and MedCom."""
    note, found = [], []
    for about, resources in packages(folder):
        note.append({"name": about["name"], "version": about["version"], "licence": about["license"]})
        found += [r for r in resources if r["resourceType"] in ("CodeSystem", "ValueSet")]
    return archive(note, found)


def main() -> int:
    """Write, or with --check compare."""
    return generate(
        Path(__file__).name,
        "the shipped code systems and value sets",
        lambda: {"terminology-r4.zip": official()},
        ("terminology-dk.zip", danish),
        # The compressed bytes may differ from one zlib to another; what is inside may not.
        same=lambda path, members: _content(path) == members,
        write=_write,
    )


def _write(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for member, content in members.items():
            made.writestr(zipfile.ZipInfo(member, EPOCH), content, zipfile.ZIP_DEFLATED, 9)
    return f"{len(members)} members, {path.stat().st_size // 1024} kB"


def _content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as made:
        return {name: made.read(name) for name in made.namelist()}


if __name__ == "__main__":
    sys.exit(main())
