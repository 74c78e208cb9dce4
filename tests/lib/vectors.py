"""Finds the published test material nobody in the project wrote; tests that need it are skipped where it is not at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """The folder or file ``name`` of the test material: in TOVHOLDER_VECTORS, or in ../shared/vectors beside the repository."""
    place = Path(os.environ.get("TOVHOLDER_VECTORS") or _BESIDE_THE_REPOSITORY) / name
    if not place.exists():
        pytest.skip(f"test material {name} is not at hand: set TOVHOLDER_VECTORS to the folder that holds it")
    return place
