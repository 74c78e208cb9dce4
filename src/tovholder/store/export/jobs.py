"""Exports that clients ask for: queued, asked about, fetched by whoever asked, removed when their time is over."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from tovholder.access import Context, Role, audit
from tovholder.access.domain import Grants
from tovholder.base.clock import system_clock
from tovholder.base.errors import not_found
from tovholder.jobs import queue
from tovholder.jobs.queue import Run, State
from tovholder.store import trail
from tovholder.store.export import selection
from tovholder.store.export.selection import Selection
from tovholder.store.export.writing import Manifest, write


@dataclass(frozen=True, slots=True)
class Export:
    """An export as its owner sees it. told: how far it is, or why it failed; manifest and expires once it is done."""

    id: str
    state: State
    told: str
    request: str
    asked: datetime
    manifest: Manifest | None = None
    expires: datetime | None = None


def start(ctx: Context, wish: Selection, *, request: str) -> str:
    """Put an export in line and return its id. request: the address it was asked for. Raises Problem."""
    selection.check(ctx, wish)
    who = {
        "actor": ctx.actor,
        "role": str(ctx.role),
        "organization": ctx.organization,
        "patient": ctx.patient,
        "purpose": ctx.purpose,
        "client": ctx.client,
        "request_id": ctx.request_id,
        "person": ctx.person,
        "units": list(ctx.units),
        "rights": sorted(ctx.rights),
        "grants": None if ctx.grants is None else {"allowed": ctx.grants.allowed, "patient": ctx.grants.patient},
    }
    return queue.enqueue(export, owner=_owner(ctx), who=who, wish=wish.told(), request=request)


@queue.job
def export(context: Run, who: Mapping[str, Any], wish: Mapping[str, Any], request: str) -> dict[str, Any]:
    """The job: as whoever asked, with the rights of their role today, and no more than the app or system was given."""
    ctx = _as(who)
    folder = root() / context.job_id
    return write(ctx, Selection.of(wish), folder, name=f"$export {context.job_id}", tell=context.tell).told()


def _as(who: Mapping[str, Any]) -> Context:
    given = who.get("grants")
    told = {
        **who,
        "role": Role(who["role"]),
        "units": tuple(who.get("units", ())),
        "rights": frozenset(who.get("rights", ())),
        "grants": None
        if given is None
        else Grants(tuple((action, kind, tuple(texts)) for action, kind, texts in given["allowed"]), given["patient"]),
    }
    return Context(**told, now=system_clock())


def find(ctx: Context, export_id: str, now: datetime) -> Export:
    """An export of the caller's own. Raises Problem(NOT_FOUND) for another's, one cancelled, one whose time is over."""
    status = queue.status(export_id)
    if status is None or status.name != "export" or status.owner != _owner(ctx) or status.cancelled:
        raise not_found("The export")
    found = Export(status.job_id, status.state, status.told, status.arguments["request"], status.enqueued)
    if status.state is not State.DONE or status.finished is None:
        return found
    expires = status.finished + lifetime()
    if expires <= now:
        raise not_found("The export")
    return Export(found.id, found.state, "", found.request, found.asked, Manifest.of(status.result), expires)


def cancel(ctx: Context, export_id: str, now: datetime) -> None:
    """End an export and remove its files. Raises Problem(NOT_FOUND)."""
    found = find(ctx, export_id, now)
    queue.remove(found.id)
    if found.state is not State.RUNNING:  # a running one removes what it wrote itself
        shutil.rmtree(root() / found.id, ignore_errors=True)


def open_file(ctx: Context, export_id: str, name: str, now: datetime) -> IO[bytes]:
    """One file of a finished export; noted in the audit trail, whose events on the export name the patients."""
    found = find(ctx, export_id, now)
    files = (*found.manifest.files, *found.manifest.deleted) if found.manifest else ()
    if name not in {one.name for one in files}:
        raise not_found("The file")
    try:
        handle = (root() / found.id / name).open("rb")
    except FileNotFoundError:
        raise not_found("The file") from None
    trail.note(audit.Entry(ctx, "export", frozenset(), f"$export {found.id} {name}"))
    return handle


def sweep(now: datetime) -> int:
    """Remove the files of exports that are over, cancelled or were never finished; returns how many folders went."""
    if not root().exists():
        return 0
    removed = 0
    for folder in sorted(root().iterdir()):
        export_id, _, rest = folder.name.partition(".")
        status = queue.status(export_id)
        if status is not None and status.state in (State.WAITING, State.RUNNING):
            continue
        over = status is not None and status.finished is not None and status.finished + lifetime() <= now
        if status is None or over or status.state is State.FAILED or rest:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        if over:
            queue.remove(export_id)
    return removed


def root() -> Path:
    """Where exports are kept: for this system's user alone."""
    home: Path = settings.ENV.home
    return home / "exports"


def lifetime() -> timedelta:
    """How long files are kept after the export is done."""
    return timedelta(hours=settings.ENV.export_hours)


def _owner(ctx: Context) -> str:
    """Who may ask about it: the same person, or the same app or system with a token for the same as when it asked."""
    told = f"{ctx.actor} {ctx.role} {ctx.organization or '-'}"
    if ctx.grants is None:
        return told
    given = repr((ctx.client, sorted(ctx.grants.allowed), ctx.grants.patient))
    return f"{told} {hashlib.sha256(given.encode()).hexdigest()[:24]}"
