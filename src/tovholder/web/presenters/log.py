"""The log in words: events become sentences, and what one did in one go becomes one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tovholder.access import Context, audit_names
from tovholder.access.audit import BREAK_GLASS
from tovholder.access.audit_event import NO_APP, Row
from tovholder.access.emergencies import REASONS
from tovholder.base import days
from tovholder.cockpit.queries import full_name
from tovholder.store import audit_log, naming
from tovholder.store.audit_log import Log
from tovholder.web import log_wording as words
from tovholder.web.log_view import Day, Look, Mark, Visit

PAUSE_MS = 30 * 60_000  # after so long without a look a new visit begins
MOST_THINGS = 4
_ZONE = ZoneInfo("Europe/Copenhagen")
_LISTS = gettext_lazy("%(first)s og %(last)s")
_ICONS = {"export": "download", "refused": "lock", "glass-opened": "warning", "login": "account", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Names:
    """What to call those who stand in some events: by reference, by actor, by client."""

    people: Mapping[str, str]
    clients: Mapping[str, str]

    def organization(self, row: Row) -> str:
        """The organisation acted for; empty where there is none, or none we know."""
        return self.people.get(f"Organization/{row.organization_id}", "") if row.organization_id else ""

    def app(self, row: Row) -> str:
        """The app between somebody and their data; empty where there is none."""
        return "" if row.client in NO_APP else self.clients.get(row.client, row.client)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the log, and what a page's events need to be told. language: of break-glass reasons."""

    names: Names
    log: Log
    language: str
    mine: bool  # a patient reads about themselves
    own: str = ""  # the reader's organisation
    patients: Mapping[str, str] = field(default_factory=dict)


def names_of(ctx: Context, rows: Iterable[Row], also: Iterable[str] = ()) -> Names:
    """Every name the events need, in one statement for each kind of name."""
    rows = list(rows)
    wanted = {row.actor for row in rows} | set(also)
    wanted |= {f"Organization/{row.organization_id}" for row in rows if row.organization_id}
    found = naming.named(ctx, wanted)
    people = {
        reference: str(held.get("name", "")) if reference.startswith("Organization/") else full_name(held)
        for reference, held in found.items()
    }
    people |= audit_names.of_users(row.actor for row in rows if row.actor not in people)
    return Names(people, audit_names.of_clients(row.client for row in rows if row.client not in NO_APP))


def reader(ctx: Context, log: Log, *, language: str, mine: bool) -> Reader:
    """What a page of a log needs to be told in words."""
    patients = {f"Patient/{one}" for some in log.patients.values() for one in some}
    also = {f"Organization/{one.organization}" for one in log.stated}
    names = names_of(ctx, log.rows, {*patients, *also})
    called = {one.removeprefix("Patient/"): names.people[one] for one in patients if one in names.people}
    return Reader(names, log, language, mine, ctx.organization or "", called)


# Sentences


def things(rows: Iterable[Row], told: Reader, *, most: int = MOST_THINGS) -> str:
    """What events were about, in words, what matters most first; never of another patient."""
    place = 0 if told.mine else 1
    found = {kind for row in rows for kind in _kinds(row, told)}
    if _ALL in found:
        return str(words.EVERYTHING[place])
    if found == {_DIRECTORY}:
        return str(words.DIRECTORY)
    found.discard(_DIRECTORY)
    some = list(dict.fromkeys(str(both[place]) for kind, both in words.THINGS.items() if kind in found))
    if not some or found - words.THINGS.keys():
        some.append(str(words.SOMETHING[place]))
    if len(some) > most:
        some = [*some[: most - 1], _("mere")]
    return str(_LISTS) % {"first": ", ".join(some[:-1]), "last": some[-1]} if len(some) > 1 else some[0]


_ALL = "*"  # everything there is about a patient
_DIRECTORY = "@"  # only people, places and forms, which are about no patient
_OTHER = "?"  # something there is no word for


def _kinds(row: Row, told: Reader) -> list[str]:
    """The types of resources an event was about."""
    if row.action == "export":
        wish = row.detail.rpartition(" ")[2]
        return wish.partition("_type=")[2].partition("&")[0].split(",") if "_type=" in wish else [_ALL]
    if row.id in told.log.several and row.action not in audit_log.SEEN:
        return [_OTHER]  # what is named may be another's
    found: list[str] = []
    for token in row.detail.split():
        if token.endswith("$everything"):
            return [_ALL]
        kind = token.partition("/")[0].partition("?")[0]
        if kind in words.THINGS:
            found.append(kind)
        elif kind in words.NOBODYS:
            found.append(_DIRECTORY)
        elif kind[:1].isupper():
            found.append(_OTHER)
    return found


def who(row: Row, told: Reader) -> str:
    """Who did it, as a sentence begins."""
    app, place = told.names.app(row), told.names.organization(row)
    name = told.names.people.get(row.actor, "")
    if row.role == "unknown":
        return _("Nogen, der ikke var logget ind,")
    if row.role == "system":
        if not row.client:
            return _("Tovholder selv")
        known = app or row.actor.partition(":")[2]
        return (
            _("Systemet %(name)s, %(place)s,") % {"name": known, "place": place}
            if place
            else _("Systemet %(name)s") % {"name": known}
        )
    if row.role == "citizen":
        if told.mine:
            return _("Appen %(app)s, som du selv har valgt,") % {"app": app} if app else _("Du")
        return _("Patienten selv")
    if row.role == "representative":
        return name or str(words.ROLES["representative"])
    if not told.mine and row.organization_id == told.own:
        return name or str(words.UNKNOWN_PERSON).capitalize()
    role = str(words.ROLES.get(row.role, row.role))
    person = f"{role} {name}" if name else f"{role} ({words.UNKNOWN_PERSON})"
    return f"{person}, {place}," if place else person


def sentence(row: Row, told: Reader, what: str) -> str:
    """One event as a sentence."""
    place = 0 if told.mine else 1
    about = told.names.people.get(f"Organization/{row.organization_id}", _("stedet"))
    given = {"who": who(row, told), "what": what, "organization": about}
    told_by = words.ACTS.get(row.action)
    return str(told_by[place] if told_by else words.SEEN) % given


def marks(row: Row, told: Reader) -> tuple[Mark, ...]:
    """What is out of the ordinary about an event, each explained."""
    found: list[Mark] = []
    if row.purpose == BREAK_GLASS:
        reason = _reason(row, told)
        why = (
            (
                _("Oplysninger, du har spærret, blev åbnet. Grunden var: %(reason)s.")
                if told.mine
                else _("Grunden var: %(reason)s.")
            )
            % {"reason": reason}
            if reason
            else (_("Oplysninger, du har spærret, blev åbnet.") if told.mine else "")
        )
        found.append(Mark("glass", _("Værdispring"), why))
    if row.outcome == "refused":
        found.append(Mark("refused", _("Afvist"), _("De fik ikke noget at se.") if row.action == "refused" else ""))
    elif row.purpose != BREAK_GLASS and is_stated(row, told):
        found.append(
            Mark(
                "stated",
                _("Oplyst behandling"),
                _(
                    "De oplyste selv, at de behandler dig. Det bliver kontrolleret bagefter, og du får besked, hvis det "
                    "ikke passer."
                ),
            )
        )
    app = told.names.app(row)
    if app and row.role not in ("system", "unknown") and not (told.mine and row.role == "citizen"):
        found.append(Mark("app", _("Gennem appen %(app)s") % {"app": app}))
    if row.role == "representative":
        found.append(Mark("behalf", _("På dine vegne") if told.mine else _("På patientens vegne")))
    return tuple(found)


def is_stated(row: Row, told: Reader) -> bool:
    """Whether the patient was seen because the organisation had said so itself, before that was checked."""
    return row.action in (*audit_log.SEEN, *audit_log.WRITTEN) and any(
        one.organization == row.organization_id and one.from_ms <= row.at_ms < one.until_ms for one in told.log.stated
    )


def _reason(row: Row, told: Reader) -> str:
    code = row.detail.partition(" ")[2] if row.action == "glass-opened" else ""
    for actor, at, given in told.log.opened:
        if actor == row.actor and at <= row.at_ms and not code:
            code = given
    known = REASONS.get(code)
    return known.get(told.language, known["da"]).lower() if known else ""


def moment(at_ms: int) -> datetime:
    """An event's time in Copenhagen."""
    return datetime.fromtimestamp(at_ms / 1000, _ZONE)


# Lines


def by_day(told: Reader) -> tuple[Day, ...]:
    """Events, newest first, as days of visits, newest first."""
    found: dict[int, list[list[Row]]] = {}
    open_visits: dict[tuple[Any, ...], list[Row]] = {}
    for row in told.log.rows:
        day = days.day_of_millis(row.at_ms)
        key = (day, *_together(row, told))
        visit = open_visits.get(key)
        if visit is None or visit[-1].at_ms - row.at_ms > PAUSE_MS:
            visit = open_visits[key] = []
            found.setdefault(day, []).append(visit)
        visit.append(row)
    return tuple(
        Day(day, tuple(_visit(rows, told) for rows in visits)) for day, visits in sorted(found.items(), reverse=True)
    )


def _together(row: Row, told: Reader) -> tuple[Any, ...]:
    """What events share that are told as one: who, for whom, by which way, and what kind of act."""
    act = "seen" if row.action in audit_log.SEEN else row.action
    whom = told.log.patients.get(row.id, ()) if not told.mine else ()
    more = told.log.numbers.get(row.id, 0) if not told.mine and not whom else 0
    return (
        row.actor,
        row.role,
        row.organization_id,
        row.client,
        row.purpose,
        row.outcome,
        act,
        whom,
        bool(more),
        is_stated(row, told),
    )


def _visit(rows: list[Row], told: Reader) -> Visit:
    newest, oldest = rows[0], rows[-1]
    looks: tuple[Look, ...] = ()
    if len(rows) > 1:
        looks = tuple(Look(moment(row.at_ms), _capital(_look(row, told))) for row in rows)
    return Visit(
        first=moment(oldest.at_ms),
        last=moment(newest.at_ms),
        text=_capital(sentence(newest, told, things(rows, told))),
        icon=_ICONS.get(
            newest.action,
            "lock" if newest.outcome == "refused" else "search" if newest.action in audit_log.SEEN else "edit",
        ),
        marks=marks(newest, told),
        looks=looks,
        about="" if told.mine else _about(rows, told),
        why=_why(newest),
    )


def _why(row: Row) -> Any:
    """The purpose of a look, a write or a copy; break-glass is marked, and tells more."""
    if row.purpose == BREAK_GLASS or row.action not in (*audit_log.SEEN, *audit_log.WRITTEN, "export"):
        return ""
    return words.PURPOSES.get(row.purpose, row.purpose)


def _look(row: Row, told: Reader) -> str:
    """One event of several, short: the line above has said who."""
    if row.action in (*audit_log.SEEN, *audit_log.WRITTEN):
        return things([row], told, most=len(words.THINGS) + 1)
    return sentence(row, told, things([row], told))


def _about(rows: list[Row], told: Reader) -> str:
    """Of a clinic's log: which patients."""
    whom = {one for row in rows for one in told.log.patients.get(row.id, ())}
    if whom:
        known = sorted({told.patients[one] for one in whom if one in told.patients})
        others = len([one for one in whom if one not in told.patients])
        gone = [_others(others)] if others else []
        return ", ".join([*known, *gone])
    number = max((told.log.numbers.get(row.id, 0) for row in rows), default=0)
    return ngettext("%(number)d patient", "%(number)d patienter", number) % {"number": number} if number else ""


def _others(number: int) -> str:
    return ngettext("en patient, I ikke har adgang til", "%(number)d patienter, I ikke har adgang til", number) % {
        "number": number
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# Files


COLUMNS = (
    gettext_lazy("Tidspunkt"),
    gettext_lazy("Hvem"),
    gettext_lazy("Rolle"),
    gettext_lazy("Organisation"),
    gettext_lazy("Det skete"),
    gettext_lazy("Formål"),
    gettext_lazy("Særligt"),
    gettext_lazy("Gennem app"),
    gettext_lazy("På vegne af"),
    gettext_lazy("Patienter"),
    gettext_lazy("Nummer i loggen"),
)
KEYS = ("at", "who", "role", "organization", "told", "purpose", "remarks", "app", "onBehalfOf", "patients", "number")


def lines(told: Reader) -> Iterator[tuple[str, ...]]:
    """Each event of a page as a line of a file, in the order of ``COLUMNS``."""
    for row in told.log.rows:
        remarks = " ".join(
            f"{mark.text}. {mark.why}".strip()
            for mark in marks(row, told)
            if mark.kind in ("glass", "stated", "refused")
        )
        behalf = (_("dig") if told.mine else _("patienten")) if row.role == "representative" else ""
        yield (
            moment(row.at_ms).isoformat(timespec="seconds"),
            told.names.people.get(row.actor, "") or who(row, told).rstrip(","),
            str(words.ROLES.get(row.role, row.role)),
            told.names.organization(row),
            _capital(sentence(row, told, things([row], told, most=len(words.THINGS) + 1))),
            str(words.PURPOSES.get(row.purpose, row.purpose)),
            remarks,
            told.names.app(row),
            behalf,
            "" if told.mine else _about([row], told),
            str(row.id),
        )
