"""Everything that has happened to one patient, in one order: what, when, by whom and for which package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tovholder.base import days
from tovholder.plan import resources
from tovholder.plan.happenings import TELLERS, Entry, Kind, Namer, Resource
from tovholder.plan.values import Episode

# Within a day: what usually comes of the other stands above it.
_ORDER = (
    Kind.PLAN, Kind.LEVEL, Kind.REFERRAL, Kind.ATTEMPT, Kind.APPOINTMENT, Kind.FORM, Kind.RESULT, Kind.ADMISSION,
    Kind.CONTACT, Kind.COURSE, Kind.DIAGNOSIS,
)  # fmt: skip


def timeline(
    by_type: Mapping[str, Sequence[Resource]],
    episodes: Iterable[Episode],
    plan_versions: Iterable[Resource] = (),
) -> tuple[Entry, ...]:
    """All entries, newest first; what has no date comes last, and says so.

    ``plan_versions``: every version of every plan, from which revisions are told.
    """
    known = {item.id: item for item in episodes if item.id}
    namer = Namer(known)
    found: list[Entry] = []
    for kind, tell in TELLERS.items():
        for resource in by_type.get(kind, ()):
            found.extend(tell(resource, namer))
    for episode in known.values():
        found.extend(_course(episode))
    found.extend(_plans(plan_versions, namer))
    found.reverse()  # of one day what was told last comes first
    found.sort(key=lambda item: (_ORDER.index(item.kind), item.reference if item.kind is not Kind.COURSE else ""))
    return tuple(sorted(found, key=_when, reverse=True))


def _when(entry: Entry) -> tuple[int, int]:
    if entry.day is not None:
        return (1, entry.day)
    partial = re.match(r"(\d{4})(?:-(\d{2}))?", entry.written)
    if partial is None:
        return (0, 0)
    day = days.parse_day(f"{partial.group(1)}-{partial.group(2) or '01'}-01")
    return (0, 0) if day is None else (1, day)


def _course(episode: Episode) -> Iterable[Entry]:
    source = f"Organization/{episode.organization_id}" if episode.organization_id else ""
    told = [
        ("eligible", episode.eligible_day, ""),
        ("offered", episode.offered_day, ""),
        ("started", episode.started_day, ""),
        ("declined", episode.declined_day, episode.decline_reason or ""),
        ("ended", episode.ended_day, episode.end_reason or ""),
        *(("paused", pause.start_day, pause.reason) for pause in episode.pauses),
        *(("resumed", pause.end_day, "") for pause in episode.pauses if pause.end_day is not None),
    ]
    for what, day, detail in told:
        if day is not None:
            yield Entry(
                kind=Kind.COURSE,
                reference=f"EpisodeOfCare/{episode.id}",
                day=day,
                packages=(episode.package,),
                what=what,
                detail=detail,
                source=source,
            )


def _plans(versions: Iterable[Resource], namer: Namer) -> Iterable[Entry]:
    """A plan made, confirmed, and each time it said something else; the same day's versions are one entry."""
    told: dict[tuple[str, int], str] = {}
    first: dict[str, Resource] = {}
    held: dict[str, Resource] = {}
    for version in sorted(versions, key=lambda item: int(item["meta"]["versionId"])):
        plan = resources.read_plan(version)
        if not plan.episode_id:
            continue
        identity = str(version.get("id"))
        held[identity] = version
        day = days.day_of(days.parse_instant(version["meta"]["lastUpdated"]))
        if identity not in first:
            first[identity] = version
            told[identity, plan.made_day or day] = "made"
            if plan.confirmed_day is not None:  # came confirmed, from another system
                told[identity, plan.confirmed_day] = "confirmed"
        elif plan.confirmed_day is not None and resources.read_plan(first[identity]).confirmed_day is None:
            told[identity, plan.confirmed_day] = "confirmed"
            first[identity] = version
        else:
            told.setdefault((identity, day), "revised" if plan.status.is_valid else str(plan.status))
    for (identity, day), what in told.items():
        episode = namer.episodes.get(resources.read_plan(held[identity]).episode_id)
        yield Entry(
            kind=Kind.PLAN,
            reference=f"CarePlan/{identity}",
            day=day,
            packages=(episode.package,) if episode else (),
            what=what,
            source=f"Organization/{episode.organization_id}" if episode and episode.organization_id else "",
        )
