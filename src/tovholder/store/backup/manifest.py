"""What stands beside a backup: what it holds, how large it is, its checksum, and the newest hash of the audit trail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tovholder import __version__
from tovholder.access import audit_chain
from tovholder.access.audit_chain import Query
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import files

FORMAT = 1


@dataclass(frozen=True, slots=True)
class State:
    """What a database holds: counted, not guessed. schema: a digest of the generated tables' definitions."""

    resources: int
    versions: int
    last_seq: int
    audit_events: int
    audit_seals: int
    audit_head: str  # empty: nothing has been sealed
    audit_unsealed: int
    schema: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup."""

    vendor: str
    file: str
    made: datetime
    size: int
    sha256: str
    state: State
    version: str = __version__


def state_of(
    query: Query, *, issued: tuple[int, int] | None = None, progress: Callable[[int], None] | None = None
) -> State:
    """Count everything, and compute the audit trail's chain again. Raises Problem(FAULT) when that is broken."""
    ((resources,),) = query("SELECT COUNT(*) FROM store_resource", [])
    ((versions, seq),) = query("SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM store_version", [])
    ((events,),) = query("SELECT COUNT(*) FROM access_auditevent", [])
    definitions = "\n".join(
        f"{name} {told}" for name, told in query("SELECT name, hash FROM store_schema ORDER BY name", [])
    )
    trail = audit_chain.verify(query, issued=issued, progress=progress)
    if trail.broken is not None:
        raise Problem(
            Category.FAULT,
            f"The audit trail is not as it was sealed: {trail.broken.message}; look with: tovholder audit verify",
            kept="what is there, untouched",
        )
    return State(
        resources=resources,
        versions=versions,
        last_seq=seq,
        audit_events=events,
        audit_seals=trail.seals,
        audit_head=trail.head[1] if trail.head else "",
        audit_unsealed=trail.unsealed,
        schema=hashlib.sha256(definitions.encode()).hexdigest(),
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it whole or not at all."""
    told = {"format": FORMAT, **asdict(manifest), "made": days.instant_text(manifest.made)}
    with files.unfinished(path) as part:
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        files.publish(part, path)


def read_manifest(path: Path) -> Manifest:
    """Read it. Raises Problem when it is not there or is none: a backup without one may be half."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT:
            raise ValueError("of another format")
        told["state"] = State(**told["state"])
        told["made"] = datetime.fromisoformat(told["made"])
        return Manifest(**told)
    except FileNotFoundError:
        raise Problem(
            Category.NOT_FOUND,
            f"There is no manifest {path}: only a backup that was finished has one",
            [Issue("PATH", "no manifest beside it", "a backup made by tovholder backup", "not-found")],
            kept="the record, untouched",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            Category.INVALID,
            f"The manifest {path} cannot be read",
            [Issue(path.name, f"not a manifest: {type(error).__name__}", "as tovholder backup wrote it", "structure")],
            kept="the record, untouched",
        ) from None
