"""What differs between two versions of a package, part by part, in words a clinician reads.

Nothing that differs is left out: what no words are made for here is told as changed, with the file to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tovholder.packages import wording as w
from tovholder.packages.common import Text
from tovholder.packages.model import Package
from tovholder.packages.questionnaires import items, translation


class Part(StrEnum):
    """Where in the package something differs."""

    INCLUSION = "inclusion"
    LEVEL = "level"
    ACTIVITIES = "activities"
    GOALS = "goals"
    PLAN = "plan"
    FLAGS = "flags"
    INDICATORS = "indicators"
    FORMS = "forms"
    PARAMETERS = "parameters"
    RIGHTS = "rights"
    APPOINTMENTS = "appointments"
    REFERRALS = "referrals"
    CONTENT = "content"
    COCKPIT = "cockpit"


TITLES: Mapping[Part, Text] = {
    Part.INCLUSION: w.both("Hvem der tilbydes forløbet", "Who is offered the course"),
    Part.LEVEL: w.both("Forslag til niveau", "Level proposal"),
    Part.ACTIVITIES: w.both("Planens trin", "Steps of the plan"),
    Part.GOALS: w.both("Mål til samtalen", "Goals for the talk"),
    Part.PLAN: w.both("Planen", "The plan"),
    Part.FLAGS: w.both("Flag", "Flags"),
    Part.INDICATORS: w.both("Tal til monitorering", "Figures"),
    Part.FORMS: w.both("Skemaer", "Forms"),
    Part.PARAMETERS: w.both("Grænser og valg", "Limits and choices"),
    Part.RIGHTS: w.both("Rettigheder", "Rights"),
    Part.APPOINTMENTS: w.both("Slags aftaler", "Kinds of appointment"),
    Part.REFERRALS: w.both("Henvisninger", "Referrals"),
    Part.CONTENT: w.both("Information", "Information"),
    Part.COCKPIT: w.both("Klinikkens liste", "The clinic's list"),
}
_LABELS: Mapping[str, Text] = {
    "when": w.both("gælder når", "holds when"),
    "timing": w.both("tidspunkt", "timing"),
    "performer": w.both("udføres af", "done by"),
    "window": w.both("vindue", "window"),
    "kind": w.both("slags", "kind"),
    "title": w.both("titel", "title"),
    "value": w.both("værdi", "value"),
    "level": w.both("niveau", "level"),
    "reason": w.both("begrundelse", "reason"),
    "action": w.both("hvad gør man", "what to do"),
    "severity": w.both("alvor", "severity"),
    "question": w.both("hvad der spørges om", "what is asked"),
    "days": w.both("dage", "days"),
    "text": w.both("tekst", "text"),
    "target": w.both("målværdi", "target"),
    "standard": w.both("standard", "standard"),
    "fields": w.both("felter", "fields"),
    "sources": w.both("læses fra", "read from"),
    "months": w.both("måneder", "months"),
    "other": w.both("andet", "other"),
}
_FILES: Mapping[Part, str] = {
    Part.INCLUSION: "inclusion.toml",
    Part.LEVEL: "level.toml",
    Part.ACTIVITIES: "plan.toml",
    Part.GOALS: "plan.toml",
    Part.PLAN: "plan.toml",
    Part.FLAGS: "rules/",
    Part.INDICATORS: "indicators/",
    Part.FORMS: "forms/",
    Part.PARAMETERS: "package.toml",
    Part.RIGHTS: "package.toml",
    Part.APPOINTMENTS: "package.toml",
    Part.REFERRALS: "referrals.toml",
    Part.CONTENT: "content.toml",
    Part.COCKPIT: "cockpit.toml",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing about an entry, before and after."""

    label: Text
    before: Text
    after: Text


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that is new, gone or changed. ``what``: added, removed or changed (then ``details`` say how)."""

    part: Part
    what: str
    id: str
    title: Text
    told: Text | None = None  # of one added or removed: what it says
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as words; ``whole`` is what it is compared by in the end."""

    title: Text
    words: Mapping[str, Text]
    whole: Any = field(compare=False)


def between(old: Package, new: Package) -> tuple[Difference, ...]:
    """Everything that differs, in the order a clinician asks: who, level, plan, flags, figures, forms, the rest."""
    before, after = dict(_parts(old)), dict(_parts(new))
    return tuple(found for part in Part for found in _part(part, before[part], after[part]))


def _part(part: Part, old: Mapping[str, _Entry], new: Mapping[str, _Entry]) -> Iterator[Difference]:
    for key in [key for key in new if key not in old]:
        yield Difference(part, "added", key, new[key].title, _whole(new[key]))
    for key in [key for key in old if key not in new]:
        yield Difference(part, "removed", key, old[key].title, _whole(old[key]))
    for key in [key for key in old if key in new]:
        if old[key].whole == new[key].whole:
            continue
        details = [
            Detail(_LABELS[name], old[key].words.get(name, w.same("–")), new[key].words.get(name, w.same("–")))
            for name in dict.fromkeys([*old[key].words, *new[key].words])
            if old[key].words.get(name) != new[key].words.get(name)
        ]
        if not details:
            details = [Detail(_LABELS["other"], w.same("–"), w.both(f"se {_FILES[part]}", f"see {_FILES[part]}"))]
        yield Difference(part, "changed", key, new[key].title, details=tuple(details))


def _whole(entry: _Entry) -> Text | None:
    parts = [
        w.both(f"{_LABELS[name].da}: {words.da}", f"{_LABELS[name].en}: {words.en}")
        for name, words in entry.words.items()
        if name not in ("title", "question")
    ]
    return w.joined(parts, "; ", "; ") if parts else None


def _parts(package: Package) -> Iterator[tuple[Part, dict[str, _Entry]]]:
    yield Part.INCLUSION, dict(_inclusion(package))
    yield Part.LEVEL, dict(_level(package))
    yield Part.ACTIVITIES, {held.id: _activity(package, held) for held in package.plan.activities}
    yield (
        Part.GOALS,
        {
            held.id: _Entry(
                held.text,
                _some(text=held.text, when=w.condition(package, held.when), target=_target(held.target)),
                held,
            )
            for held in package.plan.goals
        },
    )
    yield Part.PLAN, dict(_plan(package))
    yield Part.FLAGS, {held.id: _rule(held) for held in package.rules}
    yield Part.INDICATORS, {held.id: _indicator(held) for held in package.indicators}
    yield Part.FORMS, dict(_forms(package))
    yield (
        Part.PARAMETERS,
        {
            key: _Entry(held.title, {"value": w.same(held.value)}, (held.value, held.title))
            for key, held in package.parameter_definitions.items()
        },
    )
    yield (
        Part.RIGHTS,
        {
            held.id: _Entry(held.title, _some(days=w.same(held.days), kind=w.same(held.event)), held)
            for held in package.rights
        },
    )
    yield Part.APPOINTMENTS, _plain((held.kind, held.title, held) for held in package.appointment_kinds)
    yield (
        Part.REFERRALS,
        {
            held.id: _Entry(
                held.title,
                {
                    "performer": w.joined(w.WHO[kind] for kind in held.receiver_kinds),
                    "fields": w.joined(item.title for item in held.fields if item.required),
                },
                held,
            )
            for held in package.referrals
        },
    )
    yield Part.CONTENT, _plain((held.id, held.title, held) for held in package.content)
    yield Part.COCKPIT, _plain((held.id, held.title, held) for held in package.cockpit.columns)


def _some(**words: Text | None) -> dict[str, Text]:
    return {name: text for name, text in words.items() if text is not None}


def _plain(entries: Iterable[tuple[str, Text, Any]]) -> dict[str, _Entry]:
    return {key: _Entry(title, {"title": title}, whole) for key, title, whole in entries}


def _inclusion(package: Package) -> Iterator[tuple[str, _Entry]]:
    rules = package.inclusion
    for code in (*rules.codes, *(item for item in package.optional_codes if item not in rules.codes)):
        below = w.both(f"{code.code} og koder derunder", f"{code.code} and codes below it")
        title = below if code.children else w.same(code.code)
        yield f"code-{code.code}", _Entry(title, {}, (code.systems, code.code, code.children))
    own = w.both("ja", "yes") if rules.own_doctor else w.both("nej", "no")
    facts = {
        "age": (w.both("Mindste alder", "Lowest age"), w.same(rules.age_min)),
        "coded-age": (
            w.both("Mindste alder ved diagnosen", "Lowest age at diagnosis"),
            w.same(rules.coded_age_min or "–"),
        ),
        "clinical": (
            w.both("Diagnosens status", "Status of the diagnosis"),
            w.same(", ".join(rules.clinical_statuses)),
        ),
        "verified": (w.both("Diagnosens sikkerhed", "Certainty"), w.same(", ".join(rules.verification_statuses))),
        "own-doctor": (w.both("Egen læge kræves", "Own doctor needed"), own),
    }
    for key, (title, value) in facts.items():
        yield key, _Entry(title, {"value": value}, value)
    for kind, needs in (("requires", rules.requires), ("blocks", rules.blocks)):
        for need in needs:
            words = {"when": w.condition(package, need.when), "reason": need.reason}
            yield f"{kind}-{need.id}", _Entry(need.reason, words, (words, need))


def _level(package: Package) -> Iterator[tuple[str, _Entry]]:
    rules = package.level
    for raiser in rules.raisers:
        level = w.both(f"mindst {raiser.at_least}", f"at least {raiser.at_least}")
        words = {"level": level, "when": w.condition(package, raiser.when), "reason": raiser.reason}
        yield f"raiser-{raiser.id}", _Entry(raiser.reason, words, (words, raiser))
    for block in rules.blocks:
        words = _some(when=w.condition(package, block.when), reason=block.reason, action=block.action)
        yield f"block-{block.id}", _Entry(block.reason, words, (words, block))
    for held in rules.inputs:
        read = w.same(
            ", ".join(dict.fromkeys(f"{item.kind} {item.code or item.form or ''}".strip() for item in held.sources))
        )
        yield f"input-{held.name}", _Entry(held.title, {"sources": read}, held)  # fmt: skip
    if rules.grade is not None:
        for guideline in rules.grade.guidelines:
            groups = w.joined(
                (
                    w.both(f"{one.grade}: {words.da}", f"{one.grade}: {words.en}")
                    for one in guideline.groups
                    for words in [w.condition(package, one.when)]
                ),
                "; ",
                "; ",
            )
            yield f"guideline-{guideline.id}", _Entry(guideline.title, {"value": groups}, guideline)
    fields = w.same(", ".join(rules.base.link_ids))
    yield "needs", _Entry(w.both("Behovsvurdering", "Needs assessment"), {"fields": fields}, rules.base)
    months = w.same(rules.review_months)
    yield "review", _Entry(w.both("Niveauet ses efter igen", "Level looked at again"), {"months": months}, months)


def _activity(package: Package, held: Any) -> _Entry:
    window = w.both(
        f"{held.window_before_days} dage før til {held.window_after_days} dage efter",
        f"{held.window_before_days} days before to {held.window_after_days} days after",
    )
    words = {
        "title": held.title,
        "timing": w.timing(package, held),
        "performer": w.WHO[held.performer],
        "when": w.condition(package, held.when),
        "window": window,
        "kind": w.same(held.kind),
    }
    return _Entry(held.title, words, held)


def _target(target: Any) -> Text | None:
    if target is None:
        return None
    low = [] if target.at_least is None else [w.both(f"mindst {target.at_least}", f"at least {target.at_least}")]
    high = [] if target.at_most is None else [w.both(f"højst {target.at_most}", f"at most {target.at_most}")]
    return w.joined([w.same(target.input), *low, *high], " ", " ")


def _plan(package: Package) -> Iterator[tuple[str, _Entry]]:
    plan = package.plan
    for key, title, months in (
        ("horizon", w.both("Planens længde", "Length of the plan"), plan.horizon_months),
        ("review", w.both("Planen ses efter igen", "Plan looked at again"), plan.review_months),
    ):
        yield key, _Entry(title, {"months": w.same(months)}, months)
    yield "title", _Entry(w.both("Planens titel", "Title of the plan"), {"title": plan.title}, plan.title)
    for stop in plan.stops:
        words = {"when": w.condition(package, stop.when), "text": stop.text}
        yield f"stop-{stop.id}", _Entry(stop.text, words, (words, stop))
    for medicine in plan.medicines:
        words = {
            "kind": w.same(", ".join(medicine.atc)),
            "days": w.both(
                f"{medicine.start_days} efter start, {medicine.change_days} efter ændring",
                f"{medicine.start_days} after start, {medicine.change_days} after change",
            ),
        }
        yield f"medicine-{medicine.id}", _Entry(medicine.title, words, medicine)


def _rule(held: Any) -> _Entry:
    levels = w.both("alle", "all") if held.levels == "all" else w.same(", ".join(map(str, held.levels)))
    words = {
        "title": held.title,
        "level": levels,
        "severity": w.SEVERITY[held.severity],
        "reason": held.reason,
        "action": held.action,
        "question": w.both(f"udgave {held.version}", f"version {held.version}"),
    }
    return _Entry(held.title, words, (words, " ".join(held.sql.split())))


def _indicator(held: Any) -> _Entry:
    standard = w.same(f"{held.standard_percent} %" if held.standard_percent is not None else "–")
    words = {
        "title": held.title,
        "text": held.definition,
        "standard": standard,
        "question": w.both(f"udgave {held.version}", f"version {held.version}"),
    }
    return _Entry(held.title, words, (words, " ".join(held.sql.split())))


def _forms(package: Package) -> Iterator[tuple[str, _Entry]]:
    for form in package.forms.values():
        questions = {str(item.get("linkId")): item for item in items(form.questionnaire)}
        words = {"value": w.both(f"udgave {form.version}", f"version {form.version}")}
        yield form.id, _Entry(form.titles, words, (words, form.scoring))
        for link_id, item in questions.items():
            text = translation(item, "text")
            title = w.both(f"{form.titles.da}: {text.da}", f"{form.titles.en}: {text.en}")
            yield f"{form.id}/{link_id}", _Entry(title, {"text": text}, item)
