"""What a clinic or a patient can fill in: each form says what is missing in words a person can act on."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.base import days
from tovholder.web.wording import CANCEL_REASONS, END_REASONS

GOAL_LENGTH = 300
# Farther away than this a date is a slip of the keyboard, such as the year 0026 or 2206.
_YEARS_BACK, _YEARS_AHEAD = 10, 5
_DATES = ["%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y"]
_TIMES = ["%H:%M", "%H.%M"]


class DayField(forms.DateField):
    """A date that becomes an integer day; may be bounded by today."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})

    def __init__(self, *, past_only: bool = False, future_only: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("error_messages", {})
        kwargs["error_messages"] |= {
            "required": kwargs["error_messages"].get("required", _("Skriv en dato.")),
            "invalid": _("Skriv datoen som dag, måned og år, for eksempel 31-01-2027."),
        }
        super().__init__(input_formats=_DATES, **kwargs)
        self.past_only, self.future_only = past_only, future_only

    def check_against(self, today: int, value: date) -> None:
        """Raise ValidationError when the date is on the wrong side of today, or too far away to be meant."""
        if self.past_only and days.day_of(value) > today:
            raise forms.ValidationError(_("Datoen ligger i fremtiden. Skriv en dato, der er i dag eller tidligere."))
        if self.future_only and days.day_of(value) < today:
            raise forms.ValidationError(_("Datoen er passeret. Skriv en dato, der er i dag eller senere."))
        this_year = days.date_of(today).year
        if value.year < this_year - _YEARS_BACK:
            raise forms.ValidationError(_("Datoen ligger mange år tilbage. Se efter, om årstallet er rigtigt."))
        if value.year > this_year + _YEARS_AHEAD:
            raise forms.ValidationError(_("Datoen ligger mange år ude i fremtiden. Se efter, om årstallet er rigtigt."))


class WordsField(forms.CharField):
    """Words of a bounded length, told as words where they are too many."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        messages = {"max_length": _("Teksten er for lang. Skriv den med højst %(limit_value)d tegn.")}
        kwargs["error_messages"] = messages | kwargs.get("error_messages", {})
        super().__init__(max_length=max_length, **kwargs)


class PickField(forms.ChoiceField):
    """One of some choices; what is none of them is not repeated to whoever sent it."""

    def __init__(self, **kwargs: Any) -> None:
        messages = {"invalid_choice": _("Vælg en af de muligheder, der står på siden.")}
        kwargs["error_messages"] = messages | kwargs.get("error_messages", {})
        super().__init__(**kwargs)


class TodayForm(forms.Form):
    """A form that knows which day it is; ``name`` keeps ids apart where a page has several."""

    # Neither required nor voluntary: asked for by what else was answered.
    conditional: frozenset[str] = frozenset()

    def __init__(self, data: Any = None, *, today: int, name: str, **kwargs: Any) -> None:
        super().__init__(data, auto_id=f"{name}-%s", **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        """Check dates against today."""
        cleaned = super().clean() or {}
        for key, held in self.fields.items():
            if isinstance(held, DayField) and isinstance(cleaned.get(key), date):
                try:
                    held.check_against(self.today, cleaned[key])
                except forms.ValidationError as error:
                    self.add_error(key, error)
        return cleaned

    def day(self, key: str) -> int | None:
        """A cleaned date as an integer day."""
        value = self.cleaned_data.get(key)
        return days.day_of(value) if isinstance(value, date) else None


def _words(rows: int = 3, **attrs: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, **attrs})


class StartForm(TodayForm):
    """The course begins."""

    offered = DayField(
        label=_("Hvornår fik patienten tilbuddet?"),
        past_only=True,
        error_messages={"required": _("Skriv, hvornår patienten fik tilbuddet.")},
    )
    started = DayField(
        label=_("Hvornår starter forløbet?"),
        help_text=_("Skriv en tidligere dato, hvis forløbet allerede er gået i gang."),
        past_only=True,
        error_messages={"required": _("Skriv, hvornår forløbet starter.")},
    )

    def __init__(self, data: Any = None, *, confirm: str = "", **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if confirm:  # what the package asks whoever starts the course to confirm
            self.fields["confirmed"] = forms.BooleanField(
                label=confirm,
                error_messages={"required": _("Sæt kryds, hvis det er rigtigt. Ellers kan forløbet ikke startes.")},
            )

    def clean(self) -> dict[str, Any]:
        """The offer comes before the start."""
        cleaned = super().clean()
        offered, started = cleaned.get("offered"), cleaned.get("started")
        if offered and started and offered > started:
            self.add_error("offered", _("Tilbuddet skal være givet senest den dag, forløbet starter."))
        return cleaned


class DeclineForm(TodayForm):
    """The patient says no."""

    reason = WordsField(
        label=_("Patientens begrundelse"),
        help_text=_("Skriv kort, hvad patienten sagde."),
        max_length=500,
        widget=_words(2),
        error_messages={"required": _("Skriv, hvorfor patienten siger nej tak.")},
    )


class DecideForm(TodayForm):
    """A clinician decides the level."""

    conditional = frozenset({"override_reason"})

    level = forms.TypedChoiceField(
        label=_("Dit valg"),
        coerce=int,
        choices=[(1, _("Niveau 1 (grøn)")), (2, _("Niveau 2 (gul)")), (3, _("Niveau 3 (rød)"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg et niveau."), "invalid_choice": _("Vælg niveau 1, 2 eller 3.")},
    )
    override_reason = WordsField(
        label=_("Begrundelse, hvis du vælger et andet niveau end foreslået"),
        max_length=1000,
        widget=_words(2),
        required=False,
    )

    def __init__(self, data: Any = None, *, proposed: int | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.proposed = proposed

    def clean(self) -> dict[str, Any]:
        """A level other than the proposed needs a reason."""
        cleaned = super().clean()
        level = cleaned.get("level")
        if level and self.proposed and level != self.proposed and not cleaned.get("override_reason", "").strip():
            self.add_error(
                "override_reason",
                _("Du har valgt et andet niveau end det foreslåede. Skriv hvorfor, så andre kan forstå det."),
            )
        return cleaned


class WhoseWords(PickField):
    """Whether a goal is in the patient's own words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Hvis ord er det?"),
            choices=[("patient", _("Patientens egne")), ("clinic", _("Klinikkens"))],
            widget=forms.RadioSelect,
            initial="patient",
            error_messages={"required": _("Vælg, hvis ord det er.")},
            **kwargs,
        )


class ConfirmForm(TodayForm):
    """The plan was made together with the patient: a goal, or why there is none."""

    conditional = frozenset({"goal", "by_patient", "no_goal_reason"})

    goal = WordsField(
        label=_("Patientens mål"),
        help_text=_("Hvad er vigtigt for patienten? Gerne med patientens egne ord. Højst 300 tegn."),
        max_length=GOAL_LENGTH,
        widget=_words(3),
        required=False,
        error_messages={"max_length": _("Målet er for langt. Skriv det med højst 300 tegn.")},
    )
    by_patient = WhoseWords(required=False)
    no_goal_reason = WordsField(
        label=_("Hvis der ikke er et mål: hvorfor?"), max_length=500, widget=_words(2), required=False
    )
    together = forms.BooleanField(
        label=_("Planen er lavet sammen med patienten"),
        error_messages={"required": _("Sæt kryds, når I har gennemgået planen sammen. Ellers kan den ikke bekræftes.")},
    )

    def __init__(self, data: Any = None, *, has_goal: bool = False, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.has_goal = has_goal
        self.fields["by_patient"].required = False

    def clean(self) -> dict[str, Any]:
        """One of the two: a goal or a reason."""
        cleaned = super().clean()
        goal, reason = cleaned.get("goal", "").strip(), cleaned.get("no_goal_reason", "").strip()
        if not goal and not reason and not self.has_goal and "goal" not in self.errors:
            self.add_error("goal", _("Skriv patientens mål, eller skriv længere nede, hvorfor der ikke er et."))
        if goal and reason:
            self.add_error(
                "no_goal_reason", _("Du har både skrevet et mål og en grund til, at der ikke er et. Slet det ene.")
            )
        return cleaned


class GoalForm(TodayForm):
    """A goal added by the clinic."""

    text = WordsField(
        label=_("Målet"),
        max_length=GOAL_LENGTH,
        widget=_words(3),
        error_messages={
            "required": _("Skriv målet."),
            "max_length": _("Målet er for langt. Skriv det med højst 300 tegn."),
        },
    )
    by_patient = WhoseWords()
    target = DayField(label=_("Hvornår skal det være nået?"), required=False, future_only=True)


class OwnGoalForm(TodayForm):
    """A goal in the patient's own words."""

    text = WordsField(
        label=_("Det vil jeg gerne opnå"),
        help_text=_("For eksempel: Jeg vil kunne gå op ad trappen uden at holde pause. Højst 300 tegn."),
        max_length=GOAL_LENGTH,
        widget=_words(3),
        error_messages={
            "required": _("Skriv, hvad du gerne vil opnå."),
            "max_length": _("Det blev lidt for langt. Skriv det med højst 300 tegn."),
        },
    )


class BookForm(TodayForm):
    """A new appointment."""

    kind = PickField(
        label=_("Hvad drejer aftalen sig om?"), error_messages={"required": _("Vælg, hvad aftalen drejer sig om.")}
    )
    date = DayField(label=_("Dato"), future_only=True, error_messages={"required": _("Skriv datoen for aftalen.")})
    time = forms.TimeField(
        label=_("Klokkeslæt"),
        input_formats=_TIMES,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={
            "required": _("Skriv klokkeslættet."),
            "invalid": _("Skriv klokkeslættet som timer og minutter, for eksempel 9:30."),
        },
    )

    def __init__(self, data: Any = None, *, kinds: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if kinds:
            kind = self.fields["kind"]
            assert isinstance(kind, forms.ChoiceField)
            kind.choices = [("", _("Vælg")), *kinds]

    @property
    def start(self) -> datetime:
        """When it starts, as an instant."""
        day: date = self.cleaned_data["date"]
        clock: time = self.cleaned_data["time"]
        return datetime.combine(day, clock, tzinfo=days.COPENHAGEN)


class RebookForm(BookForm):
    """A new time for the same thing."""

    kind = None  # type: ignore[assignment]
    # When the appointment was, as it was shown: what another moved meanwhile is not moved unseen.
    shown = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)


class CancelForm(TodayForm):
    """An appointment is called off."""

    conditional = frozenset({"text"})

    by = PickField(
        label=_("Hvem aflyser?"),
        choices=[("patient", _("Patienten")), ("relative", _("En pårørende")), ("provider", _("Klinikken"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, hvem der aflyser.")},
    )
    reason = PickField(
        label=_("Hvorfor?"),
        choices=[("", _("Vælg")), *CANCEL_REASONS.items()],
        error_messages={"required": _("Vælg, hvorfor aftalen aflyses.")},
    )
    text = WordsField(label=_("Uddyb"), max_length=300, widget=_words(2), required=False)

    def clean(self) -> dict[str, Any]:
        """Another reason needs words."""
        cleaned = super().clean()
        if cleaned.get("reason") == "other" and not cleaned.get("text", "").strip():
            self.add_error("text", _("Skriv, hvorfor aftalen aflyses."))
        return cleaned


class PauseForm(TodayForm):
    """The patient wishes to wait."""

    reason = WordsField(
        label=_("Patientens begrundelse"),
        max_length=300,
        widget=_words(2),
        error_messages={"required": _("Skriv, hvorfor patienten ønsker at vente.")},
    )


class ReassessForm(TodayForm):
    """The patient asks for a new assessment."""

    asked = DayField(
        label=_("Hvornår bad patienten om det?"),
        past_only=True,
        error_messages={"required": _("Skriv, hvornår patienten bad om det.")},
    )
    wish = WordsField(label=_("Hvad sagde patienten?"), max_length=500, widget=_words(2), required=False)


class EndForm(TodayForm):
    """The course ends for a reason."""

    reason = PickField(
        label=_("Hvorfor afsluttes forløbet?"),
        choices=[("", _("Vælg")), *END_REASONS.items()],
        error_messages={"required": _("Vælg, hvorfor forløbet afsluttes.")},
    )
