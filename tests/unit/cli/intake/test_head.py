"""A head read at once says what gunicorn's parser says of it, or leaves it to that one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi

from tovholder.api import limits
from tovholder.cli.intake.head import Heads, Request

CLIENT, SERVER = ("127.0.0.1", 40_000), ("127.0.0.1", 8000)
# Each has its own in every request.
OWN = {"wsgi.input", "wsgi.errors", "wsgi.early_hints", limits.HEAD}
PLAIN = [
    "Host: 127.0.0.1:8000",
    "Accept: application/fhir+json, */*;q=0.5",
    "Authorization: Bearer abc-_.~+/=",
    "Content-Type: application/fhir+json; charset=utf-8",
    "Content-Length: 5",
    "Prefer: return=minimal",
    "If-None-Match: W/\"1\"",
    "User-Agent: \xe6\xf8\xe5 \xff",
    "X-Empty:",
    "X-Padded: \t  a  b \t ",
    "X-Twice: a",
    "x-twice: b",
    "Cookie: a=b; c=d",
    "Connection: keep-alive",
    "X-Forwarded-Proto: https",
    "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
]  # fmt: skip
UNUSUAL = [
    "Transfer-Encoding: chunked", "Expect: 100-continue", "Upgrade: h2c", "Host: elsewhere", "Content-Length: 6",
    "Content-Length: 5, 5", "Content-Length: -1", "Content-Length: +5", "Content-Length: 5x", "Content-Length:",
    "Content-Length : 5", " folded: x", "\tfolded", "no colon", ": no name", "X Y: z", "X_Forwarded_Proto: https",
    "Script_Name: /x", "X-Control: a\x01b", "X-Null: \x00", "X-Del: \x7f", "X-CR: a\rb", "X-LF: a\nb",
    "X-Forwarded-Proto: http", "X-Forwarded-Ssl: on", "Connection: close", "Connection: Close", "Connection: close, x",
    "Connection: TE", "Content-Type: text/plain", "Trailer: X", "X-Long: " + "y" * 9000, "\xe6: x", "Expect:",
]  # fmt: skip
LINES = [
    "GET /fhir/Patient/1 HTTP/1.1", "POST /fhir HTTP/1.1", "HEAD / HTTP/1.1", "DELETE /fhir/Patient?a=b&c=%C3%A6 HTTP/1.1",
    "GET /fhir/Patient/%2F%20%e6%00%zz HTTP/1.1", "GET /? HTTP/1.1", "GET /?? HTTP/1.1", "GET /a?b#c HTTP/1.1",
    "GET //a/b HTTP/1.1", "GET /a//b HTTP/1.1", "GET http://x/y HTTP/1.1", "GET * HTTP/1.1", "OPTIONS * HTTP/1.1",
    "get /fhir HTTP/1.1", "GET  /fhir HTTP/1.1", "GET /fhir  HTTP/1.1", "GET /fhir HTTP/1.0", "GET /fhir HTTP/2.0",
    "GET /fhir", "GET /fh\xe6r HTTP/1.1", "GET /a b HTTP/1.1", "GET /a\x00 HTTP/1.1", "GET /;x=y:z@[1] HTTP/1.1",
    "GET /\"<>\\^`{|} HTTP/1.1", "CONNECT x:1 HTTP/1.1", "BREW /pot HTTP/1.1", "", "GET /" + "x" * 9000 + " HTTP/1.1",
    "GET /:80 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /fhir HTTP/1.1 ", "GET\t/fhir\tHTTP/1.1",
]  # fmt: skip


def config() -> Any:
    made = Config()
    made.set("limit_request_line", 8190)
    made.set("limit_request_field_size", 8190)
    return made


def by_gunicorn(cfg: Any, head: bytes, body: bytes) -> tuple[dict[str, Any], bool]:
    """Raises what gunicorn raises."""
    parser = get_parser(cfg, iter([head + body]), CLIENT)
    request = next(parser)
    _, environ = wsgi.create(request, None, CLIENT, SERVER, cfg)
    environ["wsgi.multithread"] = True
    return environ, not request.should_close()


def at_once(heads: Heads, head: bytes, body: bytes) -> Request | None:
    length = heads.measure(head)
    return None if length is None else heads.read(body)


def require_same(cfg: Any, heads: Heads, head: bytes, body: bytes = b"hello") -> bool:
    """Whether it was read at once, and then as gunicorn does."""
    found = at_once(heads, head, body)
    if found is None:
        return False
    wanted, keep = by_gunicorn(cfg, head, body)
    assert {name: value for name, value in found.environ.items() if name not in OWN} == {
        name: value for name, value in wanted.items() if name not in OWN
    }, head
    assert (found.keep, found.method) == (keep, wanted["REQUEST_METHOD"]), head
    assert found.environ["wsgi.input"].read() == body
    return True


def bytes_of(line: str, fields: list[str]) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


def test_every_head_is_read_as_gunicorn_reads_it_or_left_to_it() -> None:
    cfg, chance, taken, left = config(), random.Random("heads"), 0, 0
    heads = Heads(cfg, None, CLIENT, SERVER)
    for number in range(6000):
        fields = chance.sample(PLAIN, chance.randrange(len(PLAIN) + 1))
        if number % 2:
            fields.insert(chance.randrange(len(fields) + 1), chance.choice(UNUSUAL))
        line = LINES[0] if chance.random() < 0.6 else chance.choice(LINES)
        if require_same(cfg, heads, bytes_of(line, fields)):
            taken += 1
        else:
            left += 1
    assert taken > 1500
    assert left > 1500


def test_changed_bytes_are_read_as_gunicorn_reads_them_or_left_to_it() -> None:
    cfg, chance = config(), random.Random("bytes")
    heads = Heads(cfg, None, CLIENT, SERVER)
    taken = 0
    for _ in range(6000):
        head = bytearray(bytes_of(chance.choice(LINES[:4]), chance.sample(PLAIN, 5)))
        for _ in range(chance.randrange(1, 3)):
            head[chance.randrange(len(head) - 4)] = chance.choice(b"\r\n\t :;,_/?#%\x00\x7f\x80\xffAz09-")
        end = head.find(b"\r\n\r\n") + 4
        taken += require_same(cfg, heads, bytes(head[:end]))
    assert taken > 1000


@pytest.mark.parametrize("field", ["Transfer-Encoding: chunked", "Expect: 100-continue"])
def test_a_body_of_unknown_length_is_not_waited_for(field: str) -> None:
    heads = Heads(config(), None, CLIENT, SERVER)
    assert heads.measure(bytes_of(LINES[1], ["Content-Length: 5", field])) is None
    assert heads.measure(bytes_of(LINES[1], ["Content-Length: 5"])) == 5
    assert heads.measure(bytes_of(LINES[0], [])) == 0


def test_who_is_no_proxy_of_ours_says_nothing_about_the_scheme() -> None:
    cfg = config()
    cfg.set("forwarded_allow_ips", "10.0.0.1")
    heads = Heads(cfg, None, CLIENT, SERVER)
    assert require_same(cfg, heads, bytes_of(LINES[0], ["X-Forwarded-Proto: https"]))
    found = at_once(heads, bytes_of(LINES[0], ["X-Forwarded-Proto: https"]), b"")
    assert found is not None
    assert found.environ["wsgi.url_scheme"] == "http"


def test_more_fields_than_gunicorn_takes_are_left_to_it() -> None:
    heads = Heads(config(), None, CLIENT, SERVER)
    assert at_once(heads, bytes_of(LINES[0], ["X: y"] * 100), b"") is not None
    assert at_once(heads, bytes_of(LINES[0], ["X: y"] * 101), b"") is None
