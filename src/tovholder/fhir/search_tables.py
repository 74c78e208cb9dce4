"""The generated tables definitions/search-parameters.json: search parameters, patient compartment, choice elements."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, cast

import orjson

from tovholder.fhir import data_kinds

# Part of the digest: raise it when the same resource begins to give other index rows under the same table.
ENGINE = 1


@cache
def _raw() -> bytes:
    return files("tovholder.fhir").joinpath("definitions/search-parameters.json").read_bytes()


@cache
def _tables() -> dict[str, Any]:
    return cast(dict[str, Any], orjson.loads(_raw()))


@cache
def digest() -> str:
    """What index rows are made by, in short: when it differs, the rows a database holds are of another making."""
    return hashlib.sha256(f"{ENGINE} {data_kinds.digest()}".encode() + _raw()).hexdigest()


def parameters() -> dict[str, dict[str, dict[str, Any]]]:
    """Resource type → parameter name → kind, expression, target, documentation; of a composite also components."""
    return cast(dict[str, dict[str, dict[str, Any]]], _tables()["parameters"])


def excluded() -> dict[str, str]:
    """What R4 defines for these types and is not offered (``Location.near``), with the reason."""
    return cast(dict[str, str], _tables()["excluded"])


def definition_of(resource_type: str, name: str) -> str:
    """The canonical url of a parameter's definition (R4 §3.1.1)."""
    if name.startswith("_"):
        return f"http://hl7.org/fhir/SearchParameter/Resource-{name[1:]}"
    shared: dict[str, str] = _tables()["definitions"]
    found = shared.get(f"{resource_type}.{name}", f"{resource_type}-{name}")
    return f"http://hl7.org/fhir/SearchParameter/{found}"


def patient_compartment() -> dict[str, dict[str, list[str]]]:
    """Resource type → element paths that may name a patient: ``about`` (the subject) and ``party`` (took part)."""
    return cast(dict[str, dict[str, list[str]]], _tables()["patient_compartment"])


def choices() -> dict[str, list[str]]:
    """Choice element → the type suffixes it takes anywhere in R4: ``value`` → ``Boolean``, ``Code`` and so on."""
    return cast(dict[str, list[str]], _tables()["choices"])
