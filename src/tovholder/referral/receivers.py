"""The directory of receivers taken in from a file and given out as one; the same file twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference
from tovholder.referral import directory, receivers_file
from tovholder.referral.receivers_file import KINDS, Row
from tovholder.store import UnitOfWork

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one row: new, changed or unchanged."""

    line: int
    outcome: str


def take(ctx: Context, line: int, row: Row, *, dry: bool = False) -> Taken:
    """Store one receiver with its place and its offer, or only say what would happen.

    A receiver is known by SOR or ydernummer. What the file leaves empty of place and offer is left as it is held.
    Raises Problem(CONFLICT) where several organisations carry the number, INVALID for one that is no receiver.
    """
    with store.unit_of_work(ctx) as uow:
        system, value = row.key
        held = _organization(uow, line, system, value)
        changes = [_written(uow, held, receivers_file.organization(row, held), dry=dry)]
        owner = str(held["id"]) if held is not None else changes[0][1]
        if row.latitude:
            before = _own(uow, "Location", owner, row.key)
            changes.append(_written(uow, before, receivers_file.location(row, owner, before), dry=dry))
        if row.service or row.offers or row.waiting_days:
            before = _own(uow, "HealthcareService", owner, row.key)
            changes.append(_written(uow, before, receivers_file.service(row, owner, before), dry=dry))
    if held is None:
        return Taken(line, "new")
    return Taken(line, "changed" if any(changed for changed, _ in changes) else "unchanged")


def _organization(uow: UnitOfWork, line: int, system: str, value: str) -> Json | None:
    found = uow.find("Organization", [("identifier", f"{system}|{value}")])
    if len(found) > 1:
        issue = Issue(f"line {line}", f"{len(found)} organisations carry this number", "one; mend the record first")
        raise Problem(Category.CONFLICT, "Nobody can say which receiver is meant", [issue], kept="both, as they were")
    if found and (kind := directory.kind_of(found[0])) and kind not in KINDS:
        issue = Issue(f"line {line}:kind", f"the record has it as {kind}", "a receiver of referrals")
        raise Problem(Category.INVALID, "The organisation is no receiver", [issue], kept="the organisation as it was")
    return found[0] if found else None


def _own(uow: UnitOfWork, kind: str, owner: str, key: tuple[str, str]) -> Json | None:
    """What this owner has of a kind: what came from a file before, else the only one there is."""
    if not owner:
        return None
    found = uow.find(kind, [("organization", f"Organization/{owner}")])
    ours = [one for one in found if {"system": key[0], "value": key[1]} in (one.get("identifier") or ())]
    return next(iter(ours), found[0] if len(found) == 1 else None)


def _written(uow: UnitOfWork, held: Json | None, made: Json, *, dry: bool) -> tuple[bool, str]:
    if held is not None and _plain(held) == _plain(made):
        return False, str(held["id"])
    if dry:
        return True, str(held["id"]) if held else ""
    return True, uow.create(made).id if held is None else uow.update(made).id


def _plain(held: Json) -> Json:
    return {key: value for key, value in held.items() if key != "meta"}


def rows(ctx: Context) -> Iterable[Row]:
    """Every receiver that has a number to be known by, closed ones included, by kind and name."""
    token = ",".join(f"{systems.ORGANIZATION_KIND_SYSTEM}|{kind}" for kind in KINDS)
    held = [entry.resource for entry in store.search_all(ctx, "Organization", [("type", token)])]
    places = _by_owner(ctx, "Location", "managingOrganization")
    offers = _by_owner(ctx, "HealthcareService", "providedBy")
    found = [
        receivers_file.row_of(
            one, places.get(str(one["id"])), offers.get(str(one["id"])), directory.municipality_of(one) or ""
        )
        for one in held
    ]
    return sorted((row for row in found if row.sor or row.yder), key=lambda row: (row.kind, row.name, row.key))


def _by_owner(ctx: Context, kind: str, element: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for entry in store.search_all(ctx, kind, []):
        owner = parse_reference((entry.resource.get(element) or {}).get("reference") or "")
        if owner is not None and entry.resource.get("status" if kind == "Location" else "active") not in (
            False,
            "inactive",
        ):
            found.setdefault(owner.id, dict(entry.resource))
    return found
