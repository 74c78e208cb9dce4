"""Addresses, methods and headers nobody can mean."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from lib.api import JSON
from lib.garbage import GOOD, NUMBER, SECRET, SHARES, Ask, Judge, raw

pytestmark = pytest.mark.django_db(transaction=True)
METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "X" * 300,
    "G\xe9T",
    NUMBER,
]
PARTS = [
    "Patient", "patient", "PATIENT", "Patients", "Patient ", "Nothing", "metadata", "_history", "_search", "$export",
    "$everything", "$validate",
    "$nothing", "$", "$$", "p", "x", "P", ".", "..", "...", "", "*", "1", "0", "-1", "9" * 30, "1.0", "²", "%",
    "%00", "%2e%2e", "%2f", "%2F..%2F",
    "%5c", "%ff", "%c0%af", "%ed%a0%80", "%u0041", "%zz", "%", "%0d%0aX:1", "%0a", "%3f", "%23", "%25", "%2525",
    "a" * 65, "a" * 3000, "æøå", "😀",
    "p;x=1", "p,q", "p|q", "a:b", "a@b", "~root", "<x>", "'", '"', "\\", "\x00", "\x7f", "_id", "p.json", "p/",
    "null", "undefined", "NaN", "true",
    "Observation", "Binary", "n", "AuditEvent", "Group", "g", "$export-status", "$export-file", "Patient.ndjson",
    "..%2f..%2fetc%2fpasswd", SECRET,
    NUMBER, "urn:uuid:1", "http:", "Bundle", "Parameters", "OperationOutcome", "Resource", "DomainResource",
    "MetadataResource", "Subscription",
]  # fmt: skip
VALUES = [
    "", " ", ",", ";", "=", "*", "*/*", "a", "x" * 7000, SECRET, NUMBER, "\xff", "\xe6\xf8", "\t", '"', '""', 'W/"',
    'W/""', 'W/"x"', 'W/"1"', '"1"', "1",
    'W/"9999999999999999999999"', 'W/"-1"', 'W/"1", W/"2"', "W/W/", 'w/"1"', "*, *", "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 99 Foo 99999 99:99:99 GMT",
    "Thu, 01 Jan 0000 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "now", "0",
    "-1", "1e999", "NaN",
    "return=minimal", "return=", "return=x", "return=minimal, return=representation",
    "handling=lenient; return=OperationOutcome", "respond-async",
    "wait=1", "return=minimal;;;;", 'return="minimal"', "application/fhir+json", "application/json;q=0.5",
    "application/json;q=x", "a/b;q=nan, */*;q=inf",
    "application/fhir+xml", "text/html, application/xhtml+xml, application/xml;q=0.9, image/webp, */*;q=0.8",
    "application/fhir+json;q=0, */*;q=0",
    "application/json;q=-1", "application/json;q=1e999", "application/json;charset=utf-16",
    "application/fhir+json;fhirVersion=3.0",
    "application/fhir+json; fhirVersion=4.0\r\nX: 1", "application/fhir+json; charset=\"utf-8", ";;;", "/",
    "application/", ",,,,", "*/json", "text/*",
    "application/fhir+json, " * 300, "Bearer", "Bearer ", "Bearer x", "Bearer " + "x" * 5000, "Bearer " + SECRET,
    "bearer \xff", "Basic dXNlcjpwYXNz", "Basic",
    "Digest a=b", "Bearer a b c", "Bearer\tx", "identity", "gzip", "deflate, gzip", "br", "_id=p", "Patient?_id=x",
    "?", "?_id=", "identifier=a|b", "_count=1",
    "family=Jensen&family=x", "Nothing?x=y", "%ff=%00", "_id=%00", "127.0.0.1", "example.org", "127.0.0.1:99999",
    "[::1", "a b", "../..", "chunked", "multipart/form-data",
    "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json-patch+json",
    "application/merge-patch+json", "text/plain",
]  # fmt: skip
HEADERS = [
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-None-Exist",
    "Prefer",
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
]
HEADERS += [
    "Authorization",
    "Content-Encoding",
    "Host",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Request-Id",
    "X-Security-Context",
    "Cookie",
    "Origin",
    "Range",
]
HEADERS += [
    "Transfer-Encoding",
    "Expect",
    "X-HTTP-Method-Override",
    "Accept-Language",
    "Referer",
    "User-Agent",
    "Upgrade",
    "Connection",
    "Content-Length",
]


def addresses(chance: random.Random, count: int) -> Iterator[Ask]:
    usual = ["Patient", "p", "_history", "1"]
    for _ in range(count):
        parts = usual[: chance.randint(0, 4)] if chance.random() < 0.5 else []
        parts += [chance.choice(PARTS) for _ in range(chance.randint(0 if parts else 1, 3))]
        path = "".join(f"/{quote(part, safe='%;,:@')}" for part in parts)
        if chance.random() < 0.2:
            path += chance.choice(
                [
                    "/",
                    "//",
                    "?",
                    "?&&&",
                    "?=",
                    "?%",
                    "?a",
                    "?" + "&".join(["_format=json"] * 300),
                    "?" + "x" * 9000,
                    "?_format=%00",
                    "?;",
                    "#x",
                ]
            )
        method = chance.choice(METHODS[:6] if chance.random() < 0.8 else METHODS)
        good = chance.choice(GOOD)
        body = raw(good) if method in ("PUT", "POST") else b"[]" if method == "PATCH" else b""
        yield Ask(method, path, body, "application/json-patch+json" if method == "PATCH" else JSON)


def headers(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        method, path, body = chance.choice(
            [
                ("GET", "/Patient/p", b""), ("GET", "/Patient?_id=p", b""), ("GET", "/metadata", b""),
                ("HEAD", "/Patient/p", b""),
                ("GET", "/Patient/p/_history", b""), ("PUT", "/Patient/p", raw(GOOD[0])),
                ("POST", "/Patient", raw(GOOD[0])), ("DELETE", "/Patient/none", b""),
                ("PATCH", "/Patient/p", b'[{"op":"test","path":"/id","value":"p"}]'),
                ("POST", "/Patient/_search", b"_id=p"), ("GET", "/Binary/n", b""),
                ("POST", "", b'{"resourceType":"Bundle","type":"batch"}'), ("GET", "/$export", b""),
                ("POST", "/Patient/$validate", raw(GOOD[0])),
                ("PUT", "/Patient?_id=p", raw(GOOD[0])), ("OPTIONS", "/Patient/p", b""),
            ]
        )  # fmt: skip
        told = {chance.choice(HEADERS): chance.choice(VALUES) for _ in range(chance.choice([1, 1, 2]))}
        media = {"PATCH": "application/json-patch+json"}.get(method, JSON)
        if chance.random() < 0.35:
            media = chance.choice(VALUES)
        length = (
            chance.choice(["", "-1", "abc", "1e3", "0", "1", "9" * 30, "²", "999999", " 5 ", "5, 5"])
            if chance.random() < 0.1
            else None
        )
        told.pop("Content-Length", None)
        yield Ask(method, path, body, media, told, length)


@pytest.mark.parametrize("what", [addresses, headers])
def test_addresses(what) -> None:  # type: ignore[no-untyped-def] # one of the generators above
    count = {addresses: 500, headers: 400}[what]
    judge = Judge(what.__name__)
    judge.all(what(judge.chance, count), system=0.85)
    judge.still_answers()
    assert judge.sent == count


def test_the_numbers_of_addresses() -> None:
    assert SHARES["addresses"] == 500 + 400
