"""Callers of the API: a system, and small made-up resources."""

from __future__ import annotations

import pytest

from lib.api import Caller
from tovholder.access import Role


@pytest.fixture
def system() -> Caller:
    return Caller(Role.SYSTEM)
