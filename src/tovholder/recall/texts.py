"""The very words a patient gets, in Danish: the invitation, the SMS that announces it, and the word of correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tovholder.base import days

# No word about health, and nobody's name: a telephone lies open on tables.
SMS = "Du har fået en besked fra din lægeklinik. Log ind i MinPlan for at læse den. Du kan ikke svare på denne sms."
LABEL = "Besked fra din lægeklinik"
_MONTHS = (
    "januar", "februar", "marts", "april", "maj", "juni",
    "juli", "august", "september", "oktober", "november", "december",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clinic:
    """Who invites: as letters and messages tell it. link: where one books oneself, "" for nowhere."""

    name: str
    phone: str = ""
    link: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit and all it covers. titles: what each package calls its step; first, last: the days it may be on."""

    titles: tuple[str, ...]
    activities: tuple[str, ...]
    first: int
    last: int


def invitation(name: str, visit: Visit, clinic: Clinic, *, number: int, today: int) -> str:
    """The message, the letter, and what is said on the telephone."""
    opening = {
        1: "Det er tid til et besøg hos os.",
        2: "Vi har skrevet til dig før om et besøg hos os, og vi kan ikke se, at du har fået en tid endnu.",
    }.get(number, "Vi har skrevet til dig om et besøg hos os og vil gerne høre, om vi skal finde en tid sammen.")
    parts = [f"Kære {name}", opening]
    if len(visit.titles) == 1:
        parts.append(f"Besøget er til: {visit.titles[0]}.")
    else:
        listed = "\n".join(f"- {title}" for title in visit.titles)
        parts.append(f"Vi har samlet det, så du kun behøver at komme én gang. Besøget er til:\n{listed}")
    if visit.last <= today:
        parts.append("Det er tid nu. Bestil gerne en tid så snart, det passer dig.")
    elif visit.first <= today:
        parts.append(f"Besøget bør være senest {day_words(visit.last)}.")
    else:
        parts.append(f"Besøget bør være mellem {day_words(visit.first)} og {day_words(visit.last)}.")
    parts.append(how_to_book(clinic))
    parts.append("Vil du ikke indkaldes, eller passer det ikke nu, så sig det til os. Det er dit valg.")
    parts.append(f"Venlig hilsen\n{clinic.name}")
    return "\n\n".join(parts)


def day_words(day: int) -> str:
    """A day in Danish words."""
    date = days.date_of(day)
    return f"{date.day}. {_MONTHS[date.month - 1]} {date.year}"


def how_to_book(clinic: Clinic) -> str:
    """How a time is booked at the clinic."""
    if clinic.link and clinic.phone:
        return f"Bestil en tid på {clinic.link}, eller ring til os på {clinic.phone}."
    if clinic.link:
        return f"Bestil en tid på {clinic.link}."
    if clinic.phone:
        return f"Bestil en tid ved at ringe til os på {clinic.phone}."
    return "Bestil en tid hos os."


def correction(name: str, clinic: Clinic, sent: Sequence[int]) -> str:
    """The word of correction when an invitation is withdrawn."""
    when = f"Den {day_words(sent[0])}" if sent else "For nylig"
    return "\n\n".join(
        (
            f"Kære {name}",
            f"{when} skrev vi til dig om at bestille en tid.",
            "Beskeden blev sendt ved en fejl. Du skal ikke gøre noget, og de aftaler, du har, gælder stadig.",
            f"Undskyld ulejligheden. Har du spørgsmål, så ring til os{f' på {clinic.phone}' if clinic.phone else ''}.",
            f"Venlig hilsen\n{clinic.name}",
        )
    )
