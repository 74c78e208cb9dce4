"""The form for medicine started, changed or stopped in a course."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tovholder.packages import Package
from tovholder.plan.actions import medicine as m
from tovholder.web.forms import DayField, PickField, TodayForm, WordsField, _words

OTHER = "anden"


class MedicineForm(TodayForm):
    """What was decided, why, and when to ask how it went."""

    conditional = frozenset({"atc", "followup"})

    change = PickField(
        label=_("Hvad er besluttet?"),
        choices=[
            (m.Change.START, _("Start")),
            (m.Change.CHANGE, _("Ændring af dosis eller præparat")),
            (m.Change.STOP, _("Stop")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Vælg, om medicinen startes, ændres eller stoppes.")},
    )
    group = PickField(label=_("Slags medicin"), error_messages={"required": _("Vælg slags medicin.")})
    name = WordsField(
        label=_("Medicinens navn"),
        max_length=m.NAME_LENGTH,
        error_messages={"required": _("Skriv medicinens navn.")},
    )
    atc = forms.RegexField(
        label=_("ATC-kode"),
        help_text=_("For eksempel R03BB04. Lad feltet stå tomt, hvis gruppen er nok."),
        regex=r"^\s*[A-Za-z][0-9]{2}([A-Za-z]([A-Za-z]([0-9]{2})?)?)?\s*$",
        max_length=12,
        required=False,
        error_messages={
            "invalid": _("Skriv ATC-koden som bogstav, tal og bogstaver, for eksempel R03BB04."),
            "max_length": _("Skriv ATC-koden som bogstav, tal og bogstaver, for eksempel R03BB04."),
        },
    )
    dosage = WordsField(
        label=_("Dosis, som patienten skal tage den"),
        help_text=_("Patienten ser teksten i sin plan. Recepten skriver du i lægesystemet."),
        max_length=m.TEXT_LENGTH,
        required=False,
    )
    reason = WordsField(
        label=_("Hvorfor?"),
        help_text=_("Patienten ser teksten i sin plan."),
        max_length=m.TEXT_LENGTH,
        widget=_words(2),
        error_messages={"required": _("Skriv, hvorfor medicinen startes, ændres eller stoppes.")},
    )
    since = DayField(
        label=_("Fra hvilken dag?"),
        past_only=True,
        error_messages={"required": _("Skriv, fra hvilken dag det gælder.")},
    )
    followup = DayField(
        label=_("Opfølgning senest"),
        help_text=_("Lad feltet stå tomt for at bruge pakkens forslag."),
        required=False,
        future_only=True,
    )

    def __init__(self, data: Any = None, *, package: Package, language: str, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.package = package
        group = self.fields["group"]
        assert isinstance(group, forms.ChoiceField)
        named = [(held.id, held.title[language]) for held in package.plan.medicines]
        group.choices = [("", _("Vælg")), *named, (OTHER, _("Anden medicin"))]

    def clean(self) -> dict[str, Any]:
        """The code belongs to the group; a follow-up is there where the package cannot propose one."""
        cleaned = super().clean()
        chosen, code = cleaned.get("group"), str(cleaned.get("atc") or "").strip().upper()
        held = next((item for item in self.package.plan.medicines if item.id == chosen), None)
        if chosen and "atc" not in self.errors:
            known = m.group_of(self.package, code) if code else None
            if held is None and not code:
                self.add_error("atc", _("Skriv ATC-koden, når det er anden medicin."))
            elif held is not None and code and known is not held:
                self.add_error("atc", _("ATC-koden hører ikke til den slags medicin, du har valgt. Ret en af dem."))
            elif held is None and known is not None:
                self.add_error("group", _("ATC-koden hører til en af pakkens slags medicin. Vælg den."))
            cleaned["atc"] = code or (m.code_of(held) if held else "")
        stops = cleaned.get("change") == m.Change.STOP
        if chosen and held is None and not stops and not cleaned.get("followup") and "followup" not in self.errors:
            self.add_error(
                "followup", _("Skriv, hvornår medicinen skal følges op. Pakken har ikke et forslag til den.")
            )
        return cleaned

    def due(self) -> int | None:
        """When to follow up: as written, else as the package says for the group that was chosen."""
        written = self.day("followup")
        given = self.cleaned_data
        held = next((item for item in self.package.plan.medicines if item.id == given["group"]), None)
        on = self.day("since")
        if written is not None or held is None or on is None or given["change"] == m.Change.STOP:
            return written
        wait = held.start_days if given["change"] == m.Change.START else held.change_days
        return max(on + wait, self.today)
