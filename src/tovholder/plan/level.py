"""The proposed level: what the rules say, why, and what nobody knows; a clinician decides (domain.md §1.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tovholder.packages.common import Text
from tovholder.packages.conditions import Facts, Known, evaluate
from tovholder.packages.model import Package
from tovholder.packages.questionnaires import items, translation
from tovholder.plan.domain import Level
from tovholder.plan.inclusion import fill, values_of
from tovholder.plan.inputs import answer_known, facts, names_in, text_of
from tovholder.plan.record import Record
from tovholder.plan.values import ProposalInput


@dataclass(frozen=True, slots=True)
class LevelReason:
    """Why the proposal is at least this level, with the inputs it rests on."""

    id: str
    text: Text
    at_least: Level | None  # None: a block, or why nothing is proposed
    inputs: tuple[ProposalInput, ...] = ()
    action: Text | None = None  # of a block: what must be done first
    urgent: bool = False  # of a block: the same day
    form: str | None = None  # of a block: where the assessment is written


@dataclass(frozen=True, slots=True)
class LevelProposal:
    """A proposal. ``level`` None means none may be or can be proposed: ``blocked`` or ``incomplete`` says why."""

    level: Level | None
    reasons: tuple[LevelReason, ...]
    unknown: tuple[str, ...]  # names of inputs and fields nobody knows
    blocked: tuple[LevelReason, ...]
    incomplete: Text | None
    grade: str | None
    guideline: str | None
    rule_version: str
    inputs: tuple[ProposalInput, ...]
    missing: tuple[Text, ...] = ()  # the unknown fields of the needs assessment, in words

    @property
    def is_blocked(self) -> bool:
        """Whether a clinician must assess something first."""
        return bool(self.blocked)

    @property
    def reason_ids(self) -> tuple[str, ...]:
        """The names of the reasons, blocks included."""
        return tuple(reason.id for reason in (*self.blocked, *self.reasons))


def propose_level(
    package: Package,
    needs: Mapping[str, object] | None,
    record: Record,
    today: int,
) -> LevelProposal:
    """The proposal: the highest of the needs assessment and the package's raisers.

    ``needs``: answers of the needs assessment by linkId that stand in place of the stored ones. A raiser whose
    inputs are unknown raises nothing and is told as unknown; level 1 needs every field answered.
    """
    rules = package.level
    given = {f"{rules.base.form}/{link_id}": value for link_id, value in (needs or {}).items() if value is not None}
    known = facts(package, record, today, given=given)
    fields, missing_fields, top = _base(package, record, given, today)
    reasons = [reason for reason in fields if reason.at_least == top]
    answered = tuple(used for reason in fields for used in reason.inputs)
    unknown: dict[str, None] = dict.fromkeys(missing_fields)
    for raiser in rules.raisers:
        answer = evaluate(raiser.when, known)
        if answer.truth is None:
            unknown.update(dict.fromkeys(sorted(answer.missing)))
        elif answer.truth:
            level = Level(raiser.at_least)
            reasons.append(
                LevelReason(raiser.id, _reason(raiser.reason, known), level, _used(names_in(raiser.when), known))
            )
            top = level if top is None else max(top, level)
    blocks = tuple(
        LevelReason(
            block.id,
            _reason(block.reason, known),
            None,
            _used(names_in(block.when), known),
            action=_reason(block.action, known) if block.action else None,
            urgent=block.urgent,
            form=block.form,
        )
        for block in rules.blocks
        if evaluate(block.when, known).truth is True
    )
    unknown.update(dict.fromkeys(_unshown(package, known)))
    hidden = {item.name for item in rules.inputs if not item.shown_as_missing}
    level_now = top
    incomplete: Text | None = None
    if missing_fields and (top is None or top is Level.ONE):
        level_now, incomplete = None, rules.base.incomplete
    if blocks:
        level_now = None
    guideline = str(package.parameters[rules.grade.parameter]) if rules.grade else None
    titles = _field_titles(package)
    return LevelProposal(
        level=level_now,
        reasons=tuple(sorted(reasons, key=lambda reason: -(reason.at_least or 0))),
        unknown=tuple(name for name in unknown if name not in hidden),
        blocked=blocks,
        incomplete=incomplete,
        grade=known.grade,
        guideline=guideline,
        rule_version=rules.version,
        inputs=answered + _used((item.name for item in rules.inputs), known),
        missing=tuple(fill(rules.base.missing, {"field": titles.get(name, name)}) for name in missing_fields),
    )


def _base(
    package: Package, record: Record, given: Mapping[str, object], today: int
) -> tuple[list[LevelReason], list[str], Level | None]:
    """The needs assessment's fields: each answered one is a reason for its own number."""
    base = package.level.base
    form = package.forms.get(base.form)
    stored = record.latest_answers(str(form.questionnaire.get("url"))) if form else None
    titles = _field_titles(package)
    reasons: list[LevelReason] = []
    missing: list[str] = []
    top: Level | None = None
    for link_id in base.link_ids:
        value: object = given.get(f"{base.form}/{link_id}")
        source = None
        if value is None and stored is not None and link_id in stored.values:
            value = stored.values[link_id][0]
            source = f"QuestionnaireResponse/{stored.id}" if stored.id else None
        answer = None if value is None else answer_known(value, source, today)
        number = None if answer is None or answer.milli is None else answer.milli // 1000
        if number not in (1, 2, 3):
            missing.append(link_id)
            continue
        level = Level(number)
        top = level if top is None else max(top, level)
        used = ProposalInput(f"{base.form}/{link_id}", str(number), source)
        words = fill(base.reason, {"field": titles.get(link_id, link_id), "value": number})
        reasons.append(LevelReason(link_id, words, level, (used,)))
    return reasons, missing, top


def _field_titles(package: Package) -> dict[str, Text]:
    form = package.forms.get(package.level.base.form)
    if form is None:
        return {}
    return {
        str(item.get("linkId")): translation(item, "text") for item in items(form.questionnaire) if item.get("text")
    }


def _reason(text: Text, known: Facts) -> Text:
    return fill(text, values_of(known) | {"grade": known.grade or "?"})


def _used(names: Iterable[str], known: Facts) -> tuple[ProposalInput, ...]:
    used = []
    for name in names:
        held = known.inputs.get(name)
        if held is not None:
            used.append(_input(name, held))
    return tuple(used)


def _input(name: str, held: Known) -> ProposalInput:
    return ProposalInput(name, text_of(held), held.source)


def _unshown(package: Package, known: Facts) -> list[str]:
    """Every input asked about by the level rules that nobody knows, even where the answer was settled without it."""
    return [item.name for item in package.level.inputs if known.inputs.get(item.name) is None]
