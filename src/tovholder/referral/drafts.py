"""A referral before it is sent: what the record answers, what is missing, what the patient already has, what may be attached.

Read in the actor's own scope. A receiver who refers on sees little of the record; what they were told when the patient was
referred to them stands in where they cannot see more, with its own day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.packages import Package
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.plan import course, resources
from tovholder.plan.queries import Held, name_of, read_all
from tovholder.plan.values import Episode, Goal, Referral, Told
from tovholder.referral import directory, table
from tovholder.referral.domain import Status
from tovholder.referral.places import Point
from tovholder.referral.prefill import Answered, Sender, State, months_before, prefill

MORE = ("DocumentReference", "MedicationStatement", "MedicationRequest", "Procedure", "DiagnosticReport", "Immunization",
        "AllergyIntolerance")  # fmt: skip
OPEN = frozenset({Status.REQUESTED, Status.RECEIVED, Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document of the patient's that may go along as a reference."""

    reference: str
    title: str
    day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything a referral of one kind to one kind of receiver is made from."""

    patient_id: str
    patient_name: str
    episode: Episode
    package: Package
    kind: ReferralKind
    receiver_kind: str
    table: table.Table
    answers: tuple[Answered, ...]
    rounds: tuple[Referral, ...]  # all of the patient's of this kind in this course, oldest first
    after: Referral | None  # the round it follows
    attachments: tuple[Attachment, ...]
    near: Point | None

    @property
    def open(self) -> tuple[Referral, ...]:
        """Those under way: another of the kind would be a second."""
        return tuple(one for one in self.rounds if one.status in OPEN)


def kind_of(held: Package, kind: str) -> ReferralKind:
    """A referral of a package, or Problem(INVALID) with those there are."""
    known = {item.id: item for item in held.referrals}
    if kind not in known:
        issue = Issue("Task.extension('kind')", "the package has no such referral", ", ".join(sorted(known)), "value")
        raise Problem(Category.INVALID, "The referral cannot be sent as it is", [issue])
    return known[kind]


def table_for(today: int) -> table.Table:
    """The pakketabel that holds on a day in this installation."""
    return table.in_force(today, settings.ENV.referral_table)


def draft(
    ctx: Context, *, patient_id: str, episode_id: str, kind: str, receiver_kind: str = "", after: str | None = None
) -> Draft:
    """The referral as the record fills it in. ``after``: the round it follows, whose words are kept.

    Raises Problem(NOT_FOUND) for a patient or course that is not the actor's to see.
    """
    held = read_all(ctx, patient_id, MORE)
    episode = next(
        (
            value
            for item in held.of("EpisodeOfCare")
            if item.get("id") == episode_id and (value := resources.read_episode(item)).patient_id == patient_id
        ),
        None,
    )
    if episode is None or episode.package not in packages.builtin():
        raise not_found("The course")
    package = packages.get(episode.package)
    chosen = kind_of(package, kind)
    rounds = rounds_in(held, episode_id)
    followed = next((one for one in rounds if one.id == after), None) if after else None
    if after and followed is None:
        raise not_found("The referral")
    wanted = receiver_kind or (followed.receiver_kind if followed else "") or chosen.receiver_kinds[0]
    if wanted not in chosen.receiver_kinds:
        wanted = chosen.receiver_kinds[0]
    held_table = table_for(ctx.today)
    clinic = _organization(ctx, episode.organization_id)
    answers = prefill(
        package,
        chosen,
        table.fields(held_table, chosen, package.id, wanted),
        held.record(),
        today=ctx.today,
        sender=_sender(ctx, clinic, episode.organization_id),
        decision=_decision(held, episode_id),
        goals=_goals(held, episode_id),
    )
    if followed is not None:
        answers = tuple(_kept(one, followed, ctx) for one in answers)
    return Draft(
        patient_id=patient_id,
        patient_name=name_of(held.patient),
        episode=episode,
        package=package,
        kind=chosen,
        receiver_kind=wanted,
        table=held_table,
        answers=answers,
        rounds=tuple(one for one in rounds if one.kind == kind),
        after=followed,
        attachments=_attachments(held),
        near=directory.near(held.patient, clinic),
    )


def rounds_in(held: Held, episode_id: str | None = None) -> tuple[Referral, ...]:
    """The patient's referrals as rounds, oldest first; of one course, or of all."""
    found = [resources.read_referral(item) for item in held.of("Task") if resources.is_referral(item)]
    own = [one for one in found if episode_id is None or one.episode_id == episode_id]
    return tuple(sorted(own, key=lambda one: (one.asked_day, one.sent_day, one.resent is None, one.id or "")))


def _decision(held: Held, episode_id: str) -> Any:
    found = course.decisions(held.of("Observation"), episode_id)
    return found[-1] if found else None


def _goals(held: Held, episode_id: str) -> tuple[Goal, ...]:
    found = [resources.read_goal(item) for item in held.of("Goal")]
    return tuple(one for one in found if one.episode_id in (episode_id, None))


def _organization(ctx: Context, identity: str | None) -> Mapping[str, Any]:
    return _directory(ctx, "Organization", identity)


def _directory(ctx: Context, kind: str, identity: str | None) -> Mapping[str, Any]:
    if not identity:
        return {}
    try:
        return store.read(ctx, kind, identity).resource
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return {}
        raise


def _sender(ctx: Context, clinic: Mapping[str, Any], clinic_id: str | None) -> Sender:
    kind, _, identity = ctx.actor.partition("/")
    person = name_of(_directory(ctx, kind, identity)) if kind == "Practitioner" else ""
    own = clinic if ctx.organization == clinic_id else _organization(ctx, ctx.organization)
    phones = (item.get("value") for item in clinic.get("telecom") or () if item.get("system") == "phone")
    phone = str(next(phones, "") or "")
    name = str(clinic.get("name") or "")
    return Sender(
        name=", ".join(part for part in (person, str(own.get("name") or "")) if part),
        reference=ctx.actor if kind == "Practitioner" else None,
        clinic=f"{name}, tlf. {phone}" if name and phone else name,
        clinic_reference=f"Organization/{clinic_id}" if clinic_id and name else None,
    )


def _kept(answered: Answered, followed: Referral, ctx: Context) -> Answered:
    """What the round before told, where the record has nothing (or nothing the actor may see) or something was written."""
    told = next((one for one in followed.told if one.id == answered.id), None)
    if told is None or not told.value:
        return answered
    newer = answered.value and (told.day is None or (answered.day is not None and answered.day >= told.day))
    if newer and not (told.how == "written" and answered.state is not State.FILLED):
        return answered
    return _as_told(answered, told, ctx.today, followed.sent_day)


def _as_told(answered: Answered, told: Told, today: int, sent_day: int) -> Answered:
    day = told.day if told.day is not None else sent_day
    limit = answered.asked.field.stale_after
    stale = limit is not None and day < months_before(today, limit)
    sources = (told.source,) if told.source else ()
    return replace(answered, value=told.value, day=day, sources=sources, state=State.STALE if stale else State.FILLED)


def _attachments(held: Held) -> tuple[Attachment, ...]:
    found = []
    for item in held.of("DocumentReference"):
        if item.get("status") != "current":
            continue
        kind = (item.get("type") or {}).get("text") or ""
        title = (
            item.get("description")
            or kind
            or next(
                (
                    c["attachment"].get("title")
                    for c in item.get("content") or ()
                    if c.get("attachment", {}).get("title")
                ),
                "",
            )
        )
        found.append(
            Attachment(f"DocumentReference/{item['id']}", str(title or item["id"]), days.parse_day(item.get("date")))
        )
    return tuple(sorted(found, key=lambda one: (-(one.day or 0), one.title)))
