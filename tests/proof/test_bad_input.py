"""What nobody should send: a policy with a hole, deep links made up, and addresses that lead away from here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.test import Client

from lib import homes, serving, smart
from lib import two_records as world
from lib.addresses import routes
from lib.api import browser
from lib.matrix import PEOPLE
from lib.tally import Tally
from lib.two_records import HERE, MINE, SECRET, THEIRS
from tovholder.access import Role, people, policy
from tovholder.access.people import Persona
from tovholder.base.errors import Problem

POLICY = Path(policy.__file__).with_name("policy.toml")

HOLES = {
    "a role nobody knows": ('role = "partner"', 'role = "partnr"', "partnr"),
    "a role without a row": ('role = "author"', 'role = "operator"', "author"),
    "a condition nobody knows": ('when = ["self"]', 'when = ["selv"]', "selv"),
    "no condition": ('when = ["represented"]\n', "", "when"),
    "a type nobody knows": ('"Flag"', '"Flagg"', "Flagg"),
    "a type nobody thought of": ('"Account", ', "", "Account"),
    "everything to everybody": ('when = ["self"]', 'when = ["any"]', "any"),
    "a word nobody knows": ("[[allow]]", "[[allow]]\nunless = true", "unless"),
    "an element nobody knows": ('"telecom", "gender"', '"telecom", "koen"', "koen"),
    "what is no TOML": ("version = 1", "version = ", "policy"),
}  # fmt: skip


def _with_hole(folder: Path, hole: str) -> Path:
    there, made, _ = HOLES[hole]
    text = POLICY.read_text(encoding="utf-8")
    assert there in text, "the policy says it otherwise now: make the hole again"
    path = folder / "policy.toml"
    path.write_text(text.replace(there, made, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("hole", HOLES)
def test_a_policy_with_a_hole_is_refused_whole(tmp_path: Path, hole: str) -> None:
    with pytest.raises(Problem) as told:
        policy.load(_with_hole(tmp_path, hole))
    issues = " ".join(f"{issue.path} {issue.message} {issue.expected}" for issue in told.value.issues)
    assert HOLES[hole][2] in issues


@pytest.mark.slow
@pytest.mark.parametrize("hole", ["a role nobody knows", "a type nobody thought of"])
def test_a_server_does_not_start_with_it(tmp_path: Path, hole: str) -> None:
    path = _with_hole(tmp_path, hole)
    with homes.made(tmp_path / "home") as home:
        done = serving.Server(home, settings={"TOVHOLDER_POLICY": str(path)}).run("serve", "--port", "0")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert HOLES[hole][2] in told and "Traceback" not in told, told


AWAY = (
    "//evil.example/", "https://evil.example/", "http:evil.example", "https:///evil.example", "/\\evil.example",
    "\\\\evil.example", "///evil.example", "/%09/evil.example", "/\t/evil.example", "http://testserver@evil.example/",
    "javascript:alert(1)", "http://testserver.evil.example/", "data:text/html,x", "/%2f%2fevil.example",
    "//evil.example/%2e%2e", "/\r\nLocation: //evil.example",
)  # fmt: skip
NAMES = (
    "next",
    "return",
    "return_to",
    "redirect",
    "redirect_uri",
    "url",
    "post_logout_redirect_uri",
    "target_link_uri",
)


def leads_away(answer: Any) -> bool:
    """Whether a browser would follow the answer to somewhere else."""
    where = answer.headers.get("Location", "")
    parts = urlsplit(where.replace("\\", "/"))
    elsewhere = parts.netloc not in ("", "testserver") or parts.scheme not in ("", "http") or where.startswith("//")
    refresh = "evil.example" in answer.headers.get("Refresh", "")
    return (bool(where) and elsewhere) or refresh or "\n" in where


def everybody() -> dict[str, Client]:
    found = {"nobody": browser()}
    for role, (organization, patient) in PEOPLE.items():
        name = str(role)
        people.save_persona(Persona(name, name, name, role, organization, "" if patient else f"p-{name}", patient))
        found[name] = browser()
        found[name].post("/login/persona", {"persona": name})
    return found


@pytest.mark.django_db
def test_no_address_leads_away_from_here(tally: Tally) -> None:
    world.build()
    asked = 0
    away: list[str] = []
    broken: list[str] = []
    pages = [path for path in dict.fromkeys(routes()) if not path.startswith("fhir")]
    for person in (one for who, one in everybody().items() if who in ("nobody", "gp", "citizen")):
        cookies = {name: one.value for name, one in person.cookies.items()}

        def ask(method: str, url: str, value: str, names: tuple[str, ...] = NAMES, cookies: Any = cookies) -> str:
            fresh = browser(cookies)
            given = dict.fromkeys(names, value) | ({"persona": "gp", "language": "en"} if method == "POST" else {})
            answer = (
                fresh.get(url, given)
                if method == "GET"
                else fresh.post(url, given, HTTP_REFERER="http://evil.example/")
            )
            told = f"{method} {url} {value!r}: {answer.status_code} {answer.headers.get('Location')}"
            if answer.status_code >= 500:
                broken.append(told)
            return told if leads_away(answer) else ""

        for number, path in enumerate(pages):
            url = "/" + re.sub(r"<\w+:\w+>", "kol", path.replace("<str:patient_id>", MINE).replace("<int:number>", "1"))
            for method in ("GET", "POST"):
                asked += 1
                away += [told for told in [ask(method, url, AWAY[number % len(AWAY)])] if told]
        for value in AWAY:
            for url in ("/login/persona", "/login/rolle", "/login/igen", "/sprog/", "/logud"):
                asked += 1
                away += [told for told in [ask("POST", url, value)] if told]
    assert not away, "\n".join([str(len(away)), *away[:20]])
    assert not broken, "\n".join(broken[:20])
    tally("bad input", f"{asked:,} requests that would lead a browser elsewhere: none did")


@pytest.mark.django_db
def test_an_app_is_sent_only_where_it_is_registered() -> None:
    world.build()
    asking = smart.Asking(smart.app())
    doctor = smart.Person.of(Role.GP, HERE)
    for value in (
        *AWAY,
        smart.REDIRECT + "/",
        smart.REDIRECT + "?x=1",
        smart.REDIRECT.upper(),
        "https://app.example.dk.evil.example/",
    ):
        for one in (doctor.browser, browser()):
            answer = one.get("/smart/authorize", asking.params("patient/*.rs", redirect_uri=value))
            assert not leads_away(answer) and answer.status_code == 400, (value, answer.headers)
            assert "evil.example" not in answer.headers.get("Location", "")


FORMS = ("kol-behovsvurdering", "../../../fhir/Patient", "x" * 300, "%00", "<script>")
FORGED = (THEIRS, "nobody", f"../{MINE}", f"{MINE}%2f..%2f{THEIRS}", "%2e%2e", "'", f"{MINE}\u200b", "0", MINE.upper())


@pytest.mark.django_db
def test_a_deep_link_made_up_leads_nowhere(tally: Tally) -> None:
    world.build()
    asked = 0
    for who, person in everybody().items():
        if who not in ("nobody", "gp", "citizen", "hospital", "representative"):
            continue
        for patient in FORGED:
            for package in ("kol", "nothing", ".."):
                for form in FORMS:
                    url = f"/klinik/patient/{quote(patient, safe='%/.')}/{package}/formular/{quote(form, safe='%/.')}"
                    answer = person.get(url, {"next": f"/klinik/patient/{THEIRS}/kol/"})
                    asked += 1
                    assert answer.status_code in (302, 400, 403, 404, 405), (who, url, answer.status_code)
                    text = answer.content.decode(errors="replace")
                    assert SECRET not in text and not leads_away(answer), (who, url)
    tally("bad input", f"{asked:,} deep links made up: none led anywhere")
