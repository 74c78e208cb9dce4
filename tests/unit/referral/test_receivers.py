"""The directory as a file: taken in once however often it is read, faults told by line and column, given out as it came."""

from __future__ import annotations

import pytest

from lib.world import World
from tovholder import store
from tovholder.base.errors import Problem
from tovholder.packages import get
from tovholder.referral import directory, receivers
from tovholder.referral.directory import Wish
from tovholder.referral.receivers_file import Bad, Row, read, text_of

GOOD = (
    "sor;yder;name;kind;municipality;street;postcode;city;phone;latitude;longitude;service;offers;waiting_days;waiting_told\n"
    "00001199999900601;;Øjenlægerne Prøve;ophthalmologist;0730;Prøvegade 1;8900;Randers;00 11 22 33;56.46;10.03;"
    "Diabetesøjne;oejenlaege;21;2027-02-20\n"
    ";990123;Fodterapeuten Prøve;podiatrist;0730;;;;;;;;;;\n"
)


def load(w: World, text: str, *, dry: bool = False) -> list[str]:
    told = []
    for found in read(text, "f.csv"):
        assert not isinstance(found, Bad), found
        told.append(receivers.take(w.system, *found, dry=dry).outcome)
    return told


def eyes(w: World) -> directory.Found:
    kind = get("t2d").referral("oejenlaege")
    return directory.find(w.gp, Wish(kinds=("ophthalmologist",), order="wait", service=kind))


def test_a_file_is_taken_in_once_and_given_out_as_it_came(w: World) -> None:
    assert load(w, GOOD, dry=True) == ["new", "new"] and not eyes(w).of_kind
    assert load(w, GOOD) == ["new", "new"]
    (found,) = eyes(w).receivers
    assert (found.name, found.offers, found.waiting_days, found.municipality) == ("Øjenlægerne Prøve", True, 21, "0730")
    assert load(w, GOOD) == ["unchanged", "unchanged"]
    out = text_of(row for row in receivers.rows(w.system) if row.sor.startswith("00001199") or row.yder == "990123")
    assert load(w, out) == ["unchanged", "unchanged"] and "Øjenlægerne Prøve" in out
    later = GOOD.replace(";21;2027-02-20", ";7;2027-03-01")
    assert load(w, later, dry=True) == ["changed", "unchanged"] and eyes(w).receivers[0].waiting_days == 21
    assert load(w, later) == ["changed", "unchanged"] and eyes(w).receivers[0].waiting_days == 7
    assert len(store.search_all(w.system, "HealthcareService", [])) == 1


def test_nothing_in_the_file_runs_in_a_spreadsheet_and_it_is_still_read_as_it_was(w: World) -> None:
    formula = "yder,name,kind,phone\n990123,\"=cmd|' /C calc'!A0\",podiatrist,+45 00 11 22 33\n"
    assert load(w, formula) == ["new"]
    out = text_of(row for row in receivers.rows(w.system) if row.yder == "990123")
    assert ",'=cmd" in out and ",'+45" in out and ",=" not in out
    assert load(w, out) == ["unchanged"] and next(iter(receivers.rows(w.system))).phone == "+45 00 11 22 33"


def test_one_that_closes_is_offered_no_more(w: World) -> None:
    load(w, GOOD)
    load(w, "yder,name,kind,active\n990123,Fodterapeuten Prøve,podiatrist,no\n")
    assert directory.find(w.gp, Wish(kinds=("podiatrist",))).of_kind == 0
    assert any(row.yder == "990123" and row.active == "no" for row in receivers.rows(w.system))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "wizard"), ("kind", "gp"), ("name", ""), ("sor", "12"), ("sor", ""), ("yder", "99012x"),
        ("municipality", "9999"), ("postcode", "89"), ("latitude", "10"), ("latitude", "nan"), ("longitude", ""),
        ("waiting_days", "-1"), ("waiting_days", "snart"), ("waiting_told", "i går"), ("active", "måske"),
        ("name", "x" * 300),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_line_and_column(column: str, value: str) -> None:
    good = {
        "sor": "00001199999900601", "name": "A", "kind": "physio", "latitude": "56.4", "longitude": "10.0",
        "waiting_days": "3", "waiting_told": "2027-01-01",
    }  # fmt: skip
    text = text_of([Row(**good), Row(**(good | {column: value}))])
    first, second = read(text, "f.csv")
    assert not isinstance(first, Bad) and isinstance(second, Bad)
    assert f"f.csv:3:{column}" in {issue.path for issue in second.issues}


def test_a_file_of_other_columns_is_refused_whole_and_a_short_line_alone() -> None:
    for text in ("", "navn,slags\nA,physio\n", "name,kind\nA,physio\n", 'sor,name,kind\n"1,A'):
        with pytest.raises(Problem):
            list(read(text, "f.csv"))
    short, good = read("yder,name,kind\n990123,A\n990123,A,physio\n", "f.csv")
    assert isinstance(short, Bad) and short.line == 2 and not isinstance(good, Bad)
    _, twice = read("yder,name,kind\n990123,A,physio\n990123,B,physio\n", "f.csv")
    assert isinstance(twice, Bad) and "line 2" in str(twice.issues[0])


def test_a_clinic_is_not_made_a_receiver(w: World) -> None:
    with store.unit_of_work(w.system) as uow:
        held = dict(uow.read("Organization", w.clinic))
        uow.update(held | {"identifier": [{"system": "urn:oid:1.2.208.176.1.4", "value": "990777"}]})
    with pytest.raises(Problem) as told:
        load(w, "yder,name,kind\n990777,Ny,physio\n")
    assert told.value.issues[0].path == "line 2:kind"
