"""Many patients' facts in memory, asked set-wise as they were on an earlier day.

The tables hold what is known now; a view over each leaves out, or sets back, what happened after the day that is asked
about. What the facts do not date (a cancelled appointment, a changed diagnosis) stands as it is now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tovholder.fhir.references import patient_of
from tovholder.fhir.views import View, load_views
from tovholder.packages.check import FACTS, fact_schema
from tovholder.packages.check_rules import sql_of
from tovholder.packages.model import Package, Rule
from tovholder.plan import current
from tovholder.plan.domain import OPEN
from tovholder.rules import compile as compiler
from tovholder.rules.run import run_dicts
from tovholder.workbench.factbase import links, months

Json = dict[str, Any]
_DAY = "(SELECT day FROM asked)"
_LATER = "CASE WHEN {0} > " + _DAY + " THEN NULL ELSE {0} END"
# Which rows were known by the day, and what of them is set back to how it stood then.
_KNOWN: Mapping[str, str] = {
    "diagnosis": f"recorded_day IS NULL OR recorded_day <= {_DAY}",
    "episode": f"eligible_day IS NULL OR eligible_day <= {_DAY}",
    "plan": f"made_day IS NULL OR made_day <= {_DAY}",
    "level": f"decided_day IS NULL OR decided_day <= {_DAY}",
    "activity": f"plan_id IS NULL OR plan_id IN (SELECT plan_id FROM held_plan WHERE confirmed_day <= {_DAY})",
    "appointment": f"created_day IS NULL OR created_day <= {_DAY}",
    "referral": f"sent_day IS NULL OR sent_day <= {_DAY}",
    "measurement": f"day IS NULL OR day <= {_DAY}",
    "response": f"authored_day IS NULL OR authored_day <= {_DAY}",
    "contact": f"start_day IS NULL OR start_day <= {_DAY}",
    "attempt": f"day IS NULL OR day <= {_DAY}",
    "handling": f"day IS NULL OR day <= {_DAY}",
}
_SET_BACK: Mapping[str, Mapping[str, str]] = {
    "patient": {
        "deceased": f"CASE WHEN deceased_day > {_DAY} THEN 0 ELSE deceased END",
        "deceased_day": _LATER.format("deceased_day"),
    },
    "episode": {
        "phase": f"CASE WHEN ended_day <= {_DAY} OR (phase = 'ended' AND ended_day IS NULL) THEN 'ended'"
        f" WHEN declined_day <= {_DAY} OR (phase = 'declined' AND declined_day IS NULL) THEN 'declined'"
        f" WHEN started_day IS NULL OR started_day > {_DAY} THEN 'eligible'"
        " WHEN phase IN ('ended', 'declined') THEN 'continuing' ELSE phase END",
        "end_reason": f"CASE WHEN ended_day > {_DAY} THEN NULL ELSE end_reason END",
        **{name: _LATER.format(name) for name in ("offered_day", "started_day", "declined_day", "ended_day")},
    },
    "plan": {
        "status": f"CASE WHEN confirmed_day > {_DAY} THEN 'draft'"
        f" WHEN status IN ('revoked', 'completed') AND end_day > {_DAY} THEN 'active' ELSE status END",
        **{name: _LATER.format(name) for name in ("confirmed_day", "shared_day")},
    },
    "activity": {
        "status": f"CASE WHEN done_day > {_DAY} THEN 'active' ELSE status END",
        "done_day": _LATER.format("done_day"),
    },
    "appointment": {
        "status": f"CASE WHEN start_day > {_DAY} AND status IN ('fulfilled', 'noshow', 'arrived', 'checked-in')"
        " THEN 'booked' ELSE status END",
        "outcome_unknown": f"CASE WHEN start_day > {_DAY} THEN 0 ELSE outcome_unknown END",
    },
    "referral": {
        "status": f"CASE WHEN completed_day > {_DAY} AND started_day <= {_DAY} THEN 'in-progress'"
        f" WHEN started_day > {_DAY} AND accepted_day <= {_DAY} THEN 'accepted'"
        f" WHEN started_day > {_DAY} OR accepted_day > {_DAY} THEN 'requested' ELSE status END",
        **{name: _LATER.format(name) for name in ("accepted_day", "started_day", "completed_day", "seen_day")},
    },
}


def by_patient(resources: Iterable[Json]) -> Iterator[tuple[str | None, list[Json]]]:
    """Resources that come patient by patient, gathered; those about no patient by themselves (None)."""
    person: str | None = None
    held: list[Json] = []
    for resource in resources:
        about = resource["id"] if resource["resourceType"] == "Patient" else patient_of(resource)
        if about != person and held:
            yield person, held
            held = []
        person = about
        held.append(resource)
    if held:
        yield person, held


class Population:
    """The fact tables of many patients, in one SQLite database in memory."""

    def __init__(self) -> None:
        self.schema = fact_schema()
        self._views = [table for table in load_views(FACTS).values() if isinstance(table, View)]
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._compiled: dict[Any, compiler.Compiled] = {}
        self._connection.execute("CREATE TABLE asked (day BIGINT)")
        self._connection.execute("INSERT INTO asked VALUES (0)")
        for name, columns in self.schema.tables.items():
            body = ", ".join(f'"{c.name}" {"TEXT" if c.type == "text" else "BIGINT"}' for c in columns.values())
            self._connection.execute(f'CREATE TABLE "held_{name}" ({body})')
            back = _SET_BACK.get(name, {})
            shown = ", ".join(
                f'{back[column]} AS "{column}"' if column in back else f'"{column}"' for column in columns
            )
            where = f" WHERE {_KNOWN[name]}" if name in _KNOWN else ""
            self._connection.execute(f'CREATE VIEW "fact_{name}" AS SELECT {shown} FROM "held_{name}"{where}')

    def __enter__(self) -> Population:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, resources: list[Json]) -> None:
        """The facts of one patient's resources, and their links to courses."""
        for view in self._views:
            rows = [
                row
                for resource in resources
                if resource["resourceType"] == view.resource
                for row in view.rows(resource)
            ]
            if rows:
                self._insert(view.name, [name for name, _ in view.columns], rows)
        linked = links(resources)
        if linked:
            names = list(self.schema.tables["episode_link"])
            self._insert("episode_link", names, [tuple(row.get(name) for name in names) for row in linked])

    def _insert(self, table: str, names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        self._connection.executemany(f'INSERT INTO "held_{table}" ({columns}) VALUES ({marks})', rows)

    def ready(self, first_day: int, last_day: int) -> None:
        """Everybody is in: the months between two days, and what the questions look things up by."""
        names = list(self.schema.tables["period"])
        self._insert("period", names, [tuple(row.get(name) for name in names) for row in months(first_day, last_day)])
        for name, columns in self.schema.tables.items():
            for column in ("patient_id", "episode_id", "resource_id", "activity_id", "plan_id", "request_id"):
                if column in columns:
                    self._connection.execute(f'CREATE INDEX "{name}_{column}" ON "held_{name}" ("{column}")')
        self._connection.execute("ANALYZE")

    def on(self, day: int) -> tuple[dict[str, str], dict[str, int]]:
        """Ask about a day from now on: the clinic of each open course then, and the level of each."""
        self._connection.execute("UPDATE asked SET day = ?", (day,))
        phases = ", ".join(f"'{phase}'" for phase in sorted(OPEN))
        found = self._connection.execute(
            f"SELECT episode_id, COALESCE(organization_id, '') FROM fact_episode WHERE phase IN ({phases})"
        )
        rows = self._connection.execute(f"SELECT {', '.join(current.LEVEL_COLUMNS)} FROM fact_level").fetchall()
        return dict(found), current.levels(dict(zip(current.LEVEL_COLUMNS, row, strict=True)) for row in rows)

    def hits(self, package: Package, rule: Rule, day: int) -> frozenset[str]:
        """The courses a rule has a row for on the day asked about, before levels are looked at."""
        key = (rule.sql, tuple(sorted((name, type(value)) for name, value in package.parameters.items())))
        if key not in self._compiled:
            self._compiled[key] = compiler.compile(sql_of(package, rule, self.schema), "sqlite", compiler.All())
        rows = run_dicts(self._compiled[key], self._connection, {**package.parameters, "today": day})
        return frozenset(row["episode_id"] for row in rows if row["episode_id"])
