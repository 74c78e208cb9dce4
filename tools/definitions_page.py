"""The reference page on packages as FHIR: what becomes what, $apply, and each element R4 has; from the tables that read them."""

from __future__ import annotations

from tovholder.fhir import definitions
from tovholder.packages.fhir import elements, expressions, naming, timing
from tovholder.packages.fhir.elements import CHOICES, TABLE, Use

MAPPING = (
    ("`package.toml`", "`PlanDefinition/tovholder-<id>-<version>`", "url `…/PlanDefinition/<id>`, version, jurisdiction DK,"
     " effectivePeriod from `valid_from`, sources as relatedArtifact (citation; a default of ours: documentation),"
     " the approver's own words in an extension"),
    ("plan: `goals`", "PlanDefinition.goal", "description in Danish with English by the translation extension, code, target as"
     " a Range of the input's measurement; `when` in an extension"),
    ("plan: `activities`", "PlanDefinition.action", "`when` as condition; window, anchor, referral, shared and tests in"
     " extensions; the request as ActivityDefinition"),
    ("an activity's `timing`", "action.timing[x]", "`after_*`: timingDuration; `at_days`: the extension timing-daysOfCycle, whose"
     " first day is day 1; `repeat_months`: timingTiming with bounds, and the first time in an extension"),
    ("several rows of `timing`", "a group, at-most-one", "each row an action with its level and grade as conditions, and that"
     " no earlier row fits, so that who does every action whose conditions hold does one"),
    ("an activity", "`ActivityDefinition/tovholder-<id>-<activity>-<version>`", "kind ServiceRequest, code in our activity"
     " system, intent plan, who does it as participant"),
    ("`forms/*.json`", "`Questionnaire/tovholder-<form>-<version>`", "as they stand, in the neutral words: licensed ones are"
     " not passed on"),
    ("`inclusion.toml`: codes", "ValueSet, one for each code system", "so that a system takes the one it knows; codes that"
     " begin alike as a regex filter"),
    ("`inclusion.toml`", "`Group/tovholder-<id>-<version>`", "actual false: a diagnosis of these, the age, and what else in"
     " words. GP systems look up codes and compare ages; they run neither CQL nor FHIRPath"),
    ("`level.toml` and all rules", "`Library/tovholder-<id>-<version>`", "the files as written, the names conditions may ask,"
     " and which data they are read from. Stops and medicines stand here alone: they are no actions of a plan"),
    ("our codes", "CodeSystem activity, appointment-kind, package", "of the packages there are, so a fragment"),
)  # fmt: skip
PARAMETERS = (
    ("`subject`", "the patient, `Patient/[id]`; one"),
    ("`planDefinition`, `activityDefinition`", "at the type: the resource, or its canonical (`canonical`, `url` too)"),
    ("`practitioner`", "author of the plan and requester of what it asks for"),
    ("`organization`", "who does what the clinic itself does; without it the clinic of the course"),
    ("`encounter`", "of the patient; named in what is made"),
    ("`userLanguage`", "da (default) or en: titles and notes"),
    ("`userType`, `userTaskContext`, `setting`, `settingContext`", "refused: a definition has no variants here"),
)  # fmt: skip
_DOES = {Use.USED: "acted on", Use.COPIED: "copied", Use.NONE: "without effect", Use.REFUSED: "refused"}


def text(note: str) -> str:
    """The page."""
    lines = [
        "# Packages as FHIR, and `$apply`", "", note,
        "Every version of every package stands in the record as FHIR R4, found by url, version, title and the rest like any"
        " resource; `tovholder serve` writes what is new or changed. The version in force is active, others are retired. They are"
        " changed by changing the package: other writes of them, or of their canonicals, are refused. What others store stands"
        " beside them. `tovholder package export` writes the same to files.", "",
        "## What becomes what", "", "| Of a package | In FHIR | How |", "| --- | --- | --- |",
        *(f"| {one} | {other} | {how} |" for one, other, how in MAPPING), "",
        "## Conditions", "",
        "FHIRPath (`text/fhirpath`), whose empty result is our unknown: `%inputs.<name>.number` and `.code`, `%grade` and"
        " `%level` are what the Library tells of, empty where nobody knows. Other expressions are asked of a Bundle of the"
        " patient's resources, from `entry` or `%resource` on, and answer true or false.", "",
        f"Supported: {expressions.SUPPORTED}.", "", f"Timing: {timing.SUPPORTED}.", "",
        "## `$apply`", "",
        "`PlanDefinition/$apply` answers a CarePlan (draft, proposal) with ServiceRequests, one for each due day, and Goals"
        " (proposed) inside; `ActivityDefinition/$apply` a ServiceRequest. Nothing is stored. For a package it is the plan its"
        " page proposes: at the level decided, else proposed; what nobody knows is noted, never left out in silence. It is"
        " asked by the clinic's roles and by systems, about patients in their reach; an app needs the scopes for all a plan is"
        " made from. The readings are in the patient's log.", "",
        "| Parameter | Is |", "| --- | --- |", *(f"| {name} | {what} |" for name, what in PARAMETERS), "",
        "What would have to be ignored is refused with its path and what is supported (400, not-supported), all of it at once.",
        "", "## Extensions of ours", "", "| On | Extension | Is |", "| --- | --- | --- |", *_extensions(), "",
        "Others are refused where they could mean something, but those that only describe. Modifier extensions always are.", "",
        "## Elements", "",
    ]  # fmt: skip
    for title, prefixes in (
        ("PlanDefinition", ("PlanDefinition",)),
        ("ActivityDefinition", ("ActivityDefinition",)),
        ("In them", ("Expression", "Timing", "Duration")),
    ):
        lines += [
            f"### {title}",
            "",
            "| Element | When applied | To what, or what is supported |",
            "| --- | --- | --- |",
        ]
        lines += [line for path in sorted(TABLE) if path.split(".")[0] in prefixes for line in _element(path)]
        lines.append("")
    return "\n".join(lines)


def _element(path: str) -> list[str]:
    row = TABLE[path]
    base, _, name = path.rpartition(".")
    element = definitions.find(base, name)
    written = f"{path}[x]" if element is not None and element.is_choice else path
    lines = [f"| `{written}` | {_DOES[row.use]} | {row.told} |"]
    choices = element.json_names() if element is not None and element.is_choice else {}
    return lines + [
        f"| `{base}.{one}` | refused | {CHOICES[f'{base}.{one}']} |" for one in choices if f"{base}.{one}" in CHOICES
    ]


def _extensions() -> list[str]:
    from tovholder.fhir import profiles

    lines = []
    for place, addresses in elements.EXTENSIONS.items():
        for address in sorted(addresses):
            held = profiles.find(address)
            known = getattr(held, "title", "") if held is not None else ""
            if address == naming.DAYS_OF_CYCLE:
                known = "The days it is done on, the first of which is day 1 (R4)"
            lines.append(f"| {place} | `{address.rpartition('/')[2]}` | {known} |")
    return lines
