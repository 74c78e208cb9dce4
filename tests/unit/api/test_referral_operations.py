"""Task $referral-draft, $refer-on and $hand-back, as a receiver's own system calls them."""

from __future__ import annotations

from typing import Any

import pytest

from lib import people
from lib.api import Caller
from lib.world import World
from tovholder import store
from tovholder.access import Role
from tovholder.base.clock import system_clock
from tovholder.plan import actions as plan_actions
from tovholder.referral import actions

pytestmark = pytest.mark.django_db


@pytest.fixture
def at() -> dict[str, Any]:
    """A patient referred to and accepted by a prevention centre, and another centre nearby."""
    now = system_clock()
    with store.unit_of_work(people.system(now)) as uow:
        clinic = uow.create(people.clinic()).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Holst", "given": ["Ida"]}]}).id
        centre = uow.create(people.clinic("Sundhedscenter Øst", kind="prevention")).id
        other = uow.create(people.clinic("Sundhedscenter Vest", kind="prevention")).id
    w = World(clinic, other, doctor, centre, now)
    patient = w.patient()
    w.diagnose(patient)
    who = {"patient_id": patient, "episode_id": str(w.rows("episode", patient)[0]["episode_id"])}
    plan_actions.start_episode(w.gp, **who)
    sent = actions.send(
        w.gp,
        **who,
        kind="rehabilitering",
        receiver_id=centre,
        receiver_kind="prevention",
        fields={"formaal": "Genoptræning", "mrc": "3", "fev1": "55", "niveau": "Niveau 2", "telefon": "00 11",
                "kommune": "Randers", "diagnose": "KOL (R95)", "klinik": "Lægerne"},
    )  # fmt: skip
    actions.accept(w.receiver, patient_id=patient, referral_id=str(sent.id))
    return {
        "w": w, "patient": patient, "task": f"/Task/{sent.id}", "other": f"Organization/{other}",
        "receiver": Caller(Role.PREVENTION, centre, name="oest"), "next": Caller(Role.PREVENTION, other, name="vest"),
        "gp": Caller(Role.GP, clinic, name="gp"), "citizen": Caller(Role.CITIZEN, patient=patient, name="pt"),
    }  # fmt: skip


def asked(*fields: tuple[str, str], **values: str) -> dict[str, Any]:
    told: list[dict[str, Any]] = [
        {"name": name.replace("_", "-"), "valueString": value} for name, value in values.items()
    ]
    told += [
        {"name": "field", "part": [{"name": "id", "valueString": key}, {"name": "value", "valueString": value}]}
        for key, value in fields
    ]
    return {"resourceType": "Parameters", "parameter": told}


def on(at: dict[str, Any], *fields: tuple[str, str], **values: str) -> dict[str, Any]:
    return asked(*fields, **{"kind": "rygestop", "receiver": at["other"], "receiver_kind": "prevention", **values})


def test_the_draft_tells_what_is_there_and_what_is_missing(at: dict[str, Any]) -> None:
    answer = at["receiver"].send("GET", f"{at['task']}/$referral-draft?kind=rygestop")
    assert answer.status_code == 200, answer.content
    told = [item for item in answer.json()["parameter"] if item["name"] == "field"]
    states = {part["part"][0]["valueCode"]: part["part"][3]["valueCode"] for part in told}
    assert states["rygning"] == "missing" and states["telefon"] == "filled"  # told when the patient was referred
    assert at["receiver"].send("GET", f"{at['task']}/$referral-draft").status_code == 400
    assert at["next"].send("GET", f"{at['task']}/$referral-draft?kind=rygestop").status_code == 404


def test_referred_on_the_next_receiver_reads_its_task(at: dict[str, Any]) -> None:
    path = f"{at['task']}/$refer-on"
    assert at["next"].send("GET", f"/Patient/{at['patient']}").status_code == 404
    lacking = at["receiver"].send("POST", path, on(at))
    assert lacking.status_code in (400, 422) and b"Smoking is missing" in lacking.content
    answer = at["receiver"].send("POST", path, on(at, ("rygning", "Dagligt"), key="samme-kald-igen-og-igen"))
    assert answer.status_code == 200, answer.content
    again = at["receiver"].send("POST", path, on(at, ("rygning", "Dagligt"), key="samme-kald-igen-og-igen"))
    made = answer.json()["parameter"][0]["valueReference"]["reference"]
    assert again.json()["parameter"][0]["valueReference"]["reference"] == made
    task = at["next"].send("GET", f"/{made}").json()
    assert task["requester"]["reference"] == "Practitioner/p-oest"
    assert at["next"].send("GET", f"/Patient/{at['patient']}").status_code == 200
    assert at["gp"].send("GET", f"/{made}").status_code == 200


@pytest.mark.parametrize("who", ["gp", "citizen", "next"])
def test_nobody_else_refers_on_or_hands_back(at: dict[str, Any], who: str) -> None:
    sent = at[who].send("POST", f"{at['task']}/$refer-on", on(at, ("rygning", "Dagligt")))
    assert sent.status_code in (403, 404)
    if who != "gp":  # who may note what it was told
        told = at[who].send("POST", f"{at['task']}/$hand-back", asked(answer="Færdig"))
        assert told.status_code in (403, 404)
    assert len(at["w"].rows("referral", at["patient"])) == 1


def test_a_plain_write_still_opens_nobody(at: dict[str, Any]) -> None:
    task = at["receiver"].send("GET", at["task"]).json()
    for name in ("id", "meta"):
        task.pop(name)
    task |= {"status": "requested", "owner": {"reference": at["other"]}}
    assert at["receiver"].send("POST", "/Task", task).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        asked(kind="rygestop"),
        asked(kind="rygestop", receiver="Practitioner/x", receiver_kind="prevention"),
        asked(kind="bingo", receiver="Organization/x", receiver_kind="prevention"),
        asked(kind="rygestop", receiver="http://elsewhere/Organization/x", receiver_kind="prevention"),
        {"resourceType": "Parameters", "parameter": [{"name": "field", "part": [{"name": "id", "valueInteger": 1}]}]},
        {"resourceType": "Parameters", "parameter": [{"name": "unknown", "valueString": "x"}]},
    ],
)
def test_bad_calls_are_told(at: dict[str, Any], body: dict[str, Any]) -> None:
    answer = at["receiver"].send("POST", f"{at['task']}/$refer-on", body)
    assert answer.status_code in (400, 422), answer.content
    assert at["receiver"].send("GET", f"{at['task']}/$refer-on").status_code == 405


def test_handed_back_with_an_answer(at: dict[str, Any]) -> None:
    path = f"{at['task']}/$hand-back"
    assert at["receiver"].send("POST", path, asked()).status_code == 400
    assert at["receiver"].send("POST", path, asked(answer="x", reason="bingo")).status_code == 422
    answer = at["receiver"].send("POST", path, asked(answer="Patienten kom ikke", reason="no-show"))
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "cancelled" and answer.json()["output"][0]["valueString"] == "Patienten kom ikke"
    assert at["receiver"].send("POST", path, asked(answer="Igen")).status_code == 422
