"""What the entries of a transaction mean by each other: new ids, criteria, conditional references (R4 §3.1.0.11.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from django.conf import settings

from tovholder import database
from tovholder.access import Context
from tovholder.api.entries import Entry, located
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import parse_reference
from tovholder.fhir.validate import resource_types
from tovholder.store import UnitOfWork, conditional
from tovholder.store.conditional import Criteria

_RESTFUL = re.compile(r"(https?://.+)/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


class Resolution:
    """Ids and references of one transaction.

    Everything is looked up twice: once beside the turn, so that the rows can be made there, and once inside it, where
    the answer counts. What has changed in between is prepared anew by the unit.
    """

    def __init__(self, entries: list[Entry], base: str) -> None:
        self.entries = entries
        self.most = settings.ENV.limits.entries if settings.ENV.delete_many else 1
        self._base = f"{base}/"
        self._found: dict[str, list[str]] = {}
        self._mapping: dict[str, str] = {}
        self._first: dict[str, Entry] = {}
        _require_once((entry.full_url, entry) for entry in entries)
        for entry in entries:
            self._read_links(entry)
            if entry.criteria is not None and entry.method == "POST":
                self._first.setdefault(entry.criteria.name, entry)
        self._require_one_change_each()

    def look_ahead(self, ctx: Context) -> None:
        """Beside the turn: what is very likely meant."""
        for wanted in self._all_criteria():
            self._found[wanted.name] = conditional.matches(ctx, wanted)
        self._assign(strict=False)
        for entry in self.entries:
            self._write_links(entry, strict=False)

    def decide(self, uow: UnitOfWork) -> None:
        """Inside the turn, after the deletes: what is meant. Raises Problem naming the entry."""
        named = [entry for entry in self.entries if entry.criteria is not None and entry.method != "DELETE"]
        if named:
            before = dict(self._mapping)
            criteria = {entry.criteria.name: entry.criteria for entry in named if entry.criteria is not None}
            for name in sorted(criteria):
                database.lock_name(name)
            uow.flush()
            for name, wanted in criteria.items():
                self._found[name] = conditional.matches(uow.ctx, wanted)
            self._assign(strict=True)
            if self._mapping != before:
                for entry in self.entries:
                    if entry.links and self._write_links(entry, strict=False):
                        entry.prepared = None
        self._require_one_change_each()

    def references(self, uow: UnitOfWork, waiting: list[Entry]) -> None:
        """Conditional references, once everything else is written: they may mean what the transaction itself made."""
        uow.flush()
        looked: dict[str, Criteria] = {w.name: w for entry in waiting for w in entry.search.values()}
        for name, wanted in looked.items():
            self._found[name] = conditional.matches(uow.ctx, wanted)
        for entry in waiting:
            if self._write_links(entry, strict=True):
                entry.prepared = None

    # Inside

    def _all_criteria(self) -> list[Criteria]:
        found: dict[str, Criteria] = {}
        for entry in self.entries:
            for wanted in ([entry.criteria] if entry.criteria else []) + list(entry.search.values()):
                if wanted.kind not in resource_types():
                    raise _wrong(entry, wanted.path, "unknown resource type", "an R4 resource type")
                found.setdefault(wanted.name, wanted)
        return list(found.values())

    def _read_links(self, entry: Entry) -> None:
        for link in entry.links:
            text = link.text
            kind, mark, query = text.removeprefix(self._base).partition("?")
            if link.name == "reference" and mark and "/" not in kind and ":" not in kind:
                where = f"{entry.where}.resource"
                entry.search[text] = conditional.criteria(kind, parse_qsl(query, keep_blank_values=True), where)

    def _assign(self, *, strict: bool) -> None:
        for entry in self.entries:
            if entry.criteria is not None and entry.method != "DELETE":
                self._by_criteria(entry, entry.criteria, strict=strict)
            if entry.full_url and entry.method in ("POST", "PUT"):
                self._mapping[entry.full_url] = f"{entry.kind}/{entry.rid}"

    def _by_criteria(self, entry: Entry, wanted: Criteria, *, strict: bool) -> None:
        try:
            rid = conditional.single(self._found[wanted.name], wanted)
        except Problem as problem:
            raise located(problem, entry.number) from None
        if entry.method == "PATCH":
            if rid is None:
                raise _wrong(entry, wanted.path, "no match", "criteria that one resource meets", Category.NOT_FOUND)
            entry.rid = rid
        elif entry.method == "POST":
            first = self._first[wanted.name]
            was, entry.existing = entry.existing, rid is not None or first is not entry
            entry.rid = rid or first.resource["id"]
            if was and not entry.existing:
                entry.prepared = None
        elif rid is not None:
            if entry.given is not None and entry.given != rid:
                told = "another id than the match has"
                raise _wrong(entry, f"{entry.where}.resource.id", told, "the match's id, or none")
            if entry.rid != rid:
                entry.rid = entry.resource["id"] = rid
                entry.prepared = None

    def _write_links(self, entry: Entry, *, strict: bool) -> bool:
        """Put what each link means in its place. Returns whether anything changed since the last time."""
        changed = False
        home = _RESTFUL.fullmatch(entry.full_url)
        for link in entry.links:
            meant = self._meaning(entry, link.text, home[1] if home else "", strict=strict)
            if link.holder.get(link.name) != meant:
                link.holder[link.name] = meant
                changed = True
        return changed

    def _meaning(self, entry: Entry, text: str, home: str, *, strict: bool) -> str:
        if text in self._mapping:
            return self._mapping[text]
        if home and f"{home}/{text}" in self._mapping:  # relative to where the Bundle says it comes from
            return self._mapping[f"{home}/{text}"]
        wanted = entry.search.get(text)
        if wanted is not None:
            ids = self._found[wanted.name]
            if len(ids) == 1:
                return f"{wanted.kind}/{ids[0]}"
            if strict:
                told = (
                    "no match for a conditional reference" if not ids else "several matches for a conditional reference"
                )
                raise _wrong(entry, wanted.path, told, "criteria that one resource meets", Category.PRECONDITION)
            return text
        if text.startswith(self._base) and parse_reference(text.removeprefix(self._base)):
            return text.removeprefix(self._base)  # this very server, by the address the client knows
        return text

    def _require_one_change_each(self) -> None:
        changes = (entry for entry in self.entries if entry.method in ("PUT", "PATCH", "DELETE") and entry.rid)
        seen: set[tuple[str, str]] = set()
        for entry in changes:
            if (entry.kind, entry.rid) in seen:
                raise Problem(
                    Category.INVALID,
                    "Two entries change the same resource",
                    [Issue(f"{entry.where}.request.url", "named twice", "each resource once", "duplicate")],
                )
            seen.add((entry.kind, entry.rid))


def _require_once(urls: Iterable[tuple[str, Entry]]) -> None:
    seen: set[str] = set()
    for url, entry in urls:
        if url in seen:  # R4 Bundle, bdl-7: references to it would mean either
            raise Problem(
                Category.INVALID,
                "Two entries have the same fullUrl",
                [Issue(f"{entry.where}.fullUrl", "named twice", "each fullUrl once", "duplicate")],
            )
        seen |= {url} - {""}


def _wrong(entry: Entry, path: str, message: str, expected: str, category: Category = Category.INVALID) -> Problem:
    found = Problem(category, "An entry names no one resource", [Issue(path, message, expected, "not-found")])
    return located(found, entry.number)
