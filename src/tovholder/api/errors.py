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
    Category.TOO_MANY: 429,
    Category.BUSY: 503,
    Category.FAULT: 500,
}
# HTTP has numbers of its own for some parts of a request: the same category, told of that part.
OF_PART: dict[tuple[Category, str], int] = {
    (Category.UNSUPPORTED, "Accept"): 406,
    (Category.UNSUPPORTED, "Content-Type"): 415,
    (Category.UNSUPPORTED, "Content-Encoding"): 415,
    (Category.UNSUPPORTED, "method"): 405,
    (Category.TOO_LARGE, "url"): 414,
    (Category.TOO_LARGE, "header"): 431,
}
# The part of the request and what would have been right, where the problem itself names no place: it is about all of it.
_WHOLE: dict[Category, tuple[str, str]] = {
    Category.MALFORMED: ("$this", "a request as FHIR R4 describes it"),
    Category.INVALID: ("$this", "a resource as FHIR R4 defines it"),
    Category.RULE: ("$this", "a resource that keeps to the rule"),
    Category.NOT_FOUND: ("url", "the address of something there is, and that is yours to see"),
    Category.GONE: ("url", "something that was not deleted; its versions are in _history"),
    Category.CONFLICT: ("$this", "the state that is in the record now"),
    Category.PRECONDITION: ("If-Match", "the version that is in the record now"),
    Category.FORBIDDEN: ("Authorization", "the token of somebody whose role may do this"),
    Category.UNAUTHENTICATED: ("Authorization", "Bearer and a token that holds"),
    Category.UNSUPPORTED: ("$this", "what the CapabilityStatement at /metadata lists"),
    Category.TOO_LARGE: ("$this", "less of it in one request"),
    Category.TOO_MANY: ("$this", "the same request in a few minutes"),
    Category.BUSY: ("$this", "the same request again in a moment"),
}
_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def status_of(problem: Problem) -> int:
    """The HTTP status a problem is answered with."""
    found = (OF_PART.get((problem.category, issue.path)) for issue in problem.issues)
    return next((status for status in found if status is not None), STATUS[problem.category])


def status_text(status: int) -> str:
    """A status as an entry of a Bundle tells it: ``201 Created`` (R4 Bundle.entry.response.status)."""
    return f"{status} {_REASONS.get(status, '')}".strip()


def outcome(problem: Problem) -> dict[str, Any]:
    """An OperationOutcome: each issue with what was wrong, where, what was expected, and what was kept."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_issue(issue, problem) for issue in problem.issues],
    }


def _issue(issue: Issue, problem: Problem) -> dict[str, Any]:
    place, wanted = issue.path, issue.expected
    if not place or not wanted:
        whole = _WHOLE.get(problem.category, ("", ""))
        place, wanted = place or whole[0], wanted or whole[1]
    expected = f" Expected {wanted}." if wanted else ""
    found: dict[str, Any] = {
        "severity": str(issue.severity),
        "code": issue.code,
        "details": {"text": problem.message},
        "diagnostics": f"{issue.message[:1].upper()}{issue.message[1:]}.{expected} Kept: {problem.kept}.",
    }
    if place:
        # In a document that is a list, or an object nobody named, the first step has nothing before it.
        start = "$this" if place[0] in "[." else "$this." if place[0] == "…" else ""
        found["expression"] = [start + place]
    return found


def success(message: str, warnings: tuple[Issue, ...] = ()) -> dict[str, Any]:
    """An OperationOutcome that says all went well, and what could be better."""
    told: list[dict[str, Any]] = [
        {"severity": str(Severity.INFORMATION), "code": "informational", "details": {"text": message}}
    ]
    for issue in warnings:
        expected = f" Expected {issue.expected}." if issue.expected else ""
        one = {
            "severity": str(issue.severity),
            "code": issue.code,
            "diagnostics": f"{issue.message[:1].upper()}{issue.message[1:]}.{expected}",
        }
        told.append(one | ({"expression": [issue.path]} if issue.path else {}))
    return {"resourceType": "OperationOutcome", "issue": told}
