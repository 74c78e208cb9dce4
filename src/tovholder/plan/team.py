"""Who takes part around one patient, and why the record says so: own doctor, who holds the rope, team, receivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder.base import days
from tovholder.fhir.references import parse_reference
from tovholder.plan import resources
from tovholder.plan.happenings import ADMISSIONS
from tovholder.plan.values import Episode

Resource = Mapping[str, Any]
_SEEN_SINCE = 730  # days back a contact or an appointment makes somebody one of those around the patient


@dataclass(frozen=True, slots=True)
class Part:
    """Why somebody is there: a word of ours (own-doctor, holder, manager, team, referral, hospital, appointment), what it
    is about, and the latest day it shows.
    """

    why: str
    about: str = ""
    package: str = ""
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation or person, with every reason there is; ``name`` only where the directory need not be asked."""

    reference: str
    parts: tuple[Part, ...]
    name: str = ""


_ORDER = ("own-doctor", "holder", "manager", "team", "referral", "hospital", "appointment")


def team(
    patient: Resource, by_type: Mapping[str, Sequence[Resource]], episodes: Iterable[Episode], today: int
) -> tuple[Member, ...]:
    """Everybody the record shows around the patient, the nearest first."""
    found: dict[str, list[Part]] = {}
    named: dict[str, str] = {}

    def add(reference: object, part: Part, display: object = "") -> None:
        told = parse_reference(reference) if isinstance(reference, str) else None
        if told is None or told.type not in ("Organization", "Practitioner", "PractitionerRole", "RelatedPerson"):
            return
        key = f"{told.type}/{told.id}"
        if isinstance(display, str) and display:
            named.setdefault(key, display)
        held = found.setdefault(key, [])
        same = next(
            (one for one in held if (one.why, one.about, one.package) == (part.why, part.about, part.package)), None
        )
        if same is None:
            held.append(part)
        elif (part.day or 0) > (same.day or 0):
            held[held.index(same)] = part

    for item in patient.get("generalPractitioner") or ():
        add(item.get("reference"), Part("own-doctor"), item.get("display"))
    of_episode: dict[str, str] = {}
    for episode in episodes:
        of_episode[episode.id or ""] = episode.package
        if episode.phase.is_open:
            if episode.organization_id:
                add(f"Organization/{episode.organization_id}", Part("holder", package=episode.package))
            add(episode.care_manager, Part("manager", package=episode.package))
    for item in by_type.get("CareTeam", ()):
        if item.get("status") not in ("inactive", "entered-in-error"):
            for one in item.get("participant") or ():
                member = one.get("member") or {}
                role = next((_words(concept) for concept in one.get("role") or ()), "")
                add(member.get("reference"), Part("team", role), member.get("display"))
                behalf = one.get("onBehalfOf") or {}
                add(behalf.get("reference"), Part("team", role), behalf.get("display"))
    for item in by_type.get("Task", ()):
        if resources.is_referral(item) and item.get("status") not in ("draft", "entered-in-error"):
            held = resources.read_referral(item)
            if held.receiver_id:
                part = Part(
                    "referral", held.title or held.kind, of_episode.get(held.episode_id or "", ""), held.sent_day
                )
                add(f"Organization/{held.receiver_id}", part)
    for item in by_type.get("Encounter", ()):
        period = item.get("period") or {}
        day = days.parse_day(period.get("end")) or days.parse_day(period.get("start"))
        if (item.get("class") or {}).get("code") in ADMISSIONS and day is not None and day >= today - _SEEN_SINCE:
            add((item.get("serviceProvider") or {}).get("reference"), Part("hospital", day=day))
    for item in by_type.get("Appointment", ()):
        meeting = resources.read_appointment(item)
        day = None if meeting.start is None else days.day_of(meeting.start)
        if meeting.organization_id and day is not None and day >= today - _SEEN_SINCE:
            add(f"Organization/{meeting.organization_id}", Part("appointment", day=day))
    made = [Member(key, tuple(sorted(parts, key=_place)), named.get(key, "")) for key, parts in found.items()]
    return tuple(sorted(made, key=lambda member: (_place(member.parts[0]), member.reference)))


def _place(part: Part) -> tuple[int, int]:
    return (_ORDER.index(part.why), -(part.day or 0))


def _words(concept: Resource) -> str:
    shown = next((item["display"] for item in concept.get("coding") or () if item.get("display")), "")
    return str(concept.get("text") or shown)
