"""What a search ought to find, the slow and plain way: every resource looked at, values found by FHIRPath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from lib.search_oracle import rows_of
from tovholder.fhir import searchparams
from tovholder.fhir.references import parse_reference
from tovholder.fhir.search_values import canonical_keys, date_range, fold

Resource = dict[str, Any]
Values = list[str]


class Answers:
    """A small world of resources, in the order they were made, asked as a FHIR server is."""

    def __init__(self, resources: Sequence[Resource], now: int) -> None:
        self.resources = list(resources)
        self.now = now
        self._by_name = {(item["resourceType"], item["id"]): item for item in resources}

    def find(self, kind: str, params: Sequence[tuple[str, str]]) -> list[str]:
        """Ids of the matches in the order asked for."""
        sorts = [name for key, value in params if key == "_sort" for name in value.split(",")]
        filters = [(key, value.split(",")) for key, value in params if not key.startswith("_sort")]
        found = [
            (place, item)
            for place, item in enumerate(self.resources)
            if item["resourceType"] == kind and all(self.meets(item, key, values) for key, values in filters)
        ]
        found.sort(key=lambda pair: pair[0], reverse=bool(sorts) and sorts[0].startswith("-"))
        for name in reversed(sorts):
            falling = name.startswith("-")
            told = [(pair, self._sorted_by(pair[1], name.removeprefix("-"), falling)) for pair in found]
            known = sorted((p for p in told if p[1] is not None), key=lambda p: p[1], reverse=falling)
            if falling:  # reverse keeps equals as they were, which is right
                known = _stable_falling([p for p in told if p[1] is not None])
            found = [p[0] for p in known] + [p[0] for p in told if p[1] is None]
        return [item["id"] for _, item in found]

    def meets(self, item: Resource, name: str, values: Values) -> bool:
        """Whether a resource meets one parameter."""
        kind = item["resourceType"]
        if name.startswith("_has:"):
            _, source, reference, rest = name.split(":", 3)
            return any(
                (kind, item["id"]) in self._pointed_at(other, reference) and self.meets(other, rest, values)
                for other in self.resources
                if other["resourceType"] == source
            )
        head, dot, rest = name.partition(".")
        plain, _, modifier = head.partition(":")
        if dot:
            targets = [self._by_name.get(target) for target in self._pointed_at(item, plain)]
            return any(
                target is not None
                and modifier in ("", target["resourceType"])
                and _asks(target["resourceType"], rest)
                and self.meets(target, rest, values)
                for target in targets
            )
        if plain == "_id":
            return (item["id"] in values) != (modifier == "not")
        parameter = searchparams.search_parameter(kind, plain)
        assert parameter is not None, (kind, plain)
        found = rows_of(parameter, item)
        rows = [row for suffix, _, row in found if suffix == ""]
        if modifier == "missing":
            return (not any(suffix in ("", ":identifier") for suffix, _, _ in found)) == (values == ["true"])
        if modifier == "text":
            texts = [row[0] for suffix, _, row in found if suffix == ":text"]
            return any(text.startswith(fold(value)) for text in texts for value in values)
        if modifier == "identifier":
            rows = [row for suffix, _, row in found if suffix == ":identifier"]
            return any(_token(row, value, ()) for row in rows for value in values)
        test = self._test(parameter, modifier)
        met = any(test(row, value) for row in rows for value in values)
        return not met if modifier == "not" else met

    def _pointed_at(self, item: Resource, name: str) -> list[tuple[str, str]]:
        parameter = searchparams.search_parameter(item["resourceType"], name)
        assert parameter is not None
        return [(row[1], row[0]) for suffix, _, row in rows_of(parameter, item) if suffix == ""]

    def _sorted_by(self, item: Resource, name: str, falling: bool) -> Any:
        if name == "_id":
            return item["id"]
        parameter = searchparams.search_parameter(item["resourceType"], name)
        assert parameter is not None
        values = [row[0] for suffix, _, row in rows_of(parameter, item) if suffix == ""]
        return (max(values) if falling else min(values)) if values else None

    def _test(self, parameter: searchparams.SearchParameter, modifier: str) -> Callable[[Any, str], bool]:
        match parameter.kind:
            case "token":
                return lambda row, value: _token(row, value, parameter.systems)
            case "date":
                return lambda row, value: _date(row, value, self.now)
            case "string":
                return lambda row, value: _string(row, value, modifier)
            case "reference":
                return lambda row, value: _reference(row, value, modifier)
            case "uri":
                return lambda row, value: _uri(row[0], value, modifier)
            case "quantity" | "number":
                return lambda row, value: _quantity(row, value)
        second = parameter.components[1].kind
        return lambda row, value: _composite(row, value, second, self.now)


def _asks(kind: str, rest: str) -> bool:
    name = rest.partition(".")[0].partition(":")[0]
    return name == "_id" or searchparams.search_parameter(kind, name) is not None


def _stable_falling(pairs: list[Any]) -> list[Any]:
    made: list[Any] = []
    for value in sorted({pair[1] for pair in pairs}, reverse=True):
        made += [pair for pair in pairs if pair[1] == value]
    return made


def _token(row: Any, value: str, systems: Sequence[str]) -> bool:
    code, system = row
    wanted_system, bar, wanted = value.rpartition("|")
    if not bar:
        return code == value
    if wanted_system in systems:
        wanted_system = ""
    return system == wanted_system and (not wanted or code == wanted)


def _date(row: Any, value: str, now: int) -> bool:
    low, high = row[:2]
    prefix, told = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    covered = date_range(told)
    assert covered is not None, value
    first, end = covered
    room = abs(now - (first + end) // 2) // 10
    within = first <= low and high <= end
    return {
        "eq": within,
        "ne": not within,
        "gt": high > end,
        "lt": low < first,
        "ge": high > end or within,
        "le": low < first or within,
        "sa": low >= end,
        "eb": high <= first,
        "ap": low < end + room and high > first - room,
    }[prefix]


def _string(row: Any, value: str, modifier: str) -> bool:
    folded, text = row
    if modifier == "exact":
        return bool(text == value)
    return fold(value) in folded if modifier == "contains" else bool(folded.startswith(fold(value)))


def _reference(row: Any, value: str, modifier: str) -> bool:
    rid, kind = row
    told = parse_reference(value)
    if told is not None and not told.base:
        return bool((rid, kind) == (told.id, told.type))
    if ":" in value:
        return bool((rid, kind) == (value, "")) or (rid, kind) == canonical_keys(value)[0]
    return bool(rid == value and modifier in ("", kind) and kind)


def _uri(uri: str, value: str, modifier: str) -> bool:
    if modifier == "below":
        return uri.startswith(value)
    return value.startswith(uri) if modifier == "above" else uri == value


def _quantity(row: Any, value: str) -> bool:
    low, high, system, code = row
    number, *unit = value.split("|")
    if unit and ((unit[0] and unit[0] != system) or (unit[1] and unit[1] != code)):
        return False
    prefix, digits = (number[:2], number[2:]) if number[:2].isalpha() else ("eq", number)
    told = Decimal(digits)
    half = Decimal(5).scaleb(int(told.as_tuple().exponent) - 1)
    exact = float(told)
    within = float(told - half) <= low and high < float(told + half)
    return {
        "eq": within,
        "ne": not within,
        "gt": high > exact,
        "lt": low < exact,
        "ge": high >= exact,
        "le": low <= exact,
        "sa": low > exact,
        "eb": high < exact,
        "ap": low <= exact + abs(exact) / 10 and high >= exact - abs(exact) / 10,
    }[prefix]


def _composite(row: Any, value: str, second: str, now: int) -> bool:
    code, system, low, high, code2, system2 = row
    one, _, other = value.partition("$")
    if not _token((code, system), one, ()):
        return False
    match second:
        case "token":
            return _token((code2, system2), other, ())
        case "string":
            return bool(code2.startswith(fold(other)))
        case "date":
            return _date((low, high), other, now)
        case "reference":
            return _reference((code2, system2), other, "")
    return _quantity((low, high, system2, code2), other)
