"""What a run of a package's checks and examples found, line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tovholder.base.errors import Issue, Severity


class Outcome(StrEnum):
    """What came of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One check: where (file, line or example), what, and for a failure what was expected."""

    outcome: Outcome
    where: str
    message: str
    expected: str = ""

    def __str__(self) -> str:
        wanted = f" (expected {self.expected})" if self.expected else ""
        return f"{self.outcome:<7} {self.where}: {self.message}{wanted}"


@dataclass(frozen=True, slots=True)
class Report:
    """All lines. Warnings count as neither."""

    package: str
    lines: tuple[Line, ...]

    @property
    def ok(self) -> int:
        """How many checks and examples came out as they should."""
        return sum(line.outcome is Outcome.OK for line in self.lines)

    @property
    def failed(self) -> int:
        """How many did not."""
        return sum(line.outcome is Outcome.FAILED for line in self.lines)

    @property
    def failures(self) -> tuple[Line, ...]:
        """The lines that failed."""
        return tuple(line for line in self.lines if line.outcome is Outcome.FAILED)


def from_issues(issues: Iterable[Issue]) -> list[Line]:
    """Issues as lines."""
    return [
        Line(
            Outcome.WARNING if issue.severity in (Severity.WARNING, Severity.INFORMATION) else Outcome.FAILED,
            issue.path,
            issue.message,
            issue.expected,
        )
        for issue in issues
    ]


def compare(where: str, what: str, found: object, expected: object) -> Line:
    """One line that says whether what was found is what was expected."""
    if found == expected:
        return Line(Outcome.OK, where, what)
    return Line(Outcome.FAILED, where, f"{what}: found {told(found)}", told(expected))


def told(value: object) -> str:
    """A value as an author reads it."""
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(told(inner) for inner in value) or "nothing"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={told(inner)}" for key, inner in value.items()) + "}"
    return "nothing" if value is None else str(value)
