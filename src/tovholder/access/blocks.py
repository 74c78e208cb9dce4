"""Blocks (*spærringer*): what a patient keeps from a person, an organisation or everybody; as rows, as SQL, as values.

A block without a narrower aim keeps everything back: then the patient is as if not there. One of a period or a kind of
data keeps those resources back, and answers say that something is withheld; who holds the rope, the course, the team
and the level stay (``FRAME``), for nobody can take part in a course they do not know of. What has no date counts as
within a blocked period, and what lasted counts when any part of it lies there. Blocks are for professionals and for the
systems of others, unless such a system was given the right to what is blocked (``Right.BLOCKED``), which keeps the blocks
towards its own users: never for the patient, for who stands in for them, or for our own derivations, which show nobody
anything. The clinic that holds the rope is no exception: what the law asks of it in spite
of a block it does by break-glass, with its own reason (access/emergencies.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tovholder import database
from tovholder.access.domain import Condition, Context, Right, Role
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.fhir import data_kinds, searchparams, systems
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.prepare import index_rows
from tovholder.fhir.search_values import EARLIEST, LATEST

TABLE = "access_block"
COLUMNS = (
    "patient_id", "actor", "source", "from_ms", "until_ms", "narrow", "data_from", "data_until", "type", "kind",
)  # fmt: skip
EVERYBODY = "*"
OTHERS = "*others"  # everybody beside the clinics: whoever has left the system is shared with none of them
_BESIDE = frozenset({Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})
ALWAYS = 2**62  # an open end, in epoch milliseconds
# Types a block of a period or a kind of data never keeps back; so is the Observation that is a decided level.
FRAME = ("CareTeam", "Consent", "EpisodeOfCare", "Patient", "RelatedPerson")
LEVEL_CODE = "tovholder-level"
_NEVER_BLOCKED = frozenset(
    {Role.CITIZEN, Role.REPRESENTATIVE, Role.AUTHOR, Role.ANALYST, Role.OPERATOR}
)  # the last three see no patient at all


@dataclass(frozen=True, slots=True)
class Block:
    """One row of what is kept from whom; see access/models/relations.py."""

    patient_id: str
    actor: str
    source: str
    from_ms: int = 0
    until_ms: int = ALWAYS
    data_from: int | None = None
    data_until: int | None = None
    type: str = ""
    kind: str = ""

    @property
    def narrow(self) -> bool:
        """Whether only some of the data is kept back."""
        return bool(self.type) or self.data_from is not None or self.data_until is not None

    def values(self) -> tuple[Any, ...]:
        """As the table has it (``COLUMNS``)."""
        return (
            self.patient_id, self.actor, self.source, self.from_ms, self.until_ms, self.narrow,
            self.data_from, self.data_until, self.type, self.kind,
        )  # fmt: skip

    def aims_at(self, ctx: Context) -> bool:
        """Whether the block is for this actor and in force."""
        return self.actor in actors(ctx) and self.from_ms <= days.millis(ctx.now) < self.until_ms

    def hides(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is kept back from whom the block is for; for one version of it, in words of Python."""
        if not self.narrow:
            return True
        kind = str(resource.get("resourceType", ""))
        if kind in FRAME or is_level(resource):
            return False
        if self.type and (kind != self.type or (self.kind and self.kind not in data_kinds.of_codes(resource))):
            return False
        if self.data_from is None and self.data_until is None:
            return True
        span = lasted(resource)
        if span is None:
            return True
        return (self.data_until is None or span[0] < self.data_until) and (
            self.data_from is None or span[1] > self.data_from
        )


def lasted(resource: Mapping[str, Any]) -> tuple[int, int] | None:
    """From when to when [low, high) a resource was, as blocks see it: its main date (to the one that ends it, ``spans``),
    else from the first date it tells to the last; None for unknown.
    """
    dates = index_rows(dict(resource)).get("store_date", ())
    main = searchparams.main_date(str(resource["resourceType"]))
    told = any(row[0] == main for row in dates)
    found = [row for row in dates if not told or row[0] in searchparams.spans()]
    return (min(int(row[1]) for row in found), max(int(row[2]) for row in found)) if found else None


def is_level(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is a decided level."""
    if resource.get("resourceType") != "Observation":
        return False
    codings = (resource.get("code") or {}).get("coding") or ()
    return any(item.get("system") == systems.OBSERVATION_SYSTEM and item.get("code") == LEVEL_CODE for item in codings)


def actors(ctx: Context) -> tuple[str, ...]:
    """Whom blocks may name to mean this actor; nobody where none can."""
    if ctx.role in _NEVER_BLOCKED or (ctx.is_system and (not ctx.is_foreign or Right.BLOCKED in ctx.rights)):
        return ()
    units = ctx.units or ((ctx.organization,) if ctx.organization else ())
    # A system that is nobody's in particular is beside the clinics as others are.
    beside = ctx.role in _BESIDE or (ctx.is_system and not units)
    general = (EVERYBODY, OTHERS) if beside else (EVERYBODY,)
    return (*general, ctx.actor, *(f"Organization/{unit}" for unit in units))


def lifted(ctx: Context) -> tuple[str, ...]:
    """The patients on whom the actor has broken the glass; none in a role that may not, whatever the person opened in
    another one. That an app stands between changes nothing of that.
    """
    if not ctx.emergencies:
        return ()
    if Condition.BREAK_GLASS not in decide(replace(ctx, grants=None), "read", "Patient").conditions:
        return ()
    now = days.millis(ctx.now)
    return tuple(one.patient for one in ctx.emergencies if one.until > now)


def clause(ctx: Context, row: str | None, patient: str) -> tuple[str, list[Any]]:
    """A WHERE term (with its values) that is true for rows not withheld from the actor; "" where none can be.

    patient: the column that says whom a row is about. row: the alias of ``store_resource`` where its rows are asked
    for; None for rows that are none of a resource (then only blocks of everything count).
    """
    names = actors(ctx)
    if not names:
        return "", []
    now = days.millis(ctx.now)
    opened = lifted(ctx)
    text = _clause(row, patient, len(names), len(opened))
    return text, [*opened, *names, now, now, *(_LEVEL if row is not None else ())]


_LEVEL = (param_id("Observation.code"), LEVEL_CODE, systems.OBSERVATION_SYSTEM, param_id(data_kinds.PARAMETER))


@lru_cache(maxsize=256)
def _clause(row: str | None, patient: str, names: int, opened: int) -> str:
    marks = ", ".join(["%s"] * names)
    text = (
        f"NOT EXISTS (SELECT 1 FROM access_block AS blk WHERE blk.patient_id = {patient} AND blk.actor IN ({marks})"
        f" AND blk.from_ms <= %s AND blk.until_ms > %s AND {_hides(row)})"
    )
    if opened:
        text = f"({patient} IN ({', '.join(['%s'] * opened)}) OR {text})"
    return text


def _hides(row: str | None) -> str:
    if row is None:
        return "NOT blk.narrow"
    frame = ", ".join(f"'{name}'" for name in FRAME)
    return (
        f"(NOT blk.narrow OR ({row}.type NOT IN ({frame}) AND (blk.type = '' OR blk.type = {row}.type)"
        f" AND ((blk.data_from IS NULL AND blk.data_until IS NULL) OR {_within(row)})"
        f" AND NOT ({row}.type = 'Observation' AND EXISTS (SELECT 1 FROM store_token AS lvl"
        f" WHERE lvl.param = %s AND lvl.code = %s AND lvl.system = %s AND lvl.key = {row}.key))"
        " AND (blk.kind = '' OR EXISTS (SELECT 1 FROM store_token AS knd"
        f" WHERE knd.param = %s AND knd.code = blk.kind AND knd.key = {row}.key))))"
    )


def _within(row: str) -> str:
    # The same as ``lasted``: a row has a moment where it tells its main date.
    spans = ", ".join(str(number) for number in sorted(searchparams.spans()))
    return (
        f"COALESCE((SELECT MIN(day.low) < COALESCE(blk.data_until, {LATEST})"
        f" AND MAX(day.high) > COALESCE(blk.data_from, {EARLIEST}) FROM store_date AS day WHERE day.key = {row}.key"
        f" AND ({row}.moment IS NULL OR day.param IN ({spans}))), 1 = 1)"
    )


_SELECT = f"SELECT {', '.join(f'blk.{name}' for name in COLUMNS)} FROM access_block AS blk"


def in_force(ctx: Context, patients: Iterable[str]) -> list[Block]:
    """The blocks that hold against the actor on these patients now; those lifted by break-glass left out."""
    names = actors(ctx)
    wanted = sorted(set(patients) - set(lifted(ctx)))
    if not names or not wanted:
        return []
    now = days.millis(ctx.now)
    whom, people = database.in_list("blk.patient_id", wanted)
    by, whose = database.in_list("blk.actor", names)
    sql = f"{_SELECT} WHERE {whom} AND {by} AND blk.from_ms <= %s AND blk.until_ms > %s"
    return [_block(row) for row in database.rows(sql, [*people, *whose, now, now])]


def concerned(ctx: Context) -> tuple[frozenset[str], frozenset[str]]:
    """Of those the actor's organisation is related to: who has blocked the actor whole, and who keeps part back."""
    names = actors(ctx)
    if not names or (ctx.organization is None and not ctx.is_system):
        return frozenset(), frozenset()
    now, today = days.millis(ctx.now), ctx.today
    by, whose = database.in_list("blk.actor", names)
    if ctx.is_system:  # related to everybody
        sql = (
            "SELECT DISTINCT blk.patient_id, blk.narrow FROM access_block AS blk"
            f" WHERE {by} AND blk.from_ms <= %s AND blk.until_ms > %s"
        )
        return _parted(ctx, database.rows(sql, [*whose, now, now]))
    of, units = database.in_list("rel.organization_id", ctx.units or (ctx.organization or "",))
    sql = (
        "SELECT DISTINCT blk.patient_id, blk.narrow FROM access_block AS blk JOIN access_relation AS rel"
        f" ON rel.patient_id = blk.patient_id WHERE {of} AND rel.from_day <= %s"
        f" AND (rel.to_day IS NULL OR rel.to_day >= %s) AND {by} AND blk.from_ms <= %s AND blk.until_ms > %s"
    )
    return _parted(ctx, database.rows(sql, [*units, today, today, *whose, now, now]))


def _parted(ctx: Context, found: Iterable[tuple[Any, ...]]) -> tuple[frozenset[str], frozenset[str]]:
    found, opened = list(found), set(lifted(ctx))
    whole = {str(patient) for patient, narrow in found if not narrow} - opened
    return frozenset(whole), frozenset({str(patient) for patient, narrow in found if narrow} - opened - whole)


def withheld(ctx: Context, patients: Iterable[str] | None = None) -> bool:
    """Whether part of these patients' data is kept from the actor: then an answer about them says so.

    Of a patient who is blocked whole nothing is said, as of one who is not there. patients: None for all the actor's
    organisation is related to.
    """
    if patients is None:
        return bool(concerned(ctx)[1])
    found = in_force(ctx, patients)
    whole = {block.patient_id for block in found if not block.narrow}
    return any(block.narrow and block.patient_id not in whole for block in found)


def _block(row: tuple[Any, ...]) -> Block:
    patient, actor, source, from_ms, until_ms, _narrow, data_from, data_until, kind, data_kind = row
    return Block(patient, actor, source, from_ms, until_ms, data_from, data_until, kind, data_kind)


def of_patient(patient: str) -> list[Block]:
    """All of a patient's blocks, whoever they are for."""
    return [_block(row) for row in database.rows(f"{_SELECT} WHERE blk.patient_id = %s ORDER BY blk.id", [patient])]
