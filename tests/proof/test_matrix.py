"""The permission matrix: every address, method, operation and role there is stands in matrix.toml, and is as it says.

A new route, operation or role without its cells fails. TOVHOLDER_WRITE_MATRIX=1 writes the table anew; what changed is
then to be read cell by cell in the difference, for the table is what was decided, not what happens to be.
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from lib import matrix
from lib.own_reading import App, Reading, Who
from lib.tally import Tally
from lib.two_records import HERE, MINE
from tovholder.access import Role, policy

pytestmark = pytest.mark.django_db
FILE = Path(__file__).with_name("matrix.toml")
POLICY = Path(policy.__file__).with_name("policy.toml")
WORDS = ("allowed", "filtered", "moved", "invalid", "login", "404", "403", "405")
HEAD = """# The permission matrix: what everybody is told at every address (tests/lib/matrix.py says what the words mean).
# "(own)" is asked about a patient of theirs, "(other)" about another's. Roles that a row does not name elsewhere are
# under its word for the rest. Written by TOVHOLDER_WRITE_MATRIX=1 and read, cell by cell, by whoever commits it.
"""


def table() -> dict[str, dict[str, str]]:
    """The matrix as it was decided: by row, each role's word."""
    found: dict[str, dict[str, str]] = {}
    for name, words in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        cells: dict[str, str] = {}
        for word, columns in words.items():
            for column in matrix.COLUMNS if columns == "everybody" else columns.split():
                assert column not in cells, f"{name}: {column} stands twice"
                cells[column] = word
        found[name] = cells
    return found


def written(cells: dict[str, dict[str, str]]) -> str:
    """The table as its file has it."""
    lines = [HEAD]
    for name, row in cells.items():
        by: dict[str, list[str]] = {}
        for column in matrix.COLUMNS:
            by.setdefault(row[column], []).append(column)
        words = []
        for word in sorted(by, key=lambda word: (*WORDS, word).index(word)):
            key = word if word.isalpha() else f'"{word}"'
            words.append(f'{key} = "{" ".join(by[word]) if len(by) > 1 else "everybody"}"')
        lines.append("\n".join([f'["{name}"]', *words, ""]))
    return "\n".join(lines)


def test_every_role_has_a_column() -> None:
    assert {str(role) for role in Role} <= set(matrix.COLUMNS)
    assert set(matrix.PEOPLE) == set(Role)


def test_every_address_and_method_has_a_row() -> None:
    there = {row.name for row in matrix.rows()}
    listed = table()
    assert there - set(listed) == set(), "addresses nobody decided about: see TOVHOLDER_WRITE_MATRIX above"
    assert set(listed) - there == set(), "rows of addresses that are gone"
    assert {name for name, cells in listed.items() if set(cells) != set(matrix.COLUMNS)} == set()
    assert {word for cells in listed.values() for word in cells.values()} <= set(WORDS)


@pytest.mark.slow
def test_the_matrix_holds(tally: Tally) -> None:
    asking = matrix.Asking()
    found = {row.name: asking.cells(row) for row in matrix.rows()}
    if os.environ.get("TOVHOLDER_WRITE_MATRIX"):
        FILE.write_text(written(found), encoding="utf-8")
    listed = table()
    wrong = [
        f"{name}: {column} is told {word}, and should be {listed[name][column]}"
        for name, cells in found.items()
        for column, word in cells.items()
        if listed[name][column] != word
    ]
    assert not wrong, "\n".join([f"{len(wrong)} cells", *wrong[:60]])
    count = Counter(word for cells in found.values() for word in cells.values())
    told = ", ".join(f"{word} {count[word]:,}" for word in WORDS)
    tally(
        "matrix", f"{sum(count.values()):,} cells exercised: {len(found)} rows x {len(matrix.COLUMNS)} who ask ({told})"
    )


def test_what_holds_whatever_the_table_says() -> None:
    answered = ("allowed", "filtered")
    for name, cells in table().items():
        method, _, address = name.partition(" ")
        if "(other)" in name and not name.startswith(EMPTY) and "vaerdispring" not in name:
            # Another's patient is told of to systems alone; a search in their record finds nothing, and the page of
            # break-glass tells nothing of them before a reason is given.
            assert {who for who, word in cells.items() if word in answered} <= {"system", "client"}, name
        if "<str" in address:
            assert cells["nobody"] not in answered, name
        if not address.startswith("fhir"):
            for who in ("app", "client"):
                assert cells[who] not in answered or cells["nobody"] in answered, f"{name}: a page for {who}"
        # Who sees no patient writes nothing; a Bundle without entries does nothing.
        if method in ("POST", "PUT", "PATCH", "DELETE") and address.startswith("fhir/") and address != "fhir/":
            writes = "$" not in name and "_search" not in name
            assert not writes or "allowed" not in (cells["operator"], cells["author"], cells["analyst"]), name


EMPTY = tuple(f"{method} fhir/Patient/<str:rid>/" for method in ("GET", "HEAD", "POST"))


@pytest.mark.slow
def test_every_interaction_of_the_statement(tally: Tally) -> None:
    """Each type and interaction the CapabilityStatement declares, by the reading of the policy."""
    asking = matrix.Asking()
    reading = Reading.of_file(POLICY)
    statement = asking.tokens["nobody"].send("GET", "/metadata").json()
    asked, wrong = 0, []
    who = {str(role): Who(str(role), "x", HERE, own=MINE, rights=frozenset({"plan", "record", "act"})) for role in Role}
    who["app"] = Who("gp", "x", HERE, app=App((("read", "Observation", ("",)), ("search", "Observation", ("",)))))
    for resource in statement["rest"][0]["resource"]:
        kind = resource["type"]
        codes = {one["code"] for one in resource["interaction"]}
        for column, one in who.items():
            for code, query in (
                ("search-type", "?_count=1"),
                ("history-type", "/_history?_count=1"),
                ("read", "/nowhere"),
            ):
                if code not in codes:
                    continue
                asked += 1
                answer = asking.tokens[column].send("GET", f"/{kind}{query}")
                # Of what is not theirs at all they are told so, or that there is none.
                none = answer.status_code in (403, 404) or not answer.json().get(
                    "total", len(answer.json().get("entry", ()))
                )
                allowed = answer.status_code == 200 if code != "read" else answer.status_code in (403, 404)
                if not (allowed if code == "read" or reading.ever(one, "search", kind) else none):
                    wrong.append(f"{column}: {code} of {kind}: {answer.status_code}")
    assert not wrong, "\n".join([str(len(wrong)), *wrong[:40]])
    tally("matrix", f"{asked:,} interactions of the CapabilityStatement as the policy has them")
