"""What is given along with the matches: what they point at, what points at them (R4 §3.1.1.5.4).

Each once, within the actor's scope, no more than the setting says; ``:iterate`` goes on from what was included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.conf import settings

from tovholder import database
from tovholder.fhir import searchparams
from tovholder.fhir.prepare import index_rows
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store import shown
from tovholder.store.params.terms import Sql, all_of, among, any_of
from tovholder.store.rows import Stored
from tovholder.store.search.links import Asking, within
from tovholder.store.search.query import Include
from tovholder.store.search.rows import Row

MAX_ROUNDS = 10


class Gathering:
    """What has been included so far. cut: there was more than the limit lets through."""

    def __init__(self, asking: Asking, matches: Iterable[Row]) -> None:
        self.asking = asking
        self.rows: list[Row] = []
        self.cut = False
        self._seen = {row.key for row in matches}
        self._room = settings.ENV.limits.included

    def run(self, includes: Sequence[Include], matches: Sequence[Row]) -> None:
        """Follow every include from the matches, and the iterating ones from what they brought."""
        found, asked = list(matches), list(includes)
        for _ in range(MAX_ROUNDS):
            fresh = [row for include in asked for row in self._follow(include, found)]
            self.rows += fresh
            asked = [include for include in includes if include.iterate]
            if not fresh or not asked or self.cut:
                return
            found = fresh

    def _follow(self, include: Include, found: Sequence[Row]) -> list[Row]:
        return self._pointing(include, found) if include.reverse else self._pointed_at(include, found)

    # What they point at

    def _pointed_at(self, include: Include, found: Sequence[Row]) -> list[Row]:
        wanted: dict[str, set[str]] = {}
        addresses: dict[str, set[str]] = {}
        for row in found:
            kind = row.stored.type
            if include.source not in ("*", kind):
                continue
            parameters = self._references(kind, include.parameter)
            for number, rid, target in index_rows(row.stored.resource).get("store_reference", ()):
                if number not in parameters or parameters[number].only not in ("", target):
                    continue
                if target and include.target in ("", target):
                    wanted.setdefault(target, set()).add(rid)
                elif not target:
                    for canonical in parameters[number].target:
                        if include.target in ("", canonical):
                            addresses.setdefault(canonical, set()).add(rid)
        fresh: list[Row] = []
        for target, rids in sorted(wanted.items()):
            fresh += self._fetch(target, among("r.rid", sorted(rids)))
        for target, urls in sorted(addresses.items()):
            if searchparams.search_parameter(target, "url") is not None:
                term = among("t.uri", sorted(urls))
                fresh += self._fetch(
                    target,
                    Sql(
                        f"r.key IN (SELECT t.key FROM store_uri AS t WHERE t.param = %s AND {term.text})",
                        (*searchparams.numbers(target, "url"), *term.values),
                    ),
                )
        return fresh

    # What points at them

    def _pointing(self, include: Include, found: Sequence[Row]) -> list[Row]:
        by_type: dict[str, list[str]] = {}
        for row in found:
            if include.target in ("", row.stored.type):
                by_type.setdefault(row.stored.type, []).append(row.stored.id)
        fresh: list[Row] = []
        sources = searchparams.indexed_types() if include.source == "*" else (include.source,)
        for source in sources:
            terms: list[Sql] = []
            for number, parameter in self._references(source, include.parameter).items():
                for kind, rids in by_type.items():
                    if parameter.target and kind not in parameter.target:
                        continue
                    if not parameter.expression:
                        terms.append(among("r.patient_id", rids))
                        continue
                    term = among("t.rid", rids)
                    terms.append(
                        Sql(
                            "r.key IN (SELECT t.key FROM store_reference AS t WHERE t.param = %s AND"
                            f" {term.text} AND t.type = %s)",
                            (number, *term.values, kind),
                        )
                    )
            if terms:
                fresh += self._fetch(source, any_of(terms))
        return fresh

    def _fetch(self, kind: str, which: Sql) -> list[Row]:
        seen = within(self.asking, kind, few=True)("r")
        where = all_of([which, Sql("r.type = %s AND NOT r.deleted", (kind,)), seen])
        rows = database.rows(
            "SELECT r.key, r.rid, r.version, r.updated, r.patient_id, v.body FROM store_resource AS r"
            f" JOIN store_version AS v ON v.seq = r.seq WHERE {where.text} ORDER BY r.key"
            f" LIMIT {int(self._room + len(self._seen) + 1)}",
            where.values,
        )
        fresh: list[Row] = []
        for key, rid, version, updated, patient, body in rows:
            if key in self._seen:
                continue
            if self._room == 0:
                self.cut = True
                break
            self._room -= 1
            self._seen.add(key)
            stored = shown.to(self.asking.ctx, Stored(None, kind, rid, version, updated, body=bytes(body)))
            fresh.append(Row(key, stored, patient, ()))
        return fresh

    def _references(self, kind: str, name: str) -> dict[int, SearchParameter]:
        """The reference parameters of a type an include names and the actor is shown, by number."""
        ctx = self.asking.ctx
        found = _references(kind, name)
        if shown.view_of(ctx, kind) is None:
            return found
        return {number: item for number, item in found.items() if not shown.hides(ctx, item, kind)}


def _references(kind: str, name: str) -> dict[int, SearchParameter]:
    """The reference parameters of a type an include names, by number."""
    found = [item for item in searchparams.parameters_of(kind) if item.kind == "reference" and name in ("*", item.name)]
    # Several may share their rows; one that takes any type of them says it all.
    found.sort(key=lambda item: not item.only)
    return {number: item for item in found for number in searchparams.numbers(kind, item.name) or (0,)}
