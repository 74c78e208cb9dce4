"""Category to HTTP status and OperationOutcome; the one place that knows both (R4 §3.1.0.1.3)."""

from __future__ import annotations

from typing import Any

from tovholder.base.errors import Category, Issue, Problem, Severity

STATUS: dict[Category, int] = {
    Category.MALFORMED: 400,
    Category.INVALID: 400,
    Category.RULE: 422,
    Category.NOT_FOUND: 404,
    Category.GONE: 410,
    Category.CONFLICT: 409,
    Category.PRECONDITION: 412,
    Category.FORBIDDEN: 403,
    Category.UNAUTHENTICATED: 401,
    Category.UNSUPPORTED: 400,
    Category.TOO_LARGE: 413,
    Category.BUSY: 503,
    Category.FAULT: 500,
}


def outcome(problem: Problem) -> dict[str, Any]:
    """An OperationOutcome: each issue with what was wrong, where, what was expected, and what was kept."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_issue(issue, problem) for issue in problem.issues],
    }


def _issue(issue: Issue, problem: Problem) -> dict[str, Any]:
    expected = f" Expected {issue.expected}." if issue.expected else ""
    found: dict[str, Any] = {
        "severity": str(issue.severity),
        "code": issue.code,
        "details": {"text": problem.message},
        "diagnostics": f"{issue.message[:1].upper()}{issue.message[1:]}.{expected} Kept: {problem.kept}.",
    }
    if issue.path:
        found["expression"] = [issue.path]
    return found


def success(message: str) -> dict[str, Any]:
    """An OperationOutcome that says all went well."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": str(Severity.INFORMATION), "code": "informational", "details": {"text": message}},
        ],
    }
