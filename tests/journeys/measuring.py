"""A visitor whose every press is counted, as the browser itself saw it, while a task is under way."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser

from journeys.conftest import Server, Visitor
from lib.klm import Cost, Event, Kind, cost

# Told by the browser of trusted events alone: what a script does to a page is no press of anybody's.
_LISTENER = """
(() => {
  const typed = (e) => e instanceof HTMLTextAreaElement || e instanceof HTMLSelectElement ||
    (e instanceof HTMLInputElement && !["checkbox", "radio", "submit", "button", "hidden"].includes(e.type));
  const chosen = (e) => e instanceof HTMLInputElement && e.type === "radio";
  const moves = ["Tab", "Shift"];
  addEventListener("keydown", (event) => {
    if (!event.isTrusted) return;
    const on = event.target, key = event.key;
    let kind = "press";
    if (moves.includes(key)) kind = "move";
    else if (chosen(on)) kind = key === "Enter" ? "move" : "value";
    else if (typed(on)) kind = key === "Enter" && !(on instanceof HTMLTextAreaElement) && on.form &&
      "enterMoves" in on.form.dataset ? "move" : key === "Enter" && !(on instanceof HTMLTextAreaElement) ? "press" : "value";
    else if (on instanceof HTMLInputElement && key === "Enter" && on.form && "enterMoves" in on.form.dataset) kind = "move";
    window.thMeasured(kind, on.name || "");
  }, true);
  addEventListener("mousedown", (event) => {
    if (event.isTrusted) window.thMeasured("click", event.target.name || "");
  }, true);
})();
"""


class Measured(Visitor):
    """Counts between ``begins`` and ``ends``; presses with the real mouse and the real keyboard alone."""

    def __init__(self, browser: Browser, server: Server, **kwargs: Any) -> None:
        super().__init__(browser, server, **kwargs)
        self.events: list[Event] = []
        self.page.expose_function("thMeasured", lambda kind, what: self.events.append(Event(Kind(kind), what)))
        self.page.add_init_script(_LISTENER)
        self.page.on("load", lambda _page: self.events.append(Event(Kind.LOAD)))

    def begins(self) -> None:
        """From here on."""
        self.page.wait_for_load_state()
        self.page.evaluate("new Promise(done => setTimeout(done, 50))")
        self.events.clear()

    def ends(self) -> Cost:
        """Up to here."""
        self.page.wait_for_load_state()
        self.page.evaluate("new Promise(done => setTimeout(done, 50))")
        return cost(self.events)

    def clicks(self, what: Any) -> None:
        """Click on something that leads to a page."""
        with self.page.expect_navigation():
            what.click()

    def keys(self, *presses: str) -> None:
        """Press keys; what is no key's name is typed."""
        for one in presses:
            if one in ("Enter", "Tab", "Space", "ArrowDown", "ArrowUp"):
                self.page.keyboard.press(one)
            else:
                self.page.keyboard.type(one)
