"""What those who receive referrals fill in: answers, times and how they went, goals, scores, and whom they look up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.access import persons
from tovholder.access.evidence import LONGEST, REASONS
from tovholder.appointments.series import MOST
from tovholder.base import days
from tovholder.web import referral_words, wording
from tovholder.web.forms import BookForm, DayField, GoalForm, PickField, TodayForm, WordsField, _words

_MOST = 2000
Choices = Sequence[tuple[str, Any]]
# act: its fold, its button, the fields it asks for, what its words are called, and whether they must be there.
_ACTS: Mapping[str, tuple[Any, Any, tuple[str, ...], Any, bool]] = {
    "accept": (_("Tag imod patienten"), _("Acceptér henvisningen"), ("dag",), "", False),
    "start": (_("Tilbuddet er begyndt"), _("Notér, at det er begyndt"), ("dag",), "", False),
    "complete": (
        _("Afslut, og skriv til lægen"), _("Afslut, og send til lægen"), ("dag", "tekst"),
        _("Afsluttende besked til lægen"), True,
    ),
    "stop": (
        _("Stoppet før tid"), _("Stop, og send til lægen"), ("grund", "dag", "tekst"), _("Besked til lægen"), True,
    ),
    "reject": (_("Afvis henvisningen"), _("Afvis henvisningen"), ("grund", "tekst"), _("Uddyb"), False),
}  # fmt: skip
ACTS = tuple(_ACTS)


class AnswerForm(TodayForm):
    """One answer to one referral; ``act`` says which."""

    conditional = frozenset({"tekst"})

    grund = PickField(label=_("Hvorfor?"), error_messages={"required": _("Vælg en grund.")})
    dag = DayField(label=_("Hvornår?"), past_only=True, error_messages={"required": _("Skriv en dato.")})
    tekst = WordsField(label="", max_length=_MOST, widget=_words(4), required=False)

    def __init__(self, data: Any = None, *, act: str, referral: str, today: int, day: int | None = None) -> None:
        initial = {"dag": days.date_of(today if day is None else day)}
        super().__init__(data, today=today, name=f"{act}-{referral}", initial=initial)
        self.act, self.referral = act, referral
        self.title, self.button, wanted, words, self._needs_words = _ACTS[act]
        for name in set(self.fields) - set(wanted):
            del self.fields[name]
        if "grund" in self.fields:
            codes = referral_words.REJECT_REASONS if act == "reject" else referral_words.STOP_REASONS
            _choose(self, "grund", [("", _("Vælg")), *((code, referral_words.REASONS[code]) for code in codes)])
        if "tekst" in self.fields:
            self.fields["tekst"].label = words

    def clean(self) -> dict[str, Any]:
        """What the doctor gets are words; another reason needs some too."""
        cleaned = super().clean()
        if not cleaned.get("tekst", "").strip() and "tekst" not in self.errors:
            if self._needs_words:
                self.add_error("tekst", _("Skriv, hvad lægen skal vide."))
            elif cleaned.get("grund") == "other":
                self.add_error("tekst", _("Skriv hvorfor."))
        return cleaned


class _InCourse(TodayForm):
    """About one of the patient's courses; it is not asked for where there is one alone."""

    def _courses(self, courses: Choices) -> None:
        held: forms.Field = PickField(label=_("Forløb"), choices=[("", _("Vælg")), *courses])
        if len(courses) == 1:
            held = forms.ChoiceField(choices=list(courses), initial=courses[0][0], widget=forms.HiddenInput)
        self.fields["course"] = held
        self.order_fields(["course", *(name for name in self.fields if name != "course")])


class TimesForm(BookForm):
    """A new time, or a series of them."""

    times = forms.IntegerField(
        label=_("Hvor mange gange?"),
        initial=1,
        min_value=1,
        max_value=MOST,
        widget=forms.NumberInput(attrs={"min": 1, "max": MOST, "inputmode": "numeric"}),
        error_messages={
            "required": _("Skriv, hvor mange gange."),
            "invalid": _("Skriv et helt tal."),
            "min_value": _("Skriv mindst 1."),
            "max_value": _("Skriv højst %(limit_value)d."),
        },
    )
    every = PickField(
        label=_("Hvor tit?"),
        choices=[
            ("7", _("Hver uge")),
            ("14", _("Hver anden uge")),
            ("28", _("Hver fjerde uge")),
            ("3", _("Hver tredje dag")),
        ],
        initial="7",
        error_messages={"required": _("Vælg, hvor tit.")},
    )


class VisitForm(BookForm):
    """A visit that has been and stands nowhere yet, with how it went."""

    date = DayField(label=_("Dato"), past_only=True, error_messages={"required": _("Skriv datoen for besøget.")})
    outcome = PickField(
        label=_("Hvordan gik det?"),
        choices=[("fulfilled", _("Patienten kom")), ("noshow", _("Patienten udeblev"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, hvordan det gik.")},
    )


class CorrectForm(TodayForm):
    """An outcome that was told wrongly."""

    status = PickField(
        label=_("Hvad er rigtigt?"),
        choices=[
            ("fulfilled", _("Patienten kom")),
            ("noshow", _("Patienten udeblev")),
            ("entered-in-error", _("Aftalen skulle ikke have været der")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, hvad der er rigtigt.")},
    )
    why = WordsField(
        label=_("Hvad var forkert?"), max_length=300, error_messages={"required": _("Skriv, hvad der var forkert.")}
    )


class CallOffForm(TodayForm):
    """A time is called off, seen from where the patient was to come."""

    conditional = frozenset({"text"})

    by = PickField(
        label=_("Hvem aflyser?"),
        choices=[("patient", _("Patienten")), ("relative", _("En pårørende")), ("provider", _("Os"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, hvem der aflyser.")},
    )
    reason = PickField(
        label=_("Hvorfor?"),
        choices=[("", _("Vælg")), *wording.CANCEL_REASONS.items()],
        error_messages={"required": _("Vælg, hvorfor aftalen aflyses.")},
    )
    text = WordsField(label=_("Uddyb"), max_length=300, widget=_words(2), required=False)

    def clean(self) -> dict[str, Any]:
        """Another reason needs words."""
        cleaned = super().clean()
        if cleaned.get("reason") == "other" and not cleaned.get("text", "").strip():
            self.add_error("text", _("Skriv, hvorfor aftalen aflyses."))
        return cleaned


class SharedGoalForm(_InCourse, GoalForm):
    """A goal in the patient's plan, written down by somebody beside the clinic."""

    def __init__(self, data: Any = None, *, courses: Choices = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._courses(courses)
        _choose(self, "by_patient", [("patient", _("Patientens egne")), ("us", _("Vores"))])


class GoalStateForm(TodayForm):
    """How it goes with a goal."""

    state = PickField(label=_("Hvordan går det med målet?"), error_messages={"required": _("Vælg, hvordan det går.")})

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        _choose(self, "state", [("", _("Vælg")), *wording.ACHIEVEMENTS.items()])


class ScoreForm(TodayForm):
    """One measured score. ``scores``: a course and an input in one value."""

    score = PickField(label=_("Hvad er målt?"), error_messages={"required": _("Vælg, hvad der er målt.")})
    value = forms.DecimalField(
        label=_("Resultat"),
        max_digits=8,
        decimal_places=2,
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        error_messages={
            "required": _("Skriv resultatet."),
            "invalid": _("Skriv resultatet som et tal, for eksempel 14."),
            "max_digits": _("Skriv resultatet som et tal, for eksempel 14."),
            "max_whole_digits": _("Skriv resultatet som et tal, for eksempel 14."),
            "max_decimal_places": _("Skriv tallet med højst to decimaler."),
        },
    )
    dag = DayField(label=_("Målt den"), past_only=True)

    def __init__(
        self, data: Any = None, *, scores: Choices = (), limits: Mapping[str, Any] | None = None, **kwargs: Any
    ):
        super().__init__(data, **kwargs)
        self._limits = limits or {}
        chosen = list(scores)
        _choose(self, "score", chosen if len(chosen) == 1 else [("", _("Vælg")), *chosen])
        if self.fields["dag"].initial is None:
            self.fields["dag"].initial = days.date_of(self.today)

    def clean(self) -> dict[str, Any]:
        """A number outside the score's own limits is a slip of the keyboard."""
        cleaned = super().clean()
        low, high = self._limits.get(cleaned.get("score") or "", (None, None))
        value: Decimal | None = cleaned.get("value")
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            if low is not None and high is not None:
                self.add_error("value", _("Tallet skal ligge fra %(low)s til %(high)s.") % {"low": low, "high": high})
            elif low is not None:
                self.add_error("value", _("Tallet skal være mindst %(low)s.") % {"low": low})
            else:
                self.add_error("value", _("Tallet må højst være %(high)s.") % {"high": high})
        return cleaned


class StatedForm(TodayForm):
    """Whom one treats without a referral: the number, and what is stated."""

    cpr = WordsField(
        label=_("Patientens CPR-nummer"),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _("Skriv patientens CPR-nummer.")},
    )
    reason = PickField(
        label=_("Hvorfor behandler I patienten?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, hvorfor I behandler patienten.")},
    )
    text = WordsField(label=_("Uddyb"), max_length=LONGEST, widget=_words(2), required=False)

    def __init__(self, data: Any = None, *, language: str, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        _choose(self, "reason", [(code, titles.get(language, titles["da"])) for code, titles in REASONS.items()])

    def clean_cpr(self) -> str:
        """The number, where it is written as one; whether it is anybody's is not told."""
        written: str = self.cleaned_data["cpr"]
        if persons.normal(written) is None:
            raise forms.ValidationError(_("Skriv de ti cifre i CPR-nummeret."))
        return written


def _choose(form: forms.Form, name: str, choices: Choices) -> None:
    held = form.fields[name]
    assert isinstance(held, forms.ChoiceField)
    held.choices = list(choices)
