"""A receiver's file of visits: taken in whole, twice once, corrected by a changed row, bad rows set aside with why."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from lib.people import system
from tovholder import store
from tovholder.appointments import visits, visits_file
from tovholder.appointments.visits_file import Bad, Fault, Row
from tovholder.base.clock import system_clock
from tovholder.fhir import systems
from unit.web import world as worlds
from unit.web.test_partner import Scene, ago, scene, text

pytestmark = pytest.mark.django_db
HEAD = "nr;cpr;dato;tid;status;slags;grund;aflyst af;rmdq"
CPR = "610560-0000"
__all__ = ["scene"]


def sends(content: str | bytes, do: str = "indlaes", browser: Any = None) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    sent = {"do": do, "fil": SimpleUploadedFile("besøg.csv", raw, "text/csv")}
    return (browser or worlds.browser("fys")).post("/partner/indlaes", sent)


def rows(*lines: str) -> str:
    return "\n".join((HEAD, *lines))


def kept(scene: Scene) -> list[tuple[str, str, str]]:
    """The visits as they stand: number, start, status."""
    return sorted(
        (item["identifier"][0]["value"].partition("/")[2], item["start"][:10], item["status"])
        for item in scene.found("Appointment")
    )


class TestTakingIn:
    def test_visits_and_scores_stand_in_the_plan(self, scene: Scene) -> None:
        answer = sends(
            rows(
                f"1;{CPR};{ago(20)};9:00;gennemført;fysioterapi;;;14",
                f"2;{CPR};{ago(6)};9:00;udeblevet;;;;",
                f"3;{CPR};{ago(-5)};09.30;booket;;;;",
                f"4;{CPR};{ago(3)};10:00;aflyst;;illness;patient;",
            )
        )
        assert "Nye besøg 4" in text(answer)
        assert [one[2] for one in kept(scene)] == ["fulfilled", "noshow", "booked", "cancelled"]
        scores = [item for item in scene.found("Observation") if item["code"]["coding"][0]["code"] == "lrs-rmdq"]
        assert [item["valueQuantity"]["value"] for item in scores] == [14]
        assert "Roland-Morris" in text(worlds.browser("laege").get(f"/klinik/patient/{scene.patient}/maalinger"))

    def test_the_same_file_twice_changes_nothing(self, scene: Scene) -> None:
        file = rows(f"1;{CPR};{ago(20)};9:00;gennemført;;;;14", f"2;{CPR};{ago(6)};9:00;udeblevet;;;;")
        sends(file)
        before = kept(scene), [item["meta"] for item in scene.found("Appointment")]
        assert "Uændrede besøg 2" in text(sends(file))
        assert (kept(scene), [item["meta"] for item in scene.found("Appointment")]) == before

    def test_a_changed_row_is_a_correction(self, scene: Scene) -> None:
        sends(rows(f"1;{CPR};{ago(20)};9:00;udeblevet;;;;"))
        answer = sends(rows(f"1;{CPR};{ago(19)};9:00;gennemført;;;;12"))
        assert "Ændrede besøg 1" in text(answer)
        assert kept(scene) == [("1", ago(19), "fulfilled")]
        assert "Ændrede besøg 1" in text(sends(rows(f"1;{CPR};{ago(19)};9:00;gennemført;;;;11")))
        assert "Ændrede besøg 1" in text(sends(rows(f"1;{CPR};{ago(19)};9:00;fejl;;;;")))
        (held,) = scene.found("Appointment")
        assert held["status"] == "entered-in-error"

    def test_a_try_leaves_everything_as_it_was(self, scene: Scene) -> None:
        answer = sends(rows(f"1;{CPR};{ago(20)};9:00;gennemført;;;;14"), do="proev")
        assert "intet er gemt endnu" in text(answer)
        assert "Nye besøg 1" in text(answer)
        assert scene.found("Appointment") == []

    def test_a_time_booked_by_hand_is_the_same_visit(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        kind = f"{scene.found('EpisodeOfCare')[0]['id']}:fysioterapi"
        sent = {"do": "visit", "kind": kind, "date": ago(2), "time": "09:30", "outcome": "noshow"}
        browser.post(scene.page, sent)
        assert "Ændrede besøg 1" in text(sends(rows(f"7;{CPR};{ago(2)};9:30;gennemført;;;;")))
        assert kept(scene) == [("7", ago(2), "fulfilled")]

    def test_what_a_spreadsheet_on_windows_writes(self, scene: Scene) -> None:
        file = f"nr,cpr,dato,tid,status\n1,{CPR},{ago(4)},9:00,Gennemført\n".encode("cp1252")
        assert "Nye besøg 1" in text(sends(file))

    def test_in_any_order_and_with_repeats_the_end_is_the_same(self, scene: Scene) -> None:
        lines = [f"{number};{CPR};{ago(30 - number)};9:00;gennemført;;;;" for number in range(1, 7)]
        shuffled = random.Random(3)
        for _ in range(3):
            part = lines[:]
            shuffled.shuffle(part)
            sends(rows(*part[: shuffled.randint(1, 6)]))
        sends(rows(*lines))
        assert kept(scene) == [(str(number), ago(30 - number), "fulfilled") for number in range(1, 7)]


BAD = {
    "1;610560-0000;2027-01-01": Fault.CELLS,
    f";{CPR};{ago(3)};9:00;gennemført;;;;": Fault.NUMBER,
    f"a b;{CPR};{ago(3)};9:00;gennemført;;;;": Fault.NUMBER,
    f"1;12345;{ago(3)};9:00;gennemført;;;;": Fault.CPR,
    f"1;{CPR};i går;9:00;gennemført;;;;": Fault.DATE,
    f"1;{CPR};{ago(3)};kvart;gennemført;;;;": Fault.TIME,
    f"1;{CPR};{ago(3)};9:00;måske;;;;": Fault.STATUS,
    f"1;{CPR};{ago(3)};9:00;aflyst;;;;": Fault.REASON,
    f"1;{CPR};{ago(3)};9:00;gennemført;;;;meget": Fault.SCORE,
    f"1;{CPR};{ago(3)};9:00;gennemført;;;;99": Fault.OUTSIDE,
    f"1;620560-0000;{ago(3)};9:00;gennemført;;;;": Fault.PATIENT,
    f"1;990199-9999;{ago(3)};9:00;gennemført;;;;": Fault.PATIENT,
    f"1;{CPR};{ago(-3)};9:00;gennemført;;;;": Fault.AHEAD,
    f"1;{CPR};{ago(3)};9:00;gennemført;zoneterapi;;;": Fault.KIND,
}


class TestSettingAside:
    @pytest.mark.parametrize("line", BAD)
    def test_a_bad_row_is_set_aside_and_the_rest_goes_in(self, scene: Scene, line: str) -> None:
        ctx = _physio(scene)
        file = rows(line, f"ok;{CPR};{ago(8)};9:00;gennemført;;;;")
        found = visits.take(ctx, visits_file.read(file), receiver_kind="physio")
        assert [one.fault for one in found if isinstance(one, Bad)] == [BAD[line]]
        assert [one[0] for one in kept(scene)] == ["ok"]
        told = text(sends(file))
        assert "Lagt til side 1" in told
        assert "610560" not in told and "620560" not in told and "990199" not in told

    def test_a_number_twice(self, scene: Scene) -> None:
        line = f"1;{CPR};{ago(8)};9:00;gennemført;;;;"
        assert [one.fault for one in visits_file.read(rows(line, line)) if isinstance(one, Bad)] == [Fault.TWICE]

    def test_the_number_of_anothers_visit(self, scene: Scene) -> None:
        from lib.people import context
        from tovholder.access import Role
        from tovholder.plan import queries
        from tovholder.referral import actions as referral

        gp = context(Role.GP, scene.world.clinic, now=system_clock(), actor=f"Practitioner/{scene.world.doctor}")
        course = str(queries.episode_view(gp, scene.stranger, "lrs").episode.id)
        referral.send(
            gp, patient_id=scene.stranger, episode_id=course, kind="fysioterapi", receiver_id=scene.physio,
            receiver_kind="physio",
        )  # fmt: skip
        sends(rows(f"1;{CPR};{ago(8)};9:00;gennemført;;;;"))
        told = text(sends(rows(f"1;620560-0000;{ago(8)};9:00;gennemført;;;;")))
        assert "Nummeret hører til en anden patients besøg" in told

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"navn;alder\n",
            b"\x00\xff\xfe",
            b'nr;cpr;dato;tid;status\n"1;',
            rows(*["x"] * 302).encode(),
            b"nr;nr\n",
        ],
    )
    def test_a_file_that_is_none_is_told_of(self, scene: Scene, content: bytes) -> None:
        answer = sends(content)
        assert answer.status_code == 422
        assert 'href="#fil"' in answer.content.decode()

    def test_no_file_at_all(self, scene: Scene) -> None:
        assert worlds.browser("fys").post("/partner/indlaes", {"do": "indlaes"}).status_code == 422


def _physio(scene: Scene) -> Any:
    from lib.people import context
    from tovholder.access import Role

    held = store.read(system(system_clock()), "Organization", scene.physio)
    return context(Role.PARTNER, held.id, now=system_clock(), actor="Practitioner/frida")


def test_a_row_is_read_as_it_is_written() -> None:
    (row,) = visits_file.read(rows("1;6105600000;24.12.2026;9.05;Aflyst;Fysioterapi;staff;os;3,5"))
    assert isinstance(row, Row)
    assert (row.start.isoformat(), row.status, row.reason, row.by) == (
        "2026-12-24T09:05:00+01:00", "cancelled", "staff", "provider",
    )  # fmt: skip
    assert (row.kind, str(row.scores["rmdq"])) == ("fysioterapi", "3.5")
    assert systems.VISIT_IDENTIFIER.endswith("/visit")
