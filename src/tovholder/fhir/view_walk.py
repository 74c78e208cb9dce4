"""Statements that follow a FHIRPath from element to element: what view_source writes functions of.

R4's definitions say which elements are lists, which are choices and of what type each value is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tovholder.fhir import definitions
from tovholder.fhir.fhirpath_syntax import Binary, Call, Literal, Member, Node, Special, type_text

PLAIN = frozenset({"code", "string", "uri", "id", "canonical", "url", "markdown", "oid", "uuid"})
TEXTUAL = PLAIN | {"date", "dateTime", "instant", "time", "base64Binary"}  # texts in JSON
_FEW = 6  # types of a choice element that are worth a look each


class NotCovered(Exception):
    """The shape is left to the closures."""


@dataclass(slots=True)
class Focus:
    """What expressions stand on: a variable and the type of what it holds.

    fixed: the depth of its statements. seen: the variables that hold what expressions gave, with their types.
    """

    name: str
    kind: str
    fixed: int
    seen: dict[tuple[Node, bool], tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Text:
    """The statements written so far. urls: the extensions of the resource they ask for."""

    lines: list[str] = field(default_factory=list)
    names: int = 0
    urls: set[str] = field(default_factory=set)

    def add(self, depth: int, *lines: str) -> None:
        """Write statements."""
        self.lines += [f"{'    ' * depth}{line}" for line in lines]

    def name(self, hint: str) -> str:
        """A variable not used before."""
        self.names += 1
        return f"{hint}_{self.names}"


@dataclass(frozen=True, slots=True)
class Walk:
    """One path being followed. done: writes what is done with each value at its end (depth, value, its type).

    target: the variable that ends the search once it holds something, empty where every value counts. strict: more
    than one value would be an error, so that the path may lead through no list.
    """

    view: Text
    done: Callable[[int, str, str], None]
    target: str
    strict: bool

    def step(self, steps: list[Node], at: int, depth: int, here: str, kind: str) -> None:
        """Statements for the path from a step on."""
        if at == len(steps):
            self.done(depth, here, kind)
            return
        match steps[at]:
            case Member(_, name):
                self.member(steps, at, depth, here, kind, name)
            case Call(_, "extension", (Literal(str() as url, "string"),)):
                self.extension(steps, at, depth, here, kind, url)
            case Call(_, "where", (criterion,)) if not self.strict:
                self.view.add(depth, f"if {_test(criterion, here, kind)}:")
                self.step(steps, at + 1, depth + 1, here, kind)
            case Call(_, "getReferenceKey", arguments) if len(arguments) < 2 and kind == "Reference":
                wanted = type_text(arguments[0]) if arguments else ""
                key = self.view.name("key")
                self.view.add(depth, f"{key} = reference_key({here}.get('reference', ''))")
                self.view.add(depth, f"if {key} is not None and {key}[1]{f' == {wanted!r}' if wanted else ''}:")
                self.step(steps, at + 1, depth + 1, f"{key}[0]", "id")
            case Call(None, "getResourceKey", ()):
                self.step(steps, at + 1, depth, f"{here}.get('id')", "id")
            case Call(_, "split", (Literal(str() as separator, "string"),)) if self.target and separator:
                self.split(steps, at, depth, here, kind, separator)
            case _:
                raise NotCovered

    def split(self, steps: list[Node], at: int, depth: int, here: str, kind: str, separator: str) -> None:
        """Statements for one part of a text: ``split('|')`` or ``split('|').skip(1)`` at the end of a path."""
        match steps[at + 1 :]:
            case []:
                number = 0
            case [Call(_, "skip", (Literal(str() as text, "number"),))] if text.isdigit():
                number = int(text)
            case _:
                raise NotCovered
        parts = self.view.name("parts")
        self.view.add(depth, f"{parts} = {here}.split({separator!r})", f"if len({parts}) > {number}:")
        self.done(depth + 1, f"{parts}[{number}]", kind)

    def member(self, steps: list[Node], at: int, depth: int, here: str, kind: str, name: str) -> None:
        """Statements for an element, of a choice under the name of each type asked for."""
        element = _element(kind, name)
        ways = element.json_names() if element.is_choice else {name: (element.types or ("",))[0]}
        rest = at + 1
        if element.is_choice and rest < len(steps) and name_of(steps[rest]) == "ofType":
            wanted = type_text(steps[rest].arguments[0])  # type: ignore[union-attr]
            ways = {json_name: kind for json_name, kind in ways.items() if kind == wanted}
            rest += 1
        if not ways or len(ways) > _FEW or (len(ways) > 1 and not self.target):
            raise NotCovered
        for number, (json_name, value_kind) in enumerate(ways.items()):
            if number:
                self.view.add(depth, f"if {self.target} is None:")
                depth += 1
            self.value(steps, rest, depth, f"{here}.get({json_name!r})", element.path or value_kind, element.is_list)

    def value(self, steps: list[Node], at: int, depth: int, found: str, kind: str, is_list: bool) -> None:
        """Statements for what an element holds."""
        if is_list:
            self.each(steps, at, depth, found, kind)
        elif at == len(steps) and self.target:
            self.done(depth, found, kind)
        else:
            variable = self.view.name("part")
            self.view.add(depth, f"{variable} = {found}", f"if {variable} is not None:")
            self.step(steps, at, depth + 1, variable, kind)

    def each(self, steps: list[Node], at: int, depth: int, found: str, kind: str, only: str = "") -> None:
        """Statements for each item of a list, until the target holds something."""
        if self.strict or kind in definitions.primitives():  # a list of primitives may hold nulls
            raise NotCovered
        item, listed = self.view.name("item"), self.view.name("list")
        self.view.add(depth, f"{listed} = {found}", f"if {listed} is not None:", f"    for {item} in {listed}:")
        depth += 2
        if only:
            self.view.add(depth, f"if {item}.get('url') == {only!r}:")
            depth += 1
        self.step(steps, at, depth, item, kind)
        if self.target:
            self.view.add(depth, f"if {self.target} is not None:", "    break")

    def extension(self, steps: list[Node], at: int, depth: int, here: str, kind: str, url: str) -> None:
        """Statements for an extension: of the resource by the index of its extensions."""
        if self.strict or kind in definitions.primitives():
            raise NotCovered
        if here == "resource":
            variable = self.view.name("part")
            self.view.urls.add(url)
            self.view.add(depth, f"{variable} = extensions.get({url!r})", f"if {variable} is not None:")
            self.step(steps, at + 1, depth + 1, variable, "Extension")
        else:
            self.each(steps, at + 1, depth, f"{here}.get('extension')", "Extension", url)


def steps_of(node: Node) -> list[Node]:
    """The chain of members and calls from the focus on."""
    found: list[Node] = []
    start: Node | None = node
    while isinstance(start, Member | Call):
        if isinstance(start, Member) and start.focus is None and start.name[0].isupper():
            raise NotCovered
        found.insert(0, start)
        start = start.focus
    if start is not None and start != Special("$this"):
        raise NotCovered
    return found


def name_of(node: Node) -> str:
    """The element or function a step names."""
    return node.name if isinstance(node, Member | Call) else ""


def last_name(node: Node) -> str:
    """A word for a comment: the last element of a path."""
    while isinstance(node, Call) and node.focus is not None:
        node = node.focus
    return name_of(node) or "one of several"


def _element(kind: str, name: str) -> definitions.Element:
    try:
        return definitions.type_of(kind).elements[name]
    except KeyError:
        raise NotCovered from None


def _test(node: Node, here: str, kind: str) -> str:
    """A criterion of where() about one item, as a Python expression."""
    match node:
        case Binary("and" | "or" as operator, left, right):
            return f"({_test(left, here, kind)} {operator} {_test(right, here, kind)})"
        case Binary("=", Member(None, name), Literal(str() as text, "string")) if not text[:1].isdigit():
            element = _element(kind, name)
            if not element.is_list and not element.is_choice and element.types[:1] and element.types[0] in PLAIN:
                return f"{here}.get({name!r}) == {text!r}"
        case Call(Member(None, name), "exists", ()):
            element = _element(kind, name)
            if not element.is_list and not element.is_choice:
                return f"{here}.get({name!r}) is not None"
        case Call(Member(None, name), "empty", ()):
            element = _element(kind, name)
            if not element.is_list and not element.is_choice:
                return f"{here}.get({name!r}) is None"
        case Call(Call(None, "getReferenceKey", ()), "empty", ()) if kind == "Reference":
            return f"not (reference_key({here}.get('reference', '')) or ('', ''))[1]"
        case Binary("=" | "!=" as operator, Special("$this"), Literal(bool() as wanted)):
            return f"{here} {'is' if operator == '=' else 'is not'} {wanted}"
    raise NotCovered
