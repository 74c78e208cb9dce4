"""Counts that a proof prints: a test tells lines, which stand together at the end of the run, whatever process it ran in.

def test_something(tally: Tally) -> None:
    tally("prober", f"{attempts:,} attempts, leaks: {leaks}")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Tally = Callable[[str, str], None]
_PROPERTY = "proof"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Tell a line of a subject."""

    def tell(subject: str, line: str) -> None:
        request.node.user_properties.append((_PROPERTY, (subject, line)))

    return tell


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """All that was told, by subject."""
    told: dict[str, list[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                lines = told.setdefault(value[0], []) if name == _PROPERTY else []
                if name == _PROPERTY and value[1] not in lines:
                    lines.append(value[1])
    if not told:
        return
    terminalreporter.section("what was proved")
    for subject in sorted(told):
        for line in told[subject]:
            terminalreporter.write_line(f"{subject}: {line}")
