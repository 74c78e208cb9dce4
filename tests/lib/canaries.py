"""A world with a mark of its own in every text of everybody's record, for those who look whether one gets out.

Beside the two patients of ``two_records`` there are one whom everybody had a part in and no longer has, one whom they
will have, and one who keeps everything from them. Each text, code, name, number and file of a record holds a mark that
stands nowhere else; so an answer that tells anything tells whose it was, of which type and element.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lib import two_records as world
from lib.api import Caller
from lib.own_reading import Json, Kept, Related, World
from lib.two_records import HERE, MINE, ORGANIZATIONS, THEIRS, THERE, ref
from tovholder import database
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.store import consents

FORMER, COMING, BARRED = "fordums", "kommende", "spaerret"
OUT = (THEIRS, FORMER, COMING, BARRED)
MARK = re.compile(r"zq\d{5}x")
# Elements whose text a person reads or searches by; the rest are codes that mean something, dates and references.
_TEXTS = frozenset({"family", "given", "text", "display", "title", "description", "comment", "city", "line", "name"})
_TEXTS |= {"contentString", "valueString", "unit", "postalCode"}


@dataclass(frozen=True)
class Mark:
    """Whose, of which type, and where in it."""

    patient: str
    type: str
    path: str


@dataclass
class Canaries:
    """Every mark there is, and the records they stand in."""

    system: Caller
    marks: dict[str, Mark] = field(default_factory=dict)
    records: list[Json] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def salted(self, resource: Json, patient: str) -> Json:
        """The resource with a mark in each of its texts."""

        def mark(path: str) -> str:
            text = f"zq{next(self._numbers):05d}x"
            self.marks[text] = Mark(patient, resource["resourceType"], path)
            return text

        def walk(value: Any, name: str, path: str) -> Any:
            if isinstance(value, dict):
                if name == "identifier" and "value" in value:
                    return value | {"value": f"{value['value']}-{mark(path)}"}
                if name == "coding" and value.get("system") == "urn:test":
                    return value | {"code": f"{value['code']}-{mark(path)}"}
                return {key: walk(one, key, f"{path}.{key}") for key, one in value.items()}
            if isinstance(value, list):
                return [walk(one, name, path) for one in value]
            if isinstance(value, str) and name in _TEXTS:
                return f"{value} {mark(path)}"
            return value

        made: Json = walk(resource, "", resource["resourceType"])
        if resource["resourceType"] == "Binary":
            made["data"] = base64.b64encode(mark("Binary.data").encode()).decode()
        if resource["resourceType"] == "Patient":
            number = next(self._numbers)
            made["identifier"] = [
                *made["identifier"],
                {"system": "urn:oid:1.2.208.176.1.2", "value": f"010170{number:04d}"},
            ]
            made["contact"] = [{"name": {"family": mark("Patient.contact")}}]
            made["photo"] = [{"contentType": "image/png", "title": mark("Patient.photo")}]
            made["maritalStatus"] = {"text": mark("Patient.maritalStatus")}
        return made

    def put(self, resources: list[Json], patient: str) -> None:
        """Store them with their marks."""
        made = [self.salted(one, patient) for one in resources]
        world.put(self.system, made)
        self.records += made  # what an earlier version said stays theirs whose it is

    def told(self, text: str) -> set[str]:
        """The marks in a text, also those of files as JSON has them."""
        found = set(MARK.findall(text))
        for part in re.findall(r"enE[A-Za-z0-9+/]{8}", text):
            found |= set(MARK.findall(base64.b64decode(part + "=").decode(errors="replace")))
        return found & set(self.marks)


def _as(resources: list[Json], who: str) -> list[Json]:
    """The first patient's record as somebody else's."""
    found: list[Json] = json.loads(re.sub(r"\bmine\b", who, json.dumps(resources)))
    return found


def _over(resource: Json, day: str, *, status: bool) -> Json:
    """What relates outsiders to the patient, at another time or no longer."""
    kind = resource["resourceType"]
    text = json.dumps(resource)
    if kind in ("Patient", "EpisodeOfCare"):
        made: Json = json.loads(text.replace(f"Organization/{HERE}", f"Organization/{THERE}"))
        return made
    if kind == "Task":
        over = {"status": "completed", "lastModified": day} if status else {}
        return resource | {"authoredOn": day} | over
    if kind == "Appointment":
        return resource | {"start": f"{day}T09:00:00Z", "end": f"{day}T09:30:00Z", "created": day}
    if kind == "CareTeam":
        return resource | {"status": "inactive"}
    if kind == "Encounter":
        return resource | {"period": {"start": day, "end": day}}
    return resource


def build() -> Canaries:
    """Everybody's record, with the relations as they were and as they are."""
    made = Canaries(world.build())
    mine = list(world.record(MINE, "kendt", HERE))
    made.put(list(world.record(THEIRS, world.SECRET, THERE)), THEIRS)
    made.put(list(world.record(MINE, "kendt", HERE, other=THEIRS)), MINE)
    former = _as(mine, FORMER)
    made.put(former, FORMER)  # when they still had a part in it
    made.put([_over(one, "2019-02-01", status=True) for one in former], FORMER)
    made.put([_over(one, "2031-02-01", status=False) for one in _as(mine, COMING)], COMING)
    barred = _as(mine, BARRED)
    made.put(barred, BARRED)
    # The block names everybody whose relation lets them in now.
    kept: Json = {
        "resourceType": "Consent",
        "id": "kept",
        "status": "active",
        "scope": {"coding": [{"system": consents.SCOPE_SYSTEM, "code": consents.PRIVACY}]},
        "category": [{"coding": [{"system": consents.CATEGORY_SYSTEM, "code": "block"}]}],
        "policyRule": {"text": "x"},
        "patient": ref("Patient", BARRED),
        "provision": {
            "type": "deny",
            "actor": [
                {"role": {"text": "x"}, "reference": ref("Organization", name)}
                for name in ORGANIZATIONS
                if name != THERE
            ],
        },
    }
    world.put(made.system, [kept])
    assert database.rows("SELECT COUNT(*) FROM access_block WHERE patient_id = %s", [BARRED]) != [(0,)]
    assert database.rows("SELECT COUNT(*) FROM access_relation WHERE patient_id = %s", [BARRED]) != [(0,)]
    return made


def as_it_is() -> World:
    """Who is related to whom as the database has it, for the reading of the policy."""
    now = system_clock()
    related: dict[str, list[Related]] = {}
    for row in database.rows("SELECT patient_id, organization_id, kind, from_day, to_day FROM access_relation", []):
        related.setdefault(row[0], []).append(Related(*row))
    kept: dict[str, list[Kept]] = {}
    for patient, actor, first, last in database.rows(
        "SELECT patient_id, actor, from_ms, until_ms FROM access_block WHERE NOT narrow", []
    ):
        kept.setdefault(patient, []).append(Kept(patient, actor, first, last))
    return World(days.day_of(now), days.millis(now), related, kept)
