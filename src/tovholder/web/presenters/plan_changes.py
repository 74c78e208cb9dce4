"""What two people changed at once, side by side; and the history of a plan: who changed what, when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.plan import resources
from tovholder.plan.actions.editing import goal_values, plan_values, step_values
from tovholder.plan.edits import Clash
from tovholder.web import reading
from tovholder.web.presenters.words import told_title
from tovholder.web.templatetags.tovholder import clock_time
from tovholder.web.templatetags.tovholder import day as day_text

_PREFIX = {"step": "skridt", "goal": "maal", "plan": "plan"}
FIELDS: Mapping[str, Any] = {
    "due": gettext_lazy("Hvornår"),
    "title": gettext_lazy("Hvad"),
    "out": gettext_lazy("Udelad skridtet"),
    "text": gettext_lazy("Målet"),
    "target": gettext_lazy("Hvornår skal det være nået?"),
    "state": gettext_lazy("Hvordan står det?"),
    "review": gettext_lazy("Planen gennemgås igen senest"),
    "gone": gettext_lazy("Skridtet er lukket"),
}
STATES: Mapping[str, Any] = {
    "active": gettext_lazy("Gælder stadig"),
    "reached": gettext_lazy("Nået"),
    "dropped": gettext_lazy("Gælder ikke mere"),
    "done": gettext_lazy("Markeret som gjort"),
    "out": gettext_lazy("Udeladt af planen"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One field with both versions."""

    name: str  # of the choice in the form; "" where there is nothing to choose
    title: str
    field: Any
    theirs: str
    mine: str
    who: str
    when: str


def clashes(ctx: Context, found: Sequence[Clash], course: reading.Course, language: str) -> tuple[Side, ...]:
    """What to choose between, with who changed it where the record says so."""
    authors = authors_of(ctx, course.patient_id)
    names = reading.called(ctx, authors.values())
    made = []
    for one in found:
        kind = {"step": "ServiceRequest", "goal": "Goal", "plan": "CarePlan"}[one.kind]
        author = authors.get(f"{kind}/{one.id}/_history/{one.version}", "")
        made.append(
            Side(
                name="" if one.name == "gone" else f"{_PREFIX[one.kind]}-{one.id}-valg_{one.name}",
                title=one.title or str(course.package.titles[language]),
                field=FIELDS[one.name],
                theirs=value_text(one.name, one.theirs),
                mine=value_text(one.name, one.mine),
                who=names.get(author, ""),
                when=moment_text(one.at),
            )
        )
    return tuple(made)


def value_text(name: str, value: Any) -> str:
    """A field's value in words."""
    if isinstance(value, bool):
        return _("Udeladt af planen") if value else _("Med i planen")
    if isinstance(value, int):
        return day_text(value, "compact")
    if name in ("state", "gone"):
        return str(STATES.get(str(value), value or _("Din ændring kan ikke gemmes")))
    return str(value) if value else _("Ikke skrevet")


def moment_text(at: str) -> str:
    """An instant as a day and a time."""
    if not at:
        return ""
    moment = days.parse_instant(at)
    return f"{day_text(days.day_of(moment), 'compact')} {clock_time(moment)}"


def authors_of(ctx: Context, patient_id: str) -> dict[str, str]:
    """Who made which version, as Provenance tells it: "Type/id/_history/n" → the person."""
    found: dict[str, str] = {}
    for item in store.search_all(ctx, "Provenance", [("patient", f"Patient/{patient_id}")]):
        who = next(((one.get("who") or {}).get("reference") for one in item.resource.get("agent") or ()), None)
        for target in item.resource.get("target") or ():
            if who:
                found[str(target.get("reference"))] = str(who)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One act on a plan: when, by whom, and what it changed."""

    at: str
    day: int
    who: str
    lines: tuple[str, ...]


# The plan itself is told first, then what it holds.
_READS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Mapping[str, Any]]]] = {
    "CarePlan": (resources.read_plan, plan_values),
    "Goal": (resources.read_goal, goal_values),
    "ServiceRequest": (resources.read_activity, step_values),
}


def history(ctx: Context, course: reading.Course, language: str) -> tuple[Changed, ...]:
    """Every change of the course's plan, steps and goals, newest first; the versions of one moment are one change."""
    episode_id = course.episode.id
    patient_id = course.patient_id
    told: dict[str, list[tuple[str, str, str]]] = {}
    authors = authors_of(ctx, patient_id)
    for kind, (read, values) in _READS.items():
        versions = [item.stored for item in store.of_patient(ctx, kind, patient_id)]
        before: dict[str, tuple[Any, Mapping[str, Any]]] = {}
        for item in reversed(versions):
            held = read(item.resource)
            if held.episode_id != episode_id or (kind == "ServiceRequest" and not held.package):
                continue
            now = values(held)
            lines = list(_lines(kind, held, now, before.get(item.id)))
            before[item.id] = (held, now)
            at = str(item.resource["meta"]["lastUpdated"])
            who = authors.get(f"{kind}/{item.id}/_history/{item.version}") or _said_by(kind, held)
            for line in lines:
                told.setdefault(at, []).append((who, line, kind))
    names = reading.called(ctx, {who for items in told.values() for who, _line, _kind in items if who})
    patient = _("Patienten")
    made = []
    for at, items in sorted(told.items(), reverse=True):
        who = next((one for one, _line, _kind in items if one), "")
        moment = days.parse_instant(at)
        made.append(
            Changed(
                at=f"{day_text(days.day_of(moment), 'compact')} {clock_time(moment)}",
                day=days.day_of(moment),
                who=patient if who.startswith("Patient/") else names.get(who, ""),
                lines=_gathered([line for _who, line, _kind in items]),
            )
        )
    return tuple(made)


_MANY = 6


def _gathered(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines, at most a few of them: a plan confirmed has one for each of its steps."""
    if len(lines) <= _MANY:
        return tuple(lines)
    return (*lines[:_MANY], _("og %(count)d mere") % {"count": len(lines) - _MANY})


def _said_by(kind: str, held: Any) -> str:
    if kind == "Goal":
        return str(held.expressed_by or "")
    if kind == "CarePlan":
        return str(held.confirmed_by or held.author or "")
    return ""


def _lines(kind: str, held: Any, now: Mapping[str, Any], before: tuple[Any, Mapping[str, Any]] | None) -> list[str]:
    if before is None:
        if kind == "CarePlan":
            return [_("Kladde til planen lavet")]
        if kind == "Goal":
            return [_("Mål skrevet: %(text)s") % {"text": held.text}]
        text = told_title(held.title, get_language() or "da")
        return [_("Skridt: %(text)s, %(date)s") % {"text": text, "date": value_text("due", held.due_day)}]
    was, then = before
    title = told_title(getattr(held, "title", ""), get_language() or "da") or getattr(held, "text", "")
    found = [
        _("%(what)s. %(field)s: fra %(was)s til %(now)s")
        % {
            "what": title,
            "field": FIELDS[name],
            "was": value_text(name, then[name]),
            "now": value_text(name, now[name]),
        }
        for name in now
        if now[name] != then[name] and name != "out"
    ]
    if kind == "ServiceRequest":
        if now["out"] and not then["out"]:
            found.append(_("Udeladt af planen: %(text)s") % {"text": title})
        if held.done_day is not None and was.done_day is None:
            found.append(_("Gjort: %(text)s, %(date)s") % {"text": title, "date": value_text("due", held.done_day)})
    if kind == "CarePlan":
        if held.confirmed_day is not None and was.confirmed_day is None:
            found.insert(0, _("Planen bekræftet sammen med patienten og delt"))
        if held.package_version != was.package_version:
            found.append(_("Pakkeversion %(version)s") % {"version": held.package_version})
        if str(held.status) != str(was.status) and held.status in ("completed", "revoked"):
            found.append(_("Planen er afsluttet"))
    return found
