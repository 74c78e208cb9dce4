"""Finds people and organisations by what they are called outside (CPR, SOR, ydernummer, CVR) for login and operators.

Past the access gate and the audit trail, since nobody is logged in yet: only ids come out, and what is found is told
to nobody but by what they may then see.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tovholder import database
from tovholder.access import persons, system_context
from tovholder.fhir import searchparams, systems
from tovholder.fhir.search_values import bounded
from tovholder.store import rows
from tovholder.store.unit import unit_of_work

# The organisation identifiers people write, by the word they are written with.
ORGANIZATION_SYSTEMS = {"sor": systems.SOR, "ydernummer": systems.YDERNUMMER, "cvr": systems.CVR}


def patients_of(cpr: str) -> list[str]:
    """Ids of the patients with this CPR number, however it is written in the record."""
    return _with_identifier("Patient", systems.CPR, persons.spellings(cpr))


def organizations_of(kind: str, value: str) -> list[str]:
    """Ids of the organisations with this identifier. kind: sor, ydernummer or cvr."""
    return _with_identifier("Organization", ORGANIZATION_SYSTEMS[kind], [value.strip()])


def practitioners_of(value: str) -> list[str]:
    """Ids of the practitioners with this identifier (such as the authorisation id), in whatever system."""
    return _with_identifier("Practitioner", None, [value.strip()])


def exists(kind: str, rid: str) -> bool:
    """Whether there is such a resource now."""
    found = rows.current(kind, rid)
    return found is not None and not found.deleted


def name_of(kind: str, rid: str) -> str:
    """What an organisation or a person is called; empty when there is none, or it has no name."""
    found = rows.current(kind, rid)
    resource = found.resource() if found is not None and not found.deleted else {}
    name = resource.get("name")
    if isinstance(name, list):  # a person's
        first = name[0] if name else {}
        return str(first.get("text") or " ".join([*first.get("given", []), first.get("family", "")])).strip()
    return str(name or "")


def new_practitioner(name: str, now: datetime) -> str:
    """A practitioner for a user who is not in the record: those who are seen in it must have a name there."""
    *given, family = name.split() or ["?"]
    with unit_of_work(system_context(now, "login", live=True)) as unit:
        named = {"text": name, "family": family} | ({"given": given} if given else {})
        return unit.create({"resourceType": "Practitioner", "active": True, "name": [named]}).id


def _with_identifier(kind: str, system: str | None, values: Sequence[str]) -> list[str]:
    wanted = [bounded(value) for value in values if value]
    if not wanted:
        return []
    params, numbers = database.in_list("t.param", searchparams.numbers(kind, "identifier"))
    codes, spelt = database.in_list("t.code", wanted)
    sql = (
        "SELECT DISTINCT r.rid FROM store_token AS t JOIN store_resource AS r ON r.key = t.key"
        f" WHERE {params} AND {codes} AND NOT r.deleted"
    )
    values_ = [*numbers, *spelt]
    if system is not None:
        term, names = database.in_list("t.system", sorted({system, system.removeprefix("urn:oid:")}))
        sql, values_ = f"{sql} AND {term}", [*values_, *names]
    return [str(rid) for (rid,) in database.rows(f"{sql} ORDER BY r.rid", values_)]
