"""The pakketabel: what each kind of receiver needs in a referral, as versioned data laid over what a package asks for.

A package's referrals.toml says what its illness adds; this table says what every receiver of a kind must have, from
the MedCom referral model and KL's §119 prevention profiles, and may change a package's fields for one receiver. An
operator edits a file of its own (TOVHOLDER_REFERRAL_TABLE): its table holds from its ``valid_from``, ours until then.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.packages import Package
from tovholder.packages.common import Code, Frozen, Source, Text, Words
from tovholder.packages.explain import issues_of
from tovholder.packages.locate import Locator, locate
from tovholder.packages.model_head import Receiver
from tovholder.packages.model_screens import Referral, ReferralField

BUILTIN = "pakketabel.toml"
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$")]


class ReceiverKind(Frozen):
    """What every receiver of a kind must have, whatever the illness."""

    kind: Receiver
    title: Text
    standard: Words  # the message or profile the receiver's system speaks today
    fields: tuple[ReferralField, ...]
    source: Code


class Overlay(Frozen):
    """A change of one referral of one package: fields that replace those of the same id or are added, and those left out.

    ``receiver_kind`` narrows it to one kind of receiver.
    """

    package: Code
    referral: Code
    receiver_kind: Receiver | None = None
    fields: tuple[ReferralField, ...] = ()
    leave_out: tuple[Code, ...] = ()
    source: Code


class RefersOn(Frozen):
    """Whom a receiver with an accepted referral may refer the patient on to."""

    role: Literal["hospital", "prevention", "partner"]
    receiver_kinds: tuple[Receiver, ...]
    source: Code


class Table(Frozen):
    """One version of the table."""

    version: Version
    valid_from: date
    title: Text
    approver: Words
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    receivers: tuple[ReceiverKind, ...]
    referrals: tuple[Overlay, ...] = ()
    refers_on: tuple[RefersOn, ...] = ()

    def receiver(self, kind: str) -> ReceiverKind | None:
        """What is asked for a kind of receiver; None where the table says nothing of it."""
        return next((held for held in self.receivers if held.kind == kind), None)

    def may_refer_on(self, role: str) -> frozenset[str]:
        """The kinds of receiver a role beside the clinic may refer on to."""
        return frozenset(kind for held in self.refers_on if held.role == role for kind in held.receiver_kinds)


@dataclass(frozen=True, slots=True)
class Asked:
    """One field as it is asked for, and who asks: the receiver's kind, the package, or the table's own change of it."""

    field: ReferralField
    by: Literal["receiver", "package", "table"]


def fields(table: Table, referral: Referral, package_id: str, receiver_kind: str) -> tuple[Asked, ...]:
    """What a referral of a package to a kind of receiver must and may hold, each field once.

    The package's word on a field goes before the receiver kind's of the same id or the same filling, the overlay's
    before both; a field that either of the two requires is required.
    """
    general = table.receiver(receiver_kind)
    found: dict[str, Asked] = {held.id: Asked(held, "receiver") for held in (general.fields if general else ())}
    same: dict[tuple[str, str], str] = {
        (a.field.fill.kind, a.field.fill.name): a.field.id for a in found.values() if a.field.fill.kind != "written"
    }
    for held in referral.fields:
        twin = held.id if held.id in found else same.get((held.fill.kind, held.fill.name))
        if twin is None:
            found[held.id] = Asked(held, "package")
            continue
        needed = held.required or found[twin].field.required
        merged = {
            (held.id if key == twin else key): (
                Asked(held.model_copy(update={"required": needed}), "package") if key == twin else asked
            )
            for key, asked in found.items()
        }
        found = merged
    for change in table.referrals:
        if (change.package, change.referral) != (package_id, referral.id):
            continue
        if change.receiver_kind not in (None, receiver_kind):
            continue
        found |= {held.id: Asked(held, "table") for held in change.fields}
        found = {key: asked for key, asked in found.items() if key not in change.leave_out}
    return tuple(found.values())


def load(path: Path) -> Table:
    """A table from a file. Raises Problem(INVALID) with every fault and its line, NOT_FOUND where there is no file."""
    if not path.is_file():
        raise not_found(f"the table {path.name}")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong(path.name, [Issue(path.name, "the file is not UTF-8 text", "UTF-8")]) from None
    return _parsed(path.name, text)


def _parsed(name: str, text: str) -> Table:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, [Issue(name, f"this is not TOML: {error}", "TOML 1.0")]) from None
    places = locate(text)
    try:
        table = Table.model_validate(data)
    except ValidationError as error:
        found = issues_of(error, Table, lambda path: f"{name}:{places.line(path)}")
        raise _wrong(name, list(found)) from None
    faults = list(_faults(name, table, places))
    if faults:
        raise _wrong(name, faults)
    return table


def _wrong(name: str, issues: list[Issue]) -> Problem:
    count = len(issues)
    message = f"The table {name} has {count} fault{'' if count == 1 else 's'}"
    return Problem(Category.INVALID, message, issues, kept="the table was not taken into use")


def _faults(name: str, table: Table, places: Locator) -> Iterable[Issue]:
    def at(*path: str | int) -> str:
        return f"{name}:{places.line(path)}"

    known = {held.id for held in table.sources}
    parts: Mapping[str, tuple[Any, ...]] = {
        "receivers": table.receivers, "referrals": table.referrals, "refers_on": table.refers_on,
    }  # fmt: skip
    for part, items in parts.items():
        for index, held in enumerate(items):
            if held.source not in known:
                yield Issue(
                    at(part, index, "source"), f"there is no source {held.source}", f"one of: {', '.join(known)}"
                )
            ids = [one.id for one in getattr(held, "fields", ())]
            for twice in sorted({one for one in ids if ids.count(one) > 1}):
                yield Issue(at(part, index), f"the field {twice} is there twice", "each once")
    kinds = [held.kind for held in table.receivers]
    for twice in sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        yield Issue(at("receivers", kinds.index(twice)), f"the receiver {twice} is there twice", "each once")


def check(table: Table, packages: Mapping[str, Package], name: str = BUILTIN) -> tuple[Issue, ...]:
    """What of a table does not fit the packages: referrals, inputs and questions nobody has."""
    found: list[Issue] = []
    for index, change in enumerate(table.referrals):
        where = f"{name}: referrals[{index}]"
        held = packages.get(change.package)
        if held is None:
            found.append(Issue(where, f"there is no package {change.package}", f"one of: {', '.join(packages)}"))
            continue
        of_package = {one.id: one for one in held.referrals}
        if change.referral not in of_package:
            found.append(Issue(where, f"there is no referral {change.referral}", f"one of: {', '.join(of_package)}"))
            continue
        kinds = of_package[change.referral].receiver_kinds
        if change.receiver_kind not in (None, *kinds):
            found.append(Issue(where, f"the referral goes to no {change.receiver_kind}", f"one of: {', '.join(kinds)}"))
        inputs = {one.name for one in held.level.inputs}
        for one in change.fields:
            form, _, link_id = one.fill.name.partition("/")
            if one.fill.kind == "input" and one.fill.name not in inputs:
                told = f'no input of {held.id} is called "{one.fill.name}"'
                found.append(Issue(f"{where}.{one.id}", told, f"one of: {', '.join(sorted(inputs))}"))
            elif one.fill.kind == "form" and (form not in held.forms or not link_id):
                found.append(Issue(f"{where}.{one.id}", f'no question "{one.fill.name}"', "form/linkId of the package"))
    for index, general in enumerate(table.receivers):
        for one in general.fields:
            if one.fill.kind in ("input", "form"):
                told = "inputs and questions belong to one package"
                found.append(Issue(f"{name}: receivers[{index}].{one.id}", told, "a change under [[referrals]]"))
    return tuple(found)


@lru_cache(maxsize=1)
def builtin() -> Table:
    """The table that comes with Tovholder."""
    return _parsed(BUILTIN, files("tovholder.referral").joinpath("tables", BUILTIN).read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def _operators(path: Path, stamp: float) -> Table:
    return load(path)


def in_force(today: int, path: Path | None = None) -> Table:
    """The table that holds on a day: the operator's from its first day on, ours until then."""
    if path is not None:
        own = _operators(path, path.stat().st_mtime if path.is_file() else 0.0)
        if days.day_of(own.valid_from) <= today:
            return own
    return builtin()
