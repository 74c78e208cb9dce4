"""Looking for cycles of objects: rarely while something long runs, as before afterwards, whatever became of it."""

from __future__ import annotations

import gc

import pytest

from tovholder.base import collector


def test_rarely_and_then_as_before() -> None:
    before = gc.get_threshold()
    with collector.rarely():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="no"), collector.rarely():
        raise ValueError("no")
    assert gc.get_threshold() == before
