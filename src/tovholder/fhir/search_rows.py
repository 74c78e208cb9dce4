"""Under which parameter's number the rows of a search parameter stand: what several of them share is stored once.

``Observation.combo-code`` is ``code`` and ``component-code`` together, ``patient`` is ``subject`` where that is a
Patient, ``Patient.name`` holds ``family`` and ``given``. Stored for each of them, an Observation would have half as
many rows again, and every row costs on every write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tovholder.fhir.search_paths import Path, Step

# What a string parameter on one of these types finds, and whether it repeats.
PARTS: dict[str, dict[str, bool]] = {
    "HumanName": {"family": False, "given": True, "prefix": True, "suffix": True, "text": False},
    "Address": {
        "line": True,
        "city": False,
        "district": False,
        "state": False,
        "postalCode": False,
        "country": False,
        "text": False,
    },
}
Signature = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a parameter compares. signature: its kind and whatever else makes its rows differ from another's."""

    signature: Signature
    ways: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """A way whose rows stand under the parameter itself, but for what others' rows hold of it.

    without: parts of a name or address, or systems of a contact point.
    """

    way: Path
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a parameter's rows stand. names: the parameters they stand under. only: the type that counts of them."""

    names: tuple[str, ...]
    only: str
    own: tuple[Own, ...]


def share(parameters: Mapping[str, Asked]) -> dict[str, Rows]:
    """Where the rows of each parameter of a type stand."""
    lenders = {name: _lenders(name, parameters) for name in parameters}
    own = {
        name: tuple(one for way in asked.ways if (one := _own(way, lenders[name], parameters)) is not None)
        for name, asked in parameters.items()
    }
    found: dict[str, Rows] = {}
    for name, asked in parameters.items():
        names = {owner for owner in (name, *_owners(name, lenders)) if own[owner]}
        targets = {way.target for way in asked.ways}
        only = targets.pop() if len(targets) == 1 and lenders[name] else ""
        found[name] = Rows(tuple(sorted(names)), only, own[name])
    return found


def _owners(name: str, lenders: Mapping[str, list[str]]) -> list[str]:
    """All parameters rows are borrowed from, the lenders' lenders included."""
    return [owner for lender in lenders[name] for owner in (lender, *_owners(lender, lenders))]


def _lenders(name: str, parameters: Mapping[str, Asked]) -> list[str]:
    """The parameters all of whose rows are this one's too."""
    asked = parameters[name]
    found: list[str] = []
    for other, lender in sorted(parameters.items()):
        if other == name or lender.signature != asked.signature:
            continue
        if all(any(_holds(way, theirs) for way in asked.ways) for theirs in lender.ways) and not (
            set(lender.ways) == set(asked.ways) and other > name
        ):
            found.append(other)
    return found


def _holds(way: Path, other: Path) -> bool:
    """Whether what stands on the other way is found on this one too (of a reference: if its type is the wanted one)."""
    if way == other or (way.target and replace(way, target="") == other):
        return True
    return _part(way, other) is not None


def _part(way: Path, other: Path) -> str | None:
    """The part of a name or address, or the system of a contact point, that the other way is of this one."""
    if way.type in PARTS and other.steps[:-1] == way.steps and other.steps[-1].name in PARTS[way.type]:
        return other.steps[-1].name
    if way.type == other.type == "ContactPoint" and way.steps and other.steps[:-1] == way.steps[:-1]:
        last, narrow = way.steps[-1], other.steps[-1]
        if last.only is None and narrow.only is not None and Step(narrow.name, narrow.many) == last:
            return narrow.only[1]
    return None


def _own(way: Path, lenders: list[str], parameters: Mapping[str, Asked]) -> Own | None:
    without = []
    for lender in lenders:
        for theirs in parameters[lender].ways:
            part = _part(way, theirs)
            if part is not None:
                without.append(part)
            elif _holds(way, theirs):
                return None
    return Own(way, tuple(dict.fromkeys(without)))
