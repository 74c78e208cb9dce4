"""``tovholder package export``: files and one Bundle another system can load; and what the server writes of packages itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.people import system
from tovholder import packages, store
from tovholder.base import json
from tovholder.cli import server
from tovholder.fhir.validate import validate
from tovholder.plan import definitions


def test_a_folder_with_a_file_for_each_resource(cli, tmp_path: Path):
    cli("package", "export", "kol", "--out", tmp_path / "kol")
    found = {path.name: json.loads(path.read_bytes()) for path in (tmp_path / "kol").iterdir()}
    assert set(found) == {f"{item['resourceType']}-{item['id']}.json" for item in found.values()}
    version = packages.get("kol").version
    assert f"PlanDefinition-tovholder-kol-{version}.json" in found
    published = definitions.published()
    assert all(published[item["resourceType"], item["id"]] == item for item in found.values())


def test_one_bundle_of_an_earlier_version(cli):
    earliest, *later = packages.versions("kol")
    made = json.loads(cli("package", "export", f"kol@{earliest}", "--bundle", "-").out.encode())
    assert validate(made) == []
    assert {"PlanDefinition", "ActivityDefinition", "Questionnaire", "ValueSet", "Group", "Library", "CodeSystem"} == {
        entry["resource"]["resourceType"] for entry in made["entry"]
    }
    plan = made["entry"][0]["resource"]
    assert (plan["version"], plan["status"]) == (earliest, "retired" if later else "active")


def test_where_to_is_said_once(cli, tmp_path: Path):
    both = ("--out", tmp_path / "kol", "--bundle", tmp_path / "b.json")
    told = cli("package", "export", "kol", *both)
    assert (told.code, "either --out" in told.err) == (3, True)
    assert not (tmp_path / "kol").exists() and not (tmp_path / "b.json").exists()


@pytest.mark.django_db
def test_whoever_serves_tells_packages_as_fhir(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(definitions, "_written", [])
    monkeypatch.setattr(server, "daily_jobs", dict)
    server.run_daily()
    (key, wanted) = next(iter(definitions.published().items()))
    assert store.read(system(), *key).resource["url"] == wanted["url"]
    assert store.read(system(), *key).version == 1
    server.run_daily()
    assert store.read(system(), *key).version == 1
