"""The addresses there are, as the URL table has them."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


def routes(patterns: list[Any] | None = None, prefix: str = "") -> list[str]:
    """Every route's path, with what it leaves open as written there."""
    found: list[str] = []
    for item in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(item, URLResolver):
            found += routes(item.url_patterns, prefix + str(item.pattern))
        elif isinstance(item, URLPattern):
            found.append(prefix + str(item.pattern))
    return found
