"""Static checks of a package: everything that can be wrong without running it, each fault with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter

from pydantic import BaseModel

from tovholder.base.errors import Issue, Problem, Severity
from tovholder.fhir import fhirpath
from tovholder.packages import check_forms, check_plan, check_rules
from tovholder.packages.common import Condition, Text
from tovholder.packages.model import Head, Package, SourceKind
from tovholder.rules.schema import Schema, schema_from_views

FACTS = Path(__file__).parents[1] / "store" / "facts"
Where = tuple[str, tuple[str | int, ...]]
INCLUSION_PLACES = frozenset({"code", "age", "day", "minimum"})


def fact_schema() -> Schema:
    """The fact tables rules may read."""
    return schema_from_views(FACTS)


def check(package: Package, *, schema: Schema | None = None, today: int | None = None) -> list[Issue]:
    """All faults of a package that has been read. With ``today``, content that has expired is told as a warning."""
    known = schema or fact_schema()
    return [
        *_sources(package),
        *_levels_and_rights(package),
        *_conditions(package),
        *_level_rules(package),
        *_texts(package),
        *_plan_and_referrals(package),
        *_cockpit(package, known),
        *_content(package, today),
        *check_forms.check(package),
        *check_rules.check(package, known),
        *_examples(package),
    ]


def parts(package: Package) -> Iterator[tuple[Where, BaseModel]]:
    """Every entry of the TOML files with its place, those inside entries too."""
    for file, name, entries in (
        ("package.toml", "rights", package.rights),
        ("package.toml", "levels", package.levels),
        ("package.toml", "appointment_kinds", package.appointment_kinds),
        ("referrals.toml", "referrals", package.referrals),
        ("content.toml", "content", package.content),
    ):
        for index, entry in enumerate(entries):
            yield from _inside((file, (name, index)), entry)
    for key, parameter in package.parameter_definitions.items():
        yield ("package.toml", ("parameters", key)), parameter
    yield from _inside(("inclusion.toml", ()), package.inclusion)
    yield from _inside(("plan.toml", ()), package.plan)
    yield from _inside(("level.toml", ()), package.level)
    yield from _inside(("cockpit.toml", ()), package.cockpit)
    for form in package.forms.values():
        yield from _inside((f"forms/{form.id}.toml", ()), form.scoring)
    for part in package.queries:
        yield from _inside((package.file_of(part), ()), part)


def _inside(where: Where, entry: BaseModel) -> Iterator[tuple[Where, BaseModel]]:
    yield where, entry
    file, path = where
    for name, held in type(entry).model_fields.items():
        value = getattr(entry, name)
        key = held.alias or name
        if isinstance(value, BaseModel):
            yield from _inside((file, (*path, key)), value)
        elif isinstance(value, tuple):
            for index, inner in enumerate(value):
                if isinstance(inner, BaseModel):
                    yield from _inside((file, (*path, key, index)), inner)


def issue(package: Package, where: Where, message: str, expected: str = "") -> Issue:
    """An issue at a place of the package."""
    return Issue(package.place(where[0], *where[1]), message, expected)


def placeholders(text: str) -> frozenset[str]:
    """The {names} in a text; a brace that stands alone is named "{"."""
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return frozenset({"{"})


def text_issues(package: Package, where: Where, text: Text, allowed: Iterable[str]) -> Iterator[Issue]:
    """Placeholders that nothing fills, and those one language has and the other has not."""
    names = frozenset(allowed)
    for language in ("da", "en"):
        for name in sorted(placeholders(text[language]) - names):
            known = ", ".join("{" + held + "}" for held in sorted(names)) or "no placeholder here"
            yield issue(package, where, f"nothing fills {{{name}}} in the text ({language})", f"one of: {known}")
    if placeholders(text.da) != placeholders(text.en):
        yield issue(package, where, "the Danish and the English text have different placeholders", "the same in both")


def _sources(package: Package) -> Iterator[Issue]:
    valid = ", ".join(sorted(package.sources))
    used: set[str] = set()
    for where, entry in parts(package):
        for name in ("source", "review_source", "counting_source"):
            held = getattr(entry, name, None)
            if not isinstance(held, str) or isinstance(entry, Head):
                continue
            used.add(held)
            if held not in package.sources:
                place = (where[0], (*where[1], name))
                yield issue(package, place, f'no source has the id "{held}"', f"one of: {valid}")
    for unused in sorted(set(package.sources) - used):
        yield issue(
            package, ("package.toml", ("sources",)), f'nothing names the source "{unused}"', "a use, or no entry"
        )


def _levels_and_rights(package: Package) -> Iterator[Issue]:
    for code in package.optional_codes:
        if code.parameter not in package.parameter_definitions:
            message = f"the optional code {code.code} names no parameter"
            yield issue(package, ("inclusion.toml", ("codes",)), message, f"[parameters.{code.parameter}] with 0 or 1")
    if sorted(meaning.level for meaning in package.levels) != [1, 2, 3]:
        yield issue(package, ("package.toml", ("levels",)), "the levels are not 1, 2 and 3, each once", "1, 2 and 3")
    if "plan_source" in package.parameter_definitions:
        place: Where = ("package.toml", ("parameters", "plan_source"))
        yield issue(package, place, "plan_source is the package's own source", "another name")
    if package.source not in package.source_choices:
        yield issue(package, ("package.toml", ("source_choices",)), "the source is not among them", package.source)
    stops = [right.stopped_by for right in package.rights]
    if stops.count("plan-confirmed") != 1:
        message = "there must be exactly one right that a confirmed plan stops"
        yield issue(package, ("package.toml", ("rights",)), message, 'one right with stopped_by = "plan-confirmed"')
    for index, right in enumerate(package.rights):
        if right.parameter in package.parameter_definitions:
            where: Where = ("package.toml", ("rights", index, "parameter"))
            yield issue(package, where, f"the parameter {right.parameter} is declared twice", "the right alone has it")
        if package.sources.get(right.source) and package.sources[right.source].kind is SourceKind.PRACTICE:
            where = ("package.toml", ("rights", index, "source"))
            yield issue(
                package, where, "a right rests on law or is marked as a default", "a source of kind law or default"
            )
    yield from _once(package, "package.toml", "rights", (right.id for right in package.rights))
    yield from _once(package, "package.toml", "appointment_kinds", (kind.kind for kind in package.appointment_kinds))
    kinds = {kind.kind for kind in package.appointment_kinds}
    for index, kind in enumerate(package.appointment_kinds):
        for name in sorted(set(kind.covers) - kinds):
            where = ("package.toml", ("appointment_kinds", index, "covers"))
            yield issue(package, where, f"{name} is no kind of appointment here", f"one of: {', '.join(sorted(kinds))}")


def _once(package: Package, file: str, name: str, ids: Iterable[str]) -> Iterator[Issue]:
    seen: set[str] = set()
    for index, held in enumerate(ids):
        if held in seen:
            yield issue(package, (file, (name, index)), f"{held} is there twice", "each once")
        seen.add(held)


def _conditions(package: Package) -> Iterator[Issue]:
    inputs = {held.name for held in package.level.inputs}
    grades = _grades(package)
    for where, entry in parts(package):
        if not isinstance(entry, Condition):
            continue
        for name in (entry.input, entry.unknown):
            if name is not None and name not in inputs:
                message = f'no input of level.toml is called "{name}"'
                yield issue(package, where, message, f"one of: {', '.join(sorted(inputs))}")
        for grade in sorted(set(entry.grade or ()) - grades):
            yield issue(package, where, f'"{grade}" is no grade', f"one of: {', '.join(sorted(grades))}")
        if entry.fhirpath is not None:
            yield from _path(package, where, entry.fhirpath)


def _grades(package: Package) -> set[str]:
    guidelines = package.level.grade.guidelines if package.level.grade else ()
    return {group.grade for guideline in guidelines for group in guideline.groups} | {"unknown"}


def _path(package: Package, where: Where, expression: str) -> Iterator[Issue]:
    try:
        fhirpath.compile(expression)
    except Problem as problem:
        yield issue(package, where, f"this is not FHIRPath: {problem.issues[0].message}", "a FHIRPath expression")


def _level_rules(package: Package) -> Iterator[Issue]:
    rules = package.level
    yield from _once(package, "level.toml", "inputs", (held.name for held in rules.inputs))
    yield from _once(package, "level.toml", "raisers", (held.id for held in rules.raisers))
    for index, held in enumerate(rules.inputs):
        for number, source in enumerate(held.sources):
            where: Where = ("level.toml", ("inputs", index, "sources", number))
            if source.kind == "form":
                yield from check_forms.link_issues(package, where, source.form or "", (source.link_id,))
            elif source.kind == "score":
                yield from check_forms.score_issues(package, where, source.form or "", source.score)
    yield from check_forms.link_issues(package, ("level.toml", ("base",)), rules.base.form, rules.base.link_ids)
    for index, block in enumerate(rules.blocks):
        if block.form is not None:
            yield from check_forms.link_issues(package, ("level.toml", ("blocks", index, "form")), block.form, ())
    if rules.grade is None:
        return
    ids = [guideline.id for guideline in rules.grade.guidelines]
    chosen = package.parameters.get(rules.grade.parameter)
    if chosen not in ids:
        message = f"the parameter {rules.grade.parameter} names the guideline {chosen!r}"
        yield issue(package, ("level.toml", ("grade", "parameter")), message, f"one of: {', '.join(ids)}")


def _texts(package: Package) -> Iterator[Issue]:
    reasons = package.inclusion.reasons
    for name in type(reasons).model_fields:
        where: Where = ("inclusion.toml", ("reasons", name))
        if (words := getattr(reasons, name)) is not None:
            yield from text_issues(package, where, words, INCLUSION_PLACES)
    inputs = {held.name for held in package.level.inputs}
    for name, needs in (("requires", package.inclusion.requires), ("blocks", package.inclusion.blocks)):
        for index, need in enumerate(needs):
            for key, text in (("reason", need.reason), ("against", need.against), ("unknown", need.unknown)):
                if text is not None:
                    yield from text_issues(package, ("inclusion.toml", (name, index, key)), text, inputs)
    if package.inclusion.recurrence is not None:
        where = ("inclusion.toml", ("recurrence", "text"))
        yield from text_issues(package, where, package.inclusion.recurrence.text, ("days",))
    for index, stop in enumerate(package.plan.stops):
        yield from text_issues(package, ("plan.toml", ("stops", index, "text")), stop.text, inputs)
    base = package.level.base
    yield from text_issues(package, ("level.toml", ("base", "reason")), base.reason, ("field", "value"))
    yield from text_issues(package, ("level.toml", ("base", "missing")), base.missing, ("field",))
    yield from text_issues(package, ("level.toml", ("base", "incomplete")), base.incomplete, ())
    inputs |= {"grade"}
    told: list[tuple[tuple[str | int, ...], Text | None]] = [
        *((("raisers", index, "reason"), held.reason) for index, held in enumerate(package.level.raisers)),
        *((("blocks", index, "reason"), held.reason) for index, held in enumerate(package.level.blocks)),
        *((("blocks", index, "action"), held.action) for index, held in enumerate(package.level.blocks)),
    ]
    for place, words in told:
        if words is not None:
            yield from text_issues(package, ("level.toml", place), words, inputs)


def _plan_and_referrals(package: Package) -> Iterator[Issue]:
    plan, referrals = package.plan, {held.id for held in package.referrals}
    rights = {held.id: held for held in package.rights}
    yield from _once(package, "plan.toml", "activities", (held.id for held in plan.activities))
    yield from _once(package, "plan.toml", "goals", (held.id for held in plan.goals))
    yield from _once(package, "plan.toml", "stops", (held.id for held in plan.stops))
    yield from _once(package, "referrals.toml", "referrals", (held.id for held in package.referrals))
    yield from check_plan.check(package)
    kinds = {held.kind for held in package.appointment_kinds}
    for index, activity in enumerate(plan.activities):
        where: Where = ("plan.toml", ("activities", index))
        if activity.kind not in kinds:
            yield issue(
                package, where, f"{activity.kind} is no kind of appointment here", f"one of: {', '.join(kinds)}"
            )
        if activity.referral is not None and activity.referral not in referrals:
            message = f"there is no referral {activity.referral}"
            yield issue(package, where, message, f"one of: {', '.join(sorted(referrals))}")
        for timing in activity.timing:
            for grade in sorted(set(timing.grades) - _grades(package)):
                yield issue(package, where, f'"{grade}" is no grade', f"one of: {', '.join(sorted(_grades(package)))}")
    for index, referral in enumerate(package.referrals):
        where = ("referrals.toml", ("referrals", index))
        if referral.right is not None and referral.right not in rights:
            yield issue(package, where, f"there is no right {referral.right}", f"one of: {', '.join(rights)}")
        elif referral.right is not None and set(referral.receiver_kinds) - set(rights[referral.right].receiver_kinds):
            yield issue(package, where, "the right is not for every receiver of this referral", "the same receivers")
        measured = {
            held.name for held in package.level.inputs if any(source.kind == "measurement" for source in held.sources)
        }
        for name in sorted(set(referral.reports) - measured):
            expected = f"one of: {', '.join(sorted(measured))}"
            yield issue(package, where, f'reports: "{name}" is no input that is measured as a number', expected)
        for number, field in enumerate(referral.fields):
            place: Where = (where[0], (*where[1], "fields", number, "fill"))
            yield from _fill(package, place, field.fill.kind, field.fill.name)


def _fill(package: Package, where: Where, kind: str, name: str) -> Iterator[Issue]:
    if kind == "input" and name not in {held.name for held in package.level.inputs}:
        yield issue(package, where, f'no input of level.toml is called "{name}"', "the name of an input")
    elif kind == "form":
        form, _, link_id = name.partition("/")
        yield from check_forms.link_issues(package, where, form, (link_id,))
    elif kind == "fhirpath":
        yield from _path(package, where, name)


def _cockpit(package: Package, schema: Schema) -> Iterator[Issue]:
    cockpit = package.cockpit
    columns = {column.id for column in cockpit.columns}
    flags = {rule.id for rule in package.rules}
    yield from _once(package, "cockpit.toml", "columns", (column.id for column in cockpit.columns))
    for index, column in enumerate(cockpit.columns):
        where: Where = ("cockpit.toml", ("columns", index))
        if column.fact == "flag":
            continue
        table, _, name = column.fact.partition(".")
        known = schema.tables.get(table)
        if known is None:
            valid = ", ".join(sorted(schema.tables))
            yield issue(package, where, f"there is no fact table {table}", f"one of: {valid}")
            continue
        for used in (name, *([column.by] if column.by else []), *column.where):
            if used not in known:
                yield issue(package, where, f"{table} has no column {used}", f"one of: {', '.join(known)}")
        if column.pick != "only" and not column.by:
            yield issue(package, where, f'pick = "{column.pick}" needs by', "the day column that orders the rows")
    named = {"filters": [choice.flags for choice in cockpit.filters], "order": [step.flags for step in cockpit.order]}
    for table, entries in named.items():
        for index, entry in enumerate(entries):
            for flag in sorted(set(entry) - flags):
                message = f"no rule has the id {flag}"
                yield issue(package, ("cockpit.toml", (table, index)), message, f"one of: {', '.join(sorted(flags))}")
    for index, choice in enumerate(cockpit.filters):
        if choice.column is not None and choice.column not in columns:
            yield issue(package, ("cockpit.toml", ("filters", index)), f"no column {choice.column}", "a column's id")
    for name in sorted(set(cockpit.start_list.columns) - columns):
        message = f"no column has the id {name}"
        yield issue(package, ("cockpit.toml", ("start_list", "columns")), message, f"one of: {', '.join(columns)}")
    if not cockpit.order or not cockpit.order[-1].rest or any(step.rest for step in cockpit.order[:-1]):
        yield issue(package, ("cockpit.toml", ("order",)), "the order must end with the rest", "rest = true last, once")


def _content(package: Package, today: int | None) -> Iterator[Issue]:
    yield from _once(package, "content.toml", "content", (held.id for held in package.content))
    for index, item in enumerate(package.content):
        if today is not None and not item.shown(today):
            place = package.place("content.toml", "content", index, "valid_until")
            message = f"{item.id} expired on {item.valid_until.isoformat()} and is hidden"
            yield Issue(place, message, "a new review, or no entry", severity=Severity.WARNING)


def _examples(package: Package) -> Iterator[Issue]:
    rules = {rule.id for rule in package.rules}
    indicators = {held.id for held in package.indicators}
    activities = {held.id: held.kind for held in package.plan.activities}
    for example in package.examples:
        file = f"examples/{example.id}.json"
        for flag in example.expect.flags:
            if flag.rule not in rules:
                yield Issue(file, f"no rule has the id {flag.rule}", f"one of: {', '.join(sorted(rules))}")
        for name in example.expect.indicators:
            if name not in indicators:
                yield Issue(file, f"no indicator has the id {name}", f"one of: {', '.join(sorted(indicators))}")
        if example.source is not None and example.source not in package.source_choices:
            yield Issue(file, f"no source {example.source}", f"one of: {', '.join(package.source_choices)}")
        for stop in example.expect.stops or ():
            if stop not in {held.id for held in package.plan.stops}:
                yield Issue(file, f"no stop rule has the id {stop}", "a stop of plan.toml")
        for change in example.expect.changes or ():
            if change.input not in {held.name for held in package.level.inputs if held.change}:
                yield Issue(file, f"no input {change.input} says what a change means", "an input with change")
        for band in example.expect.bands or ():
            if band.input not in {held.name for held in package.level.inputs if held.bands}:
                yield Issue(file, f"no input {band.input} has bands", "an input with bands")
        for name, value in example.parameters.items():
            yield from _parameter(package, file, name, value)
        for made in example.expect.plan or ():
            if activities.get(made.id) != made.kind and example.source != "lps":
                yield Issue(file, f"no activity {made.id} of kind {made.kind}", "an activity of plan.toml")
    if len(package.examples) < 8:
        yield Issue("examples", f"there are {len(package.examples)} example patients", "at least 8")


def _parameter(package: Package, file: str, name: str, value: int | str) -> Iterator[Issue]:
    held = package.parameter_definitions.get(name)
    grade = package.level.grade
    if held is None:
        known = ", ".join(sorted(package.parameter_definitions))
        yield Issue(file, f"there is no parameter {name}", f"one of: {known}")
    elif type(held.value) is not type(value):
        yield Issue(file, f"{name} is {held.value!r} in the package", "a value of the same kind")
    elif grade is not None and name == grade.parameter and value not in {item.id for item in grade.guidelines}:
        yield Issue(file, f"{value} is no guideline", ", ".join(item.id for item in grade.guidelines))
