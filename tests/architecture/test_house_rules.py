"""The house rules, as tests: sizes, left-overs, records of decisions, what is committed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOFT, HARD = 400, 600


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


# Modules past the soft limit, each with its reason; none may pass the hard limit.
LONG: dict[str, str] = {}


def test_no_module_owns_too_much() -> None:
    long = {}
    for path in tracked("src/**.py", "src/*.py"):
        lines = len(text_of(path).splitlines())
        name = str(path.relative_to(ROOT))
        if lines > HARD or (lines > SOFT and name not in LONG):
            long[name] = lines
    assert long == {}


def test_every_module_opens_with_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked("src/**.py", "tests/**.py", "tools/*.py")
        if text_of(path).strip()
        and "/migrations/" not in str(path)
        and not text_of(path).lstrip().startswith(('"""', "#!"))
    ]
    assert silent == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b(TODO|FIXME|XXX)\b",
        r"NotImplementedError",
        r"(?<![\w.])(/root/|/work/|/home/\w+/)",
        r"(pypi\.org|registry\.npmjs\.org|pythonhosted|repo1?\.maven)",
    ],
)
def test_nothing_is_left_over(pattern: str) -> None:
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in (".png", ".woff2", ".gz"):
            continue
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_locks_name_no_host_and_hash_everything() -> None:
    for path in tracked("requirements/*.txt"):
        text = text_of(path)
        assert "://" not in text, path
        pins = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)
    lock = text_of(ROOT / "package-lock.json")
    assert '"resolved"' not in lock


def test_decisions_are_numbered_titled_and_decided() -> None:
    numbers = []
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        number = path.name[:4]
        lines = text_of(path).splitlines()
        assert lines[0].startswith(f"# {number} "), path.name
        assert any(line.startswith(("Status: accepted", "Status: replaced")) for line in lines), path.name
        numbers.append(int(number))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_readme_names_the_two_commands_and_a_picture() -> None:
    readme = text_of(ROOT / "README.md")
    assert "make demo" in readme
    assert "make test" in readme
    for picture in re.findall(r"\]\((docs/[^)]+)\)", readme):
        assert (ROOT / picture).exists(), picture


def test_the_changelog_knows_this_version() -> None:
    from tovholder import __version__

    assert f"## {__version__}" in text_of(ROOT / "CHANGELOG.md")
