"""The small world in the real store, with the guards and derivations of this context alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib import world


@pytest.fixture
def w(db: None) -> Iterator[world.World]:
    """A world on 1 March 2027."""
    with world.bound():
        yield world.build()
