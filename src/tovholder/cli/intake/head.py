"""The head of a plain request, read at once; whatever is unusual about one is left to gunicorn's parser.

What is taken here gunicorn would take too, and make the same WSGI environ of: tests hold the two side by side.
"""

from __future__ import annotations

import os
import re
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn.http import wsgi
from gunicorn.http.message import _ip_in_allow_list

from tovholder.api import limits

_LINE = re.compile(rb'(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/(?:[!"$-.0-~][!"$-~]*)?) HTTP/1\.1')
# A name with an underscore could pass for another one (in WSGI both are the same): gunicorn refuses it, or trusts it.
_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_SENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
# Sent in pieces, or only after we have said that we want it: no length to wait for.
_UNMEASURED = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
_ONCE = frozenset({"HOST", "CONTENT-TYPE", "CONTENT-LENGTH", "CONNECTION"})
_UNUSUAL = frozenset({"TRANSFER-ENCODING", "EXPECT", "UPGRADE", "TRAILER", "HTTP2-SETTINGS"})
_MOST = 8190  # bytes of all fields: then none of them is longer than gunicorn takes


class Request:
    """What gunicorn's writer asks of the request it answers. keep: the connection may carry another one."""

    __slots__ = ("environ", "keep", "method")
    version = (1, 1)

    def __init__(self, method: str, environ: dict[str, Any], keep: bool) -> None:
        self.method = method
        self.environ = environ
        self.keep = keep

    def should_close(self) -> bool:
        """Whether this is the connection's last request."""
        return not self.keep


class Heads:
    """The heads of one connection's requests; what they share is made once."""

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        self._shared = wsgi.base_environ(cfg) | {
            "wsgi.multithread": True,
            "wsgi.url_scheme": "http",
            "gunicorn.socket": sock,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
        }
        # Behind a socket of the file system, a PROXY line, TLS or a path of somebody else's much is unusual.
        self._plain = (
            isinstance(client, tuple)
            and isinstance(server, tuple)
            and cfg.proxy_protocol == "off"
            and not cfg.is_ssl
            and "SCRIPT_NAME" not in os.environ
        )
        if self._plain:
            self._shared |= {
                "REMOTE_ADDR": client[0],
                "REMOTE_PORT": str(client[1]),
                "SERVER_NAME": server[0],
                "SERVER_PORT": str(server[1]),
            }
            trusted = _ip_in_allow_list(client[0], cfg.forwarded_allow_ips, cfg.forwarded_allow_networks())
            self._schemes: dict[str, str] = cfg.secure_scheme_headers if trusted else {}
        self._most = cfg.limit_request_fields
        self._line = b""
        self._last = b"-"  # the fields read last: clients send the same ones again and again
        self._length: int | None = None
        self._told: tuple[dict[str, str], bool] | None = None

    def measure(self, head: bytes) -> int | None:
        """How long the body is that follows; None when that cannot be said. head: with the empty line at its end."""
        self._line, _, fields = head.partition(b"\r\n")
        if fields != self._last:
            lengths = _SENT_LENGTH.findall(head)
            self._length = None if _UNMEASURED.search(head) else int(lengths[0]) if lengths else 0
            self._told, self._last = self._fields(fields) if self._plain else None, fields
        return self._length

    def read(self, body: bytes) -> Request | None:
        """The request whose head was measured last; None when it is not plain."""
        found = _LINE.fullmatch(self._line)
        if found is None or len(self._line) > _MOST or self._told is None:
            return None
        told, keep = self._told
        method, target = found[1].decode("ascii"), found[2].decode("ascii")
        path, _, query = target.partition("?")
        environ = {
            **self._shared,
            **told,
            "REQUEST_METHOD": method,
            "RAW_URI": target,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
            "QUERY_STRING": query,
            "wsgi.input": BytesIO(body),
            limits.HEAD: len(self._last),
        }
        return Request(method, environ, keep)

    def _fields(self, fields: bytes) -> tuple[dict[str, str], bool] | None:
        """Header fields as WSGI has them, and whether the connection may be kept."""
        if len(fields) > _MOST or _FIELDS.fullmatch(fields, 0, len(fields) - 2) is None:
            return None
        lines = fields[:-4].decode("latin-1").split("\r\n") if len(fields) > 2 else []
        if len(lines) > self._most:
            return None
        told: dict[str, str] = {}
        keep, scheme = True, ""
        seen = set()
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.upper(), value.strip(" \t")
            if name in _UNUSUAL or (name in _ONCE and name in seen):
                return None
            if name in self._schemes:
                if scheme:
                    return None  # two that may say different things
                scheme = "https" if value == self._schemes[name] else "http"
            if name == "CONNECTION":
                keep = value.lower() != "close"
            seen.add(name)
            if name == "CONTENT-LENGTH":
                if _LENGTH.fullmatch(value) is None:
                    return None
                told["CONTENT_LENGTH"] = value
            elif name == "CONTENT-TYPE":
                told["CONTENT_TYPE"] = value
            else:
                key = "HTTP_" + name.replace("-", "_")
                told[key] = f"{told[key]},{value}" if key in told else value
        if scheme:
            told["wsgi.url_scheme"] = scheme
        return told, keep
