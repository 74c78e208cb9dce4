"""Takes the pictures in docs/screenshots: builds the demo in a temporary home, serves it, looks at it, stops it.

Run: .venv/bin/python tools/screenshots.py [--url URL of a demo that runs already] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tovholder.cli.beside import NotServing, serving

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HEIGHTS = {360: 2400, 1280: 1440}  # width of the window, and the most of a page that is kept
LARGEST = 400_000  # bytes
DEMO = (sys.executable, "-m", "tovholder.cli.main", "demo", "--port", "{port}")
BUILDING = 600  # seconds a slow machine may take to build the demo
CLINIC, PATIENT, PATIENT_NAME, ANALYST = "anna", "jytte", "Jytte Søndergaard", "analytiker"


@contextmanager
def demo() -> Iterator[str]:
    """The demo, built and served for as long as it is looked at; gives its address."""
    with tempfile.TemporaryDirectory(prefix="tovholder-screenshots-") as home:
        environ = os.environ | {"TOVHOLDER_ENV": "demo", "TOVHOLDER_HOME": home}
        environ.pop("TOVHOLDER_DATABASE_URL", None)
        with serving(DEMO, environ=environ, patience=BUILDING) as port:
            yield f"http://127.0.0.1:{port}"


def visit(browser: Browser, base: str, width: int, persona: str = "") -> Page:
    """A window where somebody has chosen to be this person."""
    page = browser.new_context(viewport={"width": width, "height": 800}, locale="da-DK").new_page()
    page.set_default_timeout(60_000)
    page.goto(base)
    if persona:
        page.locator(f'button[name="persona"][value="{persona}"]').click()
        page.wait_for_load_state()
    return page


def picture(page: Page, name: str, width: int, folder: Path) -> None:
    """The page from its top, as it is once fonts and curves are drawn."""
    page.evaluate("document.fonts.ready")
    if page.locator("[data-chart]").count():
        page.locator("[data-chart].is-drawn").first.wait_for()
    height = min(page.evaluate("document.documentElement.scrollHeight"), HEIGHTS[width])
    path = folder / f"{name}-{width}.png"
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
    size = path.stat().st_size
    print(f"{path.name}  {width} × {height}  {size // 1000} kB")
    if size > LARGEST:
        sys.exit(f"{path.name} is larger than {LARGEST // 1000} kB.")


def take(base: str, folder: Path) -> None:
    """The five pages and the front page, on a phone and on a desk."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for width in HEIGHTS:
            picture(visit(browser, base, width), "forside", width, folder)
            clinic = visit(browser, base, width, CLINIC)
            picture(clinic, "klinik", width, folder)
            clinic.get_by_role("link", name=PATIENT_NAME, exact=True).first.click()
            clinic.locator("#foelg").wait_for()
            picture(clinic, "patient", width, folder)
            picture(visit(browser, base, width, PATIENT), "minplan", width, folder)
            picture(visit(browser, base, width, ANALYST), "monitorering", width, folder)
        browser.close()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a demo that runs already, instead of building one")
    parser.add_argument("--out", type=Path, default=OUT, help="where the pictures go")
    given = parser.parse_args()
    if given.url:
        take(given.url.rstrip("/"), given.out)
        return
    try:
        with demo() as base:
            take(base, given.out)
    except NotServing as found:
        sys.exit(f"The demo does not run: {found}")


if __name__ == "__main__":
    main()
