"""Static checks of a package's rules and indicators: their SQL, levels, reason texts and examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter

from tovholder.base.errors import Issue, Problem
from tovholder.packages.model import Indicator, Package, Rule, Text
from tovholder.rules.check import FLAG_COLUMNS, INDICATOR_COLUMNS, Checked, parse, require_columns
from tovholder.rules.schema import Schema

AT_LEVELS = ("1", "2", "3", "undecided", "3-to-1")


def sql_of(package: Package, part: Rule | Indicator, schema: Schema) -> Checked:
    """The checked query of a rule or an indicator, with the columns it must give. Raises Problem(INVALID)."""
    file = package.file_of(part)
    line = package.locators[file].line(("sql",)) + 1 if file in package.locators else 1
    checked = parse(part.sql, schema, package.parameters, file, line)
    require_columns(checked, FLAG_COLUMNS if isinstance(part, Rule) else INDICATOR_COLUMNS)
    return checked


def check(package: Package, schema: Schema) -> Iterator[Issue]:
    """All faults of the rules and indicators."""
    used: set[str] = set()
    unread = False
    for part in package.queries:
        try:
            checked = sql_of(package, part, schema)
        except Problem as problem:
            unread = True
            yield from problem.issues
            continue
        used |= set(checked.parameters)
        if isinstance(part, Rule):
            yield from _reason(package, part, checked)
        yield from _example_columns(package, part, checked, schema)
    for rule in package.rules:
        yield from _rule(package, rule)
    rights = {right.id for right in package.rights}
    for indicator in package.indicators:
        place = package.file_of(indicator)
        if indicator.right is not None and indicator.right not in rights:
            yield Issue(
                package.place(place, "right"), f"there is no right {indicator.right}", ", ".join(sorted(rights))
            )
        if not indicator.examples:
            yield Issue(place, "the indicator has no example", "at least one [[examples]] with facts and expected rows")
    grade = package.level.grade
    used |= {grade.parameter} if grade else set()
    used |= {code.parameter for code in package.optional_codes if code.parameter is not None}
    for name in sorted(set(package.parameter_definitions) - used) if not unread else ():
        yield Issue(package.place("package.toml", "parameters", name), f"nothing uses the parameter {name}", "a use")


def _rule(package: Package, rule: Rule) -> Iterator[Issue]:
    file = package.file_of(rule)
    place = package.place(file, "levels")
    if rule.kind == "deadline" and rule.levels != "all":
        yield Issue(place, "a deadline holds for everyone, also before a level is decided", 'levels = "all"')
    if rule.kind != "deadline" and (rule.levels == "all" or sorted(rule.levels) != [2, 3]):
        message = f'a rule of kind "{rule.kind}" is raised at levels 2 and 3 only'
        yield Issue(place, message, "levels = [2, 3]")
    known = {held.id for held in package.referrals}
    if rule.refer is not None and rule.refer not in known:
        message = f"there is no referral {rule.refer}"
        yield Issue(package.place(file, "refer"), message, f"one of: {', '.join(sorted(known))}")
    if not rule.examples:
        yield Issue(file, "the rule has no example", "at least one [[examples]] with facts and expected rows")
        return
    if not any(example.expect for example in rule.examples):
        yield Issue(file, "no example of the rule expects a flag", "at least one example with expected rows")
    shown = {level for example in rule.examples for level in example.at_levels}
    missing = [level for level in AT_LEVELS if level not in shown]
    if rule.kind != "deadline" and missing:
        message = f"no example shows the rule at level {', '.join(missing)}"
        yield Issue(file, message, 'at_levels = { "1" = …, "2" = …, "3" = …, "undecided" = …, "3-to-1" = … }')


def _reason(package: Package, rule: Rule, checked: Checked) -> Iterator[Issue]:
    columns = {name for name, _ in checked.columns} - {"patient_id", "episode_id", "since_day"}
    allowed = {"days", "since"} | columns | ({"deadline"} if "deadline_day" in columns else set())
    for name, text in (("reason", rule.reason), ("action", rule.action)):
        place = package.place(package.file_of(rule), name)
        yield from _placeholders(place, text, allowed if name == "reason" else set())


def _placeholders(place: str, text: Text, allowed: set[str]) -> Iterator[Issue]:
    names: Mapping[str, set[str]] = {language: _names(text[language]) for language in ("da", "en")}
    for language, found in names.items():
        for name in sorted(found - allowed):
            known = ", ".join("{" + held + "}" for held in sorted(allowed)) or "no placeholder here"
            yield Issue(place, f"nothing fills {{{name}}} in the text ({language})", f"one of: {known}")
    if names["da"] != names["en"]:
        yield Issue(place, "the Danish and the English text have different placeholders", "the same in both")


def _names(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {"{"}


def _example_columns(package: Package, part: Rule | Indicator, checked: Checked, schema: Schema) -> Iterator[Issue]:
    file = package.file_of(part)
    given = {name for name, _ in checked.columns}
    for index, example in enumerate(part.examples):
        for table, rows in example.facts.items():
            place = package.place(file, "examples", index, "facts", table)
            known = schema.tables.get(table)
            if known is None:
                yield Issue(place, f"there is no fact table {table}", f"one of: {', '.join(sorted(schema.tables))}")
                continue
            for name in sorted({name for row in rows for name in row} - set(known)):
                yield Issue(place, f"{table} has no column {name}", f"one of: {', '.join(known)}")
        for name in sorted({name for row in example.expect for name in row} - given):
            place = package.place(file, "examples", index, "expect")
            yield Issue(place, f"the query gives no column {name}", f"one of: {', '.join(sorted(given))}")
