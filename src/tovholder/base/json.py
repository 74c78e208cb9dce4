"""JSON in and out with decimals kept as they were written: 1.0 stays 1.0 and 1.10 stays 1.10 (FHIR R4 §2.24.0.1 decimal)."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from tovholder.base.errors import Category, Issue, Problem

# A number a float may not give back as written: trailing zero, exponent, more than 15 digits.
_FRAGILE = re.compile(rb"[:\[,][ \t\r\n]*+(?:-0\b|-?+(?=[0-9])(?:[0-9]+\.[0-9]*0\b|[0-9.]+[eE]|[0-9.]{16}))")


_NAME = re.compile(r"[A-Za-z_][A-Za-z]{0,63}")  # a name that may be told back
DEEPEST = 240
MOST_VALUES = 2_000_000


class Decimal(float):
    """A float that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Decimal:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __reduce__(self) -> tuple[type[Decimal], tuple[str]]:
        return (Decimal, (self.text,))


def _default(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def loads(data: bytes | str, *, max_depth: int = DEEPEST, max_values: int = MOST_VALUES) -> Any:
    """Read JSON, one value in UTF-8 (a byte order mark is passed over).

    max_depth: objects and arrays within each other. max_values: values in all, which bounds what a hostile text can cost.
    Raises Problem(MALFORMED) with line and column, or the location, of what is wrong: NaN, Infinity, broken UTF-8, lone
    surrogates, a name that stands twice in one object, too deep; Problem(TOO_LARGE) for too many values.
    """
    return read(data, max_depth=max_depth, max_values=max_values)[0]


def read(data: bytes | str, *, max_depth: int = DEEPEST, max_values: int = MOST_VALUES) -> tuple[Any, bool]:
    """The same, and whether ``dumps`` writes it byte for byte as it stood."""
    raw = _bytes(data)
    # Every value but the first follows a comma or opens something, so there are never more than this.
    large = len(raw) > max_values and _at_most(raw, max_values) > max_values
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"not JSON: {error.msg}", where, "one JSON value in UTF-8") from None
    if large and _more_than(value, max_values):
        raise _too_many(max_values)
    try:
        # Some room above it, since what is read is later written inside a Bundle.
        written = orjson.dumps([[[[[[[[value]]]]]]]])
    except TypeError:
        raise _too_deep(max_depth) from None
    if max_depth < DEEPEST and raw.count(b"{") + raw.count(b"[") > max_depth and _deeper_than(value, max_depth):
        raise _too_deep(max_depth)
    # What comes out the same byte for byte has nothing to remember; most machines write JSON that way.
    if written[8:-8] == raw:
        return value, True
    # A name that stood twice is there once now, so a colon is gone. (An escape may hide or add one.)
    if raw.count(b":") != written.count(b":") or b"u003a" in raw or b"u003A" in raw:
        _refuse_repeated(raw, max_depth)
    if _FRAGILE.search(raw):
        return json.loads(raw, parse_float=Decimal, parse_int=_whole), False
    return value, False


def _bytes(data: bytes | str) -> bytes:
    if isinstance(data, str):
        try:
            return data.encode()
        except UnicodeEncodeError:
            raise _malformed("not JSON: a lone surrogate", "", "one JSON value in UTF-8") from None
    return data[3:] if data[:3] == b"\xef\xbb\xbf" else data


def _malformed(message: str, where: str, expected: str, code: str = "structure") -> Problem:
    return Problem(Category.MALFORMED, f"The content is {message}", [Issue(where, message, expected, code)])


def _too_deep(most: int) -> Problem:
    return _malformed("nested too deeply", "", f"at most {most} levels", "too-long")


def _too_many(most: int) -> Problem:
    message = "The content has too many values"
    return Problem(Category.TOO_LARGE, message, [Issue("", message, f"at most {most} values", "too-long")])


def _at_most(raw: bytes, most: int) -> int:
    """A number of values there are certainly no more of. Raises Problem when it is hopeless even to read them."""
    opened = raw.count(b"[") + raw.count(b"{")
    if opened > most:  # a million empty arrays in a text would be as unheard of as in the JSON itself
        raise _too_many(most)
    return opened + raw.count(b",") + 1


def _more_than(value: Any, most: int) -> bool:
    waiting, seen = [value] if isinstance(value, dict | list) else [], 1
    while waiting:
        one = waiting.pop()
        children = one.values() if isinstance(one, dict) else one
        seen += len(one)
        if seen > most:
            return True
        waiting.extend(child for child in children if child.__class__ is dict or child.__class__ is list)
    return False


def _deeper_than(value: Any, most: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        below = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in below if child.__class__ is dict or child.__class__ is list]
        if not level:
            return False
    return True


def _refuse_repeated(raw: bytes, max_depth: int) -> None:
    """Raise Problem when a name stands twice in one object (R4 json.html, RFC 8259 §4), with its place."""
    repeated: list[tuple[dict[str, Any], str]] = []

    def join(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            repeated.append((made, next(name for name, _ in pairs if name in seen or seen.add(name))))  # type: ignore[func-returns-value]
        return made

    try:
        tree = json.loads(raw, object_pairs_hook=join)
    except RecursionError:
        raise _too_deep(max_depth) from None
    if not repeated:
        return
    owner, name = repeated[-1]  # the outermost one, which is part of the tree whatever was dropped
    root = tree.get("resourceType", "") if isinstance(tree, dict) else ""
    start = root if isinstance(root, str) and _NAME.fullmatch(root) else ""
    shown = name if _NAME.fullmatch(name) else "…"
    where = ".".join(filter(None, [_place_of(owner, tree, start), shown]))
    raise _malformed("not sound JSON: a name stands twice in one object", where, "each name once")


def _place_of(wanted: dict[str, Any], tree: Any, start: str) -> str:
    waiting = [(start, tree)]
    while waiting:
        place, one = waiting.pop()
        if one is wanted:
            return place
        if isinstance(one, dict):
            waiting.extend((f"{place}.{name if _NAME.fullmatch(name) else '…'}", child) for name, child in one.items())
        elif isinstance(one, list):
            waiting.extend((f"{place}[{index}]", child) for index, child in enumerate(one))
    return start


def _whole(text: str) -> int | Decimal:
    # Larger ones have no place in a machine's integer; as a decimal they come back as they were written.
    return int(text) if len(text) < 19 else Decimal(text)


def dumps(value: object, *, pretty: bool = False) -> bytes:
    """Write JSON in UTF-8, decimals as they were read."""
    option = orjson.OPT_PASSTHROUGH_SUBCLASS
    if pretty:
        option |= orjson.OPT_INDENT_2
    return orjson.dumps(value, default=_default, option=option)
