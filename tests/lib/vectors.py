"""Finds the published test material nobody in the project wrote; tests that need it are skipped where it is not at hand."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tovholder.base import json

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """The folder or file ``name`` of the test material: in TOVHOLDER_VECTORS, or in ../shared/vectors beside the repository."""
    place = Path(os.environ.get("TOVHOLDER_VECTORS") or _BESIDE_THE_REPOSITORY) / name
    if not place.exists():
        pytest.skip(f"test material {name} is not at hand: set TOVHOLDER_VECTORS to the folder that holds it")
    return place


def packaged(archive: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources of a FHIR package: its definitions and its examples."""
    with tarfile.open(archive) as package:
        for member in package:
            folder, _, name = member.name.rpartition("/")
            if folder in ("package", "package/example") and name.endswith(".json"):
                file = package.extractfile(member)
                assert file is not None
                content = json.loads(file.read())
                if isinstance(content, dict) and "resourceType" in content:
                    yield f"{archive.name}/{member.name}", content
