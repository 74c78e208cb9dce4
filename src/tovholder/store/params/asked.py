"""One parameter as it was asked: values and their escapes, and how one that cannot be read is refused (R4 §3.1.1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.terms import Rows, Sql, conjunction

KEPT = "nothing was read"
# Those R4 §3.1.1.4.4 has; what else stands there may be anybody's name, and is not told back.
_MODIFIERS = frozenset(
    {"missing", "exact", "contains", "text", "in", "below", "above", "not", "not-in", "type", "identifier", "of-type"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    r"""A parameter of a type with its modifier and the values of which one must match.

    values: as written, ``\,`` and its like still in them. now: epoch milliseconds, which "approximately" depends on.
    base: this server's own address, so that a reference by it is a relative one. ctx: who asks, for
    values that stand for something in the record.
    """

    kind: str
    parameter: SearchParameter
    modifier: str
    values: tuple[str, ...]
    now: int = 0
    base: str = ""
    ctx: Context | None = None

    def rows(
        self, table: str, ways: Iterable[Sql], *, exact: bool = False, suffix: str = "", typed: bool = False
    ) -> Rows:
        """Index rows of the parameter that meet one of these conditions over ``t``. suffix: ``:text``, ``:identifier``."""
        return of_parameter(self.kind, self.parameter, table, ways, exact=exact, suffix=suffix, typed=typed)

    def refuse(self, message: str, expected: str, code: str = "value") -> NoReturn:
        """Raise Problem(INVALID); the value is not told back, it may be a patient's."""
        told = self.modifier in _MODIFIERS or self.modifier in resource_types()
        name = f"{self.parameter.name}:{self.modifier}" if told else self.parameter.name
        raise refused(name, message, expected, code)

    def without(self, *modifiers: str) -> None:
        """Raise Problem(INVALID) for a modifier this parameter does not take."""
        if self.modifier and self.modifier not in modifiers:
            taken = ", ".join(f":{name}" for name in (*modifiers, "missing"))
            self.refuse("this modifier is not supported here", f"none, or {taken}", "not-supported")


def of_parameter(
    kind: str,
    parameter: SearchParameter,
    table: str,
    ways: Iterable[Sql],
    *,
    exact: bool = False,
    suffix: str = "",
    typed: bool = False,
) -> Rows:
    """Index rows of a parameter that meet one of these conditions; several parameters may share their rows.

    typed: the conditions name the type of reference themselves.
    """
    numbers = searchparams.numbers(kind, parameter.name, suffix)
    if parameter.only and table == "store_reference" and not typed:
        ways = [conjunction([way, of_type("t", parameter.only)]) for way in ways]
    found = tuple(conjunction([Sql("t.param = %s", (number,)), way]) for way in ways for number in numbers)
    return Rows(table, found, exact)


def of_type(name: str, kind: str) -> Sql:
    """True for rows of references (by this name) to a type: here, or elsewhere by an address that names it."""
    return Sql(f"({name}.type = %s OR ({name}.type = '' AND {name}.rid LIKE %s))", (kind, f"%/{kind}/%"))


def refused(path: str, message: str, expected: str, code: str = "value") -> Problem:
    """A search that cannot be run."""
    return Problem(Category.INVALID, "The search cannot be run", [Issue(path, message, expected, code)], kept=KEPT)


def split(text: str, separator: str) -> list[str]:
    r"""Parts between separators that are not written ``\,`` ``\|`` ``\$`` (R4 §3.1.1.4.2); escapes stay in the parts."""
    if "\\" not in text:
        return text.split(separator)
    parts, current, escaped = [], "", False
    for char in text:
        if escaped:
            current += "\\" + char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == separator:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current + ("\\" if escaped else "")]


def plain(text: str) -> str:
    r"""The text meant: ``\,`` is a comma; a backslash before anything else stands for itself."""
    if "\\" not in text:
        return text
    found, escaped = "", False
    for char in text:
        if escaped:
            found += char if char in ",|$\\" else "\\" + char
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            found += char
    return found + ("\\" if escaped else "")
