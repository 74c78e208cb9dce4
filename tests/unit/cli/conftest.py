"""The real command in a process of its own, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "tovholder.cli.main"]


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Cli:
    """tovholder in one home; nothing of the caller's own settings gets through."""

    home: Path
    bytecode: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def environ(self, **env: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOVHOLDER_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # every call would compile the whole house again
        mine = {"TOVHOLDER_ENV": "test", "TOVHOLDER_HOME": str(self.home), "PYTHONPYCACHEPREFIX": str(self.bytecode)}
        return kept | mine | self.env | env

    def __call__(self, *arguments: object, **env: str) -> Result:
        self.home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.home,
            env=self.environ(**env),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in result.said, result.said
        return result


@pytest.fixture(scope="session")
def make_cli(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Cli]:
    bytecode = tmp_path_factory.mktemp("bytecode")

    def make(home: Path) -> Cli:
        return Cli(home, bytecode)

    return make


@pytest.fixture
def cli(tmp_path: Path, make_cli: Callable[[Path], Cli]) -> Cli:
    """tovholder in an empty home."""
    return make_cli(tmp_path / "home")
