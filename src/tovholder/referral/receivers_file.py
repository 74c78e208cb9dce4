"""The directory of receivers as a file: one receiver a row of CSV, checked column by column, read into FHIR and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.spreadsheet import harmless, meant
from tovholder.fhir import systems
from tovholder.packages.model_head import Receiver
from tovholder.referral import places

KINDS = tuple(kind for kind in get_args(Receiver) if kind not in ("gp", "nurse", "patient"))
NEEDED = ("name", "kind")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One receiver, its columns in the file's order. ``sor`` or ``yder`` says which it is from one file to the next."""

    sor: str = ""
    yder: str = ""
    name: str = ""
    kind: str = ""
    municipality: str = ""  # four digits
    street: str = ""
    postcode: str = ""
    city: str = ""
    phone: str = ""
    latitude: str = ""
    longitude: str = ""
    service: str = ""  # what is offered, in words
    offers: str = ""  # the same as referrals of packages: their ids, separated by spaces
    waiting_days: str = ""
    waiting_told: str = ""  # the day that was told, YYYY-MM-DD
    active: str = "yes"

    @property
    def key(self) -> tuple[str, str]:
        """The identifier the receiver is known by: system and value."""
        return (systems.SOR, self.sor) if self.sor else (systems.YDERNUMMER, self.yder)


COLUMNS = tuple(one.name for one in fields(Row))


@dataclass(frozen=True, slots=True)
class Bad:
    """A line set aside: where, and what is wrong in which column."""

    line: int
    cells: tuple[str, ...]
    issues: tuple[Issue, ...]


def read(text: str, name: str) -> Iterator[tuple[int, Row] | Bad]:
    """The rows of a CSV file, by comma or semicolon, the first line naming the columns. Each receiver once.

    Raises Problem(INVALID) where the first line does not name them, or the file is no CSV.
    """
    first = text.lstrip("\ufeff").partition("\n")[0]
    lines = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=";" if ";" in first else ",", strict=True)
    seen: dict[tuple[str, str], int] = {}
    try:
        head = [cell.strip().lower() for cell in next(lines, [])]
        unknown, missing = sorted(set(head) - set(COLUMNS)), sorted(set(NEEDED) - set(head))
        if unknown or missing or len(set(head)) != len(head) or not {"sor", "yder"} & set(head):
            told = f"unknown: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
            raise _unusable(name, f"the columns are others ({told})", f"{', '.join(COLUMNS)}; sor or yder among them")
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            line = lines.line_num
            if len(cells) != len(head):
                told = f"there are {len(cells)} cells"
                yield Bad(line, tuple(cells), (Issue(f"{name}:{line}", told, f"{len(head)}, as the first line has"),))
                continue
            row = Row(**{column: meant(cell.strip()) for column, cell in zip(head, cells, strict=True)})
            issues = [Issue(f"{name}:{line}:{column}", message, expected) for column, message, expected in _faults(row)]
            if not issues and row.key in seen:
                told = f"the same receiver stands in line {seen[row.key]}"
                issues.append(Issue(f"{name}:{line}:{'sor' if row.sor else 'yder'}", told, "each once"))
            if issues:
                yield Bad(line, tuple(cells), tuple(issues))
                continue
            seen[row.key] = line
            yield line, row
    except csv.Error as error:
        raise _unusable(name, f"line {lines.line_num} is no CSV: {error}", "a CSV file in UTF-8") from None


def _unusable(name: str, message: str, expected: str) -> Problem:
    return Problem(
        Category.INVALID, f"{name} cannot be read", [Issue(name, message, expected)], kept="the directory as it was"
    )


def _faults(row: Row) -> Iterator[tuple[str, str, str]]:
    for column in COLUMNS:
        value = getattr(row, column)
        if len(value) > LONGEST or not value.isprintable():
            yield column, "too long, or not printable", f"at most {LONGEST} characters of text"
    if not row.name:
        yield "name", "missing", "what the receiver is called"
    if row.kind not in KINDS:
        yield "kind", "no such kind of receiver", ", ".join(KINDS)
    if not row.sor and not row.yder:
        yield "sor", "nothing says which receiver this is", "a SOR code, or a ydernummer in yder"
    if row.sor and not (row.sor.isdecimal() and row.sor.isascii() and len(row.sor) >= 11):
        yield "sor", "no SOR code", "11 digits or more"
    if row.yder and not (row.yder.isdecimal() and row.yder.isascii() and len(row.yder) == 6):
        yield "yder", "no ydernummer", "6 digits, zeros in front included"
    if row.municipality and row.municipality not in {code for code, _ in places.names()}:
        yield "municipality", "no municipality has this code", "four digits, as 0730"
    if row.postcode and not (row.postcode.isdecimal() and len(row.postcode) == 4):
        yield "postcode", "no postcode", "four digits"
    for column, least, most in (("latitude", 54.0, 58.5), ("longitude", 7.5, 15.8)):
        value = getattr(row, column)
        if value and not _within(value, least, most):
            yield column, "not a place in Denmark", f"degrees with a decimal point, {least:g} to {most:g}"
    if bool(row.latitude) != bool(row.longitude):
        yield "latitude" if row.longitude else "longitude", "one without the other", "both, or neither"
    if row.waiting_days and not (row.waiting_days.isdecimal() and int(row.waiting_days) <= 1500):
        yield "waiting_days", "not a number of days", "0 to 1500"
    if row.waiting_told and days.parse_day(row.waiting_told) is None:
        yield "waiting_told", "not a day", "YYYY-MM-DD"
    if row.waiting_told and not row.waiting_days:
        yield "waiting_told", "a day without a waiting time", "waiting_days too, or neither"
    if row.active not in ("yes", "no"):
        yield "active", "neither yes nor no", "yes, or no where the receiver has closed"


def _within(value: str, least: float, most: float) -> bool:
    try:
        return least <= float(value) <= most
    except ValueError:
        return False


def text_of(rows: Iterable[Row]) -> str:
    """The rows as a file that can be read again, and opened in a spreadsheet without running anything."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([harmless(getattr(row, column)) for column in COLUMNS] for row in rows)
    return out.getvalue()


def organization(row: Row, held: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The receiver as an Organization: what the file says laid over what is held; other identifiers stay."""
    made = dict(held or {"resourceType": "Organization"})
    told = {systems.SOR: row.sor, systems.YDERNUMMER: row.yder}
    kept = [one for one in made.get("identifier") or () if not told.get(one.get("system"))]
    own = [{"system": system, "value": value} for system, value in told.items() if value]
    kinds = [one for one in made.get("type") or () if not _coded(one, systems.ORGANIZATION_KIND_SYSTEM)]
    kind = {"coding": [{"system": systems.ORGANIZATION_KIND_SYSTEM, "code": row.kind}]}
    place = [
        *_extensions(made, "municipality"),
        *([{"url": systems.extension_url("municipality"), "valueCode": row.municipality}] if row.municipality else []),
    ]
    address: dict[str, Any] = {"use": "work"}
    address |= {"line": [row.street]} if row.street else {}
    address |= {"city": row.city} if row.city else {}
    address |= {"postalCode": row.postcode} if row.postcode else {}
    phones = [one for one in made.get("telecom") or () if one.get("system") != "phone"]
    made |= {
        "active": row.active == "yes",
        "name": row.name,
        "identifier": [*own, *kept],
        "type": [kind, *kinds],
        "extension": place,
        "address": [address | {"country": "DK"}] if len(address) > 1 else [],
        "telecom": [*([{"system": "phone", "value": row.phone, "use": "work"}] if row.phone else []), *phones],
    }
    return {key: value for key, value in made.items() if value not in ([], None)}


def location(row: Row, owner: str, held: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Where it lies on the map."""
    made = dict(held or {"resourceType": "Location", "identifier": [_identifier(row)]})
    position = {"longitude": float(row.longitude), "latitude": float(row.latitude)}
    return made | {"status": "active", "name": row.name, "managingOrganization": _ref(owner), "position": position}


def service(row: Row, owner: str, held: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What it offers and how long one waits."""
    made = dict(held or {"resourceType": "HealthcareService", "identifier": [_identifier(row)]})
    waits = []
    if row.waiting_days:
        waits.append({"url": systems.extension_url("waiting-days"), "valueInteger": int(row.waiting_days)})
    if row.waiting_told:
        waits.append({"url": systems.extension_url("waiting-told"), "valueDate": row.waiting_told})
    types = [{"coding": [{"system": systems.SERVICE_SYSTEM, "code": code}]} for code in row.offers.split()]
    made |= {
        "active": True,
        "name": row.service or row.name,
        "providedBy": _ref(owner),
        "type": types,
        "extension": [*_extensions(made, "waiting-days", "waiting-told"), *waits],
    }
    return {key: value for key, value in made.items() if value not in ([], None)}


def row_of(
    held: Mapping[str, Any], place: Mapping[str, Any] | None, offered: Mapping[str, Any] | None, municipality: str
) -> Row:
    """The row a receiver of the record is, as ``organization``, ``location`` and ``service`` wrote it."""
    numbers = {one.get("system"): str(one.get("value") or "") for one in held.get("identifier") or ()}
    kinds = [code for one in held.get("type") or () if (code := _coded(one, systems.ORGANIZATION_KIND_SYSTEM))]
    address: Mapping[str, Any] = next(iter(held.get("address") or ()), {})
    phone = next((one.get("value") for one in held.get("telecom") or () if one.get("system") == "phone"), "")
    position = (place or {}).get("position") or {}
    waits = {one.get("url"): one for one in (offered or {}).get("extension") or ()}
    waiting = waits.get(systems.extension_url("waiting-days"), {}).get("valueInteger")
    offers = [code for one in (offered or {}).get("type") or () if (code := _coded(one, systems.SERVICE_SYSTEM))]
    called = str((offered or {}).get("name") or "")
    return Row(
        sor=numbers.get(systems.SOR, ""),
        yder=numbers.get(systems.YDERNUMMER, ""),
        name=str(held.get("name") or ""),
        kind=next(iter(kinds), ""),
        municipality=municipality,
        street=", ".join(address.get("line") or ()),
        postcode=str(address.get("postalCode") or ""),
        city=str(address.get("city") or ""),
        phone=str(phone or ""),
        latitude=str(position.get("latitude", "")),
        longitude=str(position.get("longitude", "")),
        service="" if called == held.get("name") else called,
        offers=" ".join(offers),
        waiting_days="" if waiting is None else str(waiting),
        waiting_told=str(waits.get(systems.extension_url("waiting-told"), {}).get("valueDate") or ""),
        active="no" if held.get("active") is False else "yes",
    )


def _coded(concept: Mapping[str, Any], system: str) -> str:
    return next((str(one.get("code")) for one in concept.get("coding") or () if one.get("system") == system), "")


def _extensions(held: Mapping[str, Any], *but: str) -> list[Any]:
    left_out = {systems.extension_url(name) for name in but}
    return [one for one in held.get("extension") or () if one.get("url") not in left_out]


def _identifier(row: Row) -> dict[str, str]:
    system, value = row.key
    return {"system": system, "value": value}


def _ref(owner: str) -> dict[str, str]:
    return {"reference": f"Organization/{owner}"}
