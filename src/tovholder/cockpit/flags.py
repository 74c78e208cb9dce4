"""Raising and clearing flags: a rule's rows now against the flags that stand open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from tovholder import database, packages
from tovholder.access import system_context
from tovholder.base import days
from tovholder.cockpit.models import FlagRow
from tovholder.fhir import systems
from tovholder.packages.model import Package, Rule
from tovholder.plan import current
from tovholder.plan.domain import OPEN
from tovholder.rules import run
from tovholder.store import UnitOfWork, reading, unit_of_work

# Which facts decide whether a rule's row becomes a flag, besides those the rule itself reads.
GATE_TABLES = frozenset({"episode", "level", "episode_link"})
BATCH = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """One row of a rule that is a flag: whom it is about, since when, and the row its reason is told from."""

    rule: Rule
    package: Package
    patient: str
    episode: str
    since_day: int | None
    values: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a flag one flag."""
        return (self.rule.id, self.patient, self.episode)


class FlagStep:
    """The derivation step: re-evaluates the rules that read a changed fact, for the patients who changed."""

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
        """See store.ports.Derive."""
        rules = _reading_any_of(tables)
        # Flags belong to courses; of somebody who has none, none stands either (unless it was a course that changed).
        if rules and ("episode" in tables or uow.fact_rows("episode", patients, _EPISODE)):
            evaluate(uow, patients, rules)


_EPISODE = ("episode_id", "patient_id", "phase", "package")


@lru_cache(maxsize=256)
def _reading_any_of(tables: frozenset[str]) -> list[tuple[Package, Rule]]:
    return [
        (package, rule)
        for package in packages.builtin().values()
        for rule in package.rules
        # As with figures: what a rule reads is asked, and the rule compiled for it, only where that decides.
        if tables & GATE_TABLES or tables & reading.tables_of(rule.sql, package.parameters)
    ]


def evaluate(uow: UnitOfWork, patients: Iterable[str], rules: Sequence[tuple[Package, Rule]]) -> tuple[int, int]:
    """Bring the flags of the patients up to date for the rules. Returns how many were raised and cleared.

    A rule is about its own package's courses: only those of packages the patients have an open course in are asked, so
    that another package costs nothing to those who are not in it.
    """
    people = sorted(patients)
    rows = uow.fact_rows("episode", people, _EPISODE)
    still_open = {row["episode_id"]: row["package"] for row in rows if row["phase"] in OPEN}
    running = frozenset(still_open.values())
    names = {rule.id for _, rule in rules}
    standing = {(row.rule_id, row.patient_id, row.episode_id): row for row in _open(people) if row.rule_id in names}
    wanted: dict[tuple[str, str, str], Hit] = {}
    if still_open:
        levels = current.levels(uow.fact_rows("level", people, current.LEVEL_COLUMNS))
        with_open = sorted({row["patient_id"] for row in rows if row["episode_id"] in still_open})
        own = [(package, rule) for package, rule in rules if package.id in running]
        for hit in hits(with_open, own, uow.ctx.today):
            if still_open.get(hit.episode) == hit.package.id and hit.rule.applies_at(levels.get(hit.episode)):
                earlier = wanted.get(hit.key)
                if earlier is None or (hit.since_day or 0) < (earlier.since_day or 0):
                    wanted[hit.key] = hit
    writer = uow.as_system("flags")
    for key, hit in wanted.items():
        _raise_or_renew(writer, standing.get(key), hit)
    gone = [row for key, row in standing.items() if key not in wanted]
    for row in gone:
        _clear(writer, row)
    return len(wanted.keys() - standing.keys()), len(gone)


_COLUMNS = tuple(field.attname for field in FlagRow._meta.concrete_fields)
_OPEN_FLAGS = f"SELECT {', '.join(_COLUMNS)} FROM cockpit_flag WHERE cleared_ms IS NULL AND "


def _open(people: Sequence[str]) -> list[FlagRow]:
    """The patients' open flags. In plain SQL: building the query anew cost more than all rules together."""
    term, values = database.in_list("patient_id", people)
    return [FlagRow.from_db("default", _COLUMNS, row) for row in database.rows(_OPEN_FLAGS + term, values)]


def hits(patients: Sequence[str], rules: Sequence[tuple[Package, Rule]], today: int) -> Iterator[Hit]:
    """Rows of the rules for the patients, before levels are looked at."""
    scope, named = reading.scope_of(patients)
    with connection.cursor() as cursor:
        for package, rule in rules:
            checked, compiled = reading.prepared(rule.sql, package.parameters, scope)
            bound: dict[str, int | str] = {"today": today, **package.parameters, **named}
            names = [column[0] for column in checked.columns]
            for row in run.run(compiled, cursor, bound):
                values = dict(zip(names, row, strict=True))
                if values.get("episode_id"):
                    yield Hit(rule, package, values["patient_id"], values["episode_id"], values["since_day"], values)


def reason(rule: Rule, values: Mapping[str, Any], today: int, language: str) -> str:
    """The rule's reason told from its row, as of today."""
    words: dict[str, str] = {}
    for name, value in values.items():
        if name.endswith("_day") and isinstance(value, int):
            words[name] = words[name.removesuffix("_day")] = day_text(value, language)
        else:
            words[name] = "" if value is None else str(value)
    since = values.get("since_day")
    words["days"] = str(today - since) if isinstance(since, int) else "?"
    return rule.reason[language].format_map(_Words(words))


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


_MONTHS = {
    "da": ("jan.", "feb.", "marts", "april", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


def day_text(day: int, language: str) -> str:
    """A day as read aloud: 3. marts 2027, 3 Mar 2027."""
    date = days.date_of(day)
    month = _MONTHS[language][date.month - 1]
    return f"{date.day}. {month} {date.year}" if language == "da" else f"{date.day} {month} {date.year}"


def _resource(hit: Hit, today: int) -> dict[str, Any]:
    extension = systems.extension_url
    resource: dict[str, Any] = {
        "resourceType": "Flag",
        "status": "active",
        "code": {
            "coding": [{"system": systems.RULE_SYSTEM, "version": str(hit.rule.version), "code": hit.rule.id}],
            "text": reason(hit.rule, hit.values, today, "da"),
        },
        "subject": {"reference": f"Patient/{hit.patient}"},
        "extension": [
            {
                "url": systems.EPISODE_OF_CARE_EXTENSION,
                "valueReference": {"reference": f"EpisodeOfCare/{hit.episode}"},
            },
            {"url": extension("severity"), "valueCode": hit.rule.severity},
            {"url": extension("reason-en"), "valueString": reason(hit.rule, hit.values, today, "en")},
        ],
    }
    if hit.since_day is not None:
        resource["period"] = {"start": days.iso(hit.since_day)}
        resource["extension"].append({"url": extension("since"), "valueDate": days.iso(hit.since_day)})
    return resource


def _raise_or_renew(uow: UnitOfWork, row: FlagRow | None, hit: Hit) -> None:
    values = json.dumps(dict(hit.values), sort_keys=True)
    if row is None:
        stored = uow.create(_resource(hit, uow.ctx.today))
        FlagRow.objects.create(
            rule_id=hit.rule.id,
            rule_version=hit.rule.version,
            package=hit.package.id,
            patient_id=hit.patient,
            episode_id=hit.episode,
            severity=hit.rule.severity,
            since_day=hit.since_day,
            values_json=values,
            flag_id=stored.id,
            raised_ms=days.millis(uow.ctx.now),
        )
        return
    if (row.values_json, row.severity, row.rule_version) == (values, hit.rule.severity, hit.rule.version):
        return
    uow.update({**_resource(hit, uow.ctx.today), "id": row.flag_id})
    row.values_json, row.since_day = values, hit.since_day
    row.severity, row.rule_version = hit.rule.severity, hit.rule.version
    row.save()


def _clear(uow: UnitOfWork, row: FlagRow) -> None:
    flag = uow.read("Flag", row.flag_id)
    period = {**flag.get("period", {}), "end": days.instant_text(uow.ctx.now)}
    if "start" in period and len(period["start"]) == len("2027-01-01") and period["start"] > days.iso(uow.ctx.today):
        period.pop("start")
    uow.update({**flag, "status": "inactive", "period": period})
    row.cleared_ms = days.millis(uow.ctx.now)
    row.save()


def run_all(now: datetime, progress: Any = None) -> tuple[int, int, int]:
    """Every rule for everyone with an open episode or an open flag, in batches. Returns patients, raised, cleared."""
    rules = [(package, rule) for package in packages.builtin().values() for rule in package.rules]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id FROM fact_episode UNION SELECT patient_id FROM cockpit_flag WHERE cleared_ms IS NULL"
            " ORDER BY 1"
        )
        people = [row[0] for row in cursor.fetchall()]
    raised = cleared = 0
    ctx = system_context(now, "derive")
    for chunk in _chunks(people):
        with unit_of_work(ctx, patients=chunk) as uow:
            more, fewer = evaluate(uow, chunk, rules)
        raised, cleared = raised + more, cleared + fewer
        if progress is not None:
            progress(len(chunk))
    return len(people), raised, cleared


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
