"""The conditional headers of HTTP as values: If-Match, If-None-Match, If-Modified-Since, If-None-Exist (R4 §3.1.0.4)."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.utils.http import parse_http_date_safe

from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number
from tovholder.store import Stored
from tovholder.store.conditional import SHAPE, Criteria, criteria


def if_match(request: HttpRequest) -> int | None:
    """The version named in If-Match. Raises Problem when it is none of our tags."""
    header = request.headers.get("If-Match")
    return None if header is None else version_in(header, "If-Match")


def if_none_exist(request: HttpRequest, kind: str) -> Criteria | None:
    """The search of a conditional create. Raises Problem when it says nothing.

    R4 has it in a header. Some clients put it in the address, as R4 does for a conditional update; what they ask for
    is plain, and to create another one all the same would be the worst answer.
    """
    header = request.headers.get("If-None-Exist")
    if header is None:
        asked = parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
        return criteria(kind, asked, "url") if any(name not in SHAPE for name, _ in asked) else None
    return none_exist(header, kind, "If-None-Exist")


def none_exist(text: str, kind: str, path: str) -> Criteria:
    """A search as If-None-Exist has it, with or without the type before it. Raises Problem when it says nothing."""
    told = text.strip().removeprefix(f"{kind}?").removeprefix("?")
    return criteria(kind, parse_qsl(told, keep_blank_values=True), path)


def of_query(request: HttpRequest, kind: str) -> Criteria:
    """The search in the address of a conditional update, patch or delete. Raises Problem when it says nothing."""
    return criteria(kind, parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True), "url")


def is_unchanged(stored: Stored, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Whether the client holds this version already (R4 §3.1.0.1.7; If-None-Match goes first, RFC 9110 §13.2.2)."""
    if if_none_match is not None:
        tags = [tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")]
        return "*" in tags or str(stored.version) in tags
    if if_modified_since is not None:
        since = parse_http_date_safe(if_modified_since)
        return since is not None and stored.updated // 1000 <= since
    return False


def version_in(tag: str, path: str) -> int:
    """The version an entity tag names. Raises Problem when it is none of ours: a wish not understood is not ignored."""
    version = whole_number(tag.strip().removeprefix("W/").strip('"'))
    if version is None:
        raise Problem(
            Category.INVALID,
            f"{path} names no version",
            [Issue(path, "not one of our tags", 'W/"<number>"', "value")],
            kept="the resource as it was",
        )
    return version
