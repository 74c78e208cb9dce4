"""``tovholder export``: whole files and a manifest, what went in comes out, and out again only what changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from lib import homes
from lib.homes import Home
from tovholder.base import json

pytestmark = pytest.mark.slow
PATIENTS = [{"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"Nr{number}"}]} for number in range(5)]
WEIGHTS = [
    {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": f"Patient/p{number}"},
    }
    for number in range(5)
]
MEMBERS = [{"entity": {"reference": f"Patient/p{number}"}} for number in (1, 3)]
GROUP = {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": MEMBERS}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with homes.made(tmp_path / "home") as made:
        load(made, tmp_path, [*PATIENTS, *WEIGHTS, GROUP])
        yield made


def load(home: Home, folder: Path, resources: list[Any]) -> None:
    lines = folder / "in.ndjson"
    # Decimals come out as they went in.
    body = b"\n".join(json.dumps(one) for one in resources)
    lines.write_bytes(
        body.replace(b'"code":{"text":"weight"}', b'"code":{"text":"weight"},"valueQuantity":{"value":71.50}')
    )
    run(home, "import", str(lines), "--rejects", str(folder / "rejects"))


def run(home: Home, *command: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tovholder.cli.main", *command],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def exported(folder: Path) -> dict[str, bytes]:
    """Every line by reference; the manifest tells all there is."""
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    listed = {one["url"]: one for part in ("output", "deleted") for one in manifest[part]}
    assert {path.name for path in folder.iterdir()} == {*listed, "manifest.json"}
    found: dict[str, bytes] = {}
    for name, one in listed.items():
        raw = (folder / name).read_bytes().splitlines()
        assert len(raw) == one["count"]
        for line in raw:
            told = orjson.loads(line)
            assert told["resourceType"] == one["type"]
            found[f"{told['resourceType']}/{told.get('id', '')}"] = line
    return found


def test_what_went_in_comes_out_as_it_was_written(home: Home, tmp_path: Path) -> None:
    told = run(home, "export", str(tmp_path / "out"))
    out = exported(tmp_path / "out")
    assert {f"{one['resourceType']}/{one['id']}" for one in (*PATIENTS, *WEIGHTS, GROUP)} <= set(out)
    assert b'"value":71.50' in out["Observation/o1"]
    stored = orjson.loads(out["Patient/p1"])
    assert stored.pop("meta")["versionId"] == "1"
    assert stored == PATIENTS[1]
    assert f"{len(out)} resources in" in told and "--since" in told
    assert home.rows("SELECT COUNT(*) FROM access_auditevent WHERE action = 'export'") == [(1,)]
    # Whom it was about is told by the versions (tests/unit/store/test_audit_exports.py): nobody is linked.
    assert home.rows("SELECT detail LIKE '%%_seq=%%' FROM access_auditevent WHERE action = 'export'")[0][0]


def test_what_came_out_goes_into_another_home(home: Home, tmp_path: Path) -> None:
    run(home, "export", str(tmp_path / "out"))
    with homes.made(tmp_path / "other") as other:
        told = run(other, "import", str(tmp_path / "out"), "--rejects", str(tmp_path / "again"))
        assert "0 set aside" in told
        run(other, "export", str(tmp_path / "back"))
        first, second = exported(tmp_path / "out"), exported(tmp_path / "back")
        assert set(first) == set(second)
        for reference, line in first.items():
            there, here = orjson.loads(second[reference]), orjson.loads(line)
            assert {**there, "meta": 0} == {**here, "meta": 0}


def test_only_types_changes_or_a_group(home: Home, tmp_path: Path) -> None:
    run(home, "export", str(tmp_path / "types"), "--type", "Patient", "--type", "Group")
    assert set(exported(tmp_path / "types")) == {"Group/g", *(f"Patient/p{number}" for number in range(5))}
    run(home, "export", str(tmp_path / "group"), "--group", "g")
    assert set(exported(tmp_path / "group")) == {"Patient/p1", "Patient/p3", "Observation/o1", "Observation/o3"}
    since = orjson.loads((tmp_path / "group" / "manifest.json").read_bytes())["transactionTime"]
    load(home, tmp_path, [{**PATIENTS[2], "gender": "female"}])
    run(home, "export", str(tmp_path / "since"), "--since", since)
    assert "Patient/p2" in exported(tmp_path / "since")


def test_nothing_is_written_where_something_is(home: Home, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    assert "something is there already" in run(home, "export", str(taken), code=3)
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert "not an instant" in run(home, "export", str(tmp_path / "a"), "--since", "yesterday", code=3)
    assert "--type: Nonsense is not an R4 resource type" in run(
        home, "export", str(tmp_path / "a"), "--type", "Nonsense", code=3
    )
    assert "The Group was not found" in run(home, "export", str(tmp_path / "a"), "--group", "nobody", code=5)
    assert not (tmp_path / "a").exists()


def test_an_empty_folder_is_as_good_as_none(home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run(home, "export", str(tmp_path / "empty"), "--type", "Patient")
    assert len(exported(tmp_path / "empty")) == 5
