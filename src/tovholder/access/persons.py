"""A citizen outside the Patient resource: a keyed hash of the CPR number, which tells nobody who it is."""

from __future__ import annotations

import re

from django.utils.crypto import salted_hmac

_CPR = re.compile(r"([0-9]{6})-?([0-9A-Z]{4})")  # letters stand in replacement numbers (eCPR)


def normal(cpr: str) -> str | None:
    """The ten characters of a CPR number however it was written; None for what is none. No check digit is asked."""
    found = _CPR.fullmatch("".join(cpr.split()).upper())
    return found[1] + found[2] if found else None


def spellings(cpr: str) -> tuple[str, ...]:
    """How a CPR number may stand in the record."""
    plain = normal(cpr)
    return (plain, f"{plain[:6]}-{plain[6:]}") if plain else ()


def person_of(cpr: str) -> str:
    """The keyed hash under which a citizen is known outside the Patient resource; empty for what is no CPR number."""
    plain = normal(cpr)
    return salted_hmac("tovholder.access.person", plain, algorithm="sha256").hexdigest() if plain else ""
