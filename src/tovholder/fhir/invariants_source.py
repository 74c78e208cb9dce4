"""Writes a FHIRPath condition as Python text, which makes R4's invariants cheap enough for every write.

FHIRPath has three answers (true, false, empty), so a condition becomes two texts: one that holds when the answer is
certainly true, one when it is certainly false. Elements are looked up in the definitions while writing, so that the text
knows which are lists, choices or primitives. A shape that is not covered raises Unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tovholder.fhir import definitions
from tovholder.fhir.definitions import Element
from tovholder.fhir.fhirpath_syntax import Binary, Call, Literal, Member, Node, Special, Variable, parse, type_text
from tovholder.fhir.fhirpath_values import Unsupported

UCUM = "http://unitsofmeasure.org"
NOTHING: dict[str, Any] = {}  # stands for an object that is not there
_PRIMITIVES = definitions.primitives


@dataclass(frozen=True, slots=True)
class Truth:
    """Python expressions over ``o``: when the condition is certainly true, and when it is certainly false."""

    true: str
    false: str

    def negated(self) -> Truth:
        """The condition's opposite."""
        return Truth(self.false, self.true)


@dataclass(frozen=True, slots=True)
class _Place:
    """A Python variable that holds a value, and the R4 type or group it is of."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class _Where:
    criterion: Node


_Step = str | _Where
_Inner = Callable[[_Place], str]


class Writer:
    """Writes conditions about one type; ``constants`` collects the values its texts name."""

    def __init__(self, type_path: str) -> None:
        self.constants: dict[str, Any] = {"NOTHING": NOTHING}
        self._root = _Place("o", type_path)
        self._names = 0

    def write(self, expression: str) -> Truth:
        """The two texts of an expression about ``o``. Raises Unsupported."""
        return self._condition(parse(expression), self._root)

    def _constant(self, name: str, value: Any) -> str:
        if self.constants.setdefault(name, value) != value:
            raise Unsupported
        return name

    def _variable(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _condition(self, node: Node, at: _Place) -> Truth:
        match node:
            case Literal(bool() as known, "boolean"):
                return Truth(str(known), str(not known))
            case Binary("and" | "or" | "xor" | "implies" | "=" | "!=" as operator, left, right):
                if operator not in ("=", "!="):
                    return _joined(operator, self._condition(left, at), self._condition(right, at))
                answer = self._equality(left, right, at)
                return answer if operator == "=" else answer.negated()
            case Binary("in", left, right):
                return self._one_of(left, right, at)
            case Binary("<" | "<=" | ">" | ">=" as operator, left, right):
                return self._comparison(operator, left, right, at)
            case Binary("is", left, right):
                return self._is(left, type_text(right), at)
            case Call(focus, name, arguments):
                return self._call(focus, name, arguments, at)
            case Member():
                value = self._value(node, at)
                return Truth(f"{value} is True", f"{value} is False")
        raise Unsupported

    def _call(self, focus: Node | None, name: str, arguments: tuple[Node, ...], at: _Place) -> Truth:
        match name, arguments:
            case "not", () if focus is not None:
                return self._condition(focus, at).negated()
            case "trace", _ if focus is not None:
                return self._condition(focus, at)
            case "exists", ():
                return _sure(self._present(focus, at))
            case "exists", (criterion,):
                start, steps = self._chain(focus, at)
                return _sure(self._some([*steps, _Where(criterion)], start, None))
            case "empty", ():
                return _sure(self._present(focus, at)).negated()
            case "hasValue", ():
                start, steps = self._chain(focus, at)
                if len(steps) != 1 or not isinstance(steps[0], str):
                    raise Unsupported
                return _sure(f"{steps[0]!r} in {start.name}")
            case "all", (criterion,):
                start, steps = self._chain(focus, at)
                broken = self._some(steps, start, lambda item: f"not ({self._condition(criterion, item).true})")
                return _sure(broken).negated()
            case (("startsWith" | "contains" | "matches"), (Literal(str() as text, "string"),)):
                value, name_of_value = self._value(focus, at), self._variable()
                test = f"{name_of_value}.startswith({text!r})"
                if name == "contains":
                    test = f"{text!r} in {name_of_value}"
                elif name == "matches":
                    pattern = self._constant(f"matches{len(self.constants)}", re.compile(text).fullmatch)
                    test = f"{pattern}({name_of_value}) is not None"
                there = f"({name_of_value} := {value}) is not None"
                return Truth(f"({there} and {test})", f"({there} and not {test})")
        raise Unsupported

    def _chain(self, node: Node | None, at: _Place) -> tuple[_Place, list[_Step]]:
        """Where a path starts, and its steps."""
        match node:
            case None | Special("$this"):
                return at, []
            case Variable("resource" | "context") if "." not in self._root.type:
                return self._root, []
            case Member(None, name) if name == self._root.type and at == self._root:
                return at, []
            case Member(focus, name):
                start, steps = self._chain(focus, at)
                return start, [*steps, name]
            case Call(focus, "where", (criterion,)):
                start, steps = self._chain(focus, at)
                return start, [*steps, _Where(criterion)]
            case Call(focus, "trace", _):
                return self._chain(focus, at)
        raise Unsupported

    def _present(self, node: Node | None, at: _Place) -> str:
        """Whether a path leads anywhere."""
        if isinstance(node, Binary) and node.operator == "|":
            return f"({self._present(node.left, at)} or {self._present(node.right, at)})"
        start, steps = self._chain(node, at)
        return self._some(steps, start, None)

    def _some(self, steps: list[_Step], at: _Place, inner: _Inner | None) -> str:
        """Whether any value the steps lead to meets ``inner`` (or is there at all)."""
        if not steps:
            return "True" if inner is None else inner(at)
        step, rest = steps[0], steps[1:]
        if isinstance(step, _Where):
            met = self._condition(step.criterion, at).true
            return met if not rest and inner is None else f"({met} and {self._some(rest, at, inner)})"
        element = _element(at, step)
        if not rest and inner is None:
            return self._there(at, element)
        if element.is_choice:
            raise Unsupported
        item = _Place(self._variable(), definitions.child_path(at.type, step))
        below = self._some(rest, item, inner)
        if element.is_list:
            return f"({step!r} in {at.name} and any({below} for {item.name} in {at.name}[{step!r}]))"
        return f"(({item.name} := {at.name}.get({step!r})) is not None and {below})"

    def _there(self, at: _Place, element: Element) -> str:
        keys = _keys(element)
        if len(keys) == 1:
            return f"{keys[0]!r} in {at.name}"
        if len(keys) == 2:
            return f"({keys[0]!r} in {at.name} or {keys[1]!r} in {at.name})"
        name = self._constant(f"keys_{at.type.replace('.', '_')}_{element.name}", frozenset(keys))
        return f"(not {name}.isdisjoint({at.name}))"

    def _value(self, node: Node | None, at: _Place) -> str:
        """The one value of a path, None when it is not there."""
        start, steps = self._chain(node, at)
        text, place = start.name, start.type
        for index, step in enumerate(steps):
            if isinstance(step, _Where):
                raise Unsupported
            element = _element(_Place(text, place), step)
            if element.is_list or element.is_choice:
                raise Unsupported
            last = index == len(steps) - 1
            text = f"{text}.get({step!r})" if last else f"{text}.get({step!r}, NOTHING)"
            place = definitions.child_path(place, step)
        return text

    def _equality(self, left: Node, right: Node, at: _Place) -> Truth:
        literal = _literal(right)
        if literal is None:
            return _joined("=", self._condition(left, at), self._condition(right, at))
        if not isinstance(literal, str | bool):
            return self._comparison("==", left, right, at)
        value, name = self._value(left, at), self._variable()
        same, differs = ("is", "is not") if isinstance(literal, bool) else ("==", "!=")
        return Truth(
            f"{value} {same} {literal!r}", f"(({name} := {value}) is not None and {name} {differs} {literal!r})"
        )

    def _one_of(self, left: Node, right: Node, at: _Place) -> Truth:
        allowed = _union(right)
        value, name = self._value(left, at), self._variable()
        there = f"({name} := {value}) is not None"
        return Truth(f"{value} in {allowed!r}", f"({there} and {name} not in {allowed!r})")

    def _comparison(self, operator: str, left: Node, right: Node, at: _Place) -> Truth:
        literal = _literal(right)
        if not isinstance(literal, int) or isinstance(literal, bool):
            raise Unsupported
        try:
            return _sure(f"{self._count(left, at)} {operator} {literal}")
        except Unsupported:
            value, name = self._value(left, at), self._variable()
            there = f"({name} := {value}) is not None"
            return Truth(f"({there} and {name} {operator} {literal})", f"({there} and not {name} {operator} {literal})")

    def _count(self, node: Node, at: _Place) -> str:
        match node:
            case Binary("+", left, right):
                return f"({self._count(left, at)} + {self._count(right, at)})"
            case Call(Member(None, name), "count", ()):
                element = _element(at, name)
                return f"len({at.name}.get({name!r}, ()))" if element.is_list else f"({self._there(at, element)})"
        raise Unsupported

    def _is(self, left: Node, kind: str, at: _Place) -> Truth:
        start, steps = self._chain(left, at)
        if len(steps) != 1 or not isinstance(steps[0], str):
            raise Unsupported
        element = _element(start, steps[0])
        key = f"{element.name}{kind[:1].upper()}{kind[1:]}"
        if not element.is_choice or key not in element.json_names():
            raise Unsupported
        right = f"({key!r} in {start.name} or {'_' + key!r} in {start.name})"
        return Truth(right, f"({self._there(start, element)} and not {right})")


def _sure(true: str) -> Truth:
    """A condition that is never empty."""
    return Truth(true, f"not {true}" if true.startswith("(") and true.endswith(")") else f"not ({true})")


def _joined(operator: str, left: Truth, right: Truth) -> Truth:
    match operator:
        case "and":
            return Truth(f"({left.true} and {right.true})", f"({left.false} or {right.false})")
        case "or":
            return Truth(f"({left.true} or {right.true})", f"({left.false} and {right.false})")
        case "implies":
            return Truth(f"({left.false} or {right.true})", f"({left.true} and {right.false})")
    same = Truth(
        f"({left.true} and {right.true} or {left.false} and {right.false})",
        f"({left.true} and {right.false} or {left.false} and {right.true})",
    )
    return same if operator == "=" else same.negated()


def _element(at: _Place, name: str) -> Element:
    if not at.type:
        raise Unsupported
    element = definitions.type_of(at.type).elements.get(name) if at.type not in _PRIMITIVES() else None
    if element is None:
        raise Unsupported
    return element


def _keys(element: Element) -> list[str]:
    """The keys under which JSON may hold an element: a primitive's extensions alone make it exist, too."""
    names = element.json_names()
    return [*names, *(f"_{name}" for name, kind in names.items() if kind in _PRIMITIVES() and name != "id")]


def _literal(node: Node) -> str | bool | int | None:
    match node:
        case Literal(str() as text, "string"):
            return text
        case Literal(bool() as value, "boolean"):
            return value
        case Literal(str() as text, "number") if text.isdigit():
            return int(text)
        case Variable("ucum"):
            return UCUM
    return None


def _union(node: Node) -> tuple[str, ...]:
    match node:
        case Binary("|", left, right):
            return (*_union(left), *_union(right))
        case Literal(str() as text, "string"):
            return (text,)
    raise Unsupported
