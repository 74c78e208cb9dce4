"""How large a request may be: address, headers, body, one resource; each limit is a setting and is told when passed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number


def current() -> Any:
    """The limits of this process (config/env.py)."""
    return settings.ENV.limits


def check_request(request: HttpRequest) -> None:
    """Address and headers. Raises Problem (414, 431, 400)."""
    limits = current()
    meta = request.META
    if len(meta.get("QUERY_STRING", "")) + len(request.path) > limits.url:
        raise too_large("url", "the address is too long", f"at most {limits.url} bytes; search by POST to _search")
    for name, value in meta.items():
        if name[:5] == "HTTP_" and len(value) > limits.header:
            raise too_large("header", "a header is too long", f"at most {limits.header} bytes")
    length = meta.get("CONTENT_LENGTH")
    if length and (whole_number(length) or 0) > limits.body:
        raise too_large("body", "the body is too large", f"at most {limits.body} bytes")


def check_body(raw: bytes) -> None:
    """How many values a body can hold at most: told before it is read into memory. Raises Problem (413)."""
    most = current().body_values
    # Every value but the first of its container stands after a comma; commas in texts count with them.
    if raw.count(b",") > most:
        raise too_large("body", "too many values in one body", f"at most {most} values")


def check_resource(resource: dict[str, Any], raw: bytes, path: str = "$this") -> None:
    """One resource's size, number of values and nesting. Raises Problem (413).

    raw: the JSON it stands in, its own or that of the Bundle around it; what cannot be too much is not counted.
    """
    limits = current()
    if path == "$this" and len(raw) > limits.resource:
        raise too_large(path, "the resource is too large", f"at most {limits.resource} bytes")
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") <= min(limits.values, limits.depth):
        return  # neither that many values nor that deep
    values, depth = measure(resource, limits.values)
    if values > limits.values:
        raise too_large(path, "too many values in one resource", f"at most {limits.values} members and list items")
    if depth > limits.depth:
        raise too_large(path, "nested too deeply", f"at most {limits.depth} levels")


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
