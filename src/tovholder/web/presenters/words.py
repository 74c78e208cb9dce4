"""What the record holds in Danish told in the reader's words: limits on a measurement, what a package calls things."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from django.utils.translation import gettext as _

from tovholder import packages
from tovholder.packages.model import Package
from tovholder.plan import aims
from tovholder.plan.inputs import number_text
from tovholder.plan.values import Limits


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


@lru_cache(maxsize=4)
def _english(known: tuple[str, ...]) -> dict[str, str]:
    return {danish: english for name in known for danish, english in _titles(packages.builtin()[name]) if danish}


def _titles(package: Package) -> Iterator[tuple[str, str]]:
    for kind in package.appointment_kinds:
        yield kind.title.da, kind.title.en
    for activity in package.plan.activities:
        yield activity.title.da, activity.title.en
