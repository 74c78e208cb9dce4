"""What has happened to a patient as lines of a page: filtered by package and kind, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import dateformat
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from tovholder import packages
from tovholder.base import days
from tovholder.plan.happenings import Entry, Kind
from tovholder.web import patient_view as p
from tovholder.web import patient_wording as words
from tovholder.web import wording
from tovholder.web.presenters.words import told_title
from tovholder.web.templatetags.tovholder import day as day_text

PAGE = 40
_NONE = "ingen"  # what belongs to no package
_AGREED = frozenset({"proposed", "pending", "booked", "waitlist"})


def page(
    entries: Sequence[Entry],
    top: p.Head,
    *,
    kind: str,
    package: str,
    number: int,
    path: str,
    today: int,
    language: str,
) -> tuple[p.TimelinePage, tuple[Entry, ...]]:
    """The page and the entries on it, whose sources are still to be named (``told``)."""
    by_package = [one for one in entries if _belongs(one, package)]
    chosen = [one for one in by_package if not kind or one.kind == kind]
    last_page = max(0, (len(chosen) - 1) // PAGE)
    number = min(max(number, 0), last_page)
    shown = tuple(chosen[number * PAGE : (number + 1) * PAGE])
    counted = Counter(one.kind for one in by_package)
    of_kind = [one for one in entries if not kind or one.kind == kind]
    known = dict.fromkeys(name for one in entries for name in one.packages)

    def address(at: int) -> str:
        asked = {"type": kind, "pakke": package, "side": str(at) if at else ""}
        told = urlencode({name: value for name, value in asked.items() if value})
        return f"{path}?{told}" if told else path

    made = p.TimelinePage(
        head=top,
        rows=(),
        kinds=(
            p.Pick("", _("Alt"), len(by_package), not kind),
            *(p.Pick(str(one), words.KINDS[one][0], counted[one], one == kind) for one in Kind if counted[one]),
        ),
        packages=(
            p.Pick("", _("Alle pakker"), len(of_kind), not package),
            *(
                p.Pick(
                    name,
                    _called(name, language),
                    sum(name in one.packages for one in of_kind),
                    name == package,
                )
                for name in known
            ),
            p.Pick(_NONE, _("Uden for pakkerne"), sum(not one.packages for one in of_kind), package == _NONE),
        ),
        total=len(chosen),
        first=number * PAGE + 1 if chosen else 0,
        last=number * PAGE + len(shown),
        newer=address(number - 1) if number else "",
        older=address(number + 1) if number < last_page else "",
        filtered=bool(kind or package),
    )
    return made, shown


def _belongs(entry: Entry, package: str) -> bool:
    if not package:
        return True
    return not entry.packages if package == _NONE else package in entry.packages


def _called(name: str, language: str) -> str:
    """A package's title; of one that is not here now its id."""
    known = packages.builtin()
    return known[name].titles[language] if name in known else name


def rows(shown: Sequence[Entry], names: Mapping[str, str], *, today: int, language: str) -> tuple[p.Happening, ...]:
    """The entries in words, each with where it comes from."""
    return tuple(_row(one, names, today, language) for one in shown)


def _row(one: Entry, names: Mapping[str, str], today: int, language: str) -> p.Happening:
    label, icon = words.KINDS[one.kind]
    known = packages.builtin()
    return p.Happening(
        kind=str(one.kind),
        kind_label=label,
        icon=icon,
        when="" if one.day is not None else _partial(one.written),
        day=one.day,
        title=_title(one, language),
        detail=_detail(one, language),
        status=_status(one, today),
        source=names.get(one.source, ""),
        packages=tuple(
            {"da": known[name].titles.da, "en": known[name].titles.en} for name in one.packages if name in known
        ),
        ahead=one.day is not None and one.day > today,
    )


def _partial(written: str) -> str:
    """As much of a date as was told: a month, a year, or that nobody told it."""
    day = days.parse_day(f"{written}-01") if len(written) == 7 else None
    if day is not None:
        return dateformat.format(days.date_of(day), "F Y")
    return written if len(written) == 4 and written.isdecimal() else _("Ukendt dato")


def _title(one: Entry, language: str) -> str:
    told = told_title(str((one.title or {}).get(language) or (one.title or {}).get("da") or ""), language)
    if one.kind is Kind.COURSE:
        return str(words.COURSE_EVENTS[one.what])
    if one.kind is Kind.PLAN:
        return str(words.PLAN_EVENTS.get(one.what, one.what))
    if one.kind is Kind.LEVEL:
        return _("Niveau %(level)s besluttet") % {"level": one.what.removeprefix("level-")}
    if one.kind is Kind.REFERRAL:
        return f"{words.REFERRAL_EVENTS[one.what]}: {told}" if told else str(words.REFERRAL_EVENTS[one.what])
    if one.kind is Kind.ATTEMPT:
        return str(words.CHANNELS.get(one.what, _("Henvendelse til patienten")))
    if one.kind in (Kind.ADMISSION, Kind.CONTACT):
        called = str(words.CONTACT_KINDS.get(one.what, words.CONTACT_KINDS["contact"]))
        return f"{called}: {told}" if told else called
    return told or str(words.KINDS[one.kind][0])


def _detail(one: Entry, language: str) -> str:
    if one.kind is Kind.COURSE and one.what == "ended":
        return str(wording.END_REASONS.get(one.detail, one.detail))
    if one.kind is Kind.ADMISSION and one.detail:
        return _("Udskrevet %(date)s") % {"date": day_text(days.parse_day(one.detail), "compact")}
    if one.kind is Kind.LEVEL and one.detail:
        return _("Et andet niveau end foreslået: %(reason)s") % {"reason": one.detail}
    if one.kind is Kind.RESULT and one.what == "yes-no" and one.detail in ("0", "1"):
        return _("ja") if one.detail == "1" else _("nej")
    if one.kind is Kind.RESULT and language == "da":
        return one.detail.replace(".", ",") if one.detail[:1].isdigit() else one.detail
    if one.kind is Kind.FORM and one.what == "by-patient":
        return _("Udfyldt af patienten")
    return one.detail


def _status(one: Entry, today: int) -> Any:
    if one.kind is Kind.APPOINTMENT:
        passed = one.status in _AGREED and one.day is not None and one.day < today
        return wording.APPOINTMENTS.get("unknown" if passed else one.status, (one.status, ""))[0]
    if one.kind is Kind.DIAGNOSIS:
        return words.DIAGNOSIS_STATES.get(one.status, "")
    if one.kind is Kind.ATTEMPT:
        return words.ATTEMPT_OUTCOMES.get(one.status, one.status)
    if one.kind is Kind.ADMISSION and one.status == "in-progress":
        return _("Indlagt nu")
    if one.kind is Kind.RESULT:
        return words.RESULT_STATES.get(one.status, "")
    return words.FORM_STATES.get(one.status, "") if one.kind is Kind.FORM else ""
