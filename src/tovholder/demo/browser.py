"""Owns a small browser for walking the real server: cookies, forms as a page offers them, what a page says, FHIR calls."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tovholder.base import json

TIMEOUT = 60.0
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr", "use", "path"})
_UNSEEN = frozenset({"script", "style", "template"})
Json = dict[str, Any]


class Failed(Exception):
    """A step found something else than it should: what was expected, and what was there."""

    def __init__(self, expected: str, found: object) -> None:
        super().__init__(f"expected {expected}, found {found}")


def expect(holds: bool, expected: str, found: object) -> None:
    """Raise Failed unless it holds."""
    if not holds:
        raise Failed(expected, found)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: HTTPMessage
    raw: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text; a byte order mark is no part of it."""
        return self.raw.decode("utf-8-sig")

    @property
    def json(self) -> Json:
        """The body as JSON."""
        value: Json = json.loads(self.raw)
        return value

    @property
    def says(self) -> str:
        """The answer in a line, for telling what was found: an OperationOutcome's words, or the status alone."""
        if "json" in self.headers.get("Content-Type", ""):
            told = [str(issue.get("diagnostics", "")) for issue in self.json.get("issue", [])]
            return f"{self.status} {' '.join(told)}".strip()[:300]
        return str(self.status)


class _KeepErrors(urllib.request.HTTPErrorProcessor):
    """An answer of 400 and above is an answer too."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response if response.status >= 400 else super().http_response(request, response)


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    # No proxy: the server is on this machine, whatever the environment says of the world outside.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _KeepErrors, *handlers)


def _send(
    opener: urllib.request.OpenerDirector,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310 # our own server
    with opener.open(request, timeout=TIMEOUT) as response:
        return Answer(response.status, response.headers, response.read(), response.url)


@dataclass(slots=True)
class Form:
    """A form as it stands on a page. fields: what would be sent untouched; choices: values of radios, boxes, lists."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def filled(self, given: Mapping[str, str]) -> list[tuple[str, str]]:
        """What is sent when the fields in given are filled in; raises Failed for a field or choice it does not have."""
        for name, value in given.items():
            expect(name in self.names, f"a field {name} in the form {self.action}", sorted(self.names))
            held = self.choices.get(name)
            expect(held is None or value in held, f"the choice {value} of {name}", held)
        return [pair for pair in self.fields if pair[0] not in given] + list(given.items())


class _Reader(HTMLParser):
    """Reads a page: forms, links, and the text below each element that has an id or is a table row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.rows: list[Row] = []
        self.by_id: dict[str, list[str]] = {}
        self.said: list[str] = []
        self._open: list[tuple[str, list[str] | None]] = []
        self._form: Form | None = None
        self._select = ""
        self._textarea: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        held = {name: value or "" for name, value in attrs}
        if tag == "a" and held.get("href"):
            self.links.append(held["href"])
            for row in self.rows[-1:]:
                if any(kind == "tr" for kind, _ in self._open):
                    row.links.append(held["href"])
        if tag == "form":
            self._form = Form(held.get("action", ""))
            self.forms.append(self._form)
        elif self._form is not None and held.get("name") and "disabled" not in held:
            self._control(self._form, tag, held)
        elif self._form is not None and tag == "option" and self._select:
            self._option(self._form, held)
        if tag in _VOID:
            return
        texts: list[str] | None = None
        if tag == "tr":
            self.rows.append(Row([], []))
            texts = self.rows[-1].said
        elif held.get("id"):
            texts = self.by_id.setdefault(held["id"], [])
        self._open.append((tag, texts))

    def _control(self, form: Form, tag: str, held: dict[str, str]) -> None:
        name, kind, value = held["name"], held.get("type", "text"), held.get("value", "")
        if tag == "button":
            form.choices.setdefault(name, []).append(value)
            form.names.add(name)
        elif tag == "select":
            self._select = name
            form.names.add(name)
            form.choices[name] = []
        elif tag == "textarea":
            self._textarea = (name, [])
            form.names.add(name)
        elif tag == "input" and kind != "submit":
            form.names.add(name)
            if kind in ("radio", "checkbox"):
                form.choices.setdefault(name, []).append(value or "on")
                if "checked" in held:
                    form.fields.append((name, value or "on"))
            else:
                form.fields.append((name, value))

    def _option(self, form: Form, held: dict[str, str]) -> None:
        value = held.get("value", "")
        first = not form.choices[self._select]
        form.choices[self._select].append(value)
        if first or "selected" in held:  # the first one is sent unless another is selected
            form.fields = [pair for pair in form.fields if pair[0] != self._select]
            form.fields.append((self._select, value))

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and those left open inside it."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea is not None:
            if self._form is not None:
                self._form.fields.append((self._textarea[0], "".join(self._textarea[1]).removeprefix("\n")))
            self._textarea = None
        if any(kind == tag for kind, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Text: part of every open element."""
        if self._textarea is not None:
            self._textarea[1].append(data)
        if any(kind in _UNSEEN for kind, _ in self._open):
            return
        self.said.append(data)
        for _, texts in self._open:
            if texts is not None:
                texts.append(data)


def _plain(texts: list[str]) -> str:
    return " ".join("".join(texts).split())


@dataclass(slots=True)
class Row:
    """A table row: the texts in it and where its links lead."""

    said: list[str]
    links: list[str]

    @property
    def text(self) -> str:
        """What it says."""
        return _plain(self.said)


class Page:
    """A page that came back, read as a person would see it."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.url = answer.status, answer.url
        reader = _Reader()
        reader.feed(answer.text)
        reader.close()
        self.forms, self.links, self.rows = reader.forms, reader.links, reader.rows
        self.text = _plain(reader.said)
        self._by_id = {name: _plain(texts) for name, texts in reader.by_id.items()}

    def part(self, identity: str) -> str:
        """What stands below the element with the id; empty when there is none."""
        return self._by_id.get(identity, "")

    def row_of(self, path: str) -> Row | None:
        """The table row that links to a path (or to a place on it)."""
        return next((row for row in self.rows if any(urlsplit(link).path == path for link in row.links)), None)

    def link(self, ending: str) -> str:
        """The first link whose path ends so. Raises Failed."""
        found = next((link for link in self.links if urlsplit(link).path.endswith(ending)), None)
        if found is None:
            raise Failed(f"a link to …{ending}", f"none on {urlsplit(self.url).path} ({self.status})")
        return found

    def form(self, ending: str, having: Mapping[str, str] | None = None) -> Form:
        """The form whose action ends so and that holds these values. Raises Failed."""
        for form in self.forms:
            action = urlsplit(urljoin(self.url, form.action)).path
            if action.endswith(ending) and all(pair in form.fields for pair in (having or {}).items()):
                return form
        offered = sorted({urlsplit(form.action).path for form in self.forms})
        raise Failed(
            f"a form that leads to …{ending}", f"{self.status} with forms to {', '.join(offered) or 'nowhere'}"
        )


class Browser:
    """One person at a browser: a session of their own, forms sent with the token the page gave."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._opener = _opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    @classmethod
    def of(cls, base: str, persona: str) -> Browser:
        """Somebody who has chosen a persona on the front page."""
        browser = cls(base)
        front = browser.open("/")
        home = browser.send(front, front.form("/login/persona"), {"persona": persona})
        expect(
            home.status == 200 and urlsplit(home.url).path != "/", f"{persona} logged in", f"{home.status} {home.url}"
        )
        return browser

    def get(self, path: str) -> Answer:
        """Fetch an address."""
        return _send(self._opener, "GET", urljoin(self.base, path))

    def open(self, path: str) -> Page:
        """Go to an address."""
        return Page(self.get(path))

    def send(self, page: Page, form: Form, given: Mapping[str, str] | None = None) -> Page:
        """Fill in a form and send it; the page it leads to."""
        body = urlencode(form.filled(given or {})).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Page(_send(self._opener, "POST", urljoin(page.url, form.action), body, headers))


class Fhir:
    """The FHIR API as one holder of a token meets it."""

    def __init__(self, base: str, token: str = "") -> None:
        self._base, self._opener = f"{base}/fhir", _opener()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> Answer:
        """Read or search."""
        return _send(self._opener, "GET", f"{self._base}{path}", headers=self._headers)

    def send(self, method: str, path: str, body: Json | bytes, *, if_match: str = "") -> Answer:
        """POST or PUT a resource; bytes go as they are."""
        headers = {**self._headers, "Content-Type": "application/fhir+json"}
        if if_match:
            headers["If-Match"] = if_match
        raw = body if isinstance(body, bytes) else json.dumps(body)
        return _send(self._opener, method, f"{self._base}{path}", raw, headers)

    def find(self, path: str) -> list[Json]:
        """The resources a search finds. Raises Failed when it does not answer."""
        answer = self.get(path)
        expect(answer.status == 200, f"200 from {path.partition('?')[0]}", answer.says)
        return list(_resources(answer.json))


def _resources(bundle: Json) -> Iterator[Json]:
    for entry in bundle.get("entry", []):
        yield entry["resource"]
