"""PlanDefinition/$apply and ActivityDefinition/$apply: the plan a definition gives one patient today; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden
from tovholder.fhir import fhirpath
from tovholder.fhir.validate import validate
from tovholder.packages.conditions import Facts, evaluate
from tovholder.packages.fhir import Definition, Step, read
from tovholder.packages.fhir.reading import read_activity
from tovholder.plan import course, definitions, queries, resources
from tovholder.plan.domain import INSIDE, ActivityStatus, PlanStatus
from tovholder.plan.inputs import facts
from tovholder.plan.level import propose_level
from tovholder.plan.record import Record
from tovholder.plan.resources import extensions as e
from tovholder.plan.schedule import PlannedActivity, schedule
from tovholder.plan.values import Activity, Episode, Plan

Json = dict[str, Any]
PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_UNKNOWN = {
    "da": "Det vides ikke, om dette hører til i planen, fordi oplysninger mangler: ",
    "en": "Whether this belongs in the plan is not known, as something is missing: ",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """For whom, and in whose hands: references are relative. ``language``: da or en."""

    subject: str  # the patient's id
    encounter: str = ""
    practitioner: str = ""
    organization: str = ""
    language: str = "da"


# -- Definitions ------------------------------------------------------------------------------------------------------------


def understood(ctx: Context, resource: Json) -> Definition:
    """A PlanDefinition as a plan's template. Raises Problem for what is not valid R4, or asks for what we do not do."""
    _require_valid(resource, "PlanDefinition")
    return read(resource, definitions.libraries(), cache(lambda named: by_canonical(ctx, "ActivityDefinition", named)))


def _require_valid(resource: Json, kind: str) -> None:
    if resource.get("resourceType") != kind:
        raise Problem(
            Category.INVALID,
            "Another type of resource is applied",
            [Issue("resourceType", "not the type of the operation", kind, "value")],
        )
    errors = [issue for issue in validate(resource) if issue.severity in ("error", "fatal")]
    if errors:
        raise Problem(Category.INVALID, f"The {kind} is not valid FHIR R4", errors, kept="nothing was made or stored")


def by_canonical(ctx: Context, kind: str, named: str) -> Json | None:
    """A definition by ``url`` or ``url|version``: a package's, or one the caller may read. None: none, or several."""
    url, _, version = named.partition("|")
    mine = definitions.canonical(kind, url, version)
    if mine is not None:
        return mine
    found = store.search(ctx, kind, [("url", url), *([("version", version)] if version else [])]).entries
    return found[0].resource if len(found) == 1 else None


# -- A plan -----------------------------------------------------------------------------------------------------------------


def apply_plan(ctx: Context, resource: Json, wish: Wish) -> Json:
    """The CarePlan a PlanDefinition gives the patient, with what it asks for and aims at inside; nothing is stored.

    For a package in force these are the steps its page proposes. Raises Problem: FORBIDDEN for who makes no plans or may not
    see all that a plan is made from, NOT_FOUND for a patient out of reach, UNSUPPORTED with path and what is supported.
    """
    course.require(ctx, course.CLINIC, "CarePlan", "a plan is the clinic's to make", "the patient's own clinic")
    definition = understood(ctx, resource)
    more = [kind for kind in course.MORE_TYPES if kind not in queries.READ] if _asks_record(definition) else []
    _require_all(ctx, ("Patient", *queries.READ, *more))
    held = queries.read_all(ctx, wish.subject, more)
    _require_there(ctx, wish)
    record = held.record()
    episode = _episode(held, definition)
    level = _level(definition, held, episode, record, ctx.today)
    asked = _facts(definition, record, ctx.today, level)
    made = schedule(
        replace(definition.package or next(iter(packages.builtin().values())), plan=definition.template),
        level,
        asked.grade,
        ctx.today,
        asked,
        diagnosed_day=episode.diagnosed_day if episode else None,
    )
    steps = {step.activity.id: step for step in definition.steps}
    goals = [aim for aim in definition.aims if evaluate(aim.goal.when, asked).truth is True]
    known = frozenset(aim.goal.id for aim in goals)
    contained = [_goal(aim.resource, aim.goal.id, wish) for aim in goals]
    requests = [
        _request(ctx, wish, definition, steps[item.id], item, index + 1, known, episode)
        for index, item in enumerate(made.activities)
    ]
    plan = _plan(ctx, wish, definition, episode)
    plan["status"], plan["intent"] = "draft", "proposal"
    e.put(plan, "contained", contained + requests)
    e.put(plan, "goal", [{"reference": f"#{item['id']}"} for item in contained])
    e.put(plan, "activity", [{"reference": {"reference": f"#{item['id']}"}} for item in requests])
    if made.undecided:
        named = ", ".join(steps[name].activity.title[wish.language] for name in made.undecided)
        plan["note"] = [{"text": f"{_UNKNOWN[wish.language]}{named}"}]
    return plan


def _asks_record(definition: Definition) -> bool:
    conditions = [*(aim.goal.when for aim in definition.aims), *(step.activity.when for step in definition.steps)]
    conditions += [row.when for step in definition.steps for row in step.activity.timing]
    own = definition.package is not None and course.asks_fhirpath(definition.package)
    return own or any(inner.fhirpath for condition in conditions if condition for inner in condition.walk())


def _require_all(ctx: Context, kinds: Iterable[str]) -> None:
    """Who sees a part of the record would get a plan that looks whole and is not."""
    for kind in kinds:
        allowed = decide(ctx, "search", kind)
        if allowed.nothing or allowed.within:
            raise forbidden(
                kind,
                "a plan is made from all of the patient's record that packages ask about",
                f"access to every {kind} of the patient (an app: the scope for all of it)",
            )


def _require_there(ctx: Context, wish: Wish) -> None:
    for kind, rid in (("Practitioner", wish.practitioner), ("Organization", wish.organization)):
        if rid:
            store.read(ctx, kind, rid)
    if wish.encounter:
        held = store.read(ctx, "Encounter", wish.encounter).resource
        if e.id_of((held.get("subject") or {}).get("reference"), "Patient") != wish.subject:
            raise Problem(
                Category.INVALID,
                "The encounter is not the patient's",
                [Issue("encounter", "another patient's", "an encounter of the subject", "value")],
                kept="nothing was made or stored",
            )


def _episode(held: queries.Held, definition: Definition) -> Episode | None:
    """The patient's open course in the package, else the latest."""
    if definition.package is None:
        return None
    found = [
        resources.read_episode(item)
        for item in held.of("EpisodeOfCare")
        if resources.package_of(item) == definition.package.id
    ]
    found.sort(key=lambda item: (item.eligible_day or item.started_day or 0, item.id or ""))
    return next((item for item in reversed(found) if item.phase.is_open), found[-1] if found else None)


def _level(
    definition: Definition, held: queries.Held, episode: Episode | None, record: Record, today: int
) -> int | None:
    """The level decided, else the one proposed, as on the page."""
    if definition.package is None:
        return None
    decided = course.decisions(held.of("Observation"), episode.id or "") if episode else []
    if decided:
        return int(decided[-1].level)
    proposed = propose_level(definition.package, None, record, today).level
    return int(proposed) if proposed else None


def _facts(definition: Definition, record: Record, today: int, level: int | None) -> Facts:
    if definition.package is not None:
        return facts(definition.package, record, today, level=level)

    def path(expression: str) -> bool | None:
        return list(fhirpath.compile(expression)(record.bundle, None)) == [True]

    return Facts(inputs={}, fhirpath=path)


def _plan(ctx: Context, wish: Wish, definition: Definition, episode: Episode | None) -> Json:
    horizon = definition.horizon_months
    end = days.add_months(ctx.today, horizon) if horizon else None
    title = definition.title[wish.language]
    author = f"Practitioner/{wish.practitioner}" if wish.practitioner else ctx.actor if "/" in ctx.actor else None
    if definition.package is not None:
        plan = Plan(
            patient_id=wish.subject,
            episode_id=(episode.id or "") if episode else "",
            package=definition.package.id,
            package_version=definition.package.version,
            status=PlanStatus.DRAFT,
            title=title,
            made_day=ctx.today,
            author=author,
            start_day=ctx.today,
            end_day=end,
            condition_ids=(episode.condition_id,) if episode and episode.condition_id else (),
        )
        made = resources.plan_resource(plan)
    else:
        made = {
            "resourceType": "CarePlan",
            "title": title,
            "subject": e.ref("Patient", wish.subject),
            "period": {"start": days.iso(ctx.today)} | ({"end": days.iso(end)} if end else {}),
            "created": days.iso(ctx.today),
        }
        if author:
            made["author"] = {"reference": author}
    # What was applied, which need not be the package as it is here.
    e.put(made, "instantiatesCanonical", [definition.canonical] if definition.canonical else [])
    if wish.encounter:
        made["encounter"] = e.ref("Encounter", wish.encounter)
    return made


def _goal(told: Mapping[str, Any], identity: str, wish: Wish) -> Json:
    return {
        "resourceType": "Goal",
        "id": f"goal-{identity}",
        "lifecycleStatus": "proposed",
        "subject": e.ref("Patient", wish.subject),
        **told,
    }


def _request(
    ctx: Context,
    wish: Wish,
    definition: Definition,
    step: Step,
    planned: PlannedActivity,
    number: int,
    goals: frozenset[str],
    episode: Episode | None,
) -> Json:
    organization = wish.organization or (episode.organization_id if episode else None)
    title = step.activity.title[wish.language]
    if definition.package is not None and _is_packages(step, definition):
        made = resources.activity_resource(
            Activity(
                patient_id=wish.subject,
                episode_id=(episode.id or "") if episode else "",
                plan_id=None,
                package=definition.package.id,
                kind=planned.kind,
                title=title,
                status=ActivityStatus.ACTIVE,
                performer_kind=planned.performer,
                due_day=planned.due_day,
                window_start_day=planned.window_start_day,
                window_end_day=planned.window_end_day,
                performer_id=organization if planned.performer in INSIDE else None,
                authored_day=ctx.today,
                step=planned.id,
                step_version=definition.package.version,
            ),
            step.request,
        )
    else:
        window = {"start": days.iso(planned.window_start_day), "end": days.iso(planned.window_end_day)}
        made = {
            **step.request,
            "code": {**step.request["code"], "text": title},
            "subject": e.ref("Patient", wish.subject),
            "occurrencePeriod": window,
            "authoredOn": days.iso(ctx.today),
            "extension": e.date("due", planned.due_day),
        }
        if step.canonical:
            made["instantiatesCanonical"] = [step.canonical]
    made["id"], made["status"] = f"step-{number}", "draft"
    if wish.practitioner:
        made["requester"] = e.ref("Practitioner", wish.practitioner)
    if wish.encounter:
        made["encounter"] = e.ref("Encounter", wish.encounter)
    aims = [e.reference(PERTAINS_TO_GOAL, f"#goal-{name}")[0] for name in step.goals if name in goals]
    if aims:
        made["extension"] = [*made.get("extension", ()), *aims]
    return made


def _is_packages(step: Step, definition: Definition) -> bool:
    """Whether the step is asked for as the package asks for it: then it is the package's own."""
    assert definition.package is not None
    own = {held.id: held for held in definition.package.plan.activities}.get(step.activity.id)
    return own is not None and definitions.asks_for(step.request, own)


# -- One activity ------------------------------------------------------------------------------------------------------------


def apply_activity(ctx: Context, resource: Json, wish: Wish) -> Json:
    """The ServiceRequest an ActivityDefinition asks for, as a draft; nothing is stored. Raises Problem as ``apply_plan``."""
    course.require(ctx, course.CLINIC, "ServiceRequest", "a plan is the clinic's to make", "the patient's own clinic")
    _require_valid(resource, "ActivityDefinition")
    made = read_activity(resource)
    _require_all(ctx, ("Patient",))
    store.read(ctx, "Patient", wish.subject)
    _require_there(ctx, wish)
    version = f"|{resource['version']}" if resource.get("version") else ""
    made |= {
        "status": "draft",
        "subject": e.ref("Patient", wish.subject),
        "authoredOn": days.iso(ctx.today),
    }
    if resource.get("url"):
        made["instantiatesCanonical"] = [f"{resource['url']}{version}"]
    if wish.practitioner:
        made["requester"] = e.ref("Practitioner", wish.practitioner)
    if wish.organization:
        made["performer"] = [e.ref("Organization", wish.organization)]
    if wish.encounter:
        made["encounter"] = e.ref("Encounter", wish.encounter)
    return made
