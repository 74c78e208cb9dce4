"""An answer put together at once is the one gunicorn's writer sends."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import Response

from tovholder.cli.intake import answer
from tovholder.cli.intake.head import Request


class Sink:
    """A socket that keeps what it is given."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data


def by_gunicorn(method: str, status: str, headers: list[tuple[str, str]], content: bytes, keep: bool) -> bytes:
    sink = Sink()
    writer = Response(Request(method, {}, keep), sink, Config())
    writer.start_response(status, headers)
    writer.write(content)
    writer.close()
    return sink.sent


def undated(sent: bytes | None) -> tuple[list[bytes], bytes]:
    assert sent is not None
    head, _, content = sent.partition(b"\r\n\r\n")
    return [line for line in head.split(b"\r\n") if not line.startswith(b"Date: ")], content


FHIR = ("Content-Type", "application/fhir+json; charset=utf-8")


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("method", "status", "headers", "content"),
    [
        ("GET", "200 OK", [FHIR, ("Content-Length", "5")], b"hello"),
        ("GET", "200 OK", [FHIR, ("ETag", 'W/"1"'), ("X-Padded", " a  "), ("Content-Length", "5")], b"hello"),
        ("HEAD", "200 OK", [FHIR, ("Content-Length", "5")], b""),
        ("GET", "304 Not Modified", [("ETag", 'W/"1"'), ("Content-Length", "0")], b""),
        ("DELETE", "204 No Content", [("Content-Length", "0")], b""),
        ("POST", "201 Created", [("Location", "http://127.0.0.1/fhir/Patient/1"), ("Content-Length", "0")], b""),
    ],
)
def test_it_is_what_gunicorn_sends(
    method: str, status: str, headers: list[tuple[str, str]], content: bytes, keep: bool
) -> None:
    mine = answer.plain(method, status, headers, content, keep=keep)
    assert undated(mine) == undated(by_gunicorn(method, status, headers, content, keep))
    assert mine is not None
    assert b"\r\nDate: " in mine


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "4")],  # not the length of what there is
        [],  # none told
        [("X-Split", "a\r\nb"), ("Content-Length", "5")],
        [("X-Tab", "a\tb"), ("Content-Length", "5")],
        [("X-Latin", "\xe6"), ("Content-Length", "5")],
        [("X Name", "a"), ("Content-Length", "5")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
        [("Connection", "close"), ("Content-Length", "5")],
    ],
)
def test_what_is_not_plain_is_left_to_gunicorn(headers: list[tuple[str, str]]) -> None:
    assert answer.plain("GET", "200 OK", headers, b"hello", keep=True) is None
