"""Owns the steps of the walk beyond one patient: a round of invitations, patients handed over, a relative, an app."""

from __future__ import annotations

from urllib.parse import urlsplit

from tovholder.demo.around import APPS
from tovholder.demo.browser import Browser, Failed, Page, expect
from tovholder.demo.consents import RELATIVE_NAME
from tovholder.demo.journey import STRANGER, Step, Walk

ROUNDS, HANDOVERS, OPERATOR = "/klinik/indkaldelser", "/klinik/overdragelser", "drift"


def _followed(browser: Browser, page: Page, prefix: str, what: str) -> Page:
    """The page behind the first link that leads below a path."""
    found = next((link for link in page.links if urlsplit(link).path.startswith(f"{prefix}/")), None)
    if found is None:
        raise Failed(what, page.text[:300])
    after = browser.open(urlsplit(found).path)
    expect(after.status == 200, f"200 for {what}", after.status)
    return after


def invited(walk: Walk) -> str:
    """A round was sent: some have booked since, some were rung, letters wait to be posted."""
    page = _followed(walk.gp, walk.gp.open(ROUNDS), ROUNDS, "a round that was sent")
    for word in ("Sendt", "Har fået en tid", "Talt med"):
        expect(word in page.text, f"“{word}” on the round's page", page.text[:600])
    return "sent, rung and booked stand on the round's page"


def handed_over(walk: Walk) -> str:
    """A patient moved here and waits to be taken over, there as here; the clinic they came from finds them no more."""
    there = Browser.of(walk.base, STRANGER)
    for browser in (walk.gp, there):
        listed = browser.open(HANDOVERS)
        _followed(browser, listed, "/klinik/patient", "a patient to take over")
    mine = [urlsplit(link).path for link in walk.gp.open(HANDOVERS).links if link.endswith("/overdragelse")]
    expect(bool(mine), "a hand-over to open", "none")
    refused = there.open(mine[0])
    expect(refused.status == 404, "404 for the clinic before", refused.status)
    return "waits at each of the two clinics, gone from the other"


def stands_in(walk: Walk) -> str:
    """A relative with a power of attorney sees the plan of the one who gave it, and writes nothing."""
    page = Browser.of(walk.base, "lone").open("/minplan/")
    expect(page.status == 200, "the plan", page.status)
    expect(RELATIVE_NAME in page.text, f"whom {RELATIVE_NAME} stands in for", page.text[:300])
    writing = [form.action for form in page.forms if form.action.startswith("/minplan/")]
    expect(not writing, "nothing to write", writing)
    return "sees the plan, may not write"


def apps(walk: Walk) -> str:
    """The operator's list has the app and the system that are registered."""
    page = Browser.of(walk.base, OPERATOR).open("/drift/klienter")
    for app in APPS:
        expect(app.name in page.text, f"{app.name} among the clients", page.text[:300])
    return ", ".join(app.name for app in APPS)


AROUND = (
    Step("a round of invitations was sent", invited, needed=False),
    Step("patients who changed clinic wait to be taken over", handed_over, needed=False),
    Step("a relative with a power of attorney sees the plan", stands_in, needed=False),
    Step("an app and a system are registered", apps, needed=False),
)
