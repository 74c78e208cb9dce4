"""PostgreSQL's own programs as Debian installs them: of each the newest."""

from __future__ import annotations

import shutil
from pathlib import Path

PLACES = Path("/usr/lib/postgresql")  # a folder per major version


def newest(name: str) -> tuple[Path, int] | None:
    """A program and the major version it is of (0: on the path, of unknown version); None when there is none."""
    found = sorted((int(path.parts[-3]), path) for path in PLACES.glob(f"[0-9]*/bin/{name}"))
    if found:
        return found[-1][1], found[-1][0]
    program = shutil.which(name)
    return (Path(program), 0) if program is not None else None
