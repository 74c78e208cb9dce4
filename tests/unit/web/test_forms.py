"""The forms: what is missing is told at its field, and dates know which day it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tovholder.base import days
from tovholder.web import forms
from tovholder.web.views.common import form_errors

TODAY = days.day_of(datetime(2027, 2, 1, 12, tzinfo=UTC))


class TestDates:
    def test_a_danish_date_is_read(self) -> None:
        form = forms.StartForm({"offered": "31-01-2027", "started": "01-02-2027"}, today=TODAY, name="start")
        assert form.is_valid()
        assert form.day("offered") == TODAY - 1

    def test_the_future_cannot_have_happened(self) -> None:
        form = forms.StartForm({"offered": "2027-02-02", "started": "2027-02-01"}, today=TODAY, name="start")
        assert not form.is_valid()
        assert [error.field for error in form_errors(form)] == ["start-offered"]
        assert "fremtiden" in str(form_errors(form)[0].text)

    def test_an_appointment_is_not_booked_in_the_past(self) -> None:
        data = {"kind": "kol-kontrol", "date": "2027-01-31", "time": "9.30"}
        form = forms.BookForm(data, today=TODAY, name="book", kinds=(("kol-kontrol", "KOL-kontrol"),))
        assert not form.is_valid()
        assert set(form.errors) == {"date"}

    def test_the_time_is_danish_time(self) -> None:
        data = {"kind": "kol-kontrol", "date": "2027-07-01", "time": "9:30"}
        form = forms.BookForm(data, today=TODAY, name="book", kinds=(("kol-kontrol", "KOL-kontrol"),))
        assert form.is_valid()
        assert form.start.astimezone(UTC).hour == 7

    def test_an_offer_comes_before_the_start(self) -> None:
        form = forms.StartForm({"offered": "2027-01-31", "started": "2027-01-30"}, today=TODAY, name="start")
        assert not form.is_valid()
        assert set(form.errors) == {"offered"}

    @pytest.mark.parametrize(("started", "told"), [("0027-01-31", "mange år tilbage"), ("2017-01-01", None)])
    def test_a_slip_in_the_year_is_no_start(self, started: str, told: str | None) -> None:
        form = forms.StartForm({"offered": started, "started": started}, today=TODAY, name="start")
        assert form.is_valid() == (told is None)
        assert all(told in str(error.text) for error in form_errors(form) if told)

    def test_two_fields_told_the_same_are_told_apart(self) -> None:
        form = forms.StartForm({"offered": "abc", "started": "31-02-2027"}, today=TODAY, name="start")
        offered, started = (str(error.text) for error in form_errors(form))
        assert offered.startswith("Hvornår fik patienten tilbuddet? Skriv datoen")
        assert started.startswith("Hvornår starter forløbet? Skriv datoen")

    @pytest.mark.parametrize(("day", "held"), [("2032-12-31", True), ("2033-01-01", False), ("9999-12-31", False)])
    def test_nor_is_an_appointment_booked_in_another_age(self, day: str, held: bool) -> None:
        data = {"kind": "kol-kontrol", "date": day, "time": "9.30"}
        form = forms.BookForm(data, today=TODAY, name="book", kinds=(("kol-kontrol", "KOL-kontrol"),))
        assert form.is_valid() == held
        assert set(form.errors) == (set() if held else {"date"})


class TestWords:
    @pytest.mark.parametrize(
        ("form", "limit"),
        [
            (forms.DeclineForm({"reason": "x" * 501}, today=TODAY, name="nej"), 500),
            (forms.PauseForm({"reason": "x" * 301}, today=TODAY, name="pause"), 300),
            (forms.DecideForm({"level": "2", "override_reason": "x" * 1001}, today=TODAY, name="niveau"), 1000),
        ],
    )
    def test_too_many_are_told_with_how_many_there_may_be(self, form: forms.TodayForm, limit: int) -> None:
        assert [str(error.text) for error in form_errors(form)] == [
            f"Teksten er for lang. Skriv den med højst {limit} tegn."
        ]

    def test_a_choice_that_is_none_is_not_repeated(self) -> None:
        form = forms.EndForm({"reason": "<b>hest</b>"}, today=TODAY, name="slut")
        assert ["hest" in str(error.text) for error in form_errors(form)] == [False]

    def test_whose_words_a_goal_is_in_must_be_said(self) -> None:
        form = forms.GoalForm({"text": "Gå tur"}, today=TODAY, name="maal")
        assert [str(error.text) for error in form_errors(form)] == ["Vælg, hvis ord det er."]


class TestDecision:
    def test_the_proposed_level_needs_no_reason(self) -> None:
        assert forms.DecideForm({"level": "2"}, proposed=2, today=TODAY, name="niveau").is_valid()

    def test_another_level_needs_one(self) -> None:
        form = forms.DecideForm({"level": "1", "override_reason": "  "}, proposed=2, today=TODAY, name="niveau")
        assert not form.is_valid()
        assert set(form.errors) == {"override_reason"}

    def test_nothing_chosen_points_at_the_first_choice(self) -> None:
        form = forms.DecideForm({}, proposed=2, today=TODAY, name="niveau")
        assert [error.field for error in form_errors(form)] == ["niveau-level_0"]

    def test_there_is_no_fourth_level(self) -> None:
        assert not forms.DecideForm({"level": "4"}, proposed=None, today=TODAY, name="niveau").is_valid()


class TestConfirmation:
    def test_needs_a_goal_or_a_reason_and_the_cross(self) -> None:
        form = forms.ConfirmForm({}, today=TODAY, name="plan")
        assert not form.is_valid()
        assert set(form.errors) == {"goal", "together"}

    def test_a_reason_for_none_is_enough(self) -> None:
        data = {"no_goal_reason": "Patienten vil først tale med sin datter", "together": "on"}
        assert forms.ConfirmForm(data, today=TODAY, name="plan").is_valid()

    def test_a_goal_the_patient_wrote_before_counts(self) -> None:
        assert forms.ConfirmForm({"together": "on"}, has_goal=True, today=TODAY, name="plan").is_valid()

    def test_both_is_one_too_many(self) -> None:
        data = {"goal": "Gå tur", "no_goal_reason": "Ingen", "together": "on"}
        form = forms.ConfirmForm(data, today=TODAY, name="plan")
        assert not form.is_valid()
        assert set(form.errors) == {"no_goal_reason"}

    def test_what_was_typed_is_kept(self) -> None:
        long = "x" * 301
        form = forms.ConfirmForm({"goal": long, "together": "on"}, today=TODAY, name="plan")
        assert not form.is_valid()
        assert form["goal"].value() == long
        assert "300" in str(form.errors["goal"])
