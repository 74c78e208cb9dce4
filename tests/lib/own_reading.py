"""The access policy read a second time, by nobody who read it before: its own reader of policy.toml and its own rules.

Written from what the design, the policy's own comments and docs/security.md say in words, in plain Python over plain
values. It imports nothing of the code it is held against, so that a mistake would have to be made twice, alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
PROFESSIONALS = frozenset({"gp", "staff", "hospital", "prevention", "partner"})
BY_RELATION = frozenset({"own-list", "care-team", "referral", "appointment", "contact", "own-act", "stated"})
# What a block of a period or a kind of data never takes: who it is, the course and who takes part in it (issue, domain §9).
ALWAYS_THERE = frozenset({"Patient", "EpisodeOfCare", "CareTeam", "Consent", "RelatedPerson"})
LEVEL = ("http://tovholder.dk/fhir/CodeSystem/observation", "tovholder-level")


@dataclass(frozen=True)
class Related:
    """An organisation has a relation to a patient from a day to a day; None: with no end."""

    patient: str
    organization: str
    kind: str
    first: int = 0
    last: int | None = None


@dataclass(frozen=True)
class Kept:
    """What a patient keeps from somebody ("Practitioner/x", "Organization/x" with all below it, "*": everybody).

    since, until: the milliseconds it holds; data_since, data_until: what happened then; types: what it is about; none
    and no time: everything.
    """

    patient: str
    whom: str
    since: int
    until: int
    data_since: int | None = None
    data_until: int | None = None
    types: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        return self.data_since is None and self.data_until is None and not self.types


@dataclass(frozen=True)
class App:
    """What an app was given: (action, type or *, searches; "" for all), and its one patient."""

    given: tuple[tuple[str, str, tuple[str, ...]], ...]
    patient: str | None = None


@dataclass(frozen=True)
class Who:
    """Somebody who asks. above: the organisations theirs is part of. own: the patient they are or stand for.

    opened: the patients they broke the glass on, and until when in milliseconds.
    """

    role: str
    actor: str
    organization: str | None = None
    above: tuple[str, ...] = ()
    own: str | None = None
    rights: frozenset[str] = frozenset()
    opened: dict[str, int] = field(default_factory=dict)
    app: App | None = None


@dataclass(frozen=True)
class World:
    """Who is related to whom, and who keeps what from whom, at a moment (day and milliseconds)."""

    day: int
    moment: int
    related: dict[str, list[Related]]
    kept: dict[str, list[Kept]]


@dataclass(frozen=True)
class Thing:
    """A resource: whom it is about and when what it tells happened."""

    resource: Json
    patient: str | None
    happened: int | None = None
    personal: bool = True  # of a type that is about somebody, even where this one is about nobody

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])


@dataclass(frozen=True)
class Line:
    """One [[allow]] as it stands."""

    role: str
    types: frozenset[str]
    actions: frozenset[str]
    when: frozenset[str]
    fields: str = ""
    matching: str = ""
    right: str = ""


@dataclass
class Reading:
    """A policy file, read."""

    lines: list[Line]
    views: dict[str, dict[str, list[str]]]
    closed: frozenset[str] = field(default_factory=frozenset)

    @staticmethod
    def of(text: str) -> Reading:
        """Read it; a word this reading knows nothing of is an error, so that nothing is passed over."""
        file = tomllib.loads(text)
        if set(file) - {"version", "sets", "views", "closed", "allow"}:
            raise ValueError(f"words this reading does not know: {sorted(file)}")
        sets = file.get("sets", {})
        lines = []
        for row in file["allow"]:
            if set(row) - {"role", "resources", "actions", "when", "fields", "matching", "right"}:
                raise ValueError(f"words this reading does not know: {sorted(row)}")
            types: set[str] = set()
            for name in row["resources"]:
                types |= set(sets[name[1:]]) if name[0] == "@" else {name}
            lines.append(
                Line(
                    row["role"],
                    frozenset(types),
                    frozenset(row["actions"]),
                    frozenset(row["when"]),
                    row.get("fields", ""),
                    row.get("matching", ""),
                    row.get("right", ""),
                )
            )
        return Reading(lines, file.get("views", {}), frozenset(file.get("closed", ())))

    @staticmethod
    def of_file(path: Path) -> Reading:
        return Reading.of(path.read_text(encoding="utf-8"))

    def roles(self) -> set[str]:
        return {line.role for line in self.lines}

    def speaking(self, who: Who, action: str, kind: str) -> Iterator[Line]:
        """The lines that speak of this, to one with these rights."""
        for line in self.lines:
            speaks = line.role == who.role and action in line.actions and {kind, "*"} & line.types
            if speaks and (not line.right or line.right in who.rights):
                yield line

    def ever(self, who: Who, action: str, kind: str) -> bool:
        """Whether there is anything of the type at all this could be done to, whoever it is about."""
        return any(True for _ in self.speaking(who, action, kind)) and self._app_lets(who, action, kind) is not None

    def may(self, who: Who, action: str, thing: Thing, world: World) -> bool:
        """Whether this may be done to this."""
        return bool(self.among(who, action, [thing], world))

    def among(self, who: Who, action: str, things: list[Thing], world: World) -> list[Thing]:
        """Those of the things, all of one type, that this may be done to."""
        if not things:
            return []
        kind = things[0].type
        lines = list(self.speaking(who, action, kind))
        searches = self._app_lets(who, action, kind)
        if not lines or searches is None or (action == "facts" and searches):
            return []  # rows of facts cannot be looked at for what an app's search says: it gets none
        lifts = self.breaks_glass(who)
        found = []
        for thing in things:
            holding = holds(who, thing.patient, world)
            if not any(line.when & holding and _meets(line.matching, thing, who) for line in lines):
                continue
            if withheld(who, thing, world, lifts, new=action == "create") or (
                searches and not any(_meets(one, thing, who) for one in searches)
            ):
                continue
            only = who.app.patient if who.app is not None else None
            # An app that was given one patient sees nothing of the others; the directory it does.
            if only is None or thing.patient == only or (thing.patient is None and not thing.personal):
                found.append(thing)
        return found

    def _app_lets(self, who: Who, action: str, kind: str) -> list[str] | None:
        """The searches of which one must be met for an app's sake: none for all, None for nothing at all."""
        if who.app is None:
            return []
        needed = {"facts": ("read", "search"), "export": ("read", "search"), "aggregate": ("search",)}.get(
            action, (action,)
        )
        if action == "pseudonyms":
            return None
        found: list[str] = []
        for one in needed:
            given = [text for what, of, texts in who.app.given if what == one and of in (kind, "*") for text in texts]
            if not given:
                return None
            if "" not in given:
                found += given
        return found

    def breaks_glass(self, who: Who) -> bool:
        """Whether the role is one that may open what is blocked."""
        return any("break-glass" in line.when for line in self.lines if line.role == who.role)

    def view(self, role: str, kind: str) -> list[str] | None:
        """The elements of a type a role is shown, None for all of them."""
        names = {line.fields for line in self.lines if line.role == role and kind in line.types and line.fields}
        return self.views[names.pop()][kind] if names else None


def holds(who: Who, patient: str | None, world: World) -> set[str]:
    """The conditions that hold between somebody and a patient; of what is about nobody, that it is."""
    found = {"any"}
    if patient is None:
        return found | {"directory"}
    if who.own == patient:
        found |= {"self", "represented"}
    if is_open(who, patient, world):
        found.add("break-glass")
    mine = {who.organization, *who.above} - {None}
    for one in world.related.get(patient, ()):
        now = one.first <= world.day and (one.last is None or world.day <= one.last)
        if now and one.organization in mine and one.kind in BY_RELATION:
            found.add(one.kind)
    return found


def is_open(who: Who, patient: str, world: World) -> bool:
    return who.opened.get(patient, 0) > world.moment


def withheld(who: Who, thing: Thing, world: World, lifts: bool = True, *, new: bool = False) -> bool:
    """Whether the patient keeps this from whoever asks. new: they write it themselves, and know what it says; then
    only one who keeps everything from them is not there for them.
    """
    if thing.patient is None or (who.role not in PROFESSIONALS and who.role != "system"):
        return False
    if who.role == "system" and (new or "blocked-data" in who.rights):
        return False  # somebody else's system brings what it brings
    kept = world.kept.get(thing.patient)
    if not kept or (lifts and is_open(who, thing.patient, world)):
        return False
    names = {"*", who.actor} | {f"Organization/{one}" for one in (who.organization, *who.above) if one}
    return any(
        one.whom in names and one.since <= world.moment < one.until and (one.whole or (not new and _about(one, thing)))
        for one in kept
    )


def _about(kept: Kept, thing: Thing) -> bool:
    if kept.whole:
        return True
    if thing.type in ALWAYS_THERE or (thing.type == "Observation" and LEVEL in _codes(thing.resource)):
        return False
    if kept.types and thing.type not in kept.types:
        return False
    if thing.happened is None:
        return True  # nobody knows when: it may have been then
    early = kept.data_since is not None and thing.happened < kept.data_since
    late = kept.data_until is not None and thing.happened >= kept.data_until
    return not early and not late


def _codes(resource: Json) -> set[tuple[str, str]]:
    return _codings(resource.get("code", {}))


def _codings(concept: Json) -> set[tuple[str, str]]:
    return {(one.get("system", ""), one.get("code", "")) for one in concept.get("coding", ())}


def _meets(search: str, thing: Thing, who: Who) -> bool:
    """Whether a resource meets a search of the few kinds policies and apps use here."""
    if not search:
        return True
    for name, text in parse_qsl(search, keep_blank_values=True):
        practitioner = who.actor.removeprefix("Practitioner/") if who.actor.startswith("Practitioner/") else ""
        asked = text.replace("{organization}", who.organization or "").replace("{practitioner}", practitioner)
        wanted = [one for one in asked.split(",") if not one.endswith("/")]
        if name == "code":
            there = _codes(thing.resource)
            good = any(tuple(one.split("|")) in there if "|" in one else one in {c for _, c in there} for one in wanted)
        elif name == "category":
            kinds = set().union(*map(_codings, thing.resource.get("category", ())))
            good = any(tuple(one.split("|")) in kinds for one in wanted)
        elif name == "performer":
            there_too = {one.get("reference") for one in thing.resource.get("performer", ())}
            good = any(one in there_too for one in wanted)
        elif name == "status":
            good = thing.resource.get("status") in wanted
        else:
            raise ValueError(f"a search this reading does not know: {name}")
        if not good:
            return False
    return True


# -- what is shown of a resource -----------------------------------------------------------------------------------


def cut(resource: Json, view: Iterable[str]) -> Json:
    """What a view leaves of a resource: its paths, and what always stands there."""
    kept: Json = {name: resource[name] for name in ("resourceType", "id", "meta", "implicitRules") if name in resource}
    if "modifierExtension" in resource:
        kept["modifierExtension"] = resource["modifierExtension"]
    for path in view:
        _keep(resource, kept, _steps(path))
    return kept


def _steps(path: str) -> list[tuple[str, str, str]]:
    """``identifier[system=urn:x].value`` as [("identifier", "system", "urn:x"), ("value", "", "")]."""
    found: list[tuple[str, str, str]] = []
    while path:
        end, depth = 0, 0
        while end < len(path) and (path[end] != "." or depth):
            depth += {"[": 1, "]": -1}.get(path[end], 0)
            end += 1
        step, path = path[:end], path[end + 1 :]
        name, _, only = step.partition("[")
        key, _, value = only.rstrip("]").partition("=")
        found.append((name, key, value))
    return found


def _keep(source: Json, target: Json, steps: list[tuple[str, str, str]]) -> None:
    (name, key, value), rest = steps[0], steps[1:]
    for there in source:
        # deceased stands there as deceasedBoolean, and what is not said of birthDate as _birthDate.
        plain = there.removeprefix("_")
        if plain != name and not (plain.startswith(name) and plain[len(name) : len(name) + 1].isupper()):
            continue
        held = source[there]
        if not key and not rest:
            target[there] = held
            continue
        items = held if isinstance(held, list) else [held]
        chosen = [one for one in items if isinstance(one, dict) and (not key or one.get(key) == value)]
        if not rest:
            made: list[Any] = chosen
        else:
            before = target.get(there)
            already = before if isinstance(before, list) else [before] if before is not None else [{}] * len(chosen)
            made = []
            for one, so_far in zip(chosen, already, strict=True):
                part = dict(so_far)
                _keep(one, part, rest)
                made.append(part)
        if any(made):
            target[there] = made if isinstance(held, list) else made[0]
