"""What holds for every test: no test leaves its language behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _danish() -> Iterator[None]:
    translation.activate("da")
    yield
    translation.deactivate()
