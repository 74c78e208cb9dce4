"""SMART scopes: read, narrowed and told back (SMART App Launch 2.2 §scopes); v1's read and write are taken as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from tovholder.access.domain import Grants
from tovholder.base.errors import Problem
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types

OPENID = "openid"
FHIR_USER = "fhirUser"
PROFILE = "profile"
LAUNCH = "launch"
LAUNCH_PATIENT = "launch/patient"
LAUNCH_ENCOUNTER = "launch/encounter"
OFFLINE = "offline_access"
ONLINE = "online_access"
SPECIAL = frozenset({OPENID, FHIR_USER, PROFILE, LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER, OFFLINE, ONLINE})

PATIENT, USER, SYSTEM = "patient", "user", "system"
# Each letter with the action of the policy it stands for (access/policy.py).
ACTIONS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_FORM = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]*)\.(read|write|\*|c?r?u?d?s?)(?:\?(\S+))?")
LONGEST = 4000  # characters an app may ask with at once
_MOST = 100
_judges: list[Callable[[str, str], None]] = []


def use_judge(judge: Callable[[str, str], None]) -> None:
    """Who says whether a decision can rest on a filter: judge(type, query) raises Problem where it cannot."""
    _judges[:] = [judge]


@dataclass(frozen=True, slots=True, order=True)
class ResourceScope:
    """Actions on resources of a type ("*": of each), for one patient, all a user sees, or a system.

    actions: letters of ``cruds`` in that order. query: the search a resource must meet, "" for each.
    """

    level: str
    kind: str
    actions: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.level}/{self.kind}.{self.actions}{'?' if self.query else ''}{self.query}"


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a scope text says. unknown: parts that mean nothing here; they are never granted. v1: it was v1's syntax."""

    special: frozenset[str] = frozenset()
    resources: tuple[ResourceScope, ...] = ()
    unknown: tuple[str, ...] = ()
    v1: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing that could be granted."""
        return not self.special and not self.resources

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Parts with a filter nobody can judge: to leave out one of several filters may not be what was meant."""
        return tuple(part for part in self.unknown if "?" in part)

    @property
    def levels(self) -> frozenset[str]:
        """patient, user, system: which occur."""
        return frozenset(item.level for item in self.resources)

    @property
    def needs_patient(self) -> bool:
        """Whether it is of use only with a patient."""
        return PATIENT in self.levels or LAUNCH_PATIENT in self.special

    def __str__(self) -> str:
        return " ".join([*sorted(self.special), *(self._told(item) for item in self.resources)])

    def _told(self, item: ResourceScope) -> str:
        if self.v1:
            old = next((name for name, letters in _V1.items() if letters == item.actions), None)
            if old is not None and not item.query:
                return f"{item.level}/{item.kind}.{old}"
        return str(item)


def parse(text: str) -> Scopes:
    """Read a scope parameter. What is no scope of ours stands under ``unknown``; nothing is raised."""
    special: set[str] = set()
    resources: dict[tuple[str, str, str], set[str]] = {}
    unknown: list[str] = []
    v1 = False
    for part in dict.fromkeys(text.split()):  # never cut: without the end of its filter a scope would say more
        if part in SPECIAL:
            special.add(part)
            continue
        match = _FORM.fullmatch(part)
        if match is None or len(resources) >= _MOST:
            unknown.append(part)
            continue
        level, kind, letters, query = match[1], match[2], match[3], match[4] or ""
        if letters in _V1:
            v1, letters = True, _V1[letters]
        if not letters or (kind != "*" and kind not in resource_types()) or not _is_filter(kind, query):
            unknown.append(part)
            continue
        resources.setdefault((level, kind, query), set()).update(letters)
    return Scopes(frozenset(special), _made(resources), tuple(unknown), v1)


def _made(found: dict[tuple[str, str, str], set[str]]) -> tuple[ResourceScope, ...]:
    made = (
        ResourceScope(level, kind, "".join(letter for letter in ACTIONS if letter in letters), query)
        for (level, kind, query), letters in found.items()
        if letters
    )
    return tuple(sorted(made))


def _is_filter(kind: str, query: str) -> bool:
    """Whether a query is a plain search of the type: parameters it has, no chains, nothing that shapes the answer."""
    if not query:
        return True
    if kind == "*":
        return False  # what a parameter means depends on the type
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        return False
    return all(value and _is_plain(kind, name) for name, value in pairs) and _is_judged(kind, query)


def _is_judged(kind: str, query: str) -> bool:
    try:
        for judge in _judges:
            judge(kind, query)
    except Problem:
        return False
    return True


def _is_plain(kind: str, name: str) -> bool:
    known = searchparams.search_parameter(kind, name)
    return known is not None and name not in _OF_EVERYTHING


# About the resource's place in this record, not about what it says.
_OF_EVERYTHING = frozenset({"_text", "_content", "_filter", "_list", "_query", "_has"})


def narrowed(asked: Scopes, allowed: Scopes) -> Scopes:
    """What is in both: never more than was asked, never more than is allowed."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for wish in asked.resources:
        for limit in allowed.resources:
            both = _both(wish, limit)
            if both is not None:
                found.setdefault((both.level, both.kind, both.query), set()).update(both.actions)
    return Scopes(asked.special & allowed.special, _without_repeats(_made(found)), asked.unknown, asked.v1)


def _both(wish: ResourceScope, limit: ResourceScope) -> ResourceScope | None:
    # Who may see all that a user sees may also see one patient of them.
    if wish.level != limit.level and (wish.level, limit.level) != (PATIENT, USER):
        return None
    if "*" not in (wish.kind, limit.kind) and wish.kind != limit.kind:
        return None
    actions = "".join(letter for letter in wish.actions if letter in limit.actions)
    if not actions:
        return None
    terms = dict.fromkeys(term for query in (wish.query, limit.query) if query for term in query.split("&"))
    kind = limit.kind if wish.kind == "*" else wish.kind
    return ResourceScope(wish.level, kind, actions, "&".join(terms))


def _without_repeats(found: tuple[ResourceScope, ...]) -> tuple[ResourceScope, ...]:
    """Leave out what another scope gives already; of two that say the same the first stays."""
    kept: list[ResourceScope] = []
    for one in found:
        if not any(_covers(other, one) for other in kept):
            kept = [other for other in kept if not _covers(one, other)] + [one]
    return tuple(kept)


def _covers(wide: ResourceScope, narrow: ResourceScope) -> bool:
    return (
        wide.level == narrow.level
        and wide.kind in ("*", narrow.kind)
        and set(narrow.actions) <= set(wide.actions)
        and _terms(wide.query) <= _terms(narrow.query)
    )


def _terms(query: str) -> frozenset[str]:
    return frozenset(query.split("&")) if query else frozenset()


def permitted(scopes: Scopes, may: Callable[[str, str], bool]) -> Scopes:
    """Without what the policy refuses under every relation. may(action of the policy, resource type)."""
    kept: list[ResourceScope] = []
    for item in scopes.resources:
        kinds = resource_types() if item.kind == "*" else (item.kind,)
        letters = "".join(letter for letter in item.actions if any(may(ACTIONS[letter], kind) for kind in kinds))
        if letters:
            kept.append(replace(item, actions=letters))
    return replace(scopes, resources=tuple(kept))


def at_levels(scopes: Scopes, *levels: str) -> Scopes:
    """Only the resource scopes of these levels."""
    return replace(scopes, resources=tuple(item for item in scopes.resources if item.level in levels))


def without(scopes: Scopes, names: Iterable[str]) -> Scopes:
    """Without these special scopes."""
    return replace(scopes, special=scopes.special - frozenset(names))


def grants(scopes: Scopes, patient: str | None) -> Grants:
    """What the decision narrows by: per action and type the searches of which one must be met.

    Where scopes of one patient and of all a user sees stand together, the one patient becomes a search of each of the
    former: the others are not narrowed to that patient.
    """
    of_patient = PATIENT in scopes.levels
    mixed = of_patient and len(scopes.levels) > 1
    found: dict[tuple[str, str], list[str]] = {}
    for item in scopes.resources:
        if item.level == PATIENT and not patient:
            continue  # without a patient such a scope gives nothing
        for kind in sorted(resource_types()) if mixed and item.kind == "*" else (item.kind,):
            query = _of_patient(kind, item.query, str(patient)) if mixed and item.level == PATIENT else item.query
            for letter in item.actions:
                searches = found.setdefault((ACTIONS[letter], kind), [])
                if query not in searches:
                    searches.append(query)
    allowed = tuple((action, kind, ("",) if "" in given else tuple(given)) for (action, kind), given in found.items())
    return Grants(allowed, patient if of_patient and not mixed else None)


def _of_patient(kind: str, query: str, patient: str) -> str:
    if kind == "Patient":
        own = f"_id={patient}"
    elif searchparams.search_parameter(kind, "patient") is not None:
        own = f"patient=Patient/{patient}"
    else:
        return query  # about no patient
    return f"{own}&{query}" if query else own
