"""Template tags: texts in two languages, integer days as dates, icons, form fields with their errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, Form, RadioSelect, Select, Textarea
from django.template import Context
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils import dateformat
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from tovholder.base import days
from tovholder.monitoring.domain import THRESHOLD
from tovholder.web.figures_view import FigureRow
from tovholder.web.view_models import Appointment, Series
from tovholder.web.wording import DEMO_TITLES

register = template.Library()

_LONG = "j. F Y"
_COMPACT = re.compile(r"(\d\d-\d\d-\d{4}|\d{1,2} [A-Z][a-z]{2} \d{4})")


@register.filter
def say(text: object) -> str:
    """A text in two languages in the reader's own; Danish where the other is missing."""
    if not text:
        return ""
    if isinstance(text, Mapping):
        return str(text.get(get_language() or "da") or text.get("da") or "")
    if hasattr(text, "da"):
        return str(getattr(text, get_language() or "da", "") or text.da)
    return str(text)


@register.filter
def demo_title(text: str) -> str:
    """What one of the demo's people is, in the reader's language where we have it."""
    return str(DEMO_TITLES.get(text, text))


@register.filter(name="day")
def shown_day(value: int | None, style: str = "long") -> str:
    """The same as ``day``, on a page: a compact date does not break at its hyphens."""
    text = day(value, style)
    return whole_dates(text) if style == "compact" else text


@register.filter
def whole_dates(text: str) -> str:
    """A text whose compact dates do not break at their hyphens."""
    parts = _COMPACT.split(text)  # every other one is a date
    marked = (
        format_html('<span class="th-whole">{}</span>', part) if at % 2 else part for at, part in enumerate(parts)
    )
    return format_html_join("", "{}", ((part,) for part in marked))


def day(value: int | None, style: str = "long") -> str:
    """An integer day as a date: 3. januar 2027 (long), 3. jan. (short), 03-01-2027 (compact).

    weekday: søndag 3. januar; weekday-year: søndag 3. januar 2027.
    """
    if value is None:
        return ""
    moment = days.date_of(value)
    danish = get_language() == "da"
    if style == "short":
        return dateformat.format(moment, "j. b" if danish else "j b")
    if style == "compact":
        return dateformat.format(moment, "d-m-Y" if danish else "j M Y")
    if style == "weekday":
        return dateformat.format(moment, "l j. F" if danish else "l j F")
    if style == "weekday-year":
        return dateformat.format(moment, "l j. F Y" if danish else "l j F Y")
    return dateformat.format(moment, _LONG if danish else "j F Y")


@register.filter
def iso_day(value: int | None) -> str:
    """An integer day as YYYY-MM-DD, for <time datetime>."""
    return "" if value is None else days.iso(value)


@register.filter
def ago(age: int | None) -> str:
    """How long something has stood: i dag, i går, 12 dage."""
    if age is None:
        return ""
    if age <= 0:
        return _("i dag")
    return ngettext("%(count)d dag", "%(count)d dage", age) % {"count": age}


@register.filter
def due(left: int | None) -> str:
    """Days to a deadline in words: 12 dage tilbage, i dag, 3 dage over."""
    if left is None:
        return ""
    if left == 0:
        return _("Udløber i dag")
    if left > 0:
        return ngettext("%(count)d dag tilbage", "%(count)d dage tilbage", left) % {"count": left}
    return ngettext("%(count)d dag over fristen", "%(count)d dage over fristen", -left) % {"count": -left}


@register.filter
def percent(share: float | None) -> str:
    """A share as a percentage with one decimal, in the reader's way of writing it."""
    if share is None:
        return ""
    text = f"{share * 100:.1f}"
    return f"{text.replace('.', ',')} %" if get_language() == "da" else f"{text}%"


@register.filter
def month_name(month: str) -> str:
    """2027-01 as januar 2027."""
    year, _dash, number = month.partition("-")
    return dateformat.format(date(int(year), int(number), 1), "F Y")


@register.filter
def local_day(moment: datetime | None) -> str:
    """The day an instant falls on in Copenhagen, as ``day`` tells it."""
    return day(days.day_of(moment)) if moment is not None else ""


@register.filter
def clock_time(moment: datetime | None) -> str:
    """The time of day in Copenhagen: 9.30 in Danish, 9:30 in English."""
    if moment is None:
        return ""
    local = moment.astimezone(days.COPENHAGEN)
    return f"{local.hour}{'.' if get_language() == 'da' else ':'}{local.minute:02d}"


@register.filter
def held(value: float | None) -> str:
    """A figure, or the word that says it is held back."""
    return _("Skjult") if value is None else number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def figure(row: FigureRow, name: str) -> str:
    """One number of a figure; when it is held back for being small, that much is told."""
    value = getattr(row, name)
    if value is None and name in row.small:
        return _("Under %(threshold)s") % {"threshold": THRESHOLD}
    return held(value)


@register.filter
def form_for(item: Appointment, forms: Mapping[str | None, Form]) -> Form | None:
    """The form that belongs to one appointment."""
    return forms.get(item.id)


@register.filter
def chart_data(series: Series) -> dict[str, Any]:
    """A series as the chart script wants it: dates, values, and the texts to show."""
    return {
        "kind": "line",
        "name": series.title,
        "unit": series.unit,
        "x": [days.iso(point.day) for point in series.points],
        "y": [point.value for point in series.points],
        "labels": [f"{day(point.day, 'compact')}: {point.text} {series.unit}".strip() for point in series.points],
        "goals": [{"value": line.value, "text": line.text} for line in series.goals],
        "bands": [{"from": band.value, "text": band.text} for band in series.bands],
    }


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of the design system; hidden from screen readers unless it has a label."""
    return _icon(name, str(label), css)


@register.simple_tag
def shape(name: str) -> SafeString:
    """One of our own shapes (level, flag, mark); always beside text."""
    return _shape(name)


# Written here and kept, not templates: a list of patients has hundreds of them, and they were half of its time.
@lru_cache(maxsize=256)
def _icon(name: str, label: str, css: str) -> SafeString:
    told = format_html('role="img" aria-label="{}"', label) if label else format_html('aria-hidden="{}"', "true")
    return format_html(
        '<svg class="icon-svg{}" focusable="false" {}><use href="{}#{}"></use></svg>',
        f" {css}" if css else "",
        told,
        static("vendor/img/all-svg-icons.svg"),
        name,
    )


@lru_cache(maxsize=64)
def _shape(name: str) -> SafeString:
    return format_html(
        '<svg class="th-shape th-shape-{}" viewBox="0 0 24 24" width="24" height="24" focusable="false"'
        ' aria-hidden="true"><use href="{}#{}"></use></svg>',
        name,
        static("img/shapes.svg"),
        name,
    )


@register.simple_tag
def part(template_name: str, **values: Any) -> str:
    """A component that is the same for the same values, drawn once: a list has it in every row."""
    return _part(template_name, get_language() or "da", tuple(sorted(values.items())))


@lru_cache(maxsize=2048)
def _part(template_name: str, language: str, values: tuple[tuple[str, Any], ...]) -> str:
    return get_template(template_name).render(dict(values))


@register.inclusion_tag("web/components/field.html", takes_context=True)
def field(context: Context, bound: BoundField) -> dict[str, Any]:
    """A form field with label, hint and error, tied together for screen readers."""
    widget = bound.field.widget
    kind = "input"
    for candidate, name in (
        (RadioSelect, "radio"),
        (CheckboxInput, "checkbox"),
        (Textarea, "textarea"),
        (Select, "select"),
    ):
        if isinstance(widget, candidate):
            kind = name
            break
    hint_id, error_id = f"{bound.id_for_label or bound.auto_id}-hint", f"{bound.auto_id}-error"
    described = " ".join(part for part, present in ((hint_id, bound.help_text), (error_id, bound.errors)) if present)
    attributes: dict[str, Any] = {"aria-describedby": described} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    css = {"select": "form-select", "radio": "form-radio", "checkbox": "form-checkbox"}.get(kind, "form-input")
    attributes["class"] = " ".join(filter(None, [css, widget.attrs.get("class", "")]))
    return {
        "bound": bound,
        "kind": kind,
        "control": bound.as_widget(attrs=attributes) if kind not in ("radio",) else "",
        "hint_id": hint_id,
        "error_id": error_id,
        "described": described,
        "optional": not bound.field.required
        and kind != "checkbox"
        and bound.name not in getattr(bound.form, "conditional", ()),
    }
