"""tovholder audit verify, through the real command: what it prints, what it ends with, one byte of the file changed."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sqlite("changes bytes of the file")
PATIENT = '{"resourceType":"Patient","id":"somebody","gender":"female"}'


@pytest.fixture
def cli(tmp_path: Path, make_cli: Callable[[Path], Any]) -> Any:
    """A home with a few imports in it, each sealed at its end."""
    made = make_cli(tmp_path)
    assert made("migrate").code == 0
    (tmp_path / "somebody.json").write_text(PATIENT, encoding="utf-8")
    assert made("import", "somebody.json").code == 0
    return made


def test_the_chain_is_whole_after_an_import_and_prints_the_hash_to_keep(cli: Any) -> None:
    result = cli("audit", "verify")
    assert result.code == 0, result.said
    assert "under 1 seals are as they were sealed." in result.out
    head = re.search(r"Newest hash, to be kept elsewhere \(seal 1\): ([0-9a-f]{64})", result.out)
    assert head is not None
    told = json.loads(cli("audit", "verify", "--json", "--head", head[1]).out)
    assert (told["intact"], told["seals"], told["unsealed"], told["broken"]) == (True, 1, 0, None)
    assert told["head"] == {"seal": 1, "hash": head[1]}
    assert cli("audit", "verify", "--head", "0" * 64).code == 1
    slip = cli("audit", "verify", "--head", head[1][:-1])
    assert (slip.code, "BROKEN" in slip.said, "--head: not a hash" in slip.err) == (3, False, True)


def test_a_single_byte_changed_in_the_file_is_found_and_named_without_the_patient(cli: Any) -> None:
    database = cli.home / "tovholder.sqlite3"
    with sqlite3.connect(database) as held:
        held.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    held.close()
    raw = bytearray(database.read_bytes())
    at = raw.index(b"system:import")
    raw[at] ^= 1
    database.write_bytes(raw)
    result = cli("audit", "verify")
    assert result.code == 1
    assert "BROKEN at seal 1, event 1: the event was changed." in result.out
    told = cli("audit", "verify", "--json")
    assert told.code == 1
    assert json.loads(told.out)["broken"] == {"seal": 1, "event": 1, "message": "the event was changed"}
    assert "somebody" not in result.said + told.said
