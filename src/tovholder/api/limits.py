"""How large a request may be: address, headers, body, one resource; each limit is a setting and is told when passed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.text import whole_number

# In the WSGI environ: how many bytes all headers are together, where the server has measured.
HEAD = "tovholder.head"


def current() -> Any:
    """The limits of this process (config/env.py)."""
    return settings.ENV.limits


def check_request(request: HttpRequest) -> None:
    """Address and headers. Raises Problem (414, 431, 400, and 404 for a place no database could keep)."""
    limits = current()
    meta = request.META
    if "\x00" in request.path:
        raise not_found("The address")
    if len(meta.get("QUERY_STRING", "")) + len(request.path) > limits.url:
        raise too_large("url", "the address is too long", f"at most {limits.url} bytes; search by POST to _search")
    if meta.get(HEAD, limits.header + 1) > limits.header:
        for name, value in meta.items():
            if name[:5] == "HTTP_" and len(value) > limits.header:
                raise too_large("header", "a header is too long", f"at most {limits.header} bytes")
    length = meta.get("CONTENT_LENGTH")
    told = whole_number(length) if length else 0
    if told is None:
        issue = Issue("Content-Length", "not a length", "the number of bytes in the body", "value")
        raise Problem(Category.MALFORMED, "The length of the body cannot be read", [issue])
    if told > limits.body:
        raise too_large("body", "the body is too large", f"at most {limits.body} bytes")


def read_json(raw: bytes) -> Any:
    """A body's JSON, if it holds no more values than we take. Raises Problem (400, 413)."""
    return json.loads(raw, max_values=current().body_values)


def must_measure(raw: bytes) -> bool:
    """Whether a body could hold a resource with too many values or too deep: asked once for a whole Bundle."""
    limits = current()
    opened = raw.count(b"{") + raw.count(b"[")
    # A member or item is the first of what was opened, or follows a comma.
    many: bool = opened + raw.count(b",") > limits.values
    return many or (limits.depth < json.DEEPEST and opened > limits.depth)


def check_resource(resource: dict[str, Any], path: str = "$this") -> None:
    """One resource's number of values and nesting. Raises Problem (413)."""
    limits = current()
    values, depth = measure(resource, limits.values)
    if values > limits.values:
        raise too_large(path, "too many values in one resource", f"at most {limits.values} members and list items")
    if depth > limits.depth:
        raise too_large(path, "nested too deeply", f"at most {limits.depth} levels")


def check_alone(resource: dict[str, Any], raw: bytes) -> None:
    """A resource that is the whole body: its size too. Raises Problem (413)."""
    limits = current()
    if len(raw) > limits.resource:
        raise too_large("$this", "the resource is too large", f"at most {limits.resource} bytes")
    if must_measure(raw):
        check_resource(resource)


def measure(value: Any, most: int) -> tuple[int, int]:
    """How many members and items there are below a value (counting stops beyond ``most``), and how deep it goes."""
    count = depth = 0
    level = [value]
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            children = item.values() if isinstance(item, dict) else item
            count += len(children)
            below.extend(child for child in children if isinstance(child, dict | list))
        if count > most:
            break
        level = below
    return count, depth


def too_large(path: str, message: str, expected: str) -> Problem:
    """Something that passes a limit."""
    return Problem(
        Category.TOO_LARGE, "The request is larger than we take", [Issue(path, message, expected, "too-long")]
    )
