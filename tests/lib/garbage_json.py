"""JSON with something wrong in it: values exchanged, bytes spoilt, sizes nobody means."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from lib.garbage import NUMBER, SECRET, raw
from lib.mutations import VALUES, places

TEXTS = [
    "", " ", SECRET, NUMBER, "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\u2028",
    "\r\nX-Evil: 1", "a\nb",
    "\x7f", "\x1b[31m", "9999-12-31", "0000-00-00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2027-02-29", "24:00:00", "Patient/p", "Patient/../p", "Patient/p/_history/9", "urn:uuid:1", "urn:uuid:", "#",
    "#x",
    "Patient?identifier=x", "Patient?", "?a=b", "Nothing?x=y", "Patient?_id=p&_id=q", "Patient?nothing=1",
    "Patient?_has:x=1",
    "http://127.0.0.1/fhir/Patient/p", "http://127.0.0.1/fhir/../p", "http://[::1", "http://a:99999999/Patient/1",
    "javascript:alert(1)", "<div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div>", "<a>" * 300,
    "' OR 1=1 --",
    "%", "%00", "%s", "{0}", "${x}", "$1", "a|b|c", "|", "x" * 5000, "é" * 300, "😀" * 300, "١٢٣", "²", "-0", "NaN",
    "1e999",
    "=" * 50, "aGVq=", "text/plain\nX-Evil: 1", "text/plain; charset=x\r\n\r\n", "text/æøå", "../../etc/passwd",
]  # fmt: skip
NUMBERS = [0, -0.0, -1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, 10**400, 1e308, 5e-324, 0.1, 1.0]
# Put in where a text stood, as bytes no writer of JSON would give.
BYTES = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"-0", b"-0.0", b"0e0", b"1E+400", b"00", b"01", b"+1",
    b".5", b"1.",
    b"1" * 5000, b"0." + b"1" * 5000, b"1e-99999", b"1e99999999999999999999", b"0x10", b"1_000", b"undefined",
    b"nul", b"True",
    b"'a'", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u00"', b'"\\x41"', b'"a\nb"', b'"a\x00b"', b'"\\u0000"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b'"', b"[", b"]", b"}", b"{", b"[,]", b"{,}", b"[1,]",
    b'{"a":1,}',
    b'{"a" 1}', b"{1:1}", b"/* x */1", b"\xef\xbb\xbf1", b"[" * 300 + b"]" * 300, b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"a":1,"a":1}', b'{"url":"x","url":"y"}', b'[{"id":"1","id":"1"}]', b'{"\\u0061":1,"a":2}',
    b'{"0702901234":1,"0702901234":2}',
]  # fmt: skip
_MARK = "c0ffee-here"


def any_value(chance: random.Random, good: Any, depth: int = 0) -> Any:
    """Some value that likely does not belong where it is put."""
    pick = chance.randrange(8)
    if pick == 0 or depth > 2:
        return chance.choice(TEXTS)
    if pick == 1:
        return chance.choice(NUMBERS)
    if pick == 2:
        return copy.deepcopy(chance.choice(VALUES))
    if pick == 3:
        container, key = chance.choice(places(good))
        return copy.deepcopy(container[key])
    if pick == 4:
        return [any_value(chance, good, depth + 1) for _ in range(chance.randrange(4))]
    if pick == 5:
        return {any_name(chance): any_value(chance, good, depth + 1) for _ in range(chance.randrange(4))}
    return chance.choice(TEXTS)


def any_name(chance: random.Random) -> str:
    """A name of a member: FHIR's own at the wrong place, or anybody's."""
    usual = [
        "extension",
        "id",
        "_status",
        "_id",
        "resourceType",
        "contained",
        "reference",
        "identifier",
        "modifierExtension",
    ]
    return chance.choice(
        [*usual, "value", "valueX", "_value", "fhir_comments", "__proto__", "$ref", chance.choice(TEXTS)]
    )


def changed(chance: random.Random, good: dict[str, Any]) -> dict[str, Any]:
    """The good one with one to three changes of its structure."""
    made = copy.deepcopy(good)
    for _ in range(chance.randint(1, 3)):
        inside = places(made)
        if not inside:
            break
        container, key = chance.choice(inside)
        what = chance.randrange(7)
        if what <= 2:
            container[key] = any_value(chance, good)
        elif what == 3:
            del container[key]
        elif what == 4 and isinstance(container, dict):
            container[any_name(chance)] = any_value(chance, good)
        elif what == 5 and isinstance(container, dict):
            container[any_name(chance)] = container.pop(key)
        else:
            container[key] = [container[key]] * chance.choice([1, 2, 50])
    return made


def spoilt(chance: random.Random, good: dict[str, Any]) -> bytes:
    """The good one's bytes with something wrong in them."""
    return chance.choice(_SPOIL)(chance, good)


def _odd_token(chance: random.Random, good: dict[str, Any]) -> bytes:
    made = copy.deepcopy(good)
    container, key = chance.choice(places(made))
    container[key] = _MARK
    return raw(made).replace(f'"{_MARK}"'.encode(), chance.choice(BYTES), 1)


def _cut(chance: random.Random, good: dict[str, Any]) -> bytes:
    told = raw(good)
    return told[: chance.randrange(len(told))]


def _flipped(chance: random.Random, good: dict[str, Any]) -> bytes:
    told = bytearray(raw(good))
    for _ in range(chance.randint(1, 4)):
        told[chance.randrange(len(told))] ^= 1 << chance.randrange(8)
    return bytes(told)


def _stuffed(chance: random.Random, good: dict[str, Any]) -> bytes:
    told, at = raw(good), chance.randrange(len(raw(good)))
    return (
        told[:at] + bytes(chance.randrange(256) for _ in range(chance.randint(1, 6))) + told[at + chance.randrange(3) :]
    )


def _twice(chance: random.Random, good: dict[str, Any]) -> bytes:
    """A name that stands twice in some object, at any depth, plainly or written with an escape."""
    told = raw(good)
    starts = [at for at, byte in enumerate(told) if byte == ord("{") and told[at + 1 : at + 2] == b'"']
    at = chance.choice(starts)
    name = told[at + 2 : told.index(b'"', at + 2)]
    if chance.random() < 0.4:
        name = b"\\u%04x" % name[0] + name[1:]
    return told[: at + 1] + b'"' + name + b'":' + chance.choice([b"1", b"null", b'"x"', b"{}"]) + b"," + told[at + 1 :]


def _encoded(chance: random.Random, good: dict[str, Any]) -> bytes:
    told = raw(good).decode("utf-8")
    kind = chance.choice(["utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "utf-8-sig"])
    return told.encode(kind, "replace") + (b"\xff" if kind == "latin-1" else b"")


def _followed(chance: random.Random, good: dict[str, Any]) -> bytes:
    return raw(good) + chance.choice([b"x", b"{}", b"\x00", b",", b"\n\n{}", b"]", raw(good)])


_SPOIL: list[Callable[[random.Random, dict[str, Any]], bytes]] = [
    _odd_token, _odd_token, _odd_token, _cut, _flipped, _stuffed, _twice, _twice, _encoded, _followed,
]  # fmt: skip


def bare() -> list[bytes]:
    """Bodies that are no resource at all."""
    return [
        b"", b" ", b"\x00", b"null", b"true", b"0", b'""', b"[]", b"{}", b"[[]]", b"{", b"}", b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf{}", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"<Patient/>", b"a=b", b"---", b"PK\x03\x04",
        b"\x1f\x8b\x08\x00",
        b'{"resourceType":null}', b'{"resourceType":"patient"}', b'{"resourceType":["Patient"]}',
        b'{"resourceType":{}}',
        b'{"resourceType":"Resource"}', b'{"resourceType":"DomainResource"}', b'{"resourceType":"Element"}',
        b'{"resourceType":"Patient","resourceType":"Patient"}', b'{"resourceType":"0702901234"}', *BYTES,
    ]  # fmt: skip


def huge() -> list[bytes]:
    """Bodies of a size, depth or number of names that must be told before they cost much."""
    start = b'{"resourceType":"Patient",'
    return [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        start + b'"extension":' + b'[{"extension":' * 100_000 + b"[]" + b"}]" * 100_000 + b"}",
        start + b",".join(b'"n%d":1' % number for number in range(600_000)) + b"}",
        start + b'"name":[' + b",".join([b'{"family":"x"}'] * 600_000) + b"]}",
        start + b'"name":[' + b",".join([b"[]"] * 2_100_000) + b"]}",
        start + b'"language":"' + b"x" * 52_000_000 + b'"}',
        start + b'"language":"' + b"\\u0061" * 4_000_000 + b'"}',
        start + b'"multipleBirthInteger":' + b"9" * 1_000_000 + b"}",
        start + b'"x":1.' + b"9" * 1_000_000 + b"}",
        b" " * 30_000_000 + b"{}",
        b'{"resourceType":"Bundle","type":"transaction","entry":[' + b"{}," * 600_000 + b"{}]}",
        b'{"resourceType":"Parameters","parameter":[' + b'{"name":"x"},' * 300_000 + b"{}]}",
        b"\x1f\x8b" + b"\x00" * 1_000_000,
    ]
