"""Everything about a write that needs no turn: checking the resource and making its rows before the unit begins."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.prepare import Prepared, prepare
from tovholder.store import schema
from tovholder.store.ports import Resource


def ready(resource: Resource) -> Prepared:
    """Check a resource that has its id and make its rows. Raises Problem(INVALID) listing what is wrong.

    ``meta.versionId`` and ``meta.lastUpdated`` are stamped later: no row is made from them.
    """
    try:
        made = prepare(resource, schema.FACTS_FOLDER)
    except (RecursionError, OverflowError) as error:
        raise Problem(
            Category.INVALID,
            "The content is nested too deeply, or a date or number in it lies beyond every calendar and scale",
        ) from error
    require_valid(resource, made.issues)
    return made


def require_valid(resource: Resource, issues: Sequence[Issue]) -> None:
    """Raise Problem(INVALID) when one of the issues is an error."""
    errors = [issue for issue in issues if issue.severity in ("error", "fatal")]
    if errors:
        kind = resource.get("resourceType")
        raise Problem(
            Category.INVALID,
            f"{kind if isinstance(kind, str) and kind else 'The resource'} is not valid FHIR R4",
            errors,
        )
