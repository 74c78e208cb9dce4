"""Searches and histories nobody can mean: every parameter with every modifier, chains, includes, pages, forms."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from lib.garbage import GOOD, NUMBER, SECRET, SHARES, Ask, Judge
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types

pytestmark = pytest.mark.django_db(transaction=True)
FORM = "application/x-www-form-urlencoded"
KINDS = [
    "Patient",
    "Observation",
    "Condition",
    "Appointment",
    "Organization",
    "ValueSet",
    "Binary",
    "Group",
    "AuditEvent",
]
KINDS += ["Encounter", "CarePlan", "Task", "RiskAssessment", "MedicationRequest", "Account", "Bundle", "Immunization"]
MODIFIERS = [
    "",
    "",
    "",
    "missing",
    "exact",
    "contains",
    "text",
    "not",
    "in",
    "not-in",
    "above",
    "below",
    "of-type",
    "identifier",
]
MODIFIERS += ["Patient", "iterate", "0702901234", SECRET, "\x00", ":", "missing:missing", "MISSING", "²"]
VALUES = [
    "", " ", ",", ",,", "|", "||", "a|", "|a", "a|b|c", "\\", "\\,", "\\|", "\\x", "$", "a$b", "$$", "a$b$c$d",
    SECRET, NUMBER, "\x00",
    "a\x00b", "\ud800", "😀" * 300, "x" * 3000, "' OR 1=1 --", '"; DROP TABLE x; --', "%", "_", "%_%", "*", "?",
    "[a-z]", "(((", "\n", "\t",
    "true", "false", "TRUE", "1", "-1", "0", "-0", "0.0", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "9" * 400,
    "1" + "0" * 30, "0x10",
    "1_000", "²", "١٢٣", "gt", "ge1", "ap", "ap0", "ap1e308", "ne", "eb9999-12-31", "sa0001-01-01", "ap0001",
    "ap9999-12-31T23:59:59Z",
    "0000", "0000-00-00", "9999", "9999-12-31T23:59:59.999+14:00", "0001-01-01T00:00:00-14:00", "2027-02-30",
    "2027-13", "2027-1-1",
    "20270101", "2027-01-01T25:00", "2027-01-01T10:00:00 01:00", "2027-01-01T10:00:00+99:99", "ge2020-13",
    "99999-01-01", "-2027-01-01",
    "5.4|http://unitsofmeasure.org|mg", "5.4||mg", "||", "1|", "1e400||kg", "le1|a|b|c", "Patient/p", "Patient/",
    "/p", "Patient/p/_history/1",
    "Patient/" + NUMBER, "http://127.0.0.1/fhir/Patient/p", "http://[", "urn:uuid:1", "urn:oid:", "#", "Nothing/1",
    "patient/p", "p,q," * 200,
    ",".join(["a"] * 600), ",".join(str(number) for number in range(501)), "male", "http://loinc.org|4548-4",
]  # fmt: skip
CONTROLS = {
    "_count": ["-1", "0", "9" * 30, "1.5", "", "a", "²", "1e3", "+1", "0x1", NUMBER],
    "_sort": ["", "-", "--_id", "_id,_id,_id,_id,_id,_id,_id,_id,_id", "nothing", SECRET,
    "_lastUpdated,-name,gender", "name:exact", ",,,", "-_score"],
    "_cursor": ["", "a", "AAAA", "=" * 9, "\x00", "é", "a" * 4000, SECRET, "[1,2]", "W10", "-_", "eNo", "../.."],
    "_total": ["", "all", "none", "accurate", "estimate", "ACCURATE"],
    "_summary": ["", "all", "true", "text", "count", "data", "false", "TRUE", SECRET],
    "_elements": ["", ",", "name", "a.b", "name,", "x" * 2000, "²", "resourceType", "__class__", SECRET, "id,id,id"],
    "_include": ["", "*", "*:*", "Patient", "Patient:", "Patient:*", ":", "Patient:nothing",
    "Observation:subject:Patient:x", SECRET, "a:b:c:d"],
    "_revinclude": ["*", "Observation:subject", "Observation:*", "Observation:patient:Group", "AuditEvent:entity",
    "x:y", "*:subject"],
    "_include:iterate": ["*", "Observation:subject", "Patient:general-practitioner", "Group:member", "Patient:link"],
    "_revinclude:iterate": ["*", "Observation:subject", "Condition:subject", "Group:member"],
    "_contained": ["true", "both", "false", "x"],
    "_type": ["", "Patient", "Patient,Observation", "Nothing", SECRET, ",".join(sorted(resource_types()))],
    "_format": ["json", "xml", "", "application/fhir json", "a/b;q=x", SECRET, "html",
    "application/fhir+json;fhirVersion=5.0"],
    "_pretty": ["", "true", "x"],
    "_query": ["x"], "_text": ["x", SECRET], "_content": ["x"], "_filter": ["name eq x", "((("],
    "_list": ["x", "$current"],
    "_lastUpdated": VALUES, "_id": VALUES, "_tag": VALUES, "_security": VALUES, "_profile": VALUES, "_source": VALUES,
    "_since": VALUES, "_at": VALUES,
}  # fmt: skip


def of(chance: random.Random, kind: str) -> str:
    """A parameter's name with something before or behind it."""
    names = [item.name for item in searchparams.parameters_of(kind)] or ["_id"]
    references = [item.name for item in searchparams.parameters_of(kind) if item.kind == "reference"] or ["subject"]
    name, reference = chance.choice(names), chance.choice(references)
    other = chance.choice(KINDS)
    made = [
        *[f"{name}:{modifier}" if (modifier := chance.choice(MODIFIERS)) else name for _ in range(4)],
        f"{reference}.{chance.choice(names)}",
        f"{reference}:{other}.{chance.choice([item.name for item in searchparams.parameters_of(other)] or ['_id'])}",
        ".".join([reference] * chance.choice([2, 3, 4, 5, 50])),
        ".".join([f"{reference}:{other}"] * chance.choice([3, 50])),
        f"_has:{other}:{chance.choice(['subject', 'patient', 'x', ''])}:{chance.choice(['code', '_id', 'x', ''])}",
        "_has:Observation:subject:" * chance.choice([2, 3, 50]) + "code",
        "_has:Observation:subject:subject." * chance.choice([1, 2]) + "name",
        "_has:" * chance.randint(1, 9),
        chance.choice(
            ["", ".", ":", "..", ":.", f"{name}.", f".{name}", f"{name}:.", name.upper(), SECRET, NUMBER, f"{NUMBER}:x"]
        ),
        chance.choice(
            ["a[]", "name[0]", "name%20", "$expand", "__proto__", "{}", "name;x", "\x00", "\ud800", "é", "x" * 300]
        ),
    ]
    return chance.choice(made)


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def query(chance: random.Random, kind: str) -> str:
    pairs = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        if chance.random() < 0.4:
            name = chance.choice(list(CONTROLS))
            pairs.append((name, chance.choice(CONTROLS[name])))
        else:
            value = chance.choice(VALUES)
            pairs.append(
                (of(chance, kind), f"{chance.choice(VALUES)[:20]},{value}" if chance.random() < 0.2 else value)
            )
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)


def searches(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        kind = chance.choice(KINDS)
        asked = query(chance, kind)
        headers = (
            {"Prefer": chance.choice(["handling=lenient", "handling=strict", "handling="])}
            if chance.random() < 0.3
            else {}
        )
        yield chance.choice(
            [
                Ask("GET", f"/{kind}?{asked}", headers=headers),
                Ask("GET", f"/{kind}?{asked}", headers=headers),
                Ask("POST", f"/{kind}/_search", asked.encode(), FORM, headers),
                Ask("GET", f"/Patient/p/{chance.choice([kind, '*'])}?{asked}", headers=headers),
                Ask("GET", f"?_type={kind}&{asked}", headers=headers),
                Ask("POST", f"/_search?_type={kind}", asked.encode(), FORM, headers),
            ]
        )


def criteria(chance: random.Random, count: int) -> Iterator[Ask]:
    """The same as criteria of writes."""
    for _ in range(count):
        kind = chance.choice(["Patient", "Observation", "Condition"])
        good = next(one for one in GOOD if one["resourceType"] == kind)
        asked = query(chance, kind)
        body = b"" if (method := chance.choice(["PUT", "POST", "PATCH", "DELETE"])) == "DELETE" else b"{}"
        if method in ("PUT", "POST"):
            from lib.garbage import raw

            body = raw({**good, "status": "bad"} if chance.random() < 0.5 else good)
        media = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
        headers = {"If-None-Exist": asked[:4000]} if method == "POST" else {}
        yield Ask(
            method, f"/{kind}" if headers else f"/{kind}?{asked}", b"[]" if method == "PATCH" else body, media, headers
        )


def histories(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        place = chance.choice(
            ["/_history", "/Patient/_history", "/Patient/p/_history", "/AuditEvent/_history", "/Patient/x/_history"]
        )
        names = ["_count", "_since", "_at", "_cursor", "_format", "_sort", "x", NUMBER]
        pairs = [
            (name := chance.choice(names), chance.choice(CONTROLS.get(name, VALUES)))
            for _ in range(chance.randint(1, 3))
        ]
        yield Ask("GET", f"{place}?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs))


@pytest.mark.parametrize("what", [searches, criteria, histories])
def test_searches(what) -> None:  # type: ignore[no-untyped-def] # one of the generators above
    count = {searches: 1000, criteria: 150, histories: 150}[what]
    judge = Judge(what.__name__)
    # What deletes by criteria may well delete: the criteria can be met.
    judge.all(what(judge.chance, count), system=0.8)
    judge.still_answers() if what is not criteria else None
    assert judge.sent == count


def test_the_numbers_of_searches() -> None:
    assert SHARES["searches"] == 1000 + 150 + 150


def test_cursors_of_other_searches_and_changed_ones() -> None:
    judge = Judge("cursors")
    places = ["/Patient?_count=1", "/Observation?_count=1&_sort=date", "/_history?_count=1", "/Patient/p/*?_count=1"]
    places += [
        "?_type=Patient,Condition&_count=1",
        "/Patient/p/$everything?_count=1",
        "/Patient/_history?_count=1",
        "/AuditEvent?_count=1",
    ]
    cursors = []
    for place in places:
        links = judge.roles.send(Ask("GET", place)).json()["link"]
        cursors += [
            dict(parse_qsl(urlsplit(link["url"]).query))["_cursor"] for link in links if link["relation"] == "next"
        ]
    assert len(cursors) >= 5
    asks = []
    for place in places:
        for cursor in cursors:
            asks.append(Ask("GET", f"{place}&_cursor={cursor}"))
            for _ in range(4):
                at = judge.chance.randrange(len(cursor))
                other = judge.chance.choice("AZaz09-_=%")
                asks.append(Ask("GET", f"{place}&_cursor={encoded(cursor[:at] + other + cursor[at + 1 :])}"))
            asks.append(Ask("GET", f"{place}&_cursor={cursor[: judge.chance.randrange(len(cursor))]}"))
            asks.append(Ask("GET", f"{place}&_cursor={cursor}&_cursor={cursor}"))
    judge.all(asks, system=1)
    judge.still_answers()
