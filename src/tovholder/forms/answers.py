"""Answers between a web form, a check, and a QuestionnaireResponse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tovholder.base import days, json
from tovholder.base.errors import Issue
from tovholder.forms.domain import (
    MAX_VALUE,
    MIN_VALUE,
    VALUE_TYPES,
    Answers,
    Item,
    form_text,
    is_enabled,
    limit,
    limit_text,
    option_value,
    questions,
)
from tovholder.packages.model import Form

_INTEGER = re.compile(r"[+-]?\d{1,9}")
_DECIMAL = re.compile(r"[+-]?\d{1,12}(\.\d{1,8})?")


def parse(form: Form, sent: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[Any]], list[Issue]]:
    """Typed answers from what a web form sent, and what could not be read. A Danish decimal comma is fine."""
    answers: dict[str, list[Any]] = {}
    issues: list[Issue] = []
    for link_id, item in questions(form).items():
        for text in sent.get(link_id, ()):
            text = text.strip()
            if not text:
                continue
            value, issue = _typed(item, text)
            if issue is not None:
                issues.append(issue)
            else:
                answers.setdefault(link_id, []).append(value)
    return answers, issues


def _typed(item: Item, text: str) -> tuple[Any, Issue | None]:
    kind, link_id = str(item.get("type")), str(item.get("linkId"))
    if kind == "boolean":
        if text in ("true", "false"):
            return text == "true", None
        return None, _issue(link_id, "the answer is neither yes nor no", "true or false")
    if kind == "integer":
        if _INTEGER.fullmatch(text):
            return int(text), None
        return None, _issue(link_id, "the answer is not a whole number", "for example 3")
    if kind in ("decimal", "quantity"):
        plain = text.replace(",", ".")
        if _DECIMAL.fullmatch(plain):
            number = json.Decimal(plain)
            return ({"value": number} if kind == "quantity" else number), None
        return None, _issue(link_id, "the answer is not a number", "for example 1,5")
    if kind == "date":
        if len(text) == 10 and days.parse_day(text) is not None:
            return text, None
        return None, _issue(link_id, "the answer is not a date", "year-month-day, for example 2027-02-01")
    if kind in ("choice", "open-choice"):
        for option in item.get("answerOption") or ():
            value = option_value(option)
            if value is not None and form_text(value) == text:
                return value, None
        if kind == "open-choice":
            return text, None
        return None, _issue(link_id, "the answer is not one of the choices", _choices(item))
    return text, None


def _issue(link_id: str, message: str, expected: str, code: str = "value") -> Issue:
    return Issue(link_id, message, expected, code)


def _choices(item: Item) -> str:
    return ", ".join(form_text(option_value(option)) for option in item.get("answerOption") or ())


def normalise(form: Form, answers: Answers) -> dict[str, list[Any]]:
    """Answers with each choice as the questionnaire's own option, however it was named; the rest unchanged."""
    asked = questions(form)
    found: dict[str, list[Any]] = {}
    for link_id, given in answers.items():
        options = [option_value(option) for option in asked.get(link_id, {}).get("answerOption") or ()]
        found[link_id] = [
            next(
                (_plain(held) for held in options if form_text(held) == form_text(value) and _system(held, value)),
                value,
            )
            for value in given
        ]
    return found


def check(form: Form, answers: Answers) -> list[Issue]:
    """What is wrong with the answers; the path of each issue is the question's linkId.

    Questions that are not asked (disabled by another answer, themselves or through their group) may not be answered
    and need not be.
    """
    issues: list[Issue] = []
    known: set[str] = set()

    def walk(level: Iterable[Item], *, shown: bool) -> None:
        for item in level:
            link_id = str(item.get("linkId"))
            asked = shown and is_enabled(item, answers)
            given = answers.get(link_id, ())
            if str(item.get("type")) in VALUE_TYPES:
                known.add(link_id)
                issues.extend(_check_item(item, given, asked=asked))
            walk(item.get("item") or (), shown=asked)

    walk(form.questionnaire.get("item") or (), shown=True)
    issues.extend(
        _issue(link_id, "the questionnaire does not ask this", ", ".join(sorted(known)), "not-found")
        for link_id in answers
        if link_id not in known
    )
    return issues


def _check_item(item: Item, given: Sequence[Any], *, asked: bool) -> Iterable[Issue]:
    link_id = str(item.get("linkId"))
    if not asked:
        if given:
            yield _issue(link_id, "this is not asked, given the other answers", "no answer", "business-rule")
        return
    if item.get("required") and not given:
        yield _issue(link_id, "an answer is missing", "an answer", "required")
    if len(given) > 1 and not item.get("repeats"):
        yield _issue(link_id, "more than one answer", "one answer", "business-rule")
    for value in given:
        yield from _check_value(item, value)


def _check_value(item: Item, value: Any) -> Iterable[Issue]:
    kind, link_id = str(item.get("type")), str(item.get("linkId"))
    if not _fits(kind, value):
        yield _issue(link_id, f"the answer is not of the type {kind}", kind)
        return
    options = [option_value(option) for option in item.get("answerOption") or ()]
    if options and (kind == "choice" or (kind != "open-choice" and options)):
        same = [option for option in options if form_text(option) == form_text(value) and _system(option, value)]
        if not same:
            yield _issue(link_id, "the answer is not one of the choices", _choices(item), "code-invalid")
    if isinstance(value, str) and item.get("maxLength") and len(value) > int(item["maxLength"]):
        yield _issue(link_id, "the answer is too long", f"at most {item['maxLength']} characters", "too-long")
    number = value.get("value") if isinstance(value, Mapping) and kind == "quantity" else value
    if isinstance(number, int | float) and not isinstance(number, bool):
        low, high = limit(item, MIN_VALUE), limit(item, MAX_VALUE)
        if (low is not None and number < low) or (high is not None and number > high):
            wanted = f"{limit_text(item, MIN_VALUE) or '…'} to {limit_text(item, MAX_VALUE) or '…'}"
            yield _issue(link_id, "the number is outside what can be true", wanted)


def _system(option: Any, value: Any) -> bool:
    if not isinstance(option, Mapping) or not isinstance(value, Mapping):
        return True
    return value.get("system") in (None, option.get("system"))


def _fits(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "decimal":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "choice":
        return isinstance(value, Mapping | str | int)
    if kind == "quantity":
        return isinstance(value, Mapping) and isinstance(value.get("value"), int | float)
    if kind in ("date", "dateTime"):
        return isinstance(value, str) and re.match(r"\d{4}", value) is not None
    return isinstance(value, str | Mapping)


def items_of(form: Form, answers: Answers) -> list[dict[str, Any]]:
    """QuestionnaireResponse.item in the questionnaire's own shape; unanswered questions and empty groups left out."""

    def build(level: Iterable[Item]) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for item in level:
            link_id = str(item.get("linkId"))
            kind = str(item.get("type"))
            inner = build(item.get("item") or ())
            given = [_answer(item, value) for value in answers.get(link_id, ())] if kind in VALUE_TYPES else []
            if not given and not inner:
                continue
            entry: dict[str, Any] = {"linkId": link_id}
            if item.get("text"):
                entry["text"] = item["text"]
            if given:
                if inner:  # questions under a question hang from its answer
                    given[0]["item"] = inner
                entry["answer"] = given
            else:
                entry["item"] = inner
            made.append(entry)
        return made

    return build(form.questionnaire.get("item") or ())


def _answer(item: Item, value: Any) -> dict[str, Any]:
    kind = str(item.get("type"))
    if kind in ("choice", "open-choice"):
        for option in item.get("answerOption") or ():
            held = option_value(option)
            if held is not None and form_text(held) == form_text(value):
                key = next(key for key in option if key.startswith("value"))
                return {key: _plain(held)}
        return {"valueString": value} if isinstance(value, str) else {"valueCoding": value}
    return {f"value{VALUE_TYPES[kind]}": value}


def _plain(value: Any) -> Any:
    """A coding without the questionnaire's own extensions (ordinal values, translations)."""
    if isinstance(value, Mapping):
        return {key: held for key, held in value.items() if key in ("system", "version", "code", "display")}
    return value


def answers_of(response: Item) -> dict[str, list[Any]]:
    """The answers of a QuestionnaireResponse by linkId."""
    found: dict[str, list[Any]] = {}

    def walk(level: Iterable[Item]) -> None:
        for entry in level:
            for answer in entry.get("answer") or ():
                value = next((held for key, held in answer.items() if key.startswith("value")), None)
                if value is not None:
                    found.setdefault(str(entry.get("linkId")), []).append(value)
                walk(answer.get("item") or ())
            walk(entry.get("item") or ())

    walk(response.get("item") or ())
    return found


def validate_response(form: Form, response: Item) -> list[Issue]:
    """What is wrong with a received response to this questionnaire; unfinished ones may miss answers."""
    issues = check(form, answers_of(response))
    if response.get("status") == "in-progress":
        issues = [issue for issue in issues if issue.code != "required"]
    return [
        Issue(f"QuestionnaireResponse.item('{issue.path}')", issue.message, issue.expected, issue.code)
        for issue in issues
    ]
