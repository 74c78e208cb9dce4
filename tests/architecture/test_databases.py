"""One layer knows which database it is: elsewhere SQL is what both understand, and what is not run twice needs none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tovholder"
# Who may: the layer; settings; the workbench and rules, which run the engines they compare; and who is about a file.
KNOWING: dict[str, str] = {
    "database": "the layer itself",
    "config/database.py": "settings of both",
    "rules": "compiles for every engine",
    "workbench/factbase.py": "runs the engines it compares, in memory",
    "cli/bench": "measures a plain SQLite beside the record, as a floor",
    "access/audit.py": "an event, its number and its patients are one statement on each",
    "store/sealing.py": "the trail's own file and triggers on SQLite",
    "store/backup": "a backup is a file of the engine's own kind",
    "store/export/writing.py": "a scratch file of its own, which is SQLite's on both",
}
ONLY_SQLITE = (
    r"json_each|json_extract|INSERT OR |lastrowid|WITHOUT ROWID|\browid\b|\binstr\(|PRAGMA |GROUP_CONCAT|sqlite_master"
)
ONLY_POSTGRESQL = r"ON CONFLICT|pg_advisory|= ANY\(|::(text|int|bigint|jsonb)|\bILIKE\b|RETURNING |\bunnest\("
CHOOSING = r"connection\.vendor|\bvendor\(\) ?[=!]="


def _allowed(path: Path) -> bool:
    name = path.relative_to(SOURCE).as_posix()
    return any(name == known or name.startswith(f"{known}/") for known in KNOWING)


@pytest.mark.parametrize("pattern", [ONLY_SQLITE, ONLY_POSTGRESQL, CHOOSING], ids=["sqlite", "postgresql", "choosing"])
def test_sql_of_one_database_stands_in_its_layer_alone(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:90]}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not _allowed(path) and "/migrations/" not in path.as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []


def test_what_is_not_run_on_postgresql_needs_no_database() -> None:
    listed = re.search(r"^NO_DATABASE := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed is not None
    found = [
        str(path.relative_to(ROOT))
        for folder in listed[1].split()
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"django_db|unit_of_work|django\.db\b", path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_what_is_about_one_database_alone_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for found in re.findall(r"mark\.(?:sqlite|postgresql)\b(?!\(\s*\")", path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    ]
    assert silent == []
