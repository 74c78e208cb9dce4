"""What a patient fills in to keep something from others or let them in, and a professional to break the glass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.access import emergencies, persons, representation
from tovholder.base import days
from tovholder.fhir import data_kinds
from tovholder.web.forms import DayField, PickField, TodayForm, WordsField

EVERYBODY = "alle"
ALL = "alt"
Choices = Sequence[tuple[str, Any]]

_AREAS = {
    "plan": _("Se din plan, dine aftaler og dine mål"),
    "record": _("Se det, planen bygger på: diagnoser, målinger og svar"),
    "act": _("Skrive mål og svare på skemaer for dig"),
}


class LongAgoField(DayField):
    """A date that may lie a whole life back."""

    def check_against(self, today: int, value: Any) -> None:
        """Only what lies far ahead is a slip of the keyboard."""
        if value.year > days.date_of(today).year + 5 or value.year < 1900:
            raise forms.ValidationError(_("Se efter, om årstallet er rigtigt."))


class BlockForm(TodayForm):
    """A new block: from whom, what, of which time, for how long."""

    conditional = frozenset({"understood"})

    who = PickField(label=_("Hvem må ikke se det?"), error_messages={"required": _("Vælg, hvem du vil spærre for.")})
    what = PickField(label=_("Hvad må de ikke se?"), error_messages={"required": _("Vælg, hvad du vil spærre for.")})
    data_from = LongAgoField(
        label=_("Kun det, der er sket fra og med"),
        help_text=_("Lad felterne med datoer være tomme, hvis det skal gælde alt, uanset hvornår det er fra."),
        required=False,
    )
    data_until = LongAgoField(label=_("Kun det, der er sket til og med"), required=False)
    until = DayField(
        label=_("Spærringen gælder til og med"),
        help_text=_("Lad feltet være tomt, hvis den skal gælde, indtil du selv ophæver den."),
        required=False,
        future_only=True,
    )
    understood = forms.BooleanField(label=_("Jeg ved, at min tovholder så ikke kan følge min plan"), required=False)

    def __init__(
        self, data: Any = None, *, who: Choices, language: str, holder: Sequence[str] = (), **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.holder = holder
        _choose(self, "who", [("", _("Vælg")), (EVERYBODY, _("Alle behandlere")), *who])
        kinds = [(kind.id, f"{kind.title(language)}: {kind.text(language)}") for kind in data_kinds.kinds().values()]
        _choose(self, "what", [(ALL, _("Alt")), *kinds])

    @property
    def shuts_out_holder(self) -> bool:
        """Whether the clinic that holds the rope would see nothing any more."""
        given = self.cleaned_data
        whole = given.get("what") == ALL and not given.get("data_from") and not given.get("data_until")
        return whole and (given.get("who") == EVERYBODY or given.get("who") in self.holder)

    def clean(self) -> dict[str, Any]:
        """The period has an end after its start; nobody shuts out their tovholder unawares."""
        cleaned = super().clean()
        start, end = cleaned.get("data_from"), cleaned.get("data_until")
        if start and end and start > end:
            self.add_error("data_until", _("Datoen skal ligge efter den første dato."))
        if self.shuts_out_holder and not cleaned.get("understood"):
            self.add_error(
                "understood",
                _("Så kan klinikken, der er din tovholder, ikke se dig eller din plan. Sæt kryds, hvis du er sikker. Du"
                  " kan også spærre for en enkelt person eller for en del af dine oplysninger."),
            )  # fmt: skip
        return cleaned


class FindForm(TodayForm):
    """Somebody who is not on the list."""

    name = WordsField(
        label=_("Hvad hedder personen eller stedet?"),
        help_text=_("Skriv begyndelsen af navnet."),
        max_length=100,
        required=False,
    )


class OpenForm(TodayForm):
    """Access to a place the patient chose themselves."""

    place = PickField(
        label=_("Hvilket sted må se din plan?"), error_messages={"required": _("Vælg det sted, du vil give adgang.")}
    )
    until = DayField(
        label=_("Til og med"),
        future_only=True,
        error_messages={"required": _("Skriv, hvor længe stedet må se din plan.")},
    )

    def __init__(self, data: Any = None, *, places: Choices, **more: Any) -> None:
        super().__init__(data, **more)
        _choose(self, "place", [("", _("Vælg")), *places])


class PowerForm(TodayForm):
    """A power of attorney to somebody close."""

    relative = PickField(
        label=_("Hvem får fuldmagt?"), error_messages={"required": _("Vælg, hvem du vil give fuldmagt.")}
    )
    areas = forms.MultipleChoiceField(
        label=_("Hvad må de?"),
        choices=[(area, _AREAS[area]) for area in representation.AREAS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Sæt mindst ét kryds."),
            "invalid_choice": _("Vælg en af de muligheder, der står på siden."),
        },
    )
    until = DayField(
        label=_("Til og med"),
        required=False,
        future_only=True,
        help_text=_("Lad feltet være tomt, hvis fuldmagten skal gælde, indtil du tager den tilbage."),
    )

    def __init__(self, data: Any = None, *, relatives: Choices, **more: Any) -> None:
        super().__init__(data, **more)
        _choose(self, "relative", [("", _("Vælg")), *relatives])


class GlassForm(TodayForm):
    """Why the blocks are lifted."""

    reason = PickField(
        label=_("Hvorfor er det nødvendigt?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg en grund.")},
    )
    text = WordsField(
        label=_("Begrund det med dine egne ord"),
        help_text=_("Patienten kan læse det, du skriver her. Mindst 10 tegn."),
        min_length=emergencies.SHORTEST,
        max_length=emergencies.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": _("Skriv, hvorfor det er nødvendigt."),
            "min_length": _("Skriv lidt mere, så patienten kan forstå hvorfor."),
        },
    )

    def __init__(self, data: Any = None, *, language: str, **more: Any) -> None:
        super().__init__(data, **more)
        reasons = [(code, titles.get(language, titles["da"])) for code, titles in emergencies.REASONS.items()]
        _choose(self, "reason", reasons)


class NumberForm(GlassForm):
    """The same for a patient whom a block hides: by their number."""

    cpr = WordsField(
        label=_("Patientens CPR-nummer"), max_length=20, error_messages={"required": _("Skriv patientens CPR-nummer.")}
    )
    field_order = ("cpr", "reason", "text")

    def clean_cpr(self) -> str:
        """The number, where it is written as one; whether it is anybody's is not told."""
        written: str = self.cleaned_data["cpr"]
        if persons.normal(written) is None:
            raise forms.ValidationError(_("Skriv de ti cifre i CPR-nummeret."))
        return written


class FollowForm(TodayForm):
    """What came of looking at a break-glass afterwards."""

    status = PickField(
        label=_("Hvad viste det?"), widget=forms.RadioSelect, error_messages={"required": _("Vælg, hvad det viste.")}
    )
    note = WordsField(label=_("Bemærkning"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, data: Any = None, *, language: str, **more: Any) -> None:
        super().__init__(data, **more)
        outcomes = [
            (code, titles.get(language, titles["da"]))
            for code, titles in emergencies.FOLLOW_UPS.items()
            if code != "open"
        ]
        _choose(self, "status", outcomes)


def _choose(form: forms.Form, name: str, choices: Choices) -> None:
    held = form.fields[name]
    assert isinstance(held, forms.ChoiceField)
    held.choices = list(choices)
