"""A right that is taken away is gone at the very next request, in every process; how long that took is printed.

A server with two workers answers; a second process, and the API itself, take rights away. Before, both workers have
answered the one whose right it is, so that whatever they remember of them they remember.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lib import hand, homes, serving
from lib.hand import Hand
from lib.people import clinic, patient
from lib.serving import Server
from lib.tally import Tally
from tovholder.fhir import systems
from tovholder.store import consents

pytestmark = pytest.mark.slow
Json = dict[str, Any]
WARM = 12  # requests before, on connections of their own: more than enough for both workers to have answered
AFTER = 8
NUMBER = "2911829996"


@dataclass
class Right:
    """Something somebody may, and what takes it away. ask: the status of one request under it."""

    name: str
    ask: Callable[[], int]
    take: Callable[[], None]
    refused: tuple[int, ...] = (401, 404)


@dataclass
class Scene:
    """A record, the server that answers for it, and the hand that changes it beside."""

    server: Server
    hand: Hand
    numbers: int = 0

    def org(self, **more: Any) -> str:
        self.numbers += 1
        rid = f"org{self.numbers}"
        self.hand("put", clinic(rid) | {"id": rid} | more)
        return rid

    def patient(self, organization: str, **more: Any) -> str:
        self.numbers += 1
        rid = f"pt{self.numbers}"
        self.hand("put", patient(organization) | {"id": rid} | more)
        return rid

    def person(self, role: str = "gp", organization: str = "", about: str = "") -> tuple[str, str]:
        self.numbers += 1
        name = f"user{self.numbers}"
        return name, self.hand("person", name, role, organization, about)

    def get(self, token: str, path: str) -> Callable[[], int]:
        return lambda: self.server.send("GET", f"/fhir/{path}", Authorization=f"Bearer {token}").status

    def send(self, method: str, path: str, body: Any, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.server.send(method, f"/fhir/{path}", body, **headers)
        assert answer.status in (200, 201), answer.body

    def browser(self, name: str) -> dict[str, str]:
        """The cookies of somebody who logged in by the persona's door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("GET", "/")
        first = connection.getresponse()
        page = first.read().decode()
        cookies = _cookies(first)
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        form = urlencode({"persona": name, "csrfmiddlewaretoken": token})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login/persona", form, kind | {"Cookie": _cookie(cookies)})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 302, answer.status
        return cookies | _cookies(answer)

    def page(self, cookies: dict[str, str], path: str = "/klinik/") -> Callable[[], int]:
        """What a page answers: being sent away to log in counts as 401."""

        def ask() -> int:
            answer = self.server.send("GET", path, Authorization="", Cookie=_cookie(cookies))
            return 401 if answer.status == 302 else answer.status

        return ask


def _cookies(answer: http.client.HTTPResponse) -> dict[str, str]:
    told = [value.split(";")[0].partition("=") for name, value in answer.getheaders() if name == "Set-Cookie"]
    return {name: value for name, _, value in told}


def _cookie(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("revocation")
    with (
        homes.made(folder) as home,
        serving.Server.over(home, TOVHOLDER_WORKERS="2") as server,
        hand.held(home) as second,
    ):
        yield Scene(server, second)


def consent(about: str, **provision: Any) -> Json:
    return {
        "resourceType": "Consent",
        "id": f"consent-{about}",
        "status": "active",
        "scope": {"coding": [{"system": consents.SCOPE_SYSTEM, "code": consents.PRIVACY}]},
        "category": [{"text": "x"}],
        "policyRule": {"text": "x"},
        "patient": {"reference": f"Patient/{about}"},
        "provision": provision,
    }


def rights(here: Scene) -> Iterator[Right]:
    """Each right there is to take away, made and ready."""
    home = here.org()
    mine = here.patient(home)

    name, token = here.person(organization=home)
    yield Right("assignment ended", here.get(token, f"Patient/{mine}"), lambda: here.hand("end_role", name))

    closed, second = here.person(organization=home)
    yield Right("user closed", here.get(second, f"Patient/{mine}"), lambda: here.hand("close", closed))

    out, third = here.person(organization=home)
    yield Right(
        "token revoked (logged out by an operator)",
        here.get(third, f"Patient/{mine}"),
        lambda: here.hand("log_out", out),
    )

    name4, _ = here.person(organization=home)
    cookies = here.browser(name4)
    yield Right("session: logged out everywhere", here.page(cookies), lambda: here.hand("log_out", name4))

    name5, _ = here.person(organization=home)
    cookies5 = here.browser(name5)

    def leave() -> None:
        page = here.server.send("GET", "/klinik/", Authorization="", Cookie=_cookie(cookies5)).body.decode()
        form = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        connection = http.client.HTTPConnection("127.0.0.1", here.server.port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": _cookie(cookies5)}
        connection.request("POST", "/logud", urlencode({"csrfmiddlewaretoken": form}), headers)
        assert connection.getresponse().status == 302
        connection.close()

    yield Right("session: logged out here, the cookie kept", here.page(cookies5), leave)

    other = here.org()
    moved = here.patient(home)
    _, token6 = here.person(organization=home)
    gone = patient(other) | {"id": moved}
    yield Right(
        "relation ended (moved to another list)",
        here.get(token6, f"Patient/{moved}"),
        lambda: here.send("PUT", f"Patient/{moved}", gone),
    )

    barred = here.patient(home)
    _, token7 = here.person(organization=home)
    actor = [{"role": {"text": "x"}, "reference": {"reference": f"Organization/{home}"}}]
    deny = consent(barred, type="deny", actor=actor)
    yield Right(
        "block made", here.get(token7, f"Patient/{barred}"), lambda: here.send("PUT", f"Consent/{deny['id']}", deny)
    )

    shut = here.patient(home)
    here.hand("put", consent(shut, type="deny", actor=actor))
    _, token8 = here.person(organization=home)
    why = [{"name": "reason", "valueCode": REASON}, {"name": "text", "valueString": "Bevidstløs, skal behandles nu"}]
    here.send("POST", f"Patient/{shut}/$break-glass", {"resourceType": "Parameters", "parameter": why}, token8)
    end = lambda: here.send("POST", f"Patient/{shut}/$end-break-glass", {"resourceType": "Parameters"}, token8)  # noqa: E731
    yield Right("break-glass ended", here.get(token8, f"Patient/{shut}"), end)

    opened = here.patient(other)
    _, token9 = here.person("hospital", home)
    permit = consent(opened, type="permit", actor=actor)
    here.hand("put", permit)
    yield Right(
        "the patient's own act taken back",
        here.get(token9, f"Patient/{opened}"),
        lambda: here.send("PUT", f"Consent/{permit['id']}", permit | {"status": "inactive"}),
    )

    whole, part = here.org(), ""
    part = here.org(partOf={"reference": f"Organization/{whole}"})
    belongs = here.patient(whole)
    _, token10 = here.person(organization=part)
    alone = clinic(part) | {"id": part}
    yield Right(
        "organisation moved out of the one that has the relation",
        here.get(token10, f"Patient/{belongs}"),
        lambda: here.send("PUT", f"Organization/{part}", alone),
    )

    app = here.hand("app", "doctor11", home, mine)
    yield Right(
        "app: its client ended",
        here.get(app["access_token"], f"Patient/{mine}"),
        lambda: here.hand("end_client", app["client"]),
    )

    app2 = here.hand("app", "doctor12", home, mine)
    yield Right(
        "app: refresh token revoked",
        here.get(app2["access_token"], f"Patient/{mine}"),
        lambda: here.hand("revoke", app2["client"], app2["refresh_token"]),
    )

    app3 = here.hand("app", "doctor13", home, mine)
    yield Right(
        "app: access token revoked",
        here.get(app3["access_token"], f"Patient/{mine}"),
        lambda: here.hand("revoke", app3["client"], app3["access_token"]),
    )

    app4 = here.hand("app", "doctor14", home, mine)
    yield Right(
        "app: taken back by who gave it",
        here.get(app4["access_token"], f"Patient/{mine}"),
        lambda: here.hand("end_grant", "doctor14"),
    )

    app5 = here.hand("app", "doctor15", home, mine)
    yield Right(
        "app: its user closed",
        here.get(app5["access_token"], f"Patient/{mine}"),
        lambda: here.hand("close", "doctor15"),
    )

    system = here.hand("backend")
    yield Right(
        "system: its client ended",
        here.get(system["access_token"], f"Patient/{mine}"),
        lambda: here.hand("end_client", system["client"]),
    )

    stood = here.patient(home)
    here.hand("put", relative(stood))
    given = consent(
        stood,
        type="permit",
        actor=[{"role": {"text": "x"}, "reference": {"reference": f"RelatedPerson/rel-{stood}"}}],
        action=[{"coding": [{"system": consents.AREA_SYSTEM, "code": "plan"}]}],
    )
    here.hand("put", given)
    cookie = here.hand("relative_session", NUMBER)
    yield Right(
        "representation withdrawn",
        here.page(cookie, "/minplan/"),
        lambda: here.send("PUT", f"Consent/{given['id']}", given | {"status": "inactive"}),
        (401, 403, 404),
    )


REASON = "danger"


def relative(about: str) -> Json:
    code = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "DAUC"}
    return {
        "resourceType": "RelatedPerson",
        "id": f"rel-{about}",
        "identifier": [{"system": systems.CPR, "value": NUMBER}],
        "patient": {"reference": f"Patient/{about}"},
        "relationship": [{"coding": [code]}],
    }


def test_a_right_taken_away_is_gone_at_the_next_request(scene: Scene, tally: Tally) -> None:
    workers = len(scene.server.serving())
    assert workers >= 2
    told: list[str] = []
    for right in rights(scene):
        before = [right.ask() for _ in range(WARM)]
        assert set(before) == {200}, (right.name, before)
        right.take()
        began = time.monotonic()
        first = right.ask()
        took = (time.monotonic() - began) * 1000
        after = [first, *(right.ask() for _ in range(AFTER))]
        assert set(after) <= set(right.refused), (right.name, after)
        told.append(f"{right.name} {took:.0f} ms")
    tally("revocation", f"{len(told)} rights taken away, each refused at the next request in all of {workers} workers")
    tally("revocation", "; ".join(told))
