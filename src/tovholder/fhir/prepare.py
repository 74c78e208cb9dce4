"""What a resource gives before it meets the database: what is wrong with it, its search rows, its fact rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tovholder.base.errors import Issue
from tovholder.fhir import data_kinds, profiles_policy, searchparams, views
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.search_source import indexer
from tovholder.fhir.validate import validate

Row = tuple[Any, ...]


@dataclass(slots=True)
class Prepared:
    """All that can be known of one resource alone. index: rows by table, without the resource's key.

    moment: when it happened (the lowest of its main date), epoch milliseconds; a patient's timeline is sorted by it.
    """

    issues: tuple[Issue, ...]
    index: dict[str, list[Row]]
    facts: list[tuple[str, list[Row]]]
    moment: int | None = None

    @property
    def refused(self) -> bool:
        """Whether it is not valid FHIR: it has no rows and may not be stored."""
        return bool(self.issues) and any(issue.severity in ("error", "fatal") for issue in self.issues)


def prepare(resource: dict[str, Any], facts_folder: Path) -> Prepared:
    """Check a resource and make its rows; an invalid one has no rows."""
    return prepare_many((resource,), facts_folder)[0]


def prepare_many(resources: Sequence[dict[str, Any]], facts_folder: Path) -> list[Prepared]:
    """The same for each of some dozens: one step for all of them and then the next.

    Each step runs a few hundred lines made for the type. Taken one resource after the other the steps push each other
    out of the processor's caches, which costs a third more.
    """
    made = [Prepared(tuple(validate(one)) or profiles_policy.check(one), {}, []) for one in resources]
    sound = [(one, prepared) for one, prepared in zip(resources, made, strict=True) if not prepared.refused]
    for one, prepared in sound:
        prepared.index = index_rows(one)
    for one, prepared in sound:
        prepared.facts = fact_rows(one, facts_folder)
    for one, prepared in sound:
        prepared.moment = moment_of(one["resourceType"], prepared.index)
    return made


def moment_of(kind: str, index: dict[str, list[Row]]) -> int | None:
    """The lowest date among the rows of the type's main date parameter; None when it has none or tells none."""
    main = searchparams.main_date(kind)
    lows = [row[1] for row in index.get("store_date", ()) if row[0] == main]
    return min(lows) if lows else None


def index_rows(resource: dict[str, Any]) -> dict[str, list[Row]]:
    """The search rows of a resource by table (``index_tables``), without its key; each once.

    Among the tokens, what kinds of data it is of by its codes: blocks ask for that.
    """
    found = indexer(resource["resourceType"])(resource)
    for kind in data_kinds.of_codes(resource):
        found.setdefault("store_token", []).append((_KIND, kind, ""))
    return found


_KIND = param_id(data_kinds.PARAMETER)


def fact_rows(resource: dict[str, Any], facts_folder: Path) -> list[tuple[str, list[Row]]]:
    """The fact rows of a resource, per table that has any."""
    makers = _makers(facts_folder).get(resource["resourceType"], ())
    return [(name, rows) for name, make in makers if (rows := make(resource))]


@cache
def _makers(folder: Path) -> dict[str, tuple[tuple[str, views.Maker], ...]]:
    found: dict[str, list[tuple[str, views.Maker]]] = {}
    for name, table in views.load_views(folder).items():
        if isinstance(table, views.View):
            found.setdefault(table.resource, []).append((name, table.make))
    return {resource: tuple(pairs) for resource, pairs in found.items()}
