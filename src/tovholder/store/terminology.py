"""Codes as a caller knows them: the CodeSystem and ValueSet resources they may read, then those that come with the program."""

from __future__ import annotations

from tovholder.access import Context
from tovholder.base.errors import Category, Problem
from tovholder.fhir import terminology_shipped
from tovholder.fhir.terminology import Resource, Terminology

_ACTIVE = ("active", "draft", "unknown", "retired")  # which of several versions is meant when none is named


def of_record(ctx: Context) -> Terminology:
    """What the caller may read of the record, then what comes with the program."""
    known: dict[tuple[str, str, str], Resource | None] = {}
    has_any: dict[str, bool] = {}  # many records hold none of a kind: then one question is enough

    def resolve(kind: str, url: str, version: str) -> Resource | None:
        key = (kind, url, version)
        if key not in known:
            if kind not in has_any:
                has_any[kind] = bool(_search(ctx, kind, [("_count", "1")]))
            stored = _stored(ctx, kind, url, version) if has_any[kind] else None
            known[key] = stored or terminology_shipped.resource(kind, url, version)
        return known[key]

    return Terminology(resolve)


def _stored(ctx: Context, kind: str, url: str, version: str) -> Resource | None:
    found = _search(ctx, kind, [("url", url), *([("version", version)] if version else [])])
    found.sort(key=lambda item: (-_rank(item), str(item.get("version", ""))), reverse=True)
    return found[0] if found else None


def _search(ctx: Context, kind: str, params: list[tuple[str, str]]) -> list[Resource]:
    from tovholder.store.search.run import search  # which asks here what is in a value set

    try:
        return [entry.resource for entry in search(ctx, kind, params).entries]
    except Problem as problem:
        if problem.category is not Category.FORBIDDEN:
            raise
        return []  # a role without a directory of its own still has what comes with the program


def _rank(resource: Resource) -> int:
    status = resource.get("status")
    return _ACTIVE.index(status) if status in _ACTIVE else len(_ACTIVE)
