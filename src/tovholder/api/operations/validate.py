"""Resource $validate: whether a resource could be stored, and keeps to profiles (http://hl7.org/fhir/R4/resource-operation-validate.html)."""

from __future__ import annotations

from typing import Any

from tovholder import store
from tovholder.api.errors import success
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import wrong
from tovholder.base.errors import Category, Issue, Problem, Severity
from tovholder.fhir import profiles
from tovholder.fhir.validate import validate
from tovholder.store import unit_of_work
from tovholder.store.terminology import of_record

Resource = dict[str, Any]
_MODES = ("create", "update", "delete", "profile")


class _Tried(Exception):
    """Ends a write that was only tried: nothing of it stays."""


def check(call: Call) -> Resource:
    """[type]/$validate and [type]/[id]/$validate: an OperationOutcome, with 200 whatever it finds."""
    call.params.require_known(("resource", "mode", "profile"))
    mode, profile = call.params.text("mode"), call.params.text("profile")
    if mode is not None and mode not in _MODES:
        raise wrong("mode", "not a mode", " or ".join(_MODES))
    if profile is not None and profiles.find(profile) is None:
        raise Problem(
            Category.UNSUPPORTED,
            "The profile is not at hand",
            [Issue("profile", "not at hand", "a profile of docs/reference/operations.md", "not-supported")],
            kept="nothing was changed",
        )
    if mode == "profile" and profile is None:
        raise wrong("profile", "missing", "the canonical url of a profile, as mode is profile")
    resource = _resource(call, mode)
    issues = _content(call, resource, profile) if resource is not None and mode != "delete" else []
    if mode in ("create", "update", "delete") and not any(issue.severity is Severity.ERROR for issue in issues):
        issues += _tried(call, mode, resource)
    return _outcome(issues)


def _resource(call: Call, mode: str | None) -> Resource | None:
    """What is to be validated: what was sent, or the stored resource when nothing was."""
    sent = call.params.resource("resource")
    if sent is not None:
        found = sent.get("resourceType")
        if found != call.kind:
            raise wrong("resource", "of another type than the address", call.kind)
        return sent
    if call.rid:
        return store.read(call.ctx, call.kind, call.rid).resource
    raise wrong("resource", "missing", "the resource to validate, or the address of one")


def _content(call: Call, resource: Resource, profile: str | None) -> list[Issue]:
    issues = validate(resource, warnings=True)
    if any(issue.code == "structure" and issue.severity is Severity.ERROR for issue in issues):
        # What is no FHIR at all is in no profile either, and cannot be asked element by element.
        message = "profiles were not checked, as the resource is not sound"
        return [*issues, Issue(call.kind, message, "", "informational", Severity.INFORMATION)]
    return issues + profiles.validate(resource, profile, codes=of_record(call.ctx))


def _tried(call: Call, mode: str, resource: Resource | None) -> list[Issue]:
    """What the record's own rules say of the write: it is done and undone."""
    try:
        with unit_of_work(call.ctx) as uow:
            if mode == "delete":
                uow.delete(call.kind, call.rid or str((resource or {}).get("id", "")))
            elif mode == "update":
                named = {**(resource or {}), "id": call.rid or (resource or {}).get("id", "")}
                uow.update(named)
            else:
                uow.create({key: value for key, value in (resource or {}).items() if key != "id"})
            uow.flush()  # what the database itself allows but once
            raise _Tried
    except _Tried:
        return []
    except Problem as problem:
        if problem.category in (Category.BUSY, Category.FAULT, Category.UNAUTHENTICATED):
            raise
        return list(problem.issues)


def _outcome(issues: list[Issue]) -> Resource:
    if not issues:
        return success("No issues were found")
    return {"resourceType": "OperationOutcome", "issue": [_told(issue) for issue in issues]}


def _told(issue: Issue) -> Resource:
    made: Resource = {
        "severity": str(issue.severity),
        "code": issue.code,
        "details": {"text": f"{issue.message[:1].upper()}{issue.message[1:]}."},
    }
    if issue.expected:
        made["diagnostics"] = f"Expected: {issue.expected}"
    if issue.path:
        made["expression"] = [issue.path]
    return made
