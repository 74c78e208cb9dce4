"""FHIRPath functions that need more than the resource (``resolve()``, ``conformsTo()``, ``memberOf()``), and some on text.

What stands outside comes in with ``env[HOST]``. Without a host, or when the host cannot tell, the expression is Unsupported
and not silently empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from tovholder.fhir.fhirpath_syntax import Call, Literal, Node, type_text
from tovholder.fhir.fhirpath_values import Unsupported

Items = list[Any]
Env = dict[str, Any]
Step = Callable[[Items, Env], Items]
Build = Callable[[Node], Step]
HOST = "%host"  # where env keeps it; no constant can have that name


class Host(Protocol):
    """What an expression may ask of its surroundings."""

    kind: str  # the FHIR type of what the expression starts from, where JSON does not tell it; else empty

    def resolve(self, item: Any) -> dict[str, Any] | None:
        """The resource a Reference or its text points to, None when it is not at hand."""

    def conforms(self, item: Any, profile: str) -> bool | None:
        """Whether a resource keeps to a profile; None when that cannot be told."""

    def member(self, item: Any, value_set: str) -> bool | None:
        """Whether a code, Coding or CodeableConcept is in a value set; None when that cannot be told."""


def host_of(env: Env) -> Host:
    """The host of an evaluation. Raises Unsupported when it has none."""
    found: Host | None = env.get(HOST)
    if found is None:
        raise Unsupported
    return found


def _focus(call: Call, build: Build) -> Step:
    return build(call.focus) if call.focus is not None else lambda items, env: items


def _resolve(call: Call, build: Build) -> Step:
    if call.arguments:
        raise Unsupported
    focus = _focus(call, build)

    def run(items: Items, env: Env) -> Items:
        host = host_of(env)
        found = (host.resolve(item) for item in focus(items, env))
        return [item for item in found if item is not None]

    return run


def _asked(call: Call, build: Build, ask: Callable[[Host, Any, str], bool | None]) -> Step:
    match call.arguments:
        case (Literal(str() as url),):
            pass
        case _:
            raise Unsupported
    focus = _focus(call, build)

    def run(items: Items, env: Env) -> Items:
        found = focus(items, env)
        if not found:
            return []
        answers = [ask(host_of(env), item, url) for item in found]
        if None in answers or len(answers) > 1:
            raise Unsupported
        return answers

    return run


def _conforms_to(call: Call, build: Build) -> Step:
    return _asked(call, build, lambda host, item, url: host.conforms(item, url))


def _member_of(call: Call, build: Build) -> Step:
    return _asked(call, build, lambda host, item, url: host.member(item, url))


def _is(call: Call, build: Build) -> Step:
    """``is(Patient)`` of resources; of other values JSON does not tell the type."""
    if len(call.arguments) != 1:
        raise Unsupported
    kind, focus = type_text(call.arguments[0]), _focus(call, build)

    def run(items: Items, env: Env) -> Items:
        found = focus(items, env)
        if len(found) > 1 or not all(isinstance(item, dict) and "resourceType" in item for item in found):
            raise Unsupported
        return [item["resourceType"] == kind for item in found]

    return run


def own_kind(kind: str) -> Step:
    """``$this as dateTime``: what the expression starts from, when it is of the type."""

    def run(items: Items, env: Env) -> Items:
        told = host_of(env).kind
        if not told:
            raise Unsupported
        return items if told == kind else []

    return run


def _text(items: Items) -> str | None:
    if len(items) > 1 or not all(isinstance(item, str) for item in items):
        raise Unsupported
    return items[0] if items else None


def _matches(items: Items, pattern: Items) -> Items:
    """True when the pattern is found anywhere in the text (FHIRPath §5.6.9 as HL7's own engine reads it)."""
    text, wanted = _text(items), _text(pattern)
    if text is None or wanted is None:
        return []
    try:
        return [re.search(wanted, text, re.DOTALL) is not None]
    except re.error:
        raise Unsupported from None


def _substring(items: Items, start: Items, length: Items | None = None) -> Items:
    text = _text(items)
    for given in (start, [0] if length is None else length):
        if len(given) != 1 or not isinstance(given[0], int) or isinstance(given[0], bool):
            raise Unsupported
    if text is None or not 0 <= start[0] < len(text):
        return []
    return [text[start[0] :] if length is None else text[start[0] : start[0] + max(length[0], 0)]]


def _length(items: Items) -> Items:
    text = _text(items)
    return [] if text is None else [len(text)]


def _to_string(items: Items) -> Items:
    text = _text(items)  # numbers and dates as JSON text would do too; only text is sure
    return [] if text is None else [text]


MAKERS: dict[str, Callable[[Call, Build], Step]] = {
    "resolve": _resolve,
    "conformsTo": _conforms_to,
    "memberOf": _member_of,
    "is": _is,
}
SIMPLE: dict[str, tuple[tuple[int, ...], Callable[..., Items]]] = {
    "matches": ((1,), _matches),
    "substring": ((1, 2), _substring),
    "length": ((0,), _length),
    "toString": ((0,), _to_string),
}
