"""What the clinic heard from a receiver by other ways: accepted, begun, ended, refused, stopped, or taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.base import days
from tovholder.web import referral_words
from tovholder.web.forms import DayField, PickField, TodayForm, WordsField, _words

_LONGEST = 2000
_WHEN, _WHY, _MORE = _("Hvornår?"), _("Hvorfor?"), _("Uddyb")
# act: what its fold is called, what its button says, the fields it asks for, and what its words are called.
_ACTS: Mapping[str, tuple[Any, Any, tuple[str, ...], Any]] = {
    "accept": (_("Accepteret"), _("Notér, at den er accepteret"), ("dag",), ""),
    "start": (_("Begyndt"), _("Notér, at det er begyndt"), ("dag",), ""),
    "complete": (_("Afsluttet"), _("Notér, at det er afsluttet"), ("dag", "tekst"), _("Hvad fortalte modtageren?")),
    "reject": (_("Afvist"), _("Notér, at den er afvist"), ("grund", "tekst"), _MORE),
    "stop": (_("Stoppet før tid"), _("Notér, at det er stoppet"), ("grund", "tekst"), _MORE),
    "withdraw": (
        _("Træk henvisningen tilbage"), _("Træk tilbage"), ("tekst",), _("Hvorfor trækkes den tilbage?"),
    ),
}  # fmt: skip
ACTS = tuple(_ACTS)


class HeardForm(TodayForm):
    """One act of the page; ``act`` says which."""

    conditional = frozenset({"dag", "tekst"})

    dag = DayField(label=_WHEN, past_only=True, required=False)
    grund = PickField(label=_WHY, error_messages={"required": _("Vælg en grund.")})
    tekst = WordsField(label=_MORE, max_length=_LONGEST, widget=_words(2), required=False)

    def __init__(self, data: Any = None, *, act: str, today: int) -> None:
        super().__init__(data, today=today, name=act, initial={"dag": days.date_of(today)})
        self.act = act
        self.title, self.button, wanted, words = _ACTS[act]
        for name in set(self.fields) - set(wanted):
            del self.fields[name]
        if "grund" in self.fields:
            codes = referral_words.REJECT_REASONS if act == "reject" else referral_words.STOP_REASONS
            grund = self.fields["grund"]
            assert isinstance(grund, forms.ChoiceField)
            grund.choices = [("", _("Vælg")), *((code, referral_words.REASONS[code]) for code in codes)]
        if "tekst" in self.fields:
            self.fields["tekst"].label = words

    def clean(self) -> dict[str, Any]:
        """Another reason needs words, and so does taking a referral back."""
        cleaned = super().clean()
        needs = self.act == "withdraw" or cleaned.get("grund") == "other"
        if needs and not cleaned.get("tekst", "").strip() and "tekst" not in self.errors:
            self.add_error("tekst", _("Skriv hvorfor."))
        return cleaned
