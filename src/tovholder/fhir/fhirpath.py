"""FHIRPath over JSON resources: one compile, plain closures where they suffice, the library for the rest."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from tovholder.base.errors import Problem
from tovholder.base.json import Decimal
from tovholder.fhir.fhirpath_functions import Step, reference_key
from tovholder.fhir.fhirpath_native import ROOT, build
from tovholder.fhir.fhirpath_syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    Quantity,
    Special,
    Unary,
    Variable,
)
from tovholder.fhir.fhirpath_syntax import invalid as invalid
from tovholder.fhir.fhirpath_syntax import parse as parse
from tovholder.fhir.fhirpath_values import Unsupported, number

Expression = Callable[..., list[Any]]
_NOTHING: dict[str, Any] = {}


@lru_cache(maxsize=4096)
def compile(expression: str) -> Expression:  # noqa: A001 - what every FHIRPath library calls it
    """``run(resource, env=None) -> list`` for an expression; ``env`` gives the ``%constants``.

    The result may share values with the resource: read it, do not change it. ``today()`` and ``now()`` answer
    ``env["today"]`` (a FHIR date) and ``env["now"]`` (a FHIR instant), never the machine's clock. Raises
    Problem(INVALID) for what is no FHIRPath, at compile time, and for what cannot be evaluated, at run time.
    """
    native, library = steps(expression)
    rooted = not constants(expression).isdisjoint(("resource", "rootResource", "context"))

    def run(resource: Any, env: Mapping[str, Any] | None = None) -> list[Any]:
        given = _NOTHING if env is None else env if isinstance(env, dict) else dict(env)
        if rooted:
            given = {ROOT: resource, **given}
        try:
            return native([resource], given)
        except Unsupported:
            return library(resource, given)
        except KeyError as missing:
            raise _unnamed(expression, str(missing.args[0])) from None

    return run


def _unnamed(expression: str, name: str) -> Problem:
    return invalid(expression, f"%{name} has no value", f"env to hold '{name}'")


def steps(expression: str) -> tuple[Step, Expression]:
    """For loops: the bare closure ``(items, env)``, and what to call when it raises Unsupported."""
    library = _Library(expression)
    try:
        tree = parse(expression)
        _check_functions(expression, list(walk(tree)))
        return build(tree), library
    except RecursionError:
        raise invalid(expression, "too long a chain", "a shorter expression") from None
    except Unsupported:
        return (lambda items, env: library(items[0] if items else {}, env)), library


def walk(node: Node | None) -> Iterator[Node]:
    """The node and all below it."""
    if node is None:
        return
    yield node
    match node:
        case Member(focus, _):
            yield from walk(focus)
        case Call(focus, _, arguments):
            yield from walk(focus)
            for argument in arguments:
                yield from walk(argument)
        case Index(focus, at):
            yield from walk(focus)
            yield from walk(at)
        case Unary(_, operand):
            yield from walk(operand)
        case Binary(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Literal() | Quantity() | Variable() | Special():
            return


def constants(expression: str) -> frozenset[str]:
    """The ``%names`` an expression uses."""
    return frozenset(node.name for node in walk(parse(expression)) if isinstance(node, Variable))


def _check_functions(expression: str, nodes: list[Node]) -> None:
    for node in nodes:
        if isinstance(node, Call) and node.name not in _KNOWN:
            raise invalid(expression, f"there is no function {node.name}()", "one of " + ", ".join(sorted(_KNOWN)))


_FUNCTIONS = """
    abs aggregate all allFalse allTrue anyFalse anyTrue as ceiling children coalesce combine conformsTo contains
    convertsToBoolean convertsToDate convertsToDateTime convertsToDecimal convertsToInteger convertsToQuantity
    convertsToString convertsToTime count decode descendants distinct empty encode endsWith exclude exists exp
    extension first floor getReferenceKey getResourceKey highBoundary iif indexOf intersect is isDistinct join last
    length ln log lowBoundary lower matches memberOf not now ofType power repeat replace replaceMatches resolve round select
    single skip split sqrt startsWith subsetOf substring supersetOf tail take toBoolean toChars toDate toDateTime
    toDecimal toInteger toQuantity toString toTime today trace trim truncate type union upper where avg sum min max
"""
_KNOWN = frozenset(_FUNCTIONS.split())


class _Library:
    """An expression in fhirpathpy: slower, and complete. Parsed when first used."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __call__(self, resource: Any, env: Mapping[str, Any] | None = None) -> list[Any]:
        known = dict(env or {})
        known.setdefault("resource", known.pop(ROOT, resource))
        for name in ("today", "now"):
            if f"{name}()" in self.expression and name not in known:
                raise _unnamed(self.expression, name)
        try:
            found = _parsed(self.expression)(resource, known)
        except Exception as error:  # the library raises bare ones, some with values of the patient in them
            raise invalid(self.expression, f"it cannot be evaluated ({type(error).__name__})") from None
        return [_plain(item) for item in found]


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> Callable[[Any, dict[str, Any]], list[Any]]:
    import fhirpathpy  # the generated grammar takes a tenth of a second, which few processes need
    from fhirpathpy.engine.invocations import invocation_registry
    from fhirpathpy.models import models

    invocation_registry["today"] = {"fn": _given("today")}
    invocation_registry["now"] = {"fn": _given("now")}
    table = {
        "getResourceKey": {"fn": lambda inputs: [item["id"] for item in inputs if "id" in item], "arity": {0: []}},
        "getReferenceKey": {"fn": _reference_keys, "arity": {0: [], 1: ["TypeSpecifier"]}},
    }
    options = {"traceFn": lambda label, items: None, "userInvocationTable": table}
    return fhirpathpy.compile(expression, models["r4"], options)


def _given(name: str) -> Callable[..., Any]:
    def run(context: dict[str, Any], items: list[Any]) -> Any:
        from fhirpathpy.engine.nodes import FP_DateTime

        return FP_DateTime(context["vars"][name])  # type: ignore[no-untyped-call]

    return run


def _reference_keys(items: list[Any], kind: Any = None) -> list[str]:
    keys = (reference_key(item, kind.name if kind is not None else "") for item in items)
    return [key for key in keys if key is not None]


def _plain(item: Any) -> Any:
    """A library value as JSON: its dates as text, its quantities as Quantity, its decimals as ours."""
    from fhirpathpy.engine.nodes import FP_Quantity, FP_Type

    if isinstance(item, FP_Quantity):
        return {"value": number(decimal.Decimal(str(item.value))), "unit": str(item.unit).strip("'")}
    if isinstance(item, FP_Type):
        return str(getattr(item, "asStr", item))
    if isinstance(item, decimal.Decimal):
        return Decimal(str(item))
    return item
