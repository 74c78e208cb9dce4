"""The floor of every API figure: a web application that answers a constant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_BODY = b'{"resourceType":"Basic","id":"floor"}'.ljust(1100)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A constant of the size of a usual resource."""
    start_response("200 OK", [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(_BODY)))])
    return [_BODY]
