"""What a search parameter finds, the slow way: FHIRPath finds the elements, their shape in JSON says what they are."""

from __future__ import annotations

import re
from typing import Any

from tovholder.fhir import fhirpath, search_values
from tovholder.fhir.fhirpath_values import is_number
from tovholder.fhir.references import parse_reference
from tovholder.fhir.search_values import bounded, date_range
from tovholder.fhir.searchparams import SearchParameter

Row = tuple[Any, ...]
Found = list[tuple[str, str, Row]]  # suffix of the parameter's name, table, row without the parameter's number
_RESOLVED = re.compile(r"\.where\(resolve\(\) is \w+\)")


def rows_of(parameter: SearchParameter, resource: dict[str, Any]) -> set[tuple[str, str, Row]]:
    """All rows by which the parameter finds the resource: suffix of the name, table, row without its number."""
    if not parameter.expression:
        return set()
    items = fhirpath.compile(parameter.expression)(resource)
    if parameter.kind == "composite":
        return set(_composite(parameter, items))
    if "occurrenceString" in resource and parameter.name == "date":  # text, though it may look like a date
        return set()
    found = _values(parameter.kind, parameter, items)
    if parameter.kind == "reference" and not parameter.canonical:
        target = parameter.expression.partition("resolve() is ")[2].split(")")[0]
        found += _identifiers(fhirpath.compile(_RESOLVED.sub("", parameter.expression))(resource), target)
    return set(found)


def _values(kind: str, parameter: SearchParameter, items: list[Any]) -> Found:
    found: Found = []
    contact = ".telecom" in parameter.expression
    for item in items:
        if item is None:
            continue
        match kind:
            case "token":
                found += [("", "store_token", row) for row in _tokens(item, contact=contact)]
                found += [(":text", "store_string", row) for row in _texts(item)]
            case "date":
                found += [("", "store_date", row) for row in _dates(item)]
            case "string":
                found += [("", "store_string", (bounded(parameter.folded(t)), bounded(t))) for t in _strings(item)]
            case "uri":
                found += [("", "store_uri", (bounded(text),)) for text in dict.fromkeys((item, item.split("|")[0]))]
            case "quantity" | "number":
                found += [("", "store_quantity", row) for row in _quantities(item)]
            case "reference":
                found += [("", "store_reference", row) for row in _references(item, parameter)]
    return found


def _tokens(item: Any, *, contact: bool = False) -> list[Row]:
    if isinstance(item, bool):
        return [("true" if item else "false", "")]
    if isinstance(item, str):
        return [(bounded(item), "")]
    if "coding" in item:
        return [row for coding in item["coding"] for row in _coding(coding)]
    if isinstance(item.get("value"), str):
        if contact:
            return [(text, "") for text in search_values.contact_codes(item["value"])]
        return [(bounded(item["value"]), bounded(item.get("system", "")))]
    return [] if contact or is_number(item.get("value")) else _coding(item)


def _coding(coding: dict[str, Any]) -> list[Row]:
    row = (bounded(coding.get("code", "")), bounded(coding.get("system", "")))
    return [row] if row != ("", "") else []


def _texts(item: Any) -> list[Row]:
    if not isinstance(item, dict):
        return []
    texts = [item.get("text"), item.get("display"), *(coding.get("display") for coding in item.get("coding", ()))]
    if isinstance(item.get("type"), dict):
        texts.append(item["type"].get("text"))
    return [(bounded(search_values.fold(text)), "") for text in texts if text]


def _dates(item: Any) -> list[Row]:
    if isinstance(item, str):
        covered = date_range(item)
        return [covered] if covered else []
    period = "start" in item or "end" in item
    covered = search_values.period_range(item) if period else search_values.timing_range(item)
    return [covered] if covered else []


def _strings(item: Any) -> list[str]:
    if isinstance(item, str):
        return [item]
    names = ("family", "given", "prefix", "suffix", "text")
    names += ("line", "city", "district", "state", "postalCode", "country")
    values = [item.get(name) for name in names]
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    return [text for text in texts if text]


def _quantities(item: Any) -> list[Row]:
    if is_number(item):
        value = search_values.decimal_of(item)
        return [(value, value, "", "")]
    if "origin" in item:
        return list(search_values.samples_ranges(item))
    return list(search_values.quantity_ranges(item) if "value" in item else search_values.limits_ranges(item))


def _references(item: Any, parameter: SearchParameter) -> list[Row]:
    if isinstance(item, str):
        return list(search_values.canonical_keys(item))
    if "resourceType" in item:
        return [(item["id"], item["resourceType"])] if item["resourceType"] in parameter.target and "id" in item else []
    key = search_values.reference_key(item.get("reference", ""))
    return [key[:2]] if key is not None else []


def _identifiers(items: list[Any], target: str) -> Found:
    """Who is named by identifier, unless it is somebody of another type than the parameter is about."""
    found: Found = []
    for item in items:
        identifier = item.get("identifier", {}) if isinstance(item, dict) and "resourceType" not in item else {}
        literal = parse_reference(item.get("reference", "")) if identifier else None
        told = item.get("type") if literal is None else literal.type
        if identifier.get("value") and (not target or told in (None, target)):
            row = (bounded(identifier["value"]), bounded(identifier.get("system", "")))
            found.append((":identifier", "store_token", row))
    return found


def _composite(parameter: SearchParameter, items: list[Any]) -> Found:
    first, second = parameter.components
    found: Found = []
    for item in items:
        codes = [row for code in fhirpath.compile(first.expression)(item) for row in _tokens(code)]
        values = _values(second.kind, parameter, fhirpath.compile(second.expression)(item))
        for code in codes:
            found += [
                ("", "store_composite", (*code, *_second(second.kind, row))) for suffix, _, row in values if not suffix
            ]
    return found


def _second(kind: str, row: Row) -> Row:
    if kind in ("token", "reference"):
        return (0.0, 0.0, *row)
    if kind == "string":
        return (0.0, 0.0, row[0], "")
    low, high, *unit = row
    return (float(low), float(high), *(reversed(unit) if unit else ("", "")))
