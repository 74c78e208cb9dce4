"""What a clinic fills in from its list: what happened, a message, to whom, until when, and the name of a view."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.base import days
from tovholder.cockpit.handling import MOST_DAYS, Outcome
from tovholder.cockpit.views import LONGEST_NAME
from tovholder.web.forms import DayField, PickField, TodayForm, WordsField
from tovholder.web.wording import CHANNELS, OUTCOMES

_WEEK = 7


class AboutForm(TodayForm):
    """A form about one of the course's flags. known: the state of the course it was made in."""

    conditional = frozenset({"to", "flag"})

    known = forms.CharField(widget=forms.HiddenInput, required=False, max_length=200)
    flag = PickField(label=_("Hvilket flag?"), required=False)

    def __init__(self, data: Any = None, *, flags: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if len(flags) > 1:
            field = self.fields["flag"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = list(flags)
        else:  # nothing to choose between
            self.fields["flag"] = forms.ChoiceField(
                widget=forms.HiddenInput,
                required=False,
                choices=[*flags, ("", "")],
                initial=flags[0][0] if flags else "",
            )


class AttemptForm(AboutForm):
    """An attempt to reach the patient; the button that is pressed says how it went."""

    by = PickField(label=_("Hvordan?"), choices=[(key, CHANNELS[key]) for key in ("phone", "visit")], initial="phone")
    note = WordsField(label=_("Bemærkning"), required=False, max_length=1000)
    outcome = PickField(
        choices=[(str(key), OUTCOMES[str(key)]) for key in Outcome],
        widget=forms.HiddenInput,
        error_messages={"required": _("Vælg, hvad der skete.")},
    )
    field_order = ("known", "flag", "by", "note", "outcome")


class MessageForm(AboutForm):
    """A message the patient reads in MinPlan."""

    text = WordsField(
        label=_("Besked til patienten"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Skriv, hvad du vil fortælle patienten.")},
    )


class AssignForm(AboutForm):
    """The course is given to a colleague."""

    to = PickField(label=_("Hvem tager sig af det?"), required=False)
    note = WordsField(label=_("Besked til kollegaen"), required=False, max_length=1000)

    def __init__(self, data: Any = None, *, colleagues: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        del self.fields["flag"]
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("Ingen bestemt")), *colleagues]


class SnoozeForm(AboutForm):
    """A flag is put off until a day."""

    until = DayField(
        label=_("Udskyd til"),
        future_only=True,
        error_messages={"required": _("Skriv, hvilken dag flaget skal komme tilbage.")},
    )
    reason = WordsField(
        label=_("Hvorfor kan det vente?"),
        max_length=500,
        error_messages={"required": _("Skriv, hvorfor det kan vente.")},
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["until"].initial = days.date_of(self.today) + timedelta(days=_WEEK)

    def clean(self) -> dict[str, Any]:
        """To a day after today, within a year."""
        cleaned = super().clean()
        until = self.day("until")
        if until is not None and until <= self.today and "until" not in self.errors:
            self.add_error("until", _("Vælg en dag efter i dag."))
        if until is not None and until > self.today + MOST_DAYS and "until" not in self.errors:
            self.add_error("until", _("Et flag kan højst udskydes et år."))
        return cleaned


class SaveViewForm(forms.Form):
    """A name for the list as it is looked at now."""

    name = WordsField(
        label=_("Navn på visningen"),
        max_length=LONGEST_NAME,
        error_messages={"required": _("Giv visningen et navn.")},
    )
    shared = forms.BooleanField(label=_("Del med klinikken"), required=False)
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=300)
