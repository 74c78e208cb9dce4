"""A questionnaire as a page shows it: fields in order, in one language, with the answers and errors so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder.base.errors import Issue
from tovholder.packages.model import Form
from tovholder.packages.questionnaires import items, translation

Answers = Mapping[str, Sequence[Any]]  # linkId → FHIR values: int, float, bool, text, or a Coding
Item = Mapping[str, Any]

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"
MAX_VALUE = "http://hl7.org/fhir/StructureDefinition/maxValue"
CONTROL = "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl"
UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"

# Item type → the suffix of its answer's value[x] (R4 §4.5.2 answers)
VALUE_TYPES: Mapping[str, str] = {
    "boolean": "Boolean",
    "integer": "Integer",
    "decimal": "Decimal",
    "date": "Date",
    "dateTime": "DateTime",
    "string": "String",
    "text": "String",
    "choice": "Coding",
    "open-choice": "Coding",
    "quantity": "Quantity",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to choose. ``value`` is what a form sends."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One question, heading or group, ready to show."""

    link_id: str
    kind: str  # the item type; "group" and "display" take no answer
    text: str
    required: bool = False
    repeats: bool = False
    choices: tuple[Choice, ...] = ()
    values: tuple[str, ...] = ()  # as typed in a form
    unit: str = ""
    minimum: str = ""
    maximum: str = ""
    max_length: int | None = None
    enabled: bool = True
    conditional: bool = False  # shown or hidden by another answer
    depth: int = 0
    control: str = ""  # questionnaire-itemControl: "help", "radio-button", …
    errors: tuple[str, ...] = ()

    @property
    def takes_answer(self) -> bool:
        """Whether the field asks something."""
        return self.kind in VALUE_TYPES


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole questionnaire, ready to show."""

    id: str
    title: str
    description: str
    fields: tuple[Field, ...]
    errors: tuple[Issue, ...] = field(default=())
    notice: str = ""  # whose words the questions are, where that must be said


def render(form: Form, answers: Answers, language: str, issues: Iterable[Issue] = ()) -> Rendered:
    """The questionnaire in a language with the answers so far; errors stand at their field."""
    wrong = tuple(issues)
    sheet = form.questionnaire
    by_field: dict[str, list[str]] = {}
    for issue in wrong:
        by_field.setdefault(issue.path, []).append(issue.message)
    description = translation(sheet, "description")[language] if sheet.get("description") else ""
    return Rendered(
        id=form.id,
        title=translation(sheet, "title")[language],
        description=description,
        fields=tuple(_fields(sheet, sheet.get("item") or (), answers, language, by_field, 0, shown=True)),
        errors=wrong,
        notice=str(sheet.get("copyright") or ""),
    )


def _fields(
    sheet: Item,
    level: Iterable[Item],
    answers: Answers,
    language: str,
    errors: Mapping[str, list[str]],
    depth: int,
    *,
    shown: bool,
) -> Iterable[Field]:
    for item in level:
        link_id = str(item.get("linkId"))
        given = answers.get(link_id, ())
        enabled = shown and is_enabled(item, answers)
        yield Field(
            link_id=link_id,
            kind=str(item.get("type")),
            text=translation(item, "text")[language] if item.get("text") else "",
            required=bool(item.get("required")),
            repeats=bool(item.get("repeats")),
            choices=tuple(_choices(item, given, language)),
            values=tuple(form_text(value) for value in given),
            unit=_unit(item),
            minimum=limit_text(item, MIN_VALUE),
            maximum=limit_text(item, MAX_VALUE),
            max_length=item.get("maxLength"),
            enabled=enabled,
            conditional=bool(item.get("enableWhen")),
            depth=depth,
            control=_control(item),
            errors=tuple(errors.get(link_id, ())),
        )
        yield from _fields(sheet, item.get("item") or (), answers, language, errors, depth + 1, shown=enabled)


def _choices(item: Item, given: Sequence[Any], language: str) -> Iterable[Choice]:
    chosen = {form_text(value) for value in given}
    for option in item.get("answerOption") or ():
        value = option_value(option)
        if value is None:
            continue
        code = form_text(value)
        label = translation(value, "display")[language] if isinstance(value, Mapping) and value.get("display") else code
        yield Choice(code, label, code in chosen)


def option_value(option: Item) -> Any:
    """The value of an answer option."""
    return next((value for key, value in option.items() if key.startswith("value")), None)


def form_text(value: Any) -> str:
    """A FHIR value as a form sends it: the code of a Coding, the number of a Quantity."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return str(value.get("code") or value.get("value") or value.get("display") or "")
    return str(getattr(value, "text", value))


def limit(item: Item, url: str) -> Any:
    """The value of a limit extension of an item."""
    for extension in item.get("extension") or ():
        if extension.get("url") == url:
            return next((value for key, value in extension.items() if key.startswith("value")), None)
    return None


def limit_text(item: Item, url: str) -> str:
    """A limit as text; empty when there is none."""
    found = limit(item, url)
    return "" if found is None else str(getattr(found, "text", found))


def _control(item: Item) -> str:
    found = limit(item, CONTROL)
    codings = found.get("coding") if isinstance(found, Mapping) else None
    return str(codings[0].get("code") or "") if codings else ""


def _unit(item: Item) -> str:
    found = limit(item, UNIT)
    return str(found.get("display") or found.get("code") or "") if isinstance(found, Mapping) else ""


def questions(form: Form) -> dict[str, Item]:
    """The items that take an answer, by linkId."""
    return {str(item.get("linkId")): item for item in items(form.questionnaire) if str(item.get("type")) in VALUE_TYPES}


def is_enabled(item: Item, answers: Answers) -> bool:
    """Whether the item's own conditions let it be asked (R4 §4.5.4 enableWhen)."""
    conditions = item.get("enableWhen") or ()
    if not conditions:
        return True
    held = [_holds(condition, answers.get(str(condition.get("question")), ())) for condition in conditions]
    return all(held) if item.get("enableBehavior") == "all" else any(held)


def _holds(condition: Item, given: Sequence[Any]) -> bool:
    operator = condition.get("operator")
    wanted = next((value for key, value in condition.items() if key.startswith("answer")), None)
    if operator == "exists":
        return bool(given) == bool(wanted)
    if operator == "!=":
        return bool(given) and all(_key(value) != _key(wanted) for value in given)
    if operator == "=":
        return any(_key(value) == _key(wanted) for value in given)
    for value in given:
        left, right = _key(value), _key(wanted)
        if type(left) is not type(right):
            continue
        if {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}.get(str(operator)):
            return True
    return False


def _key(value: Any) -> Any:
    """A value that can be compared: numbers as numbers, codings by code."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return float(value)
    return form_text(value)
