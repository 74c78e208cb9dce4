"""Questionnaires shown, read from a web form, checked, turned into responses and measurements, scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder import forms, packages
from tovholder.base.json import Decimal as JsonDecimal
from tovholder.base.json import dumps
from tovholder.fhir import systems
from tovholder.fhir.validate import validate
from tovholder.forms.domain import is_enabled
from tovholder.packages.model import Form
from tovholder.plan.resources import response_resource

STATUS = packages.get("kol").forms["kol-aarsstatus"]
NEEDS = packages.get("kol").forms["kol-behovsvurdering"]
FIELDS = ("biologisk", "psykisk", "social", "sundhedskompetence")


def asked(form: Form, **sent: Any) -> tuple[dict[str, list[Any]], list[Any]]:
    given = {name.replace("_", "-"): value if isinstance(value, list) else [value] for name, value in sent.items()}
    return forms.parse(form, given)


def own(items: list[dict[str, Any]], **changes: Any) -> Form:
    """A form of our own making."""
    sheet = {"resourceType": "Questionnaire", "url": "http://x/q", "version": "1", "title": "T", "item": items}
    return replace(NEEDS, questionnaire=sheet, **changes)


def test_shown_in_both_languages_with_answers_and_errors_at_their_field() -> None:
    answers, _ = asked(NEEDS, biologisk="2")
    issues = forms.check(NEEDS, answers)
    danish, english = (forms.render(NEEDS, answers, language, issues) for language in ("da", "en"))
    assert danish.title == "Behovsvurdering ved KOL"
    assert english.title == "Needs assessment for COPD"
    by_id = {field.link_id: field for field in danish.fields}
    assert [choice.value for choice in by_id["biologisk"].choices if choice.chosen] == ["2"]
    assert by_id["biologisk"].errors == ()
    assert by_id["psykisk"].errors
    assert by_id["biologisk"].control == "radio-button"
    assert by_id["biologisk-hjaelp"].control == "help"
    assert not by_id["biologisk-gruppe"].takes_answer
    assert by_id["biologisk"].depth == 1
    assert {field.text for field in danish.fields} != {field.text for field in english.fields}


def test_numbers_units_and_limits_reach_the_page() -> None:
    by_id = {field.link_id: field for field in forms.render(STATUS, {}, "da").fields}
    fev1 = by_id["fev1-procent"]
    assert (fev1.unit, fev1.minimum, fev1.maximum, fev1.enabled, fev1.conditional) == ("%", "5.0", "200.0", False, True)
    shown, _ = asked(STATUS, lungefunktion_maalt="ja")
    assert {field.link_id: field.enabled for field in forms.render(STATUS, shown, "da").fields}["fev1-procent"]


def test_typed_answers_and_a_danish_comma() -> None:
    answers, issues = asked(
        STATUS, lungefunktion_maalt="ja", fev1_procent="42,50", mrc=" 4 ", hjemmeilt="true", rygning=""
    )
    assert issues == []
    assert answers["fev1-procent"] == [42.5]
    assert dumps(answers["fev1-procent"][0]) == b"42.50"  # kept as typed
    assert (answers["mrc"], answers["hjemmeilt"]) == ([4], [True])
    assert answers["lungefunktion-maalt"][0]["code"] == "ja"
    assert "rygning" not in answers
    assert forms.check(STATUS, answers) == []


@pytest.mark.parametrize(
    ("link_id", "text"),
    [("mrc", "fire"), ("mrc", "4,5"), ("fev1-procent", "1e3"), ("rygning", "måske"), ("hjemmeilt", "ja"),
     ("naeste-kontrol", "1. maj"), ("naeste-kontrol", "2027-02-30"), ("naeste-kontrol", "2027-02")],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_what_could(link_id: str, text: str) -> None:
    answers, issues = forms.parse(STATUS, {link_id: [text]})
    assert answers == {}
    assert [issue.path for issue in issues] == [link_id]
    assert issues[0].expected


@pytest.mark.parametrize(
    ("answers", "path", "code"),
    [
        ({"mrc": [6]}, "mrc", "value"),
        ({"mrc": [0]}, "mrc", "value"),
        ({"mrc": ["4"]}, "mrc", "value"),
        ({"mrc": [True]}, "mrc", "value"),
        ({"mrc": [3, 4]}, "mrc", "business-rule"),
        ({"fev1-procent": [42.0]}, "fev1-procent", "business-rule"),  # not asked: lung function was not examined
        ({"rygning": [{"system": "http://other", "code": "dagligt"}]}, "rygning", "code-invalid"),
        ({"hund": [1]}, "hund", "not-found"),
    ],
)
def test_answers_that_cannot_be_true(answers: dict[str, list[Any]], path: str, code: str) -> None:
    assert [(issue.path, issue.code) for issue in forms.check(STATUS, answers)] == [(path, code)]


def test_a_required_question_that_is_not_asked_need_not_be_answered() -> None:
    form = own(
        [
            {"linkId": "a", "type": "boolean", "required": True},
            {
                "linkId": "g",
                "type": "group",
                "enableWhen": [{"question": "a", "operator": "=", "answerBoolean": True}],
                "item": [{"linkId": "b", "type": "string", "required": True, "maxLength": 3}],
            },
        ]
    )
    assert [issue.path for issue in forms.check(form, {})] == ["a"]
    assert forms.check(form, {"a": [False]}) == []
    assert [issue.path for issue in forms.check(form, {"a": [True]})] == ["b"]
    assert [issue.code for issue in forms.check(form, {"a": [True], "b": ["four"]})] == ["too-long"]
    assert [issue.path for issue in forms.check(form, {"a": [False], "b": ["x"]})] == ["b"]


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "enabled"),
    [
        ("exists", {"answerBoolean": True}, [1], True),
        ("exists", {"answerBoolean": False}, [], True),
        ("exists", {"answerBoolean": True}, [], False),
        ("=", {"answerInteger": 3}, [3], True),
        ("!=", {"answerInteger": 3}, [4], True),
        ("!=", {"answerInteger": 3}, [], False),
        (">", {"answerInteger": 3}, [4], True),
        (">", {"answerInteger": 3}, [3], False),
        (">=", {"answerInteger": 3}, [3], True),
        ("<", {"answerDecimal": 50}, [49.9], True),
        ("<=", {"answerDate": "2027-03-01"}, ["2027-03-01"], True),
        (">", {"answerInteger": 3}, ["x"], False),
        ("=", {"answerCoding": {"system": "s", "code": "ja"}}, [{"code": "ja"}], True),
    ],
)
def test_conditions_on_questions(operator: str, wanted: dict[str, Any], given: list[Any], enabled: bool) -> None:
    item = {"linkId": "b", "enableWhen": [{"question": "a", "operator": operator, **wanted}]}
    assert is_enabled(item, {"a": given}) is enabled


def test_all_or_any_of_several_conditions() -> None:
    conditions = [{"question": name, "operator": "=", "answerBoolean": True} for name in ("a", "b")]
    one_true = {"a": [True], "b": [False]}
    assert is_enabled({"enableWhen": conditions, "enableBehavior": "any"}, one_true)
    assert not is_enabled({"enableWhen": conditions, "enableBehavior": "all"}, one_true)


def test_a_response_in_the_questionnaires_shape_is_valid_fhir_and_reads_back() -> None:
    answers, _ = asked(
        STATUS, lungefunktion_maalt="ja", fev1_procent="42", mrc="4", forvaerringer="0", bemaerkninger="Godt"
    )
    response = response_resource(
        patient_id="p", questionnaire=STATUS.canonical, items=forms.items_of(STATUS, answers),
        authored=datetime(2027, 3, 1, tzinfo=UTC), author="Practitioner/d", episode_id="e",
    )  # fmt: skip
    assert [str(issue) for issue in validate(response) if issue.severity in ("error", "fatal")] == []
    assert {item["linkId"] for item in response["item"]} == {"lungefunktion", "symptomer", "forvaerring", "afslutning"}
    assert forms.answers_of(response)["forvaerringer"] == [0]
    assert forms.validate_response(STATUS, response) == []
    assert forms.check(STATUS, forms.answers_of(response)) == []


def test_an_unfinished_response_may_miss_answers_but_not_hold_wrong_ones() -> None:
    response = {"status": "in-progress", "item": [{"linkId": "biologisk", "answer": [{"valueCoding": {"code": "1"}}]}]}
    assert forms.validate_response(NEEDS, response) == []
    assert len(forms.validate_response(NEEDS, response | {"status": "completed"})) == 3
    wrong = {"status": "in-progress", "item": [{"linkId": "biologisk", "answer": [{"valueCoding": {"code": "9"}}]}]}
    (issue,) = forms.validate_response(NEEDS, wrong)
    assert issue.path == "QuestionnaireResponse.item('biologisk')"


def test_questions_under_a_question_hang_from_its_answer() -> None:
    form = own([{"linkId": "a", "type": "boolean", "item": [{"linkId": "b", "type": "string"}]}])
    (item,) = forms.items_of(form, {"a": [True], "b": ["fordi"]})
    assert item["answer"][0]["item"][0]["linkId"] == "b"
    assert forms.answers_of({"item": [item]}) == {"a": [True], "b": ["fordi"]}


def test_marked_questions_become_measurements() -> None:
    answers, _ = asked(
        STATUS, lungefunktion_maalt="ja", fev1_procent="42.0", mrc="4", forvaerringer="0", rygning="dagligt"
    )
    made = forms.extract(
        STATUS,
        answers,
        patient_id="p",
        at=datetime(2027, 3, 1, tzinfo=UTC),
        response_id="q",
        performer="Practitioner/d",
    )
    by_code = {item["code"]["coding"][0]["code"]: item for item in made}
    assert by_code["MCS88023"]["valueQuantity"]["code"] == "%"
    assert dumps(by_code["MCS88023"]["valueQuantity"]["value"]) == b"42.0"
    assert by_code["MCS88022"]["valueInteger"] == 0
    assert by_code["MCS88011"]["valueCodeableConcept"]["coding"][0]["code"] == "dagligt"
    for item in made:
        assert item["derivedFrom"] == [{"reference": "QuestionnaireResponse/q"}]
        assert item["code"]["coding"][0]["system"] in (systems.MCS, systems.NPU, systems.OBSERVATION_SYSTEM)
        assert [str(issue) for issue in validate(item) if issue.severity in ("error", "fatal")] == []


def test_what_is_not_asked_gives_no_measurement() -> None:
    stale = {"lungefunktion-maalt": [{"code": "nej"}], "fev1-procent": [42.0]}
    made = forms.extract(
        STATUS, stale, patient_id="p", at=datetime(2027, 3, 1, tzinfo=UTC), response_id="q", performer=None
    )
    assert "MCS88023" not in {item["code"]["coding"][0]["code"] for item in made}


def test_scores_with_enough_answers_or_none() -> None:
    (low,) = forms.score(NEEDS, {name: [{"code": "1"}] for name in FIELDS})
    assert (low.id, low.version, low.value) == ("behov", 1, Decimal(1))
    (high,) = forms.score(NEEDS, {name: ["1"] for name in FIELDS} | {"social": ["3"]})
    assert high.value == 3
    (few,) = forms.score(NEEDS, {name: ["3"] for name in FIELDS[:3]})
    assert (few.value, few.answered, few.needed) == (None, 3, 4)


@given(st.lists(st.sampled_from([1, 2, 3]), min_size=4, max_size=4), st.sampled_from(["max", "sum", "mean"]))
def test_methods(numbers: list[int], method: str) -> None:
    held = NEEDS.scoring.scores[0].model_copy(update={"method": method})
    form = replace(NEEDS, scoring=NEEDS.scoring.model_copy(update={"scores": (held,)}))
    (found,) = forms.score(form, {name: [str(number)] for name, number in zip(FIELDS, numbers, strict=True)})
    wanted = {"max": max(numbers), "sum": sum(numbers), "mean": sum(numbers) / 4}[method]
    assert found.value is not None
    assert abs(float(found.value) - wanted) < 0.006


def test_choices_are_stored_as_the_questionnaires_own() -> None:
    found = forms.normalise(NEEDS, {"social": ["2"], "social-tekst": ["Bor alene"]})
    assert found["social"][0]["system"] == "http://tovholder.dk/fhir/CodeSystem/need"
    assert "extension" not in found["social"][0]
    assert found["social-tekst"] == ["Bor alene"]
    assert forms.form_text(JsonDecimal("1.50")) == "1.50"
