"""A package's conditions and timings in words a clinician reads, in Danish and English."""

from __future__ import annotations

from collections.abc import Iterable

from tovholder.packages.common import Condition, Text
from tovholder.packages.model import Package
from tovholder.packages.model_clinical import Input
from tovholder.packages.model_plan import Activity, Timing

_OPERATORS = {
    "eq": Text(da="er", en="is"),
    "ne": Text(da="er ikke", en="is not"),
    "lt": Text(da="er under", en="is below"),
    "le": Text(da="er højst", en="is at most"),
    "gt": Text(da="er over", en="is above"),
    "ge": Text(da="er mindst", en="is at least"),
    "in": Text(da="er", en="is"),
}
WHO = {
    "gp": Text(da="lægen", en="the doctor"),
    "nurse": Text(da="klinikkens personale", en="clinic staff"),
    "physio": Text(da="fysioterapeut", en="physiotherapist"),
    "chiropractor": Text(da="kiropraktor", en="chiropractor"),
    "prevention": Text(da="kommunens forebyggelse", en="municipal prevention"),
    "hospital": Text(da="hospital", en="hospital"),
    "ophthalmologist": Text(da="øjenlæge", en="ophthalmologist"),
    "podiatrist": Text(da="fodterapeut", en="podiatrist"),
    "patient": Text(da="patienten", en="the patient"),
}
SEVERITY = {
    "high": Text(da="haster", en="urgent"),
    "medium": Text(da="vigtigt", en="important"),
    "low": Text(da="til orientering", en="for information"),
}
ALWAYS = Text(da="altid", en="always")


def both(da: str, en: str) -> Text:
    """Words in both languages."""
    return Text(da=da, en=en)


def same(words: object) -> Text:
    """What is written alike in both languages."""
    return Text(da=str(words), en=str(words))


def joined(parts: Iterable[Text], da: str = ", ", en: str = ", ") -> Text:
    """Texts one after the other; a dash for none."""
    held = list(parts)
    return both(da.join(part.da for part in held) or "–", en.join(part.en for part in held) or "–")


def condition(package: Package, asked: Condition | None) -> Text:
    """What a condition asks."""
    if asked is None:
        return ALWAYS
    return _one(package, asked)


def _one(package: Package, asked: Condition) -> Text:
    inputs = {held.name: held for held in package.level.inputs}
    if asked.input is not None:
        return _compared(inputs.get(asked.input), asked)
    if asked.unknown is not None:
        name = _title(inputs.get(asked.unknown), asked.unknown)
        return both(f"{name.da} er ukendt", f"{name.en} is unknown")
    if asked.grade is not None:
        return both(f"grad {' eller '.join(asked.grade)}", f"grade {' or '.join(asked.grade)}")
    if asked.level is not None:
        levels = [str(level) for level in asked.level]
        return both(f"niveau {' eller '.join(levels)}", f"level {' or '.join(levels)}")
    if asked.fhirpath is not None:
        return both(f"journalen svarer ja til {asked.fhirpath}", f"the record says yes to {asked.fhirpath}")
    if asked.not_ is not None:
        inner = _one(package, asked.not_)
        return both(f"ikke ({inner.da})", f"not ({inner.en})")
    parts = [_bracketed(_one(package, inner), inner) for inner in asked.all or asked.any or ()]
    return joined(parts, " og ", " and ") if asked.all else joined(parts, " eller ", " or ")


def _bracketed(words: Text, inner: Condition) -> Text:
    return both(f"({words.da})", f"({words.en})") if inner.all or inner.any else words


def _title(held: Input | None, name: str) -> Text:
    return held.title if held is not None else same(name)


def _compared(held: Input | None, asked: Condition) -> Text:
    name, operator = _title(held, asked.input or ""), _OPERATORS[asked.op or "eq"]
    values = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    unit = f" {held.unit}" if held is not None and held.unit and not isinstance(asked.value, tuple) else ""
    da = " eller ".join(str(value).replace(".", ",") if isinstance(value, float) else str(value) for value in values)
    en = " or ".join(str(value) for value in values)
    return both(f"{name.da} {operator.da} {da}{unit}", f"{name.en} {operator.en} {en}{unit}")


def timing(package: Package, activity: Activity) -> Text:
    """When an activity is due, row by row."""
    return joined((_row(package, row) for row in activity.timing), "; ", "; ")


def _row(package: Package, row: Timing) -> Text:
    if row.at_days:
        numbers = ", ".join(map(str, row.at_days))
        parts = [both(f"dag {numbers}", f"day {numbers}")]
    elif row.after_days is not None:
        parts = [both(f"efter {row.after_days} dage", f"after {row.after_days} days")]
    else:
        parts = [both(f"efter {row.after_months} måneder", f"after {row.after_months} months")]
    if row.repeat_months:
        parts.append(both(f"og hver {row.repeat_months}. måned", f"and every {row.repeat_months} months"))
    if row.levels:
        parts.append(_one(package, Condition(level=row.levels)))
    if row.grades:
        parts.append(_one(package, Condition(grade=row.grades)))
    if row.when is not None:
        held = _one(package, row.when)
        parts.append(both(f"når {held.da}", f"when {held.en}"))
    if row.season is not None:
        span = f"{row.season.opens}–{row.season.closes}"
        parts.append(both(f"i sæsonen {span}", f"in the season {span}"))
    return joined(parts, " ", " ")
