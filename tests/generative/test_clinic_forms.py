"""Each form of the clinic, sent as nobody should send it: told at its field, nothing typed lost, nothing done twice.

The forms stand in ``lib/clinic_forms.py``. An address that takes a POST and has no form there fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from lib import versions
from lib.clinic_forms import ELSEWHERE, FORMS, NO_FORMS, STATES, Form, Scene, taking_post
from tovholder.access.models import Session
from tovholder.base import days
from tovholder.base.clock import system_clock
from unit.web import world as worlds

pytestmark = pytest.mark.django_db

IDS = [form.id for form in FORMS]
# What no control offers, in every field there is.
GARBAGE = (
    "<script>alert(1)</script>", "\u202etxt.exe", "'; DROP TABLE store_resource; --", "9" * 400, "-1", "NaN", "{{ 7*7 }}",
    "\r\nSet-Cookie: a=b", "%00", "../../../etc/passwd", "👩‍⚕️" * 50, "\u0000", "2027-02-30", "null", "[]", "\ud83d",
)  # fmt: skip


def test_every_address_that_takes_a_form_is_tried() -> None:
    assert taking_post() == {form.route for form in FORMS} | set(NO_FORMS) | set(ELSEWHERE)
    tests = Path(__file__).parents[1]
    assert all((tests.parent / where).is_file() for where in ELSEWHERE.values())


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def census() -> list[tuple[Any, ...]]:
    """What there is: each kind of resource, in how many versions, and the clinic's own rows."""
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for sql in (
            "SELECT type, COUNT(*), SUM(version) FROM store_resource GROUP BY type ORDER BY type",
            "SELECT number, status, ended_ms FROM access_emergency ORDER BY number",
            "SELECT id, name, shared FROM cockpit_view ORDER BY id",
        ):
            cursor.execute(sql)
            found += cursor.fetchall()
    return found


def counted() -> list[tuple[Any, ...]]:
    """How many there are of each, whatever their versions."""
    return [row[:2] if isinstance(row[0], str) else row[:1] for row in census()]


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    form: Form = request.getfixturevalue("form")
    if form.state != "outdated":
        with pytest.MonkeyPatch.context() as patch:
            if form.state == "late":  # found so long ago that the plan is late, and a flag waits
                found = system_clock() - timedelta(days=40)
                patch.setattr(worlds, "system_clock", lambda: found)
            world = worlds.make()
        made = Scene(world, worlds.browser("laege"))
        STATES[form.state](made)
        yield made
        return
    with versions.old_in_force(tmp_path) as own:
        made = Scene(worlds.make(), worlds.browser("laege"))
        STATES["planned"](made)
        versions.in_force(own, later=True)
        yield made


def changed(scene: Scene, form: Form, changes: dict[str, Any]) -> dict[str, Any]:
    """What is meant, with something changed; nothing stands for what was not ticked."""
    sent = form.sent(scene) | {key.format(**scene.ids): value for key, value in changes.items()}
    return {key: value for key, value in sent.items() if value != []}


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_what_cannot_be_meant_is_told_at_its_field_and_nothing_is_lost(form: Form, scene: Scene) -> None:
    path, before = form.path(scene), census()
    for changes, where in form.wrong:
        sent = changed(scene, form, changes)
        answer = scene.doctor.post(path, sent)
        page, what = text(answer), f"{form.id} {changes}"[:200]
        if where == "404":
            assert answer.status_code == 404, what
            continue
        assert answer.status_code == 422 or (where == "*" and answer.status_code in (400, 404, 409, 422)), what
        assert census() == before, f"{what}: something was written"
        if answer.status_code in (400, 404):
            continue
        assert "Der er noget, du skal rette" in page and "<title>Fejl: " in page, what
        if where != "*":
            control = where.format(**scene.ids)
            assert f'href="#{control}"' in page, f"{what}: the summary leads nowhere"
            assert f'id="{control}"' in page, f"{what}: there is no such control"
            told = re.search(rf'<a class="function-link" href="#{re.escape(control)}">([^<]+)</a>', page)
            assert told is not None, what
            told_twice = page.count(told[1].rpartition(": ")[2][-30:]) > 1
            assert told_twice, f"{what}: not told at the field: {told[1]}"
            assert "form-error-message" in page, what
        if {"do", "trin"} & changes.keys():
            continue  # no button nor form of the page says so, and none of its forms was sent
        for name, value in sent.items():
            if isinstance(value, str) and len(value) > 3 and name not in ("do", "query") and not _chosen(name, page):
                assert value.strip() in page, f"{what}: what was typed in {name} is lost"
    assert census() == before


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_garbage_is_refused_in_words(form: Form, scene: Scene) -> None:
    path, names = form.path(scene), list(form.sent(scene)) or ["appointment", "activity", "q"]
    for number, rubbish in enumerate(GARBAGE):
        body = {name: rubbish for name in names if name != "do"} | ({"do": "send"} if "do" in names else {})
        for sent in (body, changed(scene, form, {names[number % len(names)]: rubbish})):
            answer = scene.doctor.generic("POST", path, _encoded(sent), "application/x-www-form-urlencoded")
            assert answer.status_code < 500, (form.id, rubbish)
            assert "<script>alert(1)" not in answer.content.decode(), form.id
            assert "\n" not in answer.headers.get("Location", "")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_too_much_is_refused_and_changes_nothing(form: Form, scene: Scene, settings: Any) -> None:
    path, sent, before = form.path(scene), form.sent(scene), census()
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    answer = scene.doctor.post(path, sent | {"text": "x" * 200_000, "note": "y" * 200_000})
    assert answer.status_code in (400, 413), (form.id, answer.status_code)
    assert "Traceback" not in text(answer)
    assert census() == before


@pytest.mark.parametrize("form", [form for form in FORMS if form.words], ids=[form.id for form in FORMS if form.words])
def test_what_was_typed_when_the_session_ended_is_there_after_login(form: Form, scene: Scene) -> None:
    path, sent = form.path(scene), changed(scene, form, {form.words: form.typed})
    before = census()
    assert scene.doctor.get("/login/rolle").status_code == 200
    Session.objects.update(seen_ms=days.millis(system_clock()) - 31 * 60_000)
    answer = scene.doctor.post(path, sent, follow=True)
    assert "er gemt i en halv time" in text(answer), form.id
    assert form.typed not in text(answer)
    name = "kollega" if form.state == "follow" else "laege"
    page = text(scene.doctor.post("/login/persona", {"persona": name, "next": path}, follow=True))
    assert form.typed in page and "står her igen" in page, form.id
    assert census() == before, f"{form.id}: it was sent, not shown"


@pytest.mark.parametrize("form", [form for form in FORMS if form.whose], ids=[form.id for form in FORMS if form.whose])
def test_anothers_patient_is_answered_as_one_who_is_not_there(form: Form, scene: Scene) -> None:
    path, sent, before = form.path(scene), form.sent(scene), census()
    stranger = worlds.browser("anden")
    theirs = stranger.post(path, sent)
    nobody = stranger.post(path.replace(scene.world.patient, "findes-ikke"), sent)
    if form.route == "glass-open":  # whoever treats may say why, of whomever: nothing tells who is there
        assert theirs.status_code == nobody.status_code == 302
        assert theirs["Location"].replace(scene.world.patient, "findes-ikke") == nobody["Location"]
        stranger.get("/klinik/vaerdispring")  # what was said about both stands there
        pages = [_plain(stranger.get(one)) for one in (path, path.replace(scene.world.patient, "findes-ikke"))]
        assert pages[0] == pages[1] and scene.world.patient not in pages[0]
        return
    assert theirs.status_code == nobody.status_code == 404, form.id
    assert _plain(theirs) == _plain(nobody), form.id
    assert census() == before


STALE = [form for form in FORMS if form.meanwhile]


@pytest.mark.parametrize("form", STALE, ids=[form.id for form in STALE])
def test_what_another_did_meanwhile_is_not_overwritten_unseen(form: Form, scene: Scene) -> None:
    path, sent = form.path(scene), form.sent(scene)
    assert form.meanwhile is not None
    form.meanwhile(scene)
    before = census()
    answer = scene.doctor.post(path, sent)
    assert answer.status_code in (409, 422), (form.id, answer.status_code)
    assert census() == before, f"{form.id}: written over what another did"
    assert "Der er noget, du skal rette" in text(answer) or "nåede det først" in text(answer), form.id


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_sent_twice_is_done_once(form: Form, scene: Scene) -> None:
    path, sent, before = form.path(scene), form.sent(scene), census()
    first = scene.doctor.post(path, sent)
    assert first.status_code == 302, (form.id, first.status_code)
    assert census() != before, f"{form.id}: nothing was done"
    done = counted()
    second = scene.doctor.post(path, sent)
    assert second.status_code in (302, 404, 409, 422), (form.id, second.status_code)
    assert form.repeats or counted() == done, f"{form.id}: doubled"


def _chosen(name: str, page: str) -> bool:
    """Whether it is picked on the page and not typed: what was no choice is not repeated."""
    picked = rf'(<select[^>]*|type="radio"[^>]*|<button[^>]*|type="hidden"[^>]*) name="{re.escape(name)}"'
    return re.search(picked, page) is not None


def _encoded(sent: dict[str, Any]) -> bytes:
    from urllib.parse import quote_plus

    pairs = ((name, one) for name, value in sent.items() for one in (value if isinstance(value, list) else [value]))
    return "&".join(
        f"{quote_plus(name)}={quote_plus(str(one), errors='surrogatepass')}" for name, one in pairs
    ).encode()


def _plain(answer: Any) -> str:
    return re.sub(r'value="[A-Za-z0-9]{64}"|[0-9a-f-]{32,36}|findes-ikke', "", answer.content.decode())
