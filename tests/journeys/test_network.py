"""The network goes while somebody writes: what was typed stays on the page, and nothing of it on the computer afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WORDS = "Vil tale med sin datter først"


def test_nothing_typed_is_lost_and_nothing_is_left_behind(visitor: Callable[..., Visitor], server: Server) -> None:
    doctor = visitor()
    doctor.goes_in_as("laege")
    doctor.opens(f"/klinik/patient/{server.world['neighbour']}/kol/")
    form = doctor.page.locator("form[action$='/pause'] textarea")
    form.evaluate("one => { const fold = one.closest('details'); if (fold) fold.open = true; }")
    form.fill(WORDS)
    here = doctor.page.url
    doctor.page.context.set_offline(True)
    form.evaluate("one => one.form.requestSubmit()")
    doctor.reads("Der er ikke forbindelse, så intet er sendt.")
    assert form.input_value() == WORDS and doctor.page.url == here
    assert doctor.page.evaluate("document.activeElement.id") == "uden-net"
    doctor.page.context.set_offline(False)
    doctor.does_not_read("Der er ikke forbindelse, så intet er sendt.")
    kept = "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])"
    assert WORDS not in doctor.page.evaluate(kept)
    doctor.page.locator("form[action='/logud'] button").click()
    doctor.page.wait_for_url("**/")
    left = doctor.page.evaluate(kept)  # htmx notes the address of the last list it filled, and no more
    assert WORDS not in left and "/patient/" not in left
    doctor.page.go_back()
    doctor.does_not_read(WORDS)
