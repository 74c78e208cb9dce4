"""Conditions of a package as FHIRPath, and back; FHIRPath's own three-valued logic is that of the package format.

``%inputs.<name>.number`` and ``.code`` are the package's inputs (level.toml), ``%grade`` and ``%level`` the clinical grade and
the tovholder level; each is empty when nobody knows it. Any other expression is asked of a Bundle (type collection) with
all the patient's resources, from ``entry`` or ``%resource`` on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder.base.errors import Problem
from tovholder.fhir import fhirpath
from tovholder.fhir.fhirpath_syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    Unary,
    Variable,
    parse,
)
from tovholder.packages.common import Condition
from tovholder.packages.model import Timing

LANGUAGE = "text/fhirpath"
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OPERATORS = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BACK = {symbol: name for name, symbol in _OPERATORS.items()}
_NAMED = frozenset({"inputs", "grade", "level"})
_WHOLE = frozenset({"resource", "rootResource", "context"})
_ROOTS = frozenset({"entry", "Bundle"})
_TRUTHS = frozenset({"and", "or", "xor", "implies", "=", "~", "!=", "!~", "<", ">", "<=", ">=", "in", "contains", "is"})
_TRUTH_CALLS = frozenset(
    [
        "exists",
        "empty",
        "all",
        "not",
        "allTrue",
        "anyTrue",
        "allFalse",
        "anyFalse",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "subsetOf",
        "supersetOf",
        "isDistinct",
        "memberOf",
        "conformsTo",
        "toBoolean",
    ]
)
# They ask for a clock or for other systems, which no rule may depend on here.
_NOT_HERE = frozenset({"today", "now", "resolve", "trace", "memberOf", "conformsTo"})
# What somebody else's short expression could keep a server busy with for hours: patterns that try every way of matching,
# and what grows with each call. Elements alone never give more than the record holds.
_WITHOUT_END = frozenset(
    {"matches", "replaceMatches", "repeat", "combine", "children", "descendants", "aggregate", "power"}
)
LONGEST = 4000  # characters of one expression
_DIGITS = 15  # of a number that is compared with
SUPPORTED = (
    "FHIRPath: comparisons of %inputs.<input>.number or .code (= != < <= > >= in), %inputs.<input>.empty(),"
    " %level in (…), %grade in (…), joined by and, or, .not(); or a true-or-false expression from entry or %resource on"
)


class Unreadable(ValueError):
    """An expression that is none of ours; the text says why."""


# -- To FHIRPath ----------------------------------------------------------------------------------------------------------


def expression(condition: Condition) -> str:
    """The condition as FHIRPath that answers the same: true, false, or nothing (unknown)."""
    if condition.input is not None:
        return _compared(condition)
    if condition.unknown is not None:
        return f"%inputs.{_name(condition.unknown)}.empty()"
    if condition.grade is not None:
        among = f"%grade in {_codes([item for item in condition.grade if item != 'unknown'] or ['unknown'])}"
        return f"(%grade.empty() or {among})" if "unknown" in condition.grade else among
    if condition.level is not None:
        return f"%level in ({' | '.join(map(str, condition.level))})"
    if condition.fhirpath is not None:
        return f"iif({condition.fhirpath}, true, false)"
    if condition.all is not None:
        return _joined("and", condition.all)
    if condition.any is not None:
        return _joined("or", condition.any)
    assert condition.not_ is not None  # the model allows no ninth kind
    return f"({expression(condition.not_)}).not()"


def _joined(word: str, parts: Sequence[Condition]) -> str:
    return "(" + f" {word} ".join(f"({expression(part)})" for part in parts) + ")"


def _compared(condition: Condition) -> str:
    place = f"%inputs.{_name(condition.input or '')}"
    wanted = condition.value
    if isinstance(wanted, tuple):
        return f"{place}.code in {_codes(wanted)}"
    symbol = _OPERATORS[condition.op or "eq"]
    if isinstance(wanted, str):
        return f"{place}.code {symbol} {_quoted(wanted)}"
    return f"{place}.number {symbol} {wanted}"


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f"`{name}`"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _codes(codes: Sequence[str]) -> str:
    return "(" + " | ".join(map(_quoted, codes)) + ")"


def fits(timing: Timing) -> list[str]:
    """When a row of an activity's timing is the patient's, in parts that must all hold; none of them is ever unknown."""
    parts = []
    if timing.levels:
        parts.append(f"%level.exists() and %level in ({' | '.join(map(str, timing.levels))})")
    if timing.grades:
        parts.append(f"iif(%grade.exists(), %grade, 'unknown') in {_codes(timing.grades)}")
    if timing.when is not None:
        parts.append(f"iif({expression(timing.when)}, true, false)")
    return parts


def none_of(rows: Sequence[Timing]) -> list[str]:
    """That no earlier row is the patient's."""
    if not rows:
        return []
    told = [" and ".join(f"({part})" for part in fits(row)) or "true" for row in rows]
    return ["(" + " or ".join(f"({item})" for item in told) + ").not()"]


# -- Back -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """What one expression of an action says of its timing: levels, grades, or what must be true."""

    levels: tuple[int, ...] = ()
    grades: tuple[str, ...] = ()
    when: Condition | None = None


def read_part(text: str) -> Part | None:
    """A part as ``fits`` writes it; None for any other expression. Raises Unreadable, or Problem for no FHIRPath."""
    tree = parse(text)
    match tree:
        case Binary("in", Call(None, "iif", arguments), right) if arguments == _KNOWN_GRADE:
            return Part(grades=tuple(_strings(right)))
        case Binary("and", left, Binary("in", Variable("level"), right)) if left == _KNOWN_LEVEL:
            return Part(levels=tuple(_wholes(right)))
    if isinstance(tree, Call) and _is_iif(tree):
        asked = tree.arguments[0]
        if _is_iif(asked) or not _variables(asked).isdisjoint(_NAMED):
            return Part(when=_condition(asked, text))
    return None


def same(text: str, other: str) -> bool:
    """Whether two expressions are the same one, however they are spaced."""
    return parse(text) == parse(other)


_KNOWN_LEVEL = parse("%level.exists()")
_KNOWN_GRADE = (parse("%grade.exists()"), parse("%grade"), parse("'unknown'"))


def condition(text: str) -> Condition:
    """The condition an expression asks. Raises Unreadable, or Problem(INVALID) for what is no FHIRPath."""
    tree = parse(text)
    if _variables(tree).isdisjoint(_NAMED) and not _is_iif(tree):
        require_asked_of_record(text)
        return Condition(fhirpath=text)
    return _condition(tree, text)


def _variables(tree: Node) -> frozenset[str]:
    return frozenset(node.name for node in fhirpath.walk(tree) if isinstance(node, Variable))


def _is_iif(node: Node) -> bool:
    return (
        isinstance(node, Call)
        and node.focus is None
        and node.name == "iif"
        and len(node.arguments) == 3
        and node.arguments[1:] == (Literal(True, "boolean"), Literal(False, "boolean"))
    )


def _condition(node: Node, text: str) -> Condition:
    match node:
        case Binary("and", left, right):
            parts = [_condition(part, text) for part in _flat("and", left, right)]
            return Condition(all=tuple(parts))
        case Binary("or", Call(Variable("grade"), "empty", ()), Binary("in", Variable("grade"), right)):
            named = [item for item in _strings(right) if item != "unknown"]
            return Condition(grade=(*named, "unknown"))
        case Binary("or", left, right):
            parts = [_condition(part, text) for part in _flat("or", left, right)]
            return Condition(any=tuple(parts))
        case Call(Variable(), "not", ()):
            raise Unreadable("a named value is no condition by itself")
        case Call(focus, "not", ()) if focus is not None:
            return Condition.model_validate({"not": _condition(focus, text)})
        case Call(Member(Variable("inputs"), name), "empty", ()):
            return Condition(unknown=name)
        case Binary("in", Variable("level"), right):
            return Condition.model_validate({"level": tuple(_wholes(right))})
        case Binary("in", Variable("grade"), right):
            return Condition(grade=tuple(_strings(right)))
        case Binary("in", Member(Member(Variable("inputs"), name), "code"), right):
            return Condition(input=name, op="in", value=tuple(_strings(right)))
        case Binary(symbol, Member(Member(Variable("inputs"), name), part), right) if symbol in _BACK:
            value = _value(right, part)
            return Condition.model_validate({"input": name, "op": _BACK[symbol], "value": value})
        case Call(None, "iif", (asked, Literal(True), Literal(False))) if _variables(asked).isdisjoint(_NAMED):
            written = _inside_iif(text, asked)
            require_asked_of_record(written)
            return Condition(fhirpath=written)
    raise Unreadable("this way of asking is not supported")


def _flat(word: str, left: Node, right: Node) -> Iterator[Node]:
    for part in (left, right):
        if isinstance(part, Binary) and part.operator == word and not _is_grade_or(part):
            yield from _flat(word, part.left, part.right)
        else:
            yield part


def _is_grade_or(part: Binary) -> bool:
    return part.operator == "or" and part.left == Call(Variable("grade"), "empty", ())


def _inside_iif(text: str, asked: Node) -> str:
    """The text of the expression within ``iif(…, true, false)``: found again by what it means."""
    for match in re.finditer(r"iif\(", text):
        for end in re.finditer(r",\s*true\s*,\s*false\s*\)", text[match.end() :]):
            part = text[match.end() : match.end() + end.start()]
            try:
                if parse(part) == asked:
                    return part.strip()
            except Problem:
                continue
    raise Unreadable("the expression within iif(…, true, false) cannot be told apart")


def _value(node: Node, part: str) -> Any:
    match node, part:
        case Literal(value, "string"), "code":
            return value
        case Literal(value, "number"), "number":
            return _number(str(value))
        case Unary("-", Literal(value, "number")), "number":
            return -_number(str(value))
    raise Unreadable("a number is compared with a number, a code with a text")


def _number(text: str) -> int | float:
    if len(text) > _DIGITS:
        raise Unreadable(f"a number has at most {_DIGITS} digits here")
    return float(text) if "." in text else int(text)


def _strings(node: Node) -> Iterator[str]:
    for item in _union(node):
        if not isinstance(item, Literal) or item.kind != "string":
            raise Unreadable("codes are texts")
        yield str(item.value)


def _wholes(node: Node) -> Iterator[int]:
    for item in _union(node):
        if not isinstance(item, Literal) or item.kind != "number" or not str(item.value).isdigit():
            raise Unreadable("levels are whole numbers")
        yield int(_number(str(item.value)))


def _union(node: Node) -> Iterator[Node]:
    if isinstance(node, Binary) and node.operator == "|":
        yield from _union(node.left)
        yield from _union(node.right)
    else:
        yield node


def require_asked_of_record(text: str, *, truth: bool = True) -> None:
    """Refuse an expression that would silently find nothing: it must begin at the Bundle of the patient's resources.

    ``truth``: it must answer true or false. Raises Unreadable, or Problem(INVALID) for what cannot be compiled.
    """
    tree = parse(text)
    fhirpath.compile(text)
    again = 0
    for node in fhirpath.walk(tree):
        if isinstance(node, Call) and node.name in _NOT_HERE | _WITHOUT_END:
            raise Unreadable(f"{node.name}() is not asked here")
        if isinstance(node, Call):
            again = max(again, sum(_goes_back(argument) for argument in node.arguments if node.name != "iif"))
        if isinstance(node, Variable) and node.name not in _WHOLE:
            raise Unreadable(f"%{node.name[:40]} is not known here")
    if again > 1:
        raise Unreadable("it asks the whole record again and again: once within a function's argument is supported")
    for root in _roots(tree):
        if not isinstance(root, Literal) and not (isinstance(root, Member) and root.name in _ROOTS):
            raise Unreadable("it does not begin at the patient's resources: write entry.resource… or %resource.entry…")
    if truth and not _answers_truth(tree):
        raise Unreadable("it does not answer true or false: end it with .exists() or a comparison")


def _goes_back(argument: Node) -> int:
    """How often a function's argument asks the whole record again, for each of what the function goes through."""
    return sum(isinstance(node, Variable) and node.name in _WHOLE for node in fhirpath.walk(argument))


def _answers_truth(node: Node) -> bool:
    match node:
        case Binary(operator, _, _):
            return operator in _TRUTHS
        case Call(None, "iif", arguments):
            return len(arguments) == 3 and all(_answers_truth(item) for item in arguments[1:])
        case Call(_, name, _):
            return name in _TRUTH_CALLS
        case Literal(_, kind):
            return kind == "boolean"
    return False


def _roots(node: Node | None) -> Iterator[Node]:
    """What an expression begins with, wherever it begins anew; a function's arguments belong to its focus."""
    match node:
        case None:
            return
        case Member(None, _):
            yield node
        case Call(None, "iif", arguments):
            for item in arguments:
                yield from _roots(item)
        case Call(None, _, _):
            yield node
        case Member(focus, _) | Call(focus, _, _):
            yield from _roots(focus)
        case Index(focus, at):
            yield from _roots(focus)
            yield from _roots(at)
        case Unary(_, operand):
            yield from _roots(operand)
        case Binary("is" | "as", left, _):
            yield from _roots(left)
        case Binary(_, left, right):
            yield from _roots(left)
            yield from _roots(right)
        case Variable():
            return
        case _:
            if not isinstance(node, Literal):
                return
