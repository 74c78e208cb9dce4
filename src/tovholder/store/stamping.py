"""What storing adds to a resource and what it compares: id, version, moment, and what is said beside them."""

from __future__ import annotations

from functools import lru_cache

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import rows
from tovholder.store.rows import Resource


def require_same_version(kind: str, current: rows.Current, if_match: int | None) -> None:
    """Raise Problem(PRECONDITION) when the version a client names is not the current one (R4 §3.1.0.5)."""
    if if_match is not None and if_match != current.version:
        raise Problem(
            Category.PRECONDITION,
            f"{kind} is at version {current.version}, not {if_match}: somebody else changed it",
            [Issue("If-Match", f"version {if_match} is not the current one", f"version {current.version}", "conflict")],
            kept=f"version {current.version}, as it was",
        )


def bad_id(resource: Resource) -> Issue:
    """What is wrong with a resource that has no usable id."""
    kind = resource.get("resourceType", "Resource")
    return Issue(f"{kind}.id", "no usable id", "1-64 letters, digits, '-' or '.'", "value")


def content(resource: Resource) -> Resource:
    """What a resource says, whichever version of it and whenever stored."""
    meta = {k: v for k, v in (resource.get("meta") or {}).items() if k not in ("versionId", "lastUpdated")}
    return {**{k: v for k, v in resource.items() if k != "meta"}, **({"meta": meta} if meta else {})}


def stamped(resource: Resource, rid: str, version: int, updated: int) -> Resource:
    """The resource as this version of it; ``updated``: epoch milliseconds."""
    meta = {**(resource.get("meta") or {}), "versionId": str(version), "lastUpdated": instant(updated)}
    # The first three stand first, whatever order they came in; what follows keeps its own.
    return {"resourceType": "", "id": "", "meta": None} | resource | {"id": rid, "meta": meta}


@lru_cache(maxsize=64)
def instant(updated: int) -> str:
    """Epoch milliseconds as a FHIR instant."""
    return days.instant_of(updated)
