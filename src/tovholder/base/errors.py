"""Errors as values with a category; the edges (HTTP, page, exit code) map the category once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What kind of thing went wrong, independent of how it is told."""

    MALFORMED = "malformed"  # cannot be read at all: broken JSON, wrong media type
    INVALID = "invalid"  # readable, but breaks a definition (FHIR structure, package format, SQL subset)
    RULE = "rule"  # well-formed, but breaks a rule of ours (transition, one plan per episode)
    NOT_FOUND = "not-found"  # not there, or not yours: the two are told alike
    GONE = "gone"  # was there, has been deleted
    CONFLICT = "conflict"  # somebody else changed it first, or it exists already
    PRECONDITION = "precondition"  # the version the caller named is not the current one
    FORBIDDEN = "forbidden"  # the caller's role may never do this
    UNAUTHENTICATED = "unauthenticated"  # nobody is logged in, or the token is not valid
    UNSUPPORTED = "unsupported"  # valid FHIR that this server does not do
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"  # tried too often; later it may be tried again
    BUSY = "busy"  # try again
    FAULT = "fault"  # ours


class Severity(StrEnum):
    """FHIR issue-severity (OperationOutcome.issue.severity, R4 §2.28)."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that was wrong.

    path: FHIRPath location, ``file:line``, or form field. message: what was wrong. expected: what would
    have been right. code: a FHIR issue-type code. Never holds a patient identifier.
    """

    path: str
    message: str
    expected: str = ""
    code: str = "invalid"
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        wanted = f" (expected {self.expected})" if self.expected else ""
        return f"{where}{self.message}{wanted}"


class Problem(Exception):
    """An error value that travels as an exception: category, message, issues, and what was kept.

    ``kept`` says what the system did with what it was given ("nothing was stored" unless told otherwise).
    """

    def __init__(
        self,
        category: Category,
        message: str,
        issues: Iterable[Issue] = (),
        *,
        kept: str = "nothing was stored",
    ) -> None:
        super().__init__(message)
        self.category = category
        self.message = message
        self.issues = tuple(issues) or (Issue("", message, code=_ISSUE_CODE[category]),)
        self.kept = kept

    def __str__(self) -> str:
        return self.message


_ISSUE_CODE = {
    Category.MALFORMED: "structure",
    Category.INVALID: "invalid",
    Category.RULE: "business-rule",
    Category.NOT_FOUND: "not-found",
    Category.GONE: "deleted",
    Category.CONFLICT: "conflict",
    Category.PRECONDITION: "conflict",
    Category.FORBIDDEN: "forbidden",
    Category.UNAUTHENTICATED: "login",
    Category.UNSUPPORTED: "not-supported",
    Category.TOO_LARGE: "too-long",
    Category.TOO_MANY: "throttled",
    Category.BUSY: "transient",
    Category.FAULT: "exception",
}


def rule(path: str, message: str, expected: str = "", *, kept: str = "nothing was stored") -> Problem:
    """A broken rule of ours at one place."""
    return Problem(Category.RULE, message, [Issue(path, message, expected, "business-rule")], kept=kept)


def forbidden(path: str, message: str, expected: str = "") -> Problem:
    """Something this role may never do."""
    return Problem(Category.FORBIDDEN, message, [Issue(path, message, expected, "forbidden")])


def not_found(what: str) -> Problem:
    """Not there, or not the caller's to see; the answer does not tell which."""
    return Problem(Category.NOT_FOUND, f"{what} was not found", kept="nothing was changed")
