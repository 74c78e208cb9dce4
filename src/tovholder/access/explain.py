"""Why somebody may see a patient, or may not: the decision told in its parts, as a value that pages and commands show.

What holds is looked up anew and apart from the SQL that decides (``store.scope``), so that a test can hold one against
the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tovholder import database
from tovholder.access import blocks
from tovholder.access.blocks import Block
from tovholder.access.domain import Condition, Context, Emergency, Role
from tovholder.access.policy import ACTIONS, Row, current, decide
from tovholder.base import days


@dataclass(frozen=True, slots=True)
class Tie:
    """A relation row between the organisation acted for (or one it is part of) and the patient. Days are integer days."""

    kind: str
    source: str
    organization: str
    from_day: int
    to_day: int | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of the policy that speaks of this. holding: its conditions that hold now; none, and it lets nothing through."""

    row: int
    holding: tuple[str, ...]
    missing: tuple[str, ...]
    criteria: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One action on one type. within: what the app was given, of each of which the resource must meet one search."""

    action: str
    allowed: bool
    why: str
    reasons: tuple[Reason, ...]
    within: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class TypeAnswer:
    """What may be done to a type. view: the elements shown, None for all. withheld: blocks that keep some of it back."""

    type: str
    answers: tuple[Answer, ...]
    view: tuple[str, ...] | None
    withheld: tuple[Block, ...]

    @property
    def allowed(self) -> tuple[Answer, ...]:
        """The actions that may be done."""
        return tuple(answer for answer in self.answers if answer.allowed)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody may do about a patient now, and why. blocked: a block keeps the whole patient back."""

    role: Role
    actor: str
    organization: str | None
    rights: tuple[str, ...]
    patient: str
    ties: tuple[Tie, ...]
    blocks: tuple[Block, ...]
    emergencies: tuple[Emergency, ...]
    types: tuple[TypeAnswer, ...]

    @property
    def blocked(self) -> bool:
        """Whether a block keeps everything of the patient from the actor."""
        return any(not block.narrow for block in self.blocks)


def explain(ctx: Context, patient: str, kinds: Iterable[str] | None = None) -> Explanation:
    """Why the actor may do what about the patient. kinds: only these types; all the role's rows name without it."""
    now = days.millis(ctx.now)
    opened = tuple(one for one in ctx.emergencies if one.patient == patient and one.until > now)
    ties = _ties(ctx, patient)
    kept = tuple(blocks.in_force(ctx, [patient]))
    holding = _holding(ctx, patient, ties, opened=bool(opened))
    if kinds is None:
        kinds = sorted({kind for row in current().rows if row.role is ctx.role for kind in row.types})
    types = tuple(_type(ctx, kind, holding, kept) for kind in kinds)
    return Explanation(
        ctx.role, ctx.actor, ctx.organization, tuple(sorted(ctx.rights)), patient, ties, kept, opened, types
    )


def _ties(ctx: Context, patient: str) -> tuple[Tie, ...]:
    units = ctx.units or ((ctx.organization,) if ctx.organization else ())
    if not units:
        return ()
    named, values = database.in_list("rel.organization_id", units)
    found = database.rows(
        "SELECT rel.kind, rel.source, rel.organization_id, rel.from_day, rel.to_day FROM access_relation AS rel"
        f" WHERE rel.patient_id = %s AND {named} ORDER BY rel.kind, rel.from_day, rel.source",
        [patient, *values],
    )
    return tuple(
        Tie(kind, source, organization, start, end, start <= ctx.today and (end is None or ctx.today <= end))
        for kind, source, organization, start, end in found
    )


def _holding(ctx: Context, patient: str, ties: Iterable[Tie], *, opened: bool) -> frozenset[Condition]:
    """The conditions that hold between the actor and the patient."""
    held = {Condition.ANY, Condition.DIRECTORY}  # the last for what is about nobody, whoever the patient
    if ctx.patient == patient:
        held |= {Condition.SELF, Condition.REPRESENTED}
    if opened:
        held.add(Condition.BREAK_GLASS)
    return frozenset(held | {Condition(tie.kind) for tie in ties if tie.holds})


def _type(ctx: Context, kind: str, holding: frozenset[Condition], kept: tuple[Block, ...]) -> TypeAnswer:
    view = current().views.get((ctx.role, kind))
    answers = tuple(_answer(ctx, action, kind, holding, kept) for action in ACTIONS)
    narrow = tuple(
        block for block in kept if block.narrow and kind not in blocks.FRAME and (not block.type or block.type == kind)
    )
    return TypeAnswer(kind, answers, tuple(sorted(view)) if view is not None else None, narrow)


def _answer(ctx: Context, action: str, kind: str, holding: frozenset[Condition], kept: tuple[Block, ...]) -> Answer:
    rows = [row for row in current().rows if row.allows(ctx.role, action, kind)]
    if not rows:
        return Answer(action, False, "no row of the policy allows it", ())
    reasons = tuple(_reason(row, holding) for row in rows)
    given = [reason for reason, row in zip(reasons, rows, strict=True) if row.right is None or row.right in ctx.rights]
    allowed = decide(ctx, action, kind)
    if not given:
        return Answer(action, False, "a right is missing", reasons)
    if allowed.nothing:
        return Answer(action, False, "the app was not given it", reasons)
    if not any(reason.holding for reason in given):
        return Answer(action, False, "no condition holds", reasons)
    outside = {Condition.DIRECTORY, Condition.ANY, Condition.SELF, Condition.REPRESENTED}
    if any(not block.narrow for block in kept) and not any(set(reason.holding) & outside for reason in given):
        return Answer(action, False, "the patient has blocked it", reasons)
    return Answer(action, True, "", reasons, allowed.within)


def _reason(row: Row, holding: frozenset[Condition]) -> Reason:
    return Reason(
        row.number,
        tuple(sorted(row.conditions & holding)),
        tuple(sorted(row.conditions - holding)),
        row.criteria,
        str(row.right or ""),
    )
