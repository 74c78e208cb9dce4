"""What an operation is, and one call of it (R4 §3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from tovholder.access import Context
from tovholder.api.operations.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation: who asks, of what, with which parameters. kind and rid are empty above their level."""

    request: HttpRequest
    ctx: Context
    name: str
    kind: str
    rid: str
    params: Parameters


Handler = Callable[[Call], "HttpResponse | dict[str, Any]"]


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is answered.

    handler: gives a response, or the resource to answer with. definition: canonical url of its OperationDefinition.
    affects_state: it changes something, so it is asked by POST alone (R4 §3.2.0.1). summary: one line for the
    reference.
    """

    handler: Handler
    definition: str
    summary: str
    affects_state: bool = False
