"""The generated tables definitions/search-parameters.json: search parameters, patient compartment, choice elements."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, cast

import orjson


@cache
def _tables() -> dict[str, Any]:
    raw = files("tovholder.fhir").joinpath("definitions/search-parameters.json").read_bytes()
    return cast(dict[str, Any], orjson.loads(raw))


def parameters() -> dict[str, dict[str, dict[str, Any]]]:
    """Resource type → parameter name → kind, expression, target, documentation; of a composite also components."""
    return cast(dict[str, dict[str, dict[str, Any]]], _tables()["parameters"])


def excluded() -> dict[str, str]:
    """What R4 defines for these types and is not offered (``Location.near``), with the reason."""
    return cast(dict[str, str], _tables()["excluded"])


def patient_compartment() -> dict[str, dict[str, list[str]]]:
    """Resource type → element paths that may name a patient: ``about`` (the subject) and ``party`` (took part)."""
    return cast(dict[str, dict[str, list[str]]], _tables()["patient_compartment"])


def choices() -> dict[str, list[str]]:
    """Choice element → the type suffixes it takes anywhere in R4: ``value`` → ``Boolean``, ``Code`` and so on."""
    return cast(dict[str, list[str]], _tables()["choices"])
