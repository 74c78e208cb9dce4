"""Deletions in a load: a Bulk Data export's ``deleted`` lines, carried out where they stand among the others.

Such a line is a Bundle of type transaction whose entries all have request.method DELETE (Bulk Data Access IG STU2,
``deleted`` in the manifest).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder.access import Context
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import parse_reference
from tovholder.store.bulk.sources import Item
from tovholder.store.bulk.writing import Batch, Reject, Report, patiently, prepare_batch, write_batch
from tovholder.store.unit import unit_of_work

AT_ONCE = 500  # deletions of one transaction


@dataclass(frozen=True, slots=True)
class Deletion:
    """One entry: what is to go, and where that was told."""

    kind: str
    rid: str
    source: str


@dataclass(slots=True)
class Deletions:
    """The entries of one line, and those that name nothing that could be deleted."""

    told: list[Deletion] = field(default_factory=list)
    bad: list[Reject] = field(default_factory=list)


Ready = list[Batch | Deletions]


def prepare(items: Sequence[Item]) -> Ready:
    """A batch in its parts: what is to be stored, and the deletions between; needs no database."""
    parts: Ready = []
    begin = 0
    for place, item in enumerate(items):
        if not _may_delete(item.raw):
            continue  # without being parsed: that is done one by one
        resource = item.resource
        if resource is not None and resource["resourceType"] == "Bundle" and _only_deletes(resource):
            if begin < place:
                parts.append(prepare_batch(items[begin:place]))
            parts.append(_read(item.source, resource["entry"]))
            begin = place + 1
    if begin < len(items):
        parts.append(prepare_batch(items[begin:]))
    return parts


def write(ctx: Context, parts: Ready) -> Report:
    """Store and delete in the order it was read; what is not there (any more) is as it should be."""
    whole = Report()
    for part in parts:
        done = write_batch(ctx, part) if isinstance(part, Batch) else _write(ctx, part)
        whole.stored += done.stored
        whole.deleted += done.deleted
        whole.unchanged += done.unchanged
        whole.rejects += done.rejects
        whole.turn = max(whole.turn, done.turn)
    return whole


def _may_delete(raw: bytes) -> bool:
    return b"DELETE" in raw or b"\\u" in raw


def _only_deletes(bundle: dict[str, Any]) -> bool:
    entries = bundle.get("entry")
    return (
        bundle.get("type") == "transaction" and isinstance(entries, list) and bool(entries) and all(map(_is, entries))
    )


def _is(entry: object) -> bool:
    request = entry.get("request") if isinstance(entry, dict) else None
    return isinstance(request, dict) and request.get("method") == "DELETE"


def _read(source: str, entries: list[dict[str, Any]]) -> Deletions:
    found = Deletions()
    for number, entry in enumerate(entries):
        where, url = f"{source} Bundle.entry[{number}]", entry["request"].get("url")
        ref = parse_reference(url) if isinstance(url, str) else None
        if ref is None or ref.base or ref.version:
            issue = Issue(f"{where}.request.url", "names no resource of this record", "Type/id", "value")
            found.bad.append(Reject(where, (issue,), _line([entry])))
        else:
            found.told.append(Deletion(ref.type, ref.id, where))
    return found


def _line(entries: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})


def _write(ctx: Context, wanted: Deletions) -> Report:
    report = Report(rejects=list(wanted.bad))
    for start in range(0, len(wanted.told), AT_ONCE):
        _delete(ctx, wanted.told[start : start + AT_ONCE], report)
    return report


def _delete(ctx: Context, wanted: Sequence[Deletion], report: Report) -> None:
    """In one transaction; where one is refused, the halves by themselves, down to the one."""
    try:
        deleted = patiently(lambda: _unit(ctx, wanted))
    except Problem as problem:
        if problem.category is Category.BUSY:
            raise  # not the data's fault: nothing is set aside
        if len(wanted) > 1:
            middle = len(wanted) // 2
            _delete(ctx, wanted[:middle], report)
            _delete(ctx, wanted[middle:], report)
            return
        one = wanted[0]
        entry = {"request": {"method": "DELETE", "url": f"{one.kind}/{one.rid}"}}
        report.rejects.append(Reject(one.source, problem.issues, _line([entry])))
    else:
        report.deleted += deleted
        report.unchanged += len(wanted) - deleted


def _unit(ctx: Context, wanted: Sequence[Deletion]) -> int:
    deleted = 0
    with unit_of_work(ctx, bulk=True) as uow:
        uow.prefetch([(one.kind, one.rid) for one in wanted], ())
        for one in wanted:
            try:
                uow.read(one.kind, one.rid)
            except Problem as problem:
                if problem.category in (Category.NOT_FOUND, Category.GONE):
                    continue
                raise
            uow.delete(one.kind, one.rid)
            deleted += 1
    return deleted
