"""The FHIRPath grammar: text to syntax tree, with an error that says where it stopped (FHIRPath 2.0.0 appendix B)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tovholder.base.errors import Category, Issue, Problem


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or ``{}`` (None). Numbers keep their text."""

    value: str | bool | None
    kind: str  # string, number, boolean, date (text without @), time (text without @T), empty


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit."""

    number: str
    unit: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``%name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Special:
    """``$this``, ``$index``, ``$total``."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """An element of the focus, or, capitalised and first, a type."""

    focus: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function on the focus."""

    focus: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``focus[at]``."""

    focus: Node
    at: Node


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions; for ``is`` and ``as`` the right side is the type as a Member."""

    operator: str
    left: Node
    right: Node


Node = Literal | Quantity | Variable | Special | Member | Call | Index | Unary | Binary

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<time>@T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?)
    |(?P<date>@\d{4}(?:-\d{2}(?:-\d{2})?)?(?:T(?:\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<name>[A-Za-z_]\w*|`(?:[^`\\]|\\.)*`)
    |(?P<special>\$this|\$index|\$total)
    |(?P<symbol><=|>=|!=|!~|[.\[\](){},+\-*/&|<>=~%])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}

# Binary operators, loosest first; ``is`` and ``as`` take a type.
_LEVELS: tuple[frozenset[str], ...] = tuple(
    frozenset(level.split())
    for level in (
        "implies",
        "or xor",
        "and",
        "in contains",
        "= ~ != !~",
        "< > <= >=",
        "|",
        "is as",
        "+ - &",
        "* / div mod",
    )
)
_WORDS = frozenset(word for level in _LEVELS for word in level if word.isalpha())
_MAY_BE_NAMES = {"as", "contains", "in", "is"}
_UNITS = frozenset(
    f"{unit}{plural}"
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)
_DEEPEST = 25  # brackets and calls within each other; more is an attack on the stack


def parse(expression: str) -> Node:
    """The syntax tree. Raises Problem(INVALID) that names the place and what was expected."""
    return _Parser(expression).whole()


def invalid(expression: str, message: str, expected: str = "a FHIRPath expression") -> Problem:
    """The error of an expression that cannot be read or used."""
    issue = Issue(expression, message, expected)
    return Problem(Category.INVALID, f"The FHIRPath expression cannot be used: {message}", [issue])


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens: list[tuple[str, str, int]] = []
        self.at = 0
        self.depth = 0
        position = 0
        while position < len(expression):
            match = _TOKEN.match(expression, position)
            if match is None:
                raise invalid(expression, f"unexpected {expression[position]!r} at character {position + 1}")
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match[0], position))
            position = match.end()
        self.tokens.append(("end", "", len(expression)))

    def whole(self) -> Node:
        node = self.binary(0)
        if self.tokens[self.at][0] != "end":
            raise self.unexpected("an operator or the end")
        return node

    def unexpected(self, expected: str) -> Problem:
        kind, text, position = self.tokens[self.at]
        found = "the end" if kind == "end" else repr(text)
        return invalid(self.expression, f"unexpected {found} at character {position + 1}", expected)

    def take(self, symbol: str) -> bool:
        kind, text, _ = self.tokens[self.at]
        if kind in ("symbol", "name") and text == symbol:
            self.at += 1
            return True
        return False

    def need(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.unexpected(f"'{symbol}'")

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.tokens[self.at][0] in ("symbol", "name") and self.tokens[self.at][1] in _LEVELS[level]:
            operator = self.tokens[self.at][1]
            self.at += 1
            right = self.type_name() if operator in ("is", "as") else self.binary(level + 1)
            left = Binary(operator, left, right)
        return left

    def unary(self) -> Node:
        for sign in "+-":
            if self.take(sign):
                return Unary(sign, self.unary())
        return self.postfix()

    def postfix(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise invalid(self.expression, f"nested deeper than {_DEEPEST}", "a flatter expression")
        node = self.term()
        while True:
            if self.take("."):
                node = self.invocation(node)
            elif self.take("["):
                node = Index(node, self.binary(0))
                self.need("]")
            else:
                self.depth -= 1
                return node

    def term(self) -> Node:
        kind, text, _ = self.tokens[self.at]
        if kind == "name" and text in ("true", "false"):
            self.at += 1
            return Literal(text == "true", "boolean")
        if kind == "name":
            return self.invocation(None)
        self.at += 1
        match kind:
            case "string":
                return Literal(_unquote(text), "string")
            case "number":
                return self.number(text)
            case "date":
                return Literal(text[1:].removesuffix("T"), "date")
            case "time":
                return Literal(text[2:], "time")
            case "special":
                return Special(text)
        if text == "%":
            return self.variable()
        if text == "(":
            node = self.binary(0)
            self.need(")")
            return node
        if text == "{":
            self.need("}")
            return Literal(None, "empty")
        self.at -= 1
        raise self.unexpected("a literal, an element or a function")

    def number(self, text: str) -> Node:
        kind, unit, _ = self.tokens[self.at]
        if kind == "string" or (kind == "name" and unit in _UNITS):
            self.at += 1
            return Quantity(text, _unquote(unit) if kind == "string" else unit)
        return Literal(text, "number")

    def variable(self) -> Node:
        kind, text, _ = self.tokens[self.at]
        if kind not in ("name", "string"):
            raise self.unexpected("the name of a constant")
        self.at += 1
        return Variable(_unquote(text))

    def invocation(self, focus: Node | None) -> Node:
        kind, text, _ = self.tokens[self.at]
        if kind == "special" and focus is None:
            self.at += 1
            return Special(text)
        if kind != "name" or (text in _WORDS and text not in _MAY_BE_NAMES):
            raise self.unexpected("an element or a function")
        self.at += 1
        name = _unquote(text)
        if text.startswith("`") or not self.take("("):
            return Member(focus, name)
        arguments: list[Node] = []
        if not self.take(")"):
            arguments.append(self.binary(0))
            while self.take(","):
                arguments.append(self.binary(0))
            self.need(")")
        return Call(focus, name, tuple(arguments))

    def type_name(self) -> Node:
        node = self.invocation(None)
        while self.take("."):
            node = self.invocation(node)
        if not isinstance(node, Member):
            raise self.unexpected("the name of a type")
        return node


def _unquote(text: str) -> str:
    if text[0] not in "'`":
        return text
    return _ESCAPE.sub(lambda match: _unescape(match[1]), text[1:-1])


def _unescape(code: str) -> str:
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)


def type_text(node: Node) -> str:
    """``FHIR.Patient`` or ``Patient`` as ``Patient``; a System type keeps its name. Empty when it is no type name."""
    if not isinstance(node, Member):
        return ""
    if node.focus is None or (
        isinstance(node.focus, Member) and node.focus.focus is None and node.focus.name == "FHIR"
    ):
        return node.name
    return ""
