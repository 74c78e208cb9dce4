"""A policy with a fault in it: checked by a command, and no process starts with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tovholder.access.policy import FILE

OWN = FILE.read_text(encoding="utf-8")
FAULT = '\n[[allow]]\nrole = "gp"\nresources = ["Patient"]\nactions = ["read", "peek"]\nwhen = ["own-list"]\n'


def run(tmp_path: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "TOVHOLDER_ENV": "test", "TOVHOLDER_HOME": str(tmp_path / "home"), **environ}
    whole.pop("DJANGO_SETTINGS_MODULE", None)
    code = "from tovholder.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *command], env=whole, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(OWN + FAULT, encoding="utf-8")
    return path


def test_a_file_is_checked_and_every_fault_told(tmp_path: Path, faulty: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"  # a file is read without a database
    told = run(tmp_path, "access", "check", TOVHOLDER_DATABASE_URL=nowhere)
    assert told.returncode == 0 and "policy.toml can be used" in told.stdout
    told = run(tmp_path, "access", "check", str(faulty))
    assert told.returncode == 3
    assert "mine.toml: allow[43].actions" in told.stderr and "unknown action peek" in told.stderr
    good = tmp_path / "good.toml"
    good.write_text(OWN, encoding="utf-8")
    told = run(tmp_path, "access", "check", TOVHOLDER_POLICY=str(good))
    assert told.returncode == 0 and "good.toml can be used" in told.stdout


@pytest.mark.parametrize("command", [["migrate"], ["serve"]])
def test_no_process_starts_with_a_faulty_policy(tmp_path: Path, faulty: Path, command: list[str]) -> None:
    told = run(tmp_path, *command, TOVHOLDER_POLICY=str(faulty))
    assert told.returncode == 2, told.stderr
    assert "TOVHOLDER_POLICY" in told.stderr and "unknown action peek" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "home").exists()


def test_nor_with_one_that_is_not_there(tmp_path: Path) -> None:
    missing = run(tmp_path, "access", "check", TOVHOLDER_POLICY=str(tmp_path / "nowhere.toml"))
    assert missing.returncode == 2 and "nowhere.toml" in missing.stderr
