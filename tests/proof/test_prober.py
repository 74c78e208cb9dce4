"""Everybody tries to reach the records, and the elements, that are not theirs, in every way there is: none gets out.

TOVHOLDER_PROBE says how many attempts each of them makes (all of some 40,000: 0); always the same ones.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from lib import canaries, prober
from lib.api import content_of
from lib.asking import NOBODY, Ask, requests, told
from lib.own_reading import Reading
from lib.prober import Asker, Prober
from lib.tally import Tally
from lib.two_records import MINE, THEIRS
from tovholder.access import policy
from tovholder.jobs.worker import Worker
from tovholder.store import export

FILE = Path(policy.__file__).with_name("policy.toml")
MANY = int(os.environ.get("TOVHOLDER_PROBE", "500"))
FEW = 60
# Those who may open a record that is not theirs, by saying why: what they open is theirs then.
MAY_OPEN = frozenset({"gp", "staff", "hospital", "prevention", "partner"})


def made() -> Prober:
    return Prober(canaries.build(), Reading.of_file(FILE))


def heard(found: Prober, whose: str) -> list[str]:
    """A few marks of a record, as if somebody had heard of them."""
    words = sorted(name for name, mark in found.canaries.marks.items() if mark.patient == whose)
    return Random(1).sample(words, 4)


def probe(found: Prober, many: int) -> list[Asker]:
    """Everybody makes so many attempts of the API, and opens every page."""
    every = [(way, ask) for whose in canaries.OUT for way, ask in prober.ways(whose, heard(found, whose))]
    everybody = list(prober.askers())
    for number, asker in enumerate(everybody):
        shown = found.open_to(asker.who)
        random = Random(f"prober {number}")
        for way, ask in random.sample(every, min(many, len(every))) if many else every:
            found.try_(asker, way, ask, shown)
        if asker.who.role not in MAY_OPEN:
            for whose in canaries.OUT:
                for way, ask in prober.forced(whose):
                    found.try_(asker, way, ask, shown)
        if asker.browser is not None:
            opened = [(method, path) for whose in canaries.OUT for method, path in prober.pages(whose)]
            for method, path in random.sample(opened, min(many // 2, len(opened))) if many else opened:
                found.page(asker, method, path, shown)
            sent = [one for whose in canaries.OUT for one in prober.mixed(whose)]
            for path, body in random.sample(sent, min(many // 2, len(sent))) if many else sent:
                found.page(asker, "POST", path, shown, body)
    return everybody


def require_none(found: Prober, tally: Tally, what: str) -> None:
    assert not found.leaks, "\n".join([f"{len(found.leaks)} leaks", *found.leaks[:40]])
    assert not found.broken, "\n".join(found.broken[:40])
    assert found.told, "nobody was told anything: nothing was tried"
    spread = ", ".join(f"{way} {count:,}" for way, count in sorted(found.by_way.items()))
    tally("prober", f"{found.attempts:,} attempts {what}, leaks: {len(found.leaks)} ({spread})")


@pytest.mark.django_db
def test_a_few_attempts_of_everybody(tally: Tally) -> None:
    found = made()
    probe(found, FEW)
    require_none(found, tally, "(the short run)")


@pytest.mark.slow
@pytest.mark.django_db
def test_nothing_gets_out(tally: Tally) -> None:
    found = made()
    everybody = probe(found, MANY)
    marks = len(found.canaries.marks)
    require_none(
        found, tally, f"by {len(everybody)} who ask at {marks:,} marks of {len(canaries.OUT)} records out of reach"
    )


@pytest.mark.django_db
def test_a_leak_would_be_found(monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    found = made()
    # Somebody forgot the scope of versions.
    monkeypatch.setattr("tovholder.store.versions.scope.predicate", lambda *_, **__: ("1 = 1", []))
    every = [ask for way, ask in islice(prober.ways(THEIRS, []), 4000) if ask.method == "GET"]
    for asker in prober.askers():
        shown = found.open_to(asker.who)
        before = len(found.leaks)
        for ask in Random(2).sample(every, FEW):
            found.try_(asker, "test", ask, shown)
        if asker.who.role not in ("analyst", "operator", "author"):
            assert len(found.leaks) > before, asker.name


@pytest.mark.django_db
def test_pages_and_files_of_others_stay_theirs(tally: Tally) -> None:
    """Cursors made for one are asked for by another."""
    found = made()
    everybody = list(prober.askers())
    links: list[str] = []
    for path in (
        "/Observation?_count=1",
        "/Condition?_count=1&_sort=-_lastUpdated",
        "/_history?_count=2",
        "/Patient/_history?_count=1",
        "/Patient?_count=1&_revinclude=*",
        f"/Patient/{THEIRS}/$everything?_count=2",
        f"/Patient/{MINE}/$everything?_count=2",
        "/Patient/$everything?_count=2",
        "/AuditEvent?_count=1",
    ):
        for caller in (found.canaries.system, *(asker.caller for asker in everybody)):
            answer = caller.send("GET", path)
            if answer.status_code == 200:
                links += [link["url"] for link in answer.json().get("link", ()) if link["relation"] == "next"]
    assert len(links) > 20
    for asker in everybody:
        shown = found.open_to(asker.who)
        for link in links:
            path = link.removeprefix("http://testserver/fhir")
            for changed in (path, path[:-1], path.replace("Observation", "Patient")):
                found.try_(asker, "cursors", Ask("GET", changed), shown)
    require_none(found, tally, "with pages handed on")


@pytest.mark.django_db(transaction=True)
def test_an_export_is_for_whoever_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    monkeypatch.setattr(export.jobs, "root", lambda: tmp_path / "exports")
    found = made()
    begun = found.canaries.system.send("GET", "/$export", Prefer="respond-async")
    where = begun.headers["Content-Location"].partition("/fhir")[2]
    Worker().work()
    manifest = found.canaries.system.send("GET", where).json()
    files = [one["url"].partition("/fhir")[2] for one in manifest["output"]]
    assert files
    for asker in prober.askers():
        shown = found.open_to(asker.who)
        for path in (where, *files, *(f"{file}/../{file}" for file in files[:3])):
            for method in ("GET", "HEAD", "DELETE", "POST"):
                found.try_(asker, "exports", Ask(method, path), shown)
        if asker.who.role != "system":
            for path in ("/$export", "/Patient/$export", "/Group/g/$export"):
                answer = asker.caller.send("GET", path, Prefer="respond-async")
                assert answer.status_code in (403, 404), (asker.name, path)
    assert content_of(found.canaries.system.send("GET", files[0])).startswith(b"{"), "somebody deleted it"
    found.told += 1
    require_none(found, tally, "at another's export")


@pytest.mark.slow
@pytest.mark.django_db
def test_no_answer_tells_that_something_is_there(tally: Tally) -> None:
    """Of a record that was theirs, will be, or is kept from them, the answer is that to one there never was."""
    made()
    random = Random(9)
    asked, differing = 0, []
    kinds = ["Patient", "Condition", "Observation", "Task", "Goal", "Binary"]
    for asker in prober.askers():
        if asker.name in ("operator", "system of measurements"):
            continue  # the trail, and measurements, are theirs to see
        for whose in (canaries.FORMER, canaries.COMING, canaries.BARRED):
            kind = random.choice(kinds)
            pairs = list(zip(requests(kind, whose), requests(kind, NOBODY), strict=True))
            for one, other in random.sample(pairs, min(40, len(pairs))):
                asked += 1
                here, there = told(asker.caller, one, whose, kind), told(asker.caller, other, NOBODY, kind)
                if here != there:
                    differing.append(f"{asker.name}: {one.method} {one.path} {one.headers}\n   {here}\n   {there}")
    assert not differing, "\n".join([str(len(differing)), *differing[:10]])
    tally("prober", f"{asked:,} questions whether something is there, each answered as if it never was")
