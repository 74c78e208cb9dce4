"""What the record holds in Danish told in the reader's words: limits on a measurement, what a package calls things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from django.utils.translation import gettext as _

from tovholder import packages
from tovholder.packages.model import Package
from tovholder.plan import aims
from tovholder.plan.inputs import number_text
from tovholder.plan.values import Limits

_BLANK = re.compile(r"\{(\w+)\}")


def limit_words(limits: Limits | None, language: str, *, named: bool = True) -> str:
    """HbA1c: højst 53 mmol/mol. Empty where there are none; ``named``: with what is measured."""
    if limits is None:
        return ""
    low, high = (_number(milli, language) for milli in (limits.at_least_milli, limits.at_most_milli))
    if low and high and low != high:
        told = _("%(low)s til %(high)s %(unit)s") % {"low": low, "high": high, "unit": limits.unit}
    elif low and high:
        told = f"{low} {limits.unit}"
    elif high:
        told = _("højst %(number)s %(unit)s") % {"number": high, "unit": limits.unit}
    else:
        told = _("mindst %(number)s %(unit)s") % {"number": low, "unit": limits.unit}
    told = told.strip()
    return f"{aims.measure_title(limits.measure, packages.builtin().values())[language]}: {told}" if named else told


def _number(milli: int | None, language: str) -> str:
    if milli is None:
        return ""
    text = number_text(milli)
    return text.replace(".", ",") if language == "da" else text


def told_title(text: str, language: str) -> str:
    """A title as it was written in the record; where it is what a package calls something, in the reader's language."""
    return text if language == "da" else _english(tuple(packages.builtin())).get(text, text)


def reason_words(text: str, package: Package, language: str) -> str:
    """Why somebody was found, as it was kept in Danish that day, in the reader's language where it is the package's words.

    What filled the blanks that day stands in them; what the package no longer says stays as it was written.
    """
    if language == "da":
        return text
    for pattern, english in _reasons(package.id, package.version):
        found = pattern.fullmatch(text)
        if found is not None:
            return english.format_map(found.groupdict(default="?"))
    return text


@lru_cache(maxsize=16)
def _reasons(package_id: str, version: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The package's reasons as patterns of their Danish, with their English; the one with most words of its own first."""
    rules = packages.builtin()[package_id].inclusion
    told = [held for name in type(rules.reasons).model_fields if (held := getattr(rules.reasons, name)) is not None]
    for need in (*rules.requires, *rules.blocks):
        told += [held for held in (need.reason, need.against, need.unknown) if held is not None]
    told += [held for held in (rules.recurrence.text if rules.recurrence else None, rules.confirm) if held is not None]
    made = [(_BLANK.sub("", held.da), held) for held in told]
    made.sort(key=lambda pair: -len(pair[0]))
    return tuple((_pattern(held.da), held.en) for _, held in made)


def _pattern(text: str) -> re.Pattern[str]:
    """The text with a named group for each of its blanks; one that comes twice stands for the same both times."""
    parts, seen, at = [], set(), 0
    for blank in _BLANK.finditer(text):
        name = blank[1]
        parts += [re.escape(text[at : blank.start()]), f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"]
        seen.add(name)
        at = blank.end()
    return re.compile("".join((*parts, re.escape(text[at:]))))


@lru_cache(maxsize=4)
def _english(known: tuple[str, ...]) -> dict[str, str]:
    return {danish: english for name in known for danish, english in _titles(packages.builtin()[name]) if danish}


def _titles(package: Package) -> Iterator[tuple[str, str]]:
    for kind in package.appointment_kinds:
        yield kind.title.da, kind.title.en
    for activity in package.plan.activities:
        yield activity.title.da, activity.title.en
