"""A real server on a database of its own, a real browser, and an accessibility check in the vocabulary of the journeys."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tovholder.base import json

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
VENDOR = ROOT / "src" / "tovholder" / "web" / "static" / "vendor" / "css" / "dkfds.min.css"
SCREENSHOTS = ROOT / "artefacts" / "screenshots"
WIDTHS = (360, 768, 1280)
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Server:
    """Where the server answers, what it was given to begin with, and the environment of other commands over it."""

    url: str
    world: dict[str, Any]
    environ: dict[str, str]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not answer within three minutes")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """gunicorn on a temporary database with one clinic's beginning (seed.py)."""
    with serving(tmp_path_factory.mktemp("home"), "seed.py") as served:
        yield served


@pytest.fixture(scope="session")
def clinic_at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another server, for the days of work of a nurse (cost_seed.py): what they fill stands in nobody else's lists."""
    with serving(tmp_path_factory.mktemp("home"), "cost_seed.py") as served:
        yield served


@contextmanager
def serving(home: Path, beginning: str, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """gunicorn on a database of its own, filled by a script beside this one; ``more``: settings besides the usual."""
    environ = os.environ | {
        "TOVHOLDER_ENV": "test",
        "TOVHOLDER_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "tovholder.config.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
    }
    environ.pop("TOVHOLDER_DATABASE_URL", None)
    environ |= more or {}
    seed = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(beginning))], env=environ, check=False, capture_output=True
    )
    assert seed.returncode == 0, seed.stderr.decode()
    world = json.loads(seed.stdout.strip().splitlines()[-1])
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--bind",
                f"127.0.0.1:{port}",
                "--threads",
                "4",
                "--worker-tmp-dir",
                str(home),
                "tovholder.config.wsgi:application",
            ],
            env=environ,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(f"{url}/healthz", process)
            yield Server(url, world, environ)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian package chromium)")
    if not AXE.exists() or not VENDOR.exists():
        pytest.skip("The front-end parts are not installed (make install-dev)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield made
        made.close()


class Visitor:
    """A person at a browser: goes in as somebody, reads, fills in, presses; every page is checked on the way."""

    def __init__(self, browser: Browser, server: Server, *, width: int = 1280, javascript: bool = True) -> None:
        self.server = server
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=javascript, locale="da-DK"
        )
        self.context.set_default_timeout(60_000)  # a slow machine with two cores runs other things meanwhile
        self.javascript = javascript
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))

    def _console(self, message: Any) -> None:
        # A refused form answers 4xx on purpose; the browser notes that as an error of its own.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    # given

    def goes_in_as(self, name: str) -> None:
        """Choose a persona on the front page."""
        self.opens("/")
        self.page.locator(f'button[name="persona"][value="{name}"]').click()
        self.page.wait_for_load_state()

    def opens(self, path: str) -> None:
        """Go to an address."""
        answer = self.page.goto(self.server.url + path)
        assert answer is not None
        assert answer.status < 500, f"{path} answered {answer.status}"

    # when

    def presses(self, name: str, within: str = "main") -> None:
        """Press a button by what it says."""
        self.page.locator(within).get_by_role("button", name=re.compile(rf"^\s*{re.escape(name)}")).first.click()
        self.page.wait_for_load_state()

    def enters(self) -> None:
        """Press Enter on what has the focus, and wait for the page it leads to, which a key does not do by itself."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def unfolds(self, name: str, within: str = "main") -> None:
        """Open a folded part by its heading."""
        self.page.locator(f"{within} summary", has_text=name).first.click()

    def fills(self, label: str, value: str, within: str = "main") -> None:
        """Fill in a field by its label."""
        self.page.locator(within).get_by_label(label).first.fill(value)

    def chooses(self, label: str, within: str = "main") -> None:
        """Choose a radio button or tick a box by its label."""
        self.page.locator(within).get_by_label(label, exact=True).first.check()

    # then

    def reads(self, *texts: str) -> None:
        """The page says all of these."""
        said = re.sub(r"\s+", " ", self.page.locator("main").inner_text())
        for text in texts:
            assert text in said, f"{text!r} is not on {self.page.url}:\n{said[:3000]}"

    def does_not_read(self, *texts: str) -> None:
        """The page says none of these."""
        said = re.sub(r"\s+", " ", self.page.locator("main").inner_text())
        for text in texts:
            assert text not in said, f"{text!r} is on {self.page.url}"

    def meets_an_accessible_page(self, name: str) -> None:
        """axe finds nothing serious, nothing sticks out, nothing complains; pictures are kept at three widths."""
        self.passes_axe(name)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        before = self.page.viewport_size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.fits(name)
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
        if before is not None:
            self.page.set_viewport_size(before)
        assert self.complaints == [], f"{name}: {self.complaints}"

    def passes_axe(self, name: str) -> None:
        """axe finds nothing serious in what is on the page now."""
        if not self.javascript:
            return
        # Through the debugger, past the page's own policy, which lets no foreign script in.
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        found = self.page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        bad = [
            (item["id"], [node["html"][:160] for node in item["nodes"]])
            for item in found["violations"]
            if item["impact"] in ("serious", "critical")
        ]
        assert bad == [], f"axe on {name}: {bad}"

    def fits(self, name: str) -> None:
        """Nothing sticks out to the side, once the page has been drawn at its width."""
        if self.javascript:
            self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} sticks out by {wide} px"

    def tabs_to(self, text: str, tag: str = "") -> None:
        """Go with the tab key to a control by what it says or is called."""
        said = ""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            said = self.page.evaluate(
                "(e => e.tagName.toLowerCase() + ' ' + (e.labels?.[0] || e).textContent.replace(/\\s+/g, ' ').trim()"
                " + ' ' + (e.name || ''))(document.activeElement)"
            )
            if said.startswith(tag) and text in said:
                return
        raise AssertionError(f"the tab key does not lead to {text!r}; last was {said!r} on {self.page.url}")

    def is_told_of_an_error(self, field: str, text: str) -> None:
        """Title, summary with focus, and the field all tell the same error."""
        assert self.page.title().startswith("Fejl: ")
        summary = self.page.locator("[data-module=error-summary]")
        assert text in summary.inner_text()
        if self.javascript:
            self.page.locator("[data-module=error-summary]:focus").wait_for()
        control = self.page.locator(f"#{field}")
        assert control.get_attribute("aria-invalid") == "true"
        told = control.get_attribute("aria-describedby") or ""
        assert any(text in self.page.locator(f"#{part}").inner_text() for part in told.split())

    def leaves(self) -> None:
        """Close the browser window."""
        self.context.close()


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Any]:
    """Makes visitors, and sees them out again."""
    made: list[Visitor] = []

    def make(**kwargs: Any) -> Visitor:
        made.append(Visitor(browser, server, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.leaves()
