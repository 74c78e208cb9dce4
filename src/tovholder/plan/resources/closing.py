"""The mark on what was closed together with other things: why, and how it stood, so that it can be opened again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.plan.resources import extensions as e

MARK = "closed-by"


def marked(resource: Mapping[str, Any], reason: str, was: str) -> e.Json:
    """A copy of the resource that says what closed it and how it stood before."""
    parts: list[e.Json] = [{"url": "reason", "valueCode": reason}, {"url": "was", "valueCode": was}]
    return e.with_extensions(dict(resource), (e.x(MARK),), [{"url": e.x(MARK), "extension": parts}])


def unmarked(resource: Mapping[str, Any]) -> e.Json:
    """A copy of the resource without the mark."""
    return e.with_extensions(dict(resource), (e.x(MARK),), ())


def stood(resource: Mapping[str, Any], reason: str) -> str | None:
    """How a resource stood before it was closed for this reason; None for one that was not."""
    for item in e.many(resource, e.x(MARK)):
        parts = {part.get("url"): part.get("valueCode") for part in item.get("extension") or ()}
        if parts.get("reason") == reason and parts.get("was"):
            return str(parts["was"])
    return None


def reopens(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether a write sets a marked resource back to how it stood, and takes the mark away."""
    was = next((stood(old or {}, reason) for reason in ("died",) if stood(old or {}, reason)), None)
    return was is not None and new.get("status") == was and not e.many(new, e.x(MARK))
