"""Sending a referral: whole or not at all, once however often the form is sent, and again elsewhere when it was refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.access.policy import decide
from tovholder.base.errors import Category, Issue, Problem, forbidden, rule
from tovholder.fhir import systems
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.values import Referral, Told
from tovholder.referral import directory
from tovholder.referral.domain import REFUSED, Status
from tovholder.referral.drafts import OPEN, Draft, draft, kind_of, table_for
from tovholder.referral.orders import Order
from tovholder.referral.prefill import BY_ITSELF, State
from tovholder.store import UnitOfWork, scope
from tovholder.store.custody import not_for_this_role

LONGEST = 4000  # characters of a field, or of the text
ATTACHMENTS = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BESIDE = frozenset({Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})
_UNDER_WAY = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})


def send(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    kind: str,
    receiver_id: str,
    receiver_kind: str,
    activity_id: str | None = None,
    fields: Mapping[str, str] | None = None,
    confirmed: Collection[str] = (),
    text: str = "",
    sent_day: int | None = None,
    attachments: Collection[str] = (),
    key: str = "",
    seen: Collection[str] | None = None,
    after: str | None = None,
) -> Referral:
    """Refer the patient: an ordered ServiceRequest and the Task that follows it to the receiver and back.

    ``kind``: a referral of the package. ``activity_id``: the plan's activity this carries out (found by itself when
    there is one open). ``fields``: the pakketabel's fields by id; a required one left out is refused, and so is one that
    stands as the record has it though it is old, unless ``confirmed`` names it. None: the sender fills them in elsewhere.
    ``attachments``: DocumentReferences of the patient's. ``key``: what the form calls itself; the same key again is the
    referral that was made. ``seen``: the open referrals of the kind the sender knew of; others are a CONFLICT. ``after``:
    the refused or stopped round this one follows; where it was refused the patient's right is counted from that round.
    """
    course.require(ctx, course.CLINIC, "ServiceRequest.requester", "this role may not refer", "the patient's clinic")
    _is_key(key)
    made = (
        draft(ctx, patient_id=patient_id, episode_id=episode_id, kind=kind, receiver_kind=receiver_kind, after=after)
        if fields is not None
        else None
    )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_open:
            raise rule("ServiceRequest.extension('workflow-episodeOfCare')", "the course is closed", "an open course")
        chosen = kind_of(course.package(value.package), kind)
        if key and (twin := _twin(uow, patient_id, key, after)) is not None:
            return twin
        _fits(uow, chosen, receiver_id, receiver_kind)
        known = _rounds(uow, patient_id, episode_id, kind)
        _nothing_new(known, seen)
        before = _followed(known, after)
        told = answers_of(made, fields, confirmed) if made is not None and fields is not None else ()
        words = _words(text)
        day = past_day(ctx, sent_day, "Task.authoredOn")
        supporting = _supporting(uow, patient_id, attachments)
        order = Order(uow, value, chosen, receiver_id, receiver_kind, told, words, supporting, day)
        request = order.again(before) if before is not None and before.status in REFUSED else order.place(activity_id)
        fresh = Referral(
            patient_id=patient_id,
            episode_id=episode_id,
            request_id=request,
            kind=kind,
            receiver_id=receiver_id,
            receiver_kind=receiver_kind,
            status=str(Status.REQUESTED),
            sent_day=day,
            requester=ctx.actor if "/" in ctx.actor else None,
            title=chosen.title.da,
            follows=before.id if before else None,
            seen_day=day if before else None,
            first_sent_day=before.asked_day if before is not None and before.status in REFUSED else None,
            key=key,
            table=made.table.version if made else "",
            told=told,
        )
        done = replace(fresh, id=uow.create(resources.referral_resource(fresh)).id)
        if before is not None:
            stored = uow.read("Task", before.id or "")
            resent = done.id if before.status in REFUSED else None
            uow.update(resources.referral_resource(replace(before, resent=resent, seen_day=ctx.today), stored))
        return done


def refer_on(
    ctx: Context,
    *,
    patient_id: str,
    referral_id: str,
    kind: str,
    receiver_id: str,
    receiver_kind: str,
    fields: Mapping[str, str],
    confirmed: Collection[str] = (),
    text: str = "",
    key: str = "",
) -> Referral:
    """A receiver with the patient in hand refers on: to whom the pakketabel lets its role. The clinic is told.

    ``fields``: what is to be said otherwise than the draft has it, or what it lacks; an old value must be ``confirmed``.
    The referral that brought the patient must be accepted and not over. It lets the next receiver see the patient as any
    referral does; that is given in our own hand, as the one thing a receiver may not write itself.
    """
    course.require(ctx, _BESIDE, "Task.requester", "this role does not refer on", "one who received the referral")
    stored = store.read(ctx, "Task", referral_id).resource
    value = resources.read_referral(stored)
    if value.patient_id != patient_id or not resources.is_referral(stored) or value.receiver_id != ctx.organization:
        raise forbidden("Task.owner", "this referral is not yours to refer on", "its receiver")
    if not scope.reaches(decide(ctx, "create", "Task"), ctx, "Task", patient_id):
        raise not_for_this_role(ctx, "Task")
    _is_key(key)
    _under_way(value)
    allowed = table_for(ctx.today).may_refer_on(str(ctx.role))
    if receiver_kind not in allowed:
        raise forbidden("Task.extension('receiver-kind')", "this role may not refer there", ", ".join(sorted(allowed)))
    if receiver_id == ctx.organization:
        raise rule("Task.owner", "a referral on goes to somebody else", "another receiver")
    made = onward(ctx, patient_id=patient_id, referral_id=referral_id, kind=kind, receiver_kind=receiver_kind)
    ready = {one.id: one.value for one in made.answers if one.state is State.FILLED or one.id in confirmed}
    told = answers_of(made, ready | dict(fields), confirmed)
    with store.unit_of_work(ctx, patients=[patient_id]) as unit:
        if key and (twin := _twin(unit, patient_id, key, referral_id)) is not None:
            return twin
        _under_way(resources.read_referral(unit.read("Task", referral_id)))  # as it stands now that nobody else writes
        uow = unit.as_system("referral")
        _, episode = course.episode(uow, patient_id, value.episode_id or "")
        if not episode.phase.is_open:
            raise rule("ServiceRequest.extension('workflow-episodeOfCare')", "the course is closed", "an open course")
        _fits(uow, made.kind, receiver_id, receiver_kind, untold=False)
        order = Order(uow, episode, made.kind, receiver_id, receiver_kind, told, _words(text), (), ctx.today, ctx.actor)
        fresh = Referral(
            patient_id=patient_id,
            episode_id=episode.id,
            request_id=order.beside(value.request_id),
            kind=kind,
            receiver_id=receiver_id,
            receiver_kind=receiver_kind,
            status=str(Status.REQUESTED),
            sent_day=ctx.today,
            requester=ctx.actor if "/" in ctx.actor else None,
            title=made.kind.title.da,
            follows=referral_id,
            key=key,
            table=made.table.version,
            told=told,
        )
        return replace(fresh, id=uow.create(resources.referral_resource(fresh)).id)


def onward(ctx: Context, *, patient_id: str, referral_id: str, kind: str, receiver_kind: str = "") -> Draft:
    """The draft of a referral on (or of what is handed back): the receiver's own sight, and what it was told."""
    stored = store.read(ctx, "Task", referral_id).resource
    value = resources.read_referral(stored)
    return draft(
        ctx,
        patient_id=patient_id,
        episode_id=value.episode_id or "",
        kind=kind,
        receiver_kind=receiver_kind,
        after=referral_id,
    )


def answers_of(made: Draft, fields: Mapping[str, str], confirmed: Collection[str]) -> tuple[Told, ...]:
    """What the receiver is told, field by field, or Problem(INVALID) with every field that is missing, old or unknown."""
    issues: list[Issue] = []
    told: list[Told] = []
    known = {one.id for one in made.answers}
    issues += [
        Issue(f"fields.{name}", "no such field", ", ".join(sorted(known)), "value")
        for name in fields
        if name not in known
    ]
    for one in made.answers:
        field = one.asked.field
        by_itself = field.fill.kind in BY_ITSELF and one.id not in fields
        value = one.value if by_itself else _plain(fields.get(one.id, ""))
        path = f"fields.{one.id}"
        if len(value) > LONGEST:
            issues.append(Issue(path, f"{field.title.en} is too long", f"at most {LONGEST} characters", "too-long"))
        elif not value and field.required:
            issues.append(Issue(path, f"{field.title.en} is missing", "what the receiver needs", "required"))
        elif value and value == _plain(one.value):
            if one.state is State.STALE and one.id not in confirmed:
                what = f"{field.title.en} is old; nobody has said it still holds"
                issues.append(Issue(path, what, "a confirmation, or the words as they are now", "stale"))
            how = "confirmed" if one.state is State.STALE else "record"
            if field.fill.kind != "patient":  # the record itself tells the receiver who it is
                told.append(Told(id=one.id, title=field.title.da, value=value, source=one.source, day=one.day, how=how))
        elif value:
            told.append(Told(id=one.id, title=field.title.da, value=value))
    if issues:
        message = "The referral lacks what the receiver needs"
        raise Problem(Category.INVALID, message, issues, kept="what you wrote, unsent")
    return tuple(told)


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _words(text: str) -> str:
    words = _plain(text)
    if len(words) > LONGEST:
        issue = Issue("text", "the text is too long", f"at most {LONGEST} characters", "too-long")
        raise Problem(Category.INVALID, "The referral cannot be sent as it is", [issue], kept="what you wrote, unsent")
    return words


def _invalid(path: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The referral cannot be sent as it is", [Issue(path, message, expected, "value")])


def _is_key(key: str) -> None:
    """A key is one word: what else it could be would find other referrals than its own."""
    if key and not _KEY.fullmatch(key):
        raise _invalid("key", "no key of a form's", "up to 64 letters, digits, - and _")


def _under_way(value: Referral) -> None:
    if value.status not in _UNDER_WAY or value.episode_id is None:
        raise rule("Task.status", "only a referral that is accepted and not over is referred on", ", ".join(_UNDER_WAY))


def _twin(uow: UnitOfWork, patient_id: str, key: str, after: str | None) -> Referral | None:
    """The referral the same form made before; another patient's is none, nor one that follows another than this does: two
    who choose the same key have not sent the same.
    """
    for item in uow.find(
        "Task", [("patient", f"Patient/{patient_id}"), ("identifier", f"{systems.REFERRAL_IDENTIFIER}|{key}")]
    ):
        if resources.is_referral(item) and (found := resources.read_referral(item)).follows == after:
            return found
    return None


def _fits(uow: UnitOfWork, chosen: ReferralKind, receiver_id: str, receiver_kind: str, *, untold: bool = True) -> None:
    """Whether this receiver can be sent this. untold: one whose kind nobody has told may be; the clinic knows whom it asks."""
    if receiver_kind not in chosen.receiver_kinds:
        raise _invalid(
            "Task.extension('receiver-kind')", "this referral goes elsewhere", ", ".join(chosen.receiver_kinds)
        )
    try:
        receiver = uow.read("Organization", receiver_id)
    except Problem as problem:
        if problem.category not in (Category.NOT_FOUND, Category.GONE):
            raise
        raise _invalid("Task.owner", "there is no such receiver", "an organisation of the directory") from None
    if receiver.get("active") is False:
        raise _invalid("Task.owner", "the receiver has closed", "an organisation that is active")
    if directory.kind_of(receiver) not in ({"", receiver_kind} if untold else {receiver_kind}):
        raise _invalid("Task.owner", "the receiver is of another kind", receiver_kind)


def _rounds(uow: UnitOfWork, patient_id: str, episode_id: str, kind: str) -> list[Referral]:
    found = [
        resources.read_referral(item) for item in course.about(uow, "Task", patient_id) if resources.is_referral(item)
    ]
    return [one for one in found if one.episode_id == episode_id and one.kind == kind]


def _nothing_new(known: Iterable[Referral], seen: Collection[str] | None) -> None:
    unseen = [one for one in known if one.status in OPEN and one.id not in (seen or ())]
    if seen is not None and unseen:
        issue = Issue(
            "Task", "somebody has referred the patient meanwhile", "look at it, and send again if it is another"
        )
        raise Problem(Category.CONFLICT, "The patient is referred already", [issue], kept="what you wrote, unsent")


def _followed(known: Iterable[Referral], after: str | None) -> Referral | None:
    if after is None:
        return None
    found = next((one for one in known if one.id == after), None)
    if found is None:
        raise _invalid("after", "no such referral in this course", "one of the same kind that was refused or stopped")
    if found.status in OPEN or found.status == Status.COMPLETED:
        raise rule("Task.status", "a referral that is not refused or stopped is not sent again", "one that is")
    if found.resent is not None:
        raise Problem(
            Category.CONFLICT,
            "The referral was sent again already",
            [Issue("after", "somebody has sent it again meanwhile", "look at the newer one")],
            kept="what you wrote, unsent",
        )
    return found


def _supporting(uow: UnitOfWork, patient_id: str, attachments: Collection[str]) -> tuple[dict[str, Any], ...]:
    """The attached documents as references: of this patient, each once."""
    if len(attachments) > ATTACHMENTS:
        raise _invalid("attachments", "too many attachments", f"at most {ATTACHMENTS}")
    found = []
    held = {item["id"]: item for item in course.about(uow, "DocumentReference", patient_id)} if attachments else {}
    for reference in dict.fromkeys(attachments):
        kind, _, identity = reference.partition("/")
        if kind != "DocumentReference" or identity not in held:
            raise _invalid("attachments", "no such document of this patient", "a document in the patient's record")
        title = held[identity].get("description") or "Bilag"
        found.append({"reference": reference, "display": str(title)})
    return tuple(found)
