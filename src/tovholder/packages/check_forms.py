"""Static checks of a package's forms: valid Questionnaires in two languages whose questions are there when named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tovholder.base.errors import Issue, Severity
from tovholder.fhir.validate import validate
from tovholder.packages.model import Form, Package
from tovholder.packages.questionnaires import english, items, link_ids


def check(package: Package) -> Iterator[Issue]:
    """All faults of the forms."""
    for form in package.forms.values():
        file = f"forms/{form.id}.json"
        for found in validate(dict(form.questionnaire)):
            if found.severity in (Severity.ERROR, Severity.FATAL):
                yield Issue(file, f"{found.path}: {found.message}", found.expected)
        yield from _words(file, form)
        yield from _questions(file, form)
        before: set[str] = set()
        for index, score in enumerate(form.scoring.scores):
            where = (f"forms/{form.id}.toml", ("scores", index, "link_ids"))
            yield from link_issues(package, where, form.id, score.link_ids)
            for name in sorted({limit.score for group in score.groups for limit in group.limits} - before):
                place = package.place(where[0], "scores", index, "groups")
                yield Issue(place, f'no score above is called "{name}"', f"one of: {', '.join(sorted(before))}")
            if score.id in before:
                yield Issue(package.place(where[0], "scores", index), f"{score.id} is there twice", "each once")
            before.add(score.id)
            if score.keep == "band" and not (score.bands or score.groups):
                place = package.place(where[0], "scores", index, "keep")
                yield Issue(place, "the score has neither bands nor groups to keep", 'keep = "value"')
            if score.method != "group" and score.min_answered > len(score.link_ids):
                place = package.place(where[0], "scores", index, "min_answered")
                yield Issue(place, "more answers are wanted than there are questions", f"at most {len(score.link_ids)}")


def link_issues(
    package: Package, where: tuple[str, tuple[str | int, ...]], form_id: str, wanted: Iterable[str]
) -> Iterator[Issue]:
    """Questions named that no form has."""
    place = package.place(where[0], *where[1])
    form = package.forms.get(form_id)
    if form is None:
        yield Issue(place, f'there is no form "{form_id}"', f"one of: {', '.join(sorted(package.forms))}")
        return
    known = link_ids(form.questionnaire)
    for link_id in wanted:
        if link_id not in known:
            yield Issue(place, f'{form_id} has no question "{link_id}"', f"one of: {', '.join(sorted(known))}")


def score_issues(
    package: Package, where: tuple[str, tuple[str | int, ...]], form_id: str, wanted: str
) -> Iterator[Issue]:
    """A form or score named that is not there."""
    form = package.forms.get(form_id)
    place = package.place(where[0], *where[1])
    if form is None:
        yield Issue(place, f'there is no form "{form_id}"', f"one of: {', '.join(sorted(package.forms))}")
    elif form.score(wanted) is None:
        known = ", ".join(score.id for score in form.scoring.scores)
        yield Issue(place, f'{form_id} has no score "{wanted}"', f"one of: {known}")


def _words(file: str, form: Form) -> Iterator[Issue]:
    elements: list[tuple[Mapping[str, Any], str, str]] = [(form.questionnaire, "title", "the form")]
    for item in items(form.questionnaire):
        elements.append((item, "text", f"the question {item.get('linkId')}"))
        for option in item.get("answerOption", ()):
            if "valueCoding" in option:
                elements.append((option["valueCoding"], "display", f"an answer of {item.get('linkId')}"))
    for element, name, what in elements:
        if not element.get(name):
            yield Issue(file, f"{what} has no {name}", "Danish words")
        elif english(element, name) is None:
            yield Issue(file, f"{what} has no English {name}", f'the extension "translation" on _{name} with lang en')


def _questions(file: str, form: Form) -> Iterator[Issue]:
    ids = [item.get("linkId") for item in items(form.questionnaire)]
    for twin in sorted({str(held) for held in ids if ids.count(held) > 1}):
        yield Issue(file, f"the linkId {twin} is used twice", "a linkId of its own for each question")
    for item in items(form.questionnaire):
        for when in item.get("enableWhen", ()):
            if when.get("question") not in ids:
                yield Issue(
                    file, f"{item.get('linkId')} depends on {when.get('question')}, which is not there", "a linkId"
                )
