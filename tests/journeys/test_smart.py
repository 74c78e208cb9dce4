"""A real SMART client (npm fhirclient) in a browser, launched from the clinic and by itself; and a system that exports.

Its build for browsers is what we use; of what it needs elsewhere, package.json leaves out isomorphic-webcrypto, which
brings 300 MB for telephones. No Bulk Data client installs from npm or PyPI, so the system is written here as its vendor
would write it.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "node_modules" / "fhirclient" / "build" / "fhir-client.js"
PAGES = Path(__file__).with_name("smart_app")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app's own pages, on an origin of their own."""
    if not CLIENT.exists():
        pytest.skip("fhirclient is not installed (make install-dev)")
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(PAGES, folder, dirs_exist_ok=True)
    shutil.copy(CLIENT, folder / "fhir-client.js")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def registered(visitor: Any, name: str, fills: dict[str, str], *chooses: str) -> str:
    """The operator registers an app or a system on their page; returns its client_id."""
    operator = visitor()
    operator.goes_in_as("drift")
    operator.opens("/drift/klienter/ny")
    operator.fills("Navn, som folk ser det", name)
    for label in chooses:
        operator.chooses(label)
    for label, value in fills.items():
        operator.fills(label, value)
    operator.presses("Registrér")
    operator.reads("er registreret")
    found = re.search(r"/drift/klienter/([^/?#]+)$", operator.page.url)
    assert found is not None
    operator.leaves()
    return found[1]


def app_in_clinic(visitor: Any, site: str) -> str:
    return registered(
        visitor,
        "Prøveapp",
        {
            "Hvad den gør, i én sætning": "Viser diagnoser og målinger.",
            "Det meste, den må få (scopes)": "launch launch/patient openid fhirUser offline_access patient/*.rs user/*.rs",
            "Adresser, appen vender tilbage til": f"{site}/index.html",
            "Adresse, appen åbnes på": f"{site}/launch.html",
            "Hvorfra dens sider kalder": site,
        },
        "App, som en person åbner",
        "Ingen: app i browser eller telefon, med PKCE",
        "Patienter",
        "Praktiserende læger",
    )


def told(person: Any) -> dict[str, Any]:
    """What the app shows that it came by."""
    person.page.wait_for_url("**/index.html*")
    person.page.wait_for_function("document.getElementById('told').textContent !== ''")
    found: dict[str, Any] = orjson.loads(person.page.locator("#told").inner_text())
    assert "error" not in found, found
    return found


def test_opened_from_the_patients_page(visitor: Any, server: Any, site: str) -> None:
    client = app_in_clinic(visitor, site)
    doctor = visitor()
    doctor.goes_in_as("laege")
    # The app knows its own id; ours is made anew for each run.
    doctor.context.add_init_script(f"if (location.origin === {site!r}) sessionStorage.setItem('client', {client!r})")
    doctor.opens(f"/klinik/patient/{server.world['patient']}/kol/")
    doctor.meets_an_accessible_page("klinik-patient-med-app")
    doctor.presses("Prøveapp")
    doctor.page.wait_for_url("**/smart/adgang/*")
    doctor.reads("Må Prøveapp få adgang?", "Prøve Prøvesen", "Diagnoser", "Målinger og svar på prøver")
    doctor.does_not_read("Medicin")
    doctor.meets_an_accessible_page("app-samtykke-klinik")
    doctor.presses("Ja, giv adgang")
    found = told(doctor)
    assert found["patient"] == server.world["patient"]
    assert found["name"] == "Prøvesen"
    assert found["user"].startswith("Practitioner/")
    assert found["intent"] == "kol"
    assert set(found["conditions"]) == {f"Patient/{server.world['patient']}"}
    assert found["goals"] in (0, 403)  # nobody gave it goals


def test_opened_by_itself_by_a_patient(visitor: Any, server: Any, site: str) -> None:
    client = app_in_clinic(visitor, site)
    person = visitor(width=360)
    asked = {
        "client": client,
        "iss": f"{server.url}/fhir",
        "scope": "launch/patient openid fhirUser offline_access patient/*.rs",
    }
    person.page.goto(f"{site}/launch.html?{urlencode(asked)}")
    person.page.locator('button[name="persona"][value="patient"]').click()  # not logged in: does so, and comes back
    person.page.wait_for_url("**/smart/adgang/*")
    person.reads("Må Prøveapp få adgang?", "Det gælder dine egne oplysninger.", "ikke har brugt den i 90 dage")
    person.meets_an_accessible_page("app-samtykke-patient")
    person.tabs_to("Ja, giv adgang", "button")
    person.page.keyboard.press("Enter")
    found = told(person)
    assert found["patient"] == server.world["patient"]
    assert found["user"] == f"Patient/{server.world['patient']}"
    assert found["refreshed"] is True
    person.opens("/smart/apps")
    person.reads("Prøveapp", "Alt det, du selv har adgang til i Tovholder")
    person.meets_an_accessible_page("apps-med-adgang")
    person.presses("Stop adgangen")
    person.reads("Appen har ikke længere adgang.", "Ingen apps har adgang på dine vegne.")


def test_opened_by_itself_by_a_doctor_who_chooses_a_patient(visitor: Any, server: Any, site: str) -> None:
    client = app_in_clinic(visitor, site)
    doctor = visitor()
    doctor.goes_in_as("laege")
    asked = {
        "client": client,
        "iss": f"{server.url}/fhir",
        "scope": "launch/patient patient/Patient.rs patient/Condition.rs",
    }
    doctor.page.goto(f"{site}/launch.html?{urlencode(asked)}")
    doctor.page.wait_for_url("**/smart/adgang/*")
    doctor.reads("Hvilken patient skal Prøveapp åbnes for?")
    doctor.fills("Find patient", "tastesen")
    doctor.presses("Søg")
    doctor.reads("1 patient passer til")
    doctor.meets_an_accessible_page("app-vaelg-patient")
    doctor.page.locator('button[name="patient"]').click()
    doctor.reads("Det gælder kun denne patient: Prøve Tastesen.")
    assert server.world["patient"] not in doctor.page.url
    doctor.presses("Ja, giv adgang")
    assert told(doctor)["name"] == "Tastesen"


def test_somebody_says_no(visitor: Any, server: Any, site: str) -> None:
    client = app_in_clinic(visitor, site)
    person = visitor()
    person.goes_in_as("patient")
    asked = {"client": client, "iss": f"{server.url}/fhir", "scope": "launch/patient patient/*.rs"}
    person.page.goto(f"{site}/launch.html?{urlencode(asked)}")
    person.page.wait_for_url("**/smart/adgang/*")
    person.presses("Nej tak")
    person.page.wait_for_url("**/index.html*")
    person.page.wait_for_function("document.getElementById('told').textContent !== ''")
    assert "error" in orjson.loads(person.page.locator("#told").inner_text())


def test_the_operators_pages(visitor: Any, site: str) -> None:
    app_in_clinic(visitor, site)
    operator = visitor()
    operator.goes_in_as("drift")
    operator.reads("Apps og systemer", "Prøveapp")
    operator.meets_an_accessible_page("drift-klienter")
    operator.opens("/drift/klienter/ny")
    operator.meets_an_accessible_page("drift-klient-ny")
    operator.presses("Registrér")
    operator.passes_axe("drift-klient-fejl")
    operator.reads("Der er noget, du skal rette")


# -- a system that fetches by itself ---------------------------------------------------------------------------------


class Backend:
    """A Backend Services client, as its vendor would write it: discovery, a signed assertion, a bulk export."""

    def __init__(self, base: str, client: str, key: ECKey) -> None:
        self.base, self.client, self.key = base, client, key
        self.told = requests.get(f"{base}/.well-known/smart-configuration", timeout=10).json()
        self.session = requests.Session()

    def log_in(self, scope: str) -> str:
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": self.told["token_endpoint"],
            "exp": int(time.time()) + 120,
            "jti": str(time.time_ns()),
        }
        answer = requests.post(
            self.told["token_endpoint"],
            {
                "grant_type": "client_credentials",
                "scope": scope,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": jwt.encode({"alg": "ES384", "kid": "k1"}, claims, self.key, algorithms=["ES384"]),
            },
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return str(answer.json()["scope"])

    def export(self, path: str) -> dict[str, list[dict[str, Any]]]:
        """By type, what came."""
        started = self.session.get(f"{self.base}/{path}", headers={"Prefer": "respond-async"}, timeout=10)
        assert started.status_code == 202, started.text
        until = time.monotonic() + 120
        while (status := self.session.get(started.headers["Content-Location"], timeout=10)).status_code == 202:
            assert time.monotonic() < until, "the export did not end"
            time.sleep(0.3)
        assert status.status_code == 200, status.text
        found: dict[str, list[dict[str, Any]]] = {}
        for file in status.json()["output"]:
            lines = self.session.get(file["url"], timeout=30).content.splitlines()
            found.setdefault(file["type"], []).extend(orjson.loads(line) for line in lines)
        return found


@pytest.fixture(scope="module")
def _worker(server: Any) -> Iterator[None]:
    """What runs the queue beside a served Tovholder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tovholder.cli.main", "worker", "--parent", str(os.getpid())], env=server.environ
    )
    yield
    process.terminate()
    process.wait(20)


@pytest.mark.usefixtures("_worker")
def test_a_system_exports_what_its_scopes_give(visitor: Any, server: Any) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    client = registered(
        visitor,
        "Forskningsudtræk",
        {
            "Det meste, den må få (scopes)": "system/Patient.rs system/Condition.rs?code=R95 system/Group.crs",
            "Eller nøglerne selv (JWKS)": orjson.dumps(KeySet([key]).as_dict(private=False)).decode(),
        },
        "System, der henter data selv",
        "Egen nøgle (anbefales)",
        "System uden person",
    )
    backend = Backend(f"{server.url}/fhir", client, key)
    assert set(backend.log_in("system/*.crs").split()) == {
        "system/Patient.rs",
        "system/Condition.rs?code=R95",
        "system/Group.crs",
    }
    found = backend.export("$export")
    assert set(found) <= {"Patient", "Condition", "Group"}
    assert len(found["Patient"]) > 5
    assert {item["code"]["coding"][0]["code"] for item in found["Condition"]} == {"R95"}
    one = server.world["patient"]
    group = {
        "resourceType": "Group",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": f"Patient/{one}"}}],
    }
    made = backend.session.post(
        f"{backend.base}/Group", orjson.dumps(group), headers={"Content-Type": "application/fhir+json"}, timeout=10
    )
    assert made.status_code == 201, made.text
    of_group = backend.export(f"Group/{made.json()['id']}/$export")
    assert [item["id"] for item in of_group["Patient"]] == [one]
    assert {item["subject"]["reference"] for item in of_group["Condition"]} == {f"Patient/{one}"}
    refused = backend.session.get(
        f"{backend.base}/$export?_type=Observation", headers={"Prefer": "respond-async"}, timeout=10
    )
    assert refused.status_code == 403
    backend.log_in("system/Condition.r")
    refused = backend.session.get(f"{backend.base}/$export", headers={"Prefer": "respond-async"}, timeout=10)
    assert refused.status_code == 403  # reading one by one is not searching all
