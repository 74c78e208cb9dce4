"""The forms of a plan being changed: a step, a goal, the plan itself, each with what was shown, and what is new."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.base import days
from tovholder.plan.edits import Change
from tovholder.web.forms import GOAL_LENGTH, DayField, PickField, TodayForm, WhoseWords, WordsField, _words

_TITLE = 200
_STATES = [("active", _("Gælder stadig")), ("reached", _("Nået")), ("dropped", _("Gælder ikke mere"))]


def _kept() -> forms.CharField:
    return forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)


class HeldForm(TodayForm):
    """One thing as it was shown; ``was_…`` and ``version`` come back with it."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    own: tuple[str, ...] = ()

    def __init__(self, data: Any = None, *, identity: str, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.identity = identity

    def change(self) -> Change:
        """The change it asks for, once it is valid."""
        was = {name: self._read(name, self.cleaned_data.get(f"was_{name}") or "") for name in self.own}
        now = {name: self._wanted(name) for name in self.own}
        for name in self.own:  # what another changed meanwhile, and was chosen to stay
            if self.data.get(self.add_prefix(f"valg_{name}")) == "theirs":
                now[name] = was[name]
        version = self.cleaned_data["version"]
        return Change(self.identity, version, was, now, str(self.cleaned_data.get("reason") or ""))

    def _read(self, name: str, text: str) -> Any:
        return days.parse_day(text) if isinstance(self.fields.get(name), DayField) else text

    def _wanted(self, name: str) -> Any:
        if isinstance(self.fields.get(name), DayField):
            return self.day(name)
        value = self.cleaned_data.get(name)
        return value.strip() if isinstance(value, str) else value


class StepForm(HeldForm):
    """A step of the plan: its day, its words, or that it is left out."""

    own = ("due", "title", "out")
    conditional = frozenset({"reason"})

    title = WordsField(label=_("Hvad"), max_length=_TITLE, error_messages={"required": _("Skriv, hvad der skal ske.")})
    due = DayField(label=_("Hvornår"), error_messages={"required": _("Skriv, hvornår det skal ske.")})
    out = forms.BooleanField(label=_("Udelad skridtet"), required=False)
    reason = WordsField(label=_("Hvorfor udelades det?"), max_length=300, required=False)
    was_due, was_title, was_out = _kept(), _kept(), _kept()

    def clean(self) -> dict[str, Any]:
        """What is left out has a reason."""
        cleaned = super().clean()
        if cleaned.get("out") and not cleaned.get("reason", "").strip():
            self.add_error("reason", _("Skriv, hvorfor skridtet udelades."))
        return cleaned

    def _read(self, name: str, text: str) -> Any:
        return False if name == "out" else super()._read(name, text)


class AimForm(HeldForm):
    """A goal: its words, its day, and whether it still holds."""

    own = ("text", "target", "state")

    text = WordsField(
        label=_("Målet"),
        max_length=GOAL_LENGTH,
        widget=_words(2),
        error_messages={
            "required": _("Skriv målet."),
            "max_length": _("Målet er for langt. Skriv det med højst 300 tegn."),
        },
    )
    target = DayField(label=_("Hvornår skal det være nået?"), required=False)
    state = PickField(label=_("Hvordan står det?"), choices=_STATES)
    was_text, was_target, was_state = _kept(), _kept(), _kept()


class PlanForm(HeldForm):
    """The plan's own day."""

    own = ("review",)

    review = DayField(label=_("Planen gennemgås igen senest"), required=False, future_only=False)
    was_review = _kept()


class NewStepForm(TodayForm):
    """A step of one's own; all empty is none."""

    conditional = frozenset({"kind", "due"})

    kind = PickField(label=_("Hvad drejer det sig om?"), required=False)
    title = WordsField(label=_("Med egne ord"), max_length=_TITLE, required=False)
    due = DayField(label=_("Hvornår"), required=False, future_only=True)
    performer = PickField(
        label=_("Hvem"),
        required=False,
        choices=[
            ("nurse", _("Klinikkens sygeplejerske")),
            ("gp", _("Lægen")),
            ("patient", _("Patienten selv")),
        ],
    )

    def __init__(self, data: Any = None, *, kinds: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [("", _("Intet nyt skridt")), *kinds]

    def clean(self) -> dict[str, Any]:
        """A step needs to be one of the package's, and a day."""
        cleaned = super().clean()
        begun = cleaned.get("title") or cleaned.get("due")
        if begun and not cleaned.get("kind") and "kind" not in self.errors:
            self.add_error("kind", _("Vælg, hvad skridtet drejer sig om."))
        if cleaned.get("kind") and not cleaned.get("due") and "due" not in self.errors:
            self.add_error("due", _("Skriv, hvornår det skal ske."))
        return cleaned


class NewAimForm(TodayForm):
    """A new goal; without words it is none."""

    text = WordsField(
        label=_("Nyt mål"),
        max_length=GOAL_LENGTH,
        widget=_words(2),
        required=False,
        error_messages={"max_length": _("Målet er for langt. Skriv det med højst 300 tegn.")},
    )
    by_patient = WhoseWords(required=False)
