"""When an action is due, as R4 says it: after so long, on days of a cycle, or every so many months; and our windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tovholder.fhir import systems
from tovholder.packages.common import CodeValue
from tovholder.packages.fhir import naming
from tovholder.packages.fhir.naming import Json
from tovholder.packages.model import Season

SUPPORTED = (
    "timingDuration (days, weeks, months, years after the start), timingTiming with repeat (frequency 1, a period in"
    " months, boundsDuration) and our extension activity-first, or the extension timing-daysOfCycle"
)
_UNITS = {"d": ("d", 1), "wk": ("d", 7), "mo": ("mo", 1), "a": ("mo", 12)}
_MOST = {"d": 36_500, "mo": 1_200}  # a hundred years either way: farther there need be no calendar


class Untimed(Exception):
    """A timing that cannot be kept: where, why, and what is supported."""

    def __init__(self, place: str, message: str, expected: str = SUPPORTED) -> None:
        super().__init__(message)
        self.told = (place, message, expected)


@dataclass(frozen=True, slots=True)
class Told:
    """What an action says of its time: fields of the package's Timing, and the bounds of a repetition in months."""

    values: Mapping[str, Any] = field(default_factory=dict)
    bounds: int | None = None


def offset(told: object) -> tuple[int, str] | None:
    """A Duration as whole days (d) or calendar months (mo); None for any other."""
    if not isinstance(told, Mapping) or told.get("code") not in _UNITS or told.get("comparator"):
        return None
    if told.get("system", systems.UCUM) != systems.UCUM:
        return None
    value = told.get("value")
    unit, factor = _UNITS[told["code"]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST[unit] // factor:
        return None
    return (int(value) * factor, unit) if value == int(value) else None


def of_action(row: Json, definition: Json | None, place: str) -> Told:
    """The time of an action, or of its ActivityDefinition where it has none. Raises Untimed."""
    own = _of(row, place)
    if own is not None:
        return own
    if definition is not None:
        inner = _of(definition, f"{place}.definitionCanonical.resolve()")
        if inner is not None:
            return inner
    raise Untimed(place, "nothing says when")


def _of(held: Json, place: str) -> Told | None:
    cycles = [item for item in held.get("extension", ()) if item.get("url") == naming.DAYS_OF_CYCLE]
    season = _season(held, place)
    kinds = [name for name in ("timingDuration", "timingTiming") if name in held]
    if len(cycles) + len(kinds) > 1:
        raise Untimed(place, "told twice when", "one of them")
    if cycles:
        found = [part.get("valueInteger") for part in cycles[0].get("extension", ()) if part.get("url") == "day"]
        if not found or any(not isinstance(day, int) or not 1 <= day <= _MOST["d"] for day in found):
            raise Untimed(f"{place}.extension('{naming.DAYS_OF_CYCLE}')", "no days", "days from 1 on")
        return Told({"at_days": tuple(day - 1 for day in found), **season})
    if "timingDuration" in held:
        return Told({**_after(held["timingDuration"], f"{place}.timingDuration"), **season})
    if "timingTiming" in held:
        return _repeated(held["timingTiming"], f"{place}.timingTiming", season)
    if season:
        raise Untimed(place, "a season of nothing", "a timing beside it")
    return None


def _after(told: object, place: str) -> dict[str, int]:
    found = offset(told)
    if found is None:
        raise Untimed(place, "not a length of whole days or months", "UCUM d, wk, mo or a")
    return {"after_days" if found[1] == "d" else "after_months": found[0]}


def _repeated(held: Json, place: str, season: Mapping[str, Any]) -> Told:
    repeat = held.get("repeat")
    if not isinstance(repeat, Mapping):
        raise Untimed(f"{place}.repeat", "missing", "a repetition")
    first = naming.values_of(held, naming.FIRST)
    if len(first) != 1:
        raise Untimed(f"{place}.extension('{naming.FIRST}')", "nothing says when it is done first", "one Duration")
    if repeat.get("frequency", 1) != 1:
        raise Untimed(f"{place}.repeat.frequency", "several times in a period", "1")
    months = offset({"value": repeat.get("period"), "code": repeat.get("periodUnit")})
    if months is None or months[1] != "mo" or not months[0]:
        raise Untimed(f"{place}.repeat.period", "not a number of whole months", "a period with periodUnit mo or a")
    bounds = offset(repeat.get("boundsDuration"))
    if bounds is None or bounds[1] != "mo" or not bounds[0]:
        raise Untimed(f"{place}.repeat.boundsDuration", "nothing says how long it goes on", "a Duration in months")
    after = _after(first[0], f"{place}.extension('{naming.FIRST}')")
    return Told({**after, "repeat_months": months[0], **season}, bounds[0])


def _season(held: Json, place: str) -> dict[str, Season]:
    told = [item for item in held.get("extension", ()) if item.get("url") == naming.SEASON]
    if not told:
        return {}
    parts = {part.get("url"): part.get("valueString") for part in told[0].get("extension", ())}
    try:
        return {"season": Season.model_validate({"from": parts.get("from"), "to": parts.get("to")})}
    except ValueError:
        raise Untimed(f"{place}.extension('{naming.SEASON}')", "no time of the year", "from and to as MM-DD") from None


def around(held: Json, place: str) -> dict[str, Any]:
    """The window around a due day, what days are counted from, and what else of ours an activity is. Raises Untimed."""
    made: dict[str, Any] = {"window_before_days": 0, "window_after_days": 0}
    found: dict[str, list[Json]] = {}
    for item in held.get("extension", ()):
        found.setdefault(item["url"], []).append(item)
    for address, items in found.items():
        if len(items) > 1 and address in naming.OURS and address != naming.TEST:
            raise Untimed(f"{place}.extension('{address}')", "told twice", "once")
    if naming.WINDOW in found:
        made |= _window(found[naming.WINDOW][0], f"{place}.extension('{naming.WINDOW}')")
    for address, name in _SIMPLE.items():
        if address in found:
            made[name] = found[address][0].get("valueCode")
            if not isinstance(made[name], str):
                raise Untimed(f"{place}.extension('{address}')", "no code", "a valueCode")
    tests = [item.get("valueCoding") for item in found.get(naming.TEST, ())]
    if tests:
        made["tests"] = tuple(
            CodeValue.model_validate({key: (item or {}).get(key, "") for key in ("system", "code", "display")})
            for item in tests
        )
    return made


_SIMPLE = {
    naming.ANCHOR: "anchor",
    naming.ANCHOR_INPUT: "anchor_input",
    naming.REFERRAL: "referral",
    naming.SHARED: "shared",
}


def _window(held: Json, place: str) -> dict[str, int]:
    parts = {part.get("url"): offset(part.get("valueDuration")) for part in held.get("extension", ())}
    before, after = parts.get("before"), parts.get("after")
    if before is None or after is None or "mo" in (before[1], after[1]) or len(parts) != 2:
        raise Untimed(place, "no window", "before and after, each a Duration in days")
    return {"window_before_days": before[0], "window_after_days": after[0]}
