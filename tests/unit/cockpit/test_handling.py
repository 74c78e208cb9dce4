"""What a clinic does about a flag: kept as facts, told to the next who looks, and never overwritten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lib.people import clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Context, Role
from tovholder.access.people import Persona, save_persona
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import channel, flags, handling, queries
from tovholder.cockpit.handling import Snooze, as_it_stands, sleeping
from tovholder.cockpit.queries import ClinicRow
from tovholder.cockpit.ranking import OpenFlag
from tovholder.fhir import systems

START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def flag(**changes: Any) -> OpenFlag:
    given = OpenFlag("r1", {"da": "x"}, {}, "compliance", "medium", {"da": "x"}, 100, 5, 1_000)
    return replace(given, **changes)


class TestSleeping:
    SNOOZE = Snooze(until_day=120, stood=as_it_stands(flag(), 2), sent_ms=2_000)

    def asleep(self, *flags: OpenFlag, level: int | None = 2, today: int = 110) -> bool:
        return "r1" in sleeping(flags, {"r1": self.SNOOZE}, level, today)

    def test_until_its_day(self) -> None:
        assert self.asleep(flag())
        assert self.asleep(flag(), today=119)
        assert not self.asleep(flag(), today=120)

    @pytest.mark.parametrize(
        ("flags", "level"),
        [
            ((flag(severity="high"),), 2),
            ((flag(since_day=105),), 2),
            ((flag(since_day=None),), 2),
            ((flag(),), 3),
            ((flag(), flag(rule_id="r2", raised_ms=2_001)), 2),
            ((flag(), flag(rule_id="r2", severity="high", raised_ms=2_001)), 2),
        ],
    )
    def test_what_is_worse_wakes_it_at_once(self, flags: tuple[OpenFlag, ...], level: int) -> None:
        assert not self.asleep(*flags, level=level)

    def test_what_is_no_worse_does_not(self) -> None:
        assert self.asleep(flag(severity="low"))
        assert self.asleep(flag(), level=1)
        assert self.asleep(flag(), flag(rule_id="r2", raised_ms=1_999))  # was there already
        assert self.asleep(flag(), flag(rule_id="r2", severity="low", raised_ms=2_001))

    def test_a_state_nobody_can_read_is_not_known_to_be_the_same(self) -> None:
        odd = replace(self.SNOOZE, stood="whatever")
        assert sleeping([flag()], {"r1": odd}, 2, 110) == {}


@dataclass
class World:
    organization: str
    patient: str
    now: datetime = START

    @property
    def gp(self) -> Context:
        return context(Role.GP, self.organization, now=self.now)

    @property
    def row(self) -> ClinicRow:
        return queries.clinic_list(self.gp)[0]

    @property
    def about(self) -> dict[str, str]:
        return {"patient_id": self.patient, "episode_id": self.row.episode_id}

    @property
    def known(self) -> str:
        events = handling.history(handling.communications(self.gp, self.patient), self.row.episode_id)
        return handling.seen(events)

    def later(self, count: int) -> None:
        self.now += timedelta(days=count)


@pytest.fixture
def world(db: None) -> World:
    """Somebody found who should have had a plan by now: a flag says so."""
    with store.unit_of_work(system(START)) as uow:
        organization = uow.create(clinic()).id
        person = uow.create(patient(organization)).id
        uow.create(condition(person, recorded="2027-02-20"))
    save_persona(Persona("bo", "Bo Kollega", "Sygeplejerske", Role.STAFF, organization, "bo", ""))
    made = World(organization, person)
    made.later(40)
    flags.run_all(made.now)
    assert "kol-plan-deadline-over" in {item.rule_id for item in made.row.flags}
    return made


def test_an_attempt_is_a_fact_and_stands_in_the_list(world: World) -> None:
    handling.record_attempt(
        world.gp,
        **world.about,
        flag_rule="kol-plan-deadline-over",
        by="phone",
        outcome="no-answer",
        note="",
        known=world.known,
    )
    sql = "SELECT a.patient_id, a.channel, a.outcome, a.flag_rule, a.day FROM attempt AS a"
    (row,) = store.facts(world.gp, sql)
    assert (row["channel"], row["outcome"], row["flag_rule"]) == ("phone", "no-answer", "kol-plan-deadline-over")
    assert world.row.attempts == 1
    assert world.row.last_attempt == handling.Attempt("phone", "no-answer", world.gp.today)


def test_a_flag_put_off_is_out_of_the_way_and_comes_back_by_itself(world: World) -> None:
    before = world.row.flags
    wanted = next(item for item in before if item.rule_id == "kol-plan-deadline-over")
    handling.snooze(
        world.gp,
        **world.about,
        flag=wanted,
        level=None,
        until_day=world.gp.today + 7,
        reason="Ferie",
        known=world.known,
    )
    assert wanted.rule_id not in {item.rule_id for item in world.row.flags}
    assert [(item.rule_id, held.until_day) for item, held in world.row.sleeping] == [
        (wanted.rule_id, world.gp.today + 7)
    ]
    assert {item.rule_id for item in world.row.all_flags} == {item.rule_id for item in before}
    world.later(7)
    assert wanted.rule_id in {item.rule_id for item in world.row.flags}


def test_a_flag_is_taken_up_again(world: World) -> None:
    wanted = world.row.flags[0]
    common: dict[str, Any] = {"flag": wanted, "level": None, "until_day": world.gp.today + 7, "reason": "Ferie"}
    handling.snooze(world.gp, **world.about, **common, known=world.known)
    world.later(1)
    handling.resume(world.gp, **world.about, flag_rule=wanted.rule_id, known=world.known)
    assert wanted.rule_id in {item.rule_id for item in world.row.flags}


@pytest.mark.parametrize("until", [0, -1, 366])
def test_a_flag_is_put_off_to_a_day_to_come_within_a_year(world: World, until: int) -> None:
    wanted = world.row.flags[0]
    with pytest.raises(Problem) as caught:
        handling.snooze(
            world.gp,
            **world.about,
            flag=wanted,
            level=None,
            until_day=world.gp.today + until,
            reason="x",
            known=world.known,
        )
    assert caught.value.category is Category.RULE


def test_two_at_once_are_told_of_each_other_and_both_are_kept(world: World) -> None:
    known = world.known
    handling.assign(world.gp, **world.about, to="Practitioner/bo", note="", known=known)
    with pytest.raises(Problem) as caught:
        handling.assign(world.gp, **world.about, to="", note="", known=known)
    assert caught.value.category is Category.CONFLICT
    assert world.row.assigned_to == "Practitioner/bo"
    world.later(1)
    handling.assign(world.gp, **world.about, to="", note="Færdig", known=world.known)
    assert world.row.assigned_to == ""
    events = handling.history(handling.communications(world.gp, world.patient), world.row.episode_id)
    assert [(event.kind, event.assigned_to) for event in events] == [("assign", ""), ("assign", "Practitioner/bo")]


def test_nobody_is_assigned_who_does_not_work_there(world: World) -> None:
    with pytest.raises(Problem) as caught:
        handling.assign(world.gp, **world.about, to="Practitioner/fremmed", note="", known=world.known)
    assert caught.value.category is Category.RULE


def test_a_message_lies_where_the_patient_reads_it(world: World) -> None:
    handling.send_message(world.gp, **world.about, flag_rule="", text="Ring til os", known=world.known)
    citizen = Context(f"Patient/{world.patient}", Role.CITIZEN, None, world.now, patient=world.patient)
    assert [one.text for one in channel.received(citizen, world.patient)] == ["Ring til os"]
    assert world.row.last_attempt is not None
    assert world.row.last_attempt.channel == "message"


def test_notes_among_colleagues_are_no_messages_to_the_patient(world: World) -> None:
    handling.assign(world.gp, **world.about, to="Practitioner/bo", note="Ring i morgen", known=world.known)
    citizen = Context(f"Patient/{world.patient}", Role.CITIZEN, None, world.now, patient=world.patient)
    assert channel.received(citizen, world.patient) == ()


def test_another_clinic_does_nothing_about_it_and_sees_nothing(world: World) -> None:
    with store.unit_of_work(system(START)) as uow:
        other = uow.create(clinic("Andre")).id
    stranger = context(Role.GP, other, now=world.now)
    about, known = world.about, world.known
    handling.record_attempt(world.gp, **about, flag_rule="", by="phone", outcome="reached", note="", known=known)
    with pytest.raises(Problem) as caught:
        handling.record_attempt(stranger, **about, flag_rule="", by="phone", outcome="reached", note="", known=known)
    assert caught.value.category is Category.NOT_FOUND
    assert handling.standing(stranger) == {}


def put(world: World, **changes: Any) -> None:
    """What an app of the clinic's writes over the API: a flag put off for a year, however it writes the time."""
    row = world.row
    until = {"url": systems.extension_url("snoozed-until"), "valueDate": days.iso(world.gp.today + 300)}
    stood = {"url": systems.extension_url("flag-stood"), "valueString": as_it_stands(row.flags[0], None)}
    with store.unit_of_work(world.gp) as uow:
        resource = handling._handled(
            world.gp, uow, world.patient, row.episode_id, row.flags[0].rule_id, "Ferie", handling.Kind.SNOOZE
        )
        uow.create(resource | {"extension": [*resource["extension"], until, stood]} | changes)


@pytest.mark.parametrize("sent", ["{day}", "{day}T09:00:00+02:00"])
def test_a_time_written_as_fhir_allows_is_read(world: World, sent: str) -> None:
    rule = world.row.flags[0].rule_id
    put(world, sent=sent.format(day=days.iso(world.gp.today)))
    assert rule in {item.rule_id for item, _ in world.row.sleeping}


@pytest.mark.parametrize("sent", ["2027", "2027-04"])
def test_a_time_nobody_can_place_puts_nothing_off(world: World, sent: str) -> None:
    put(world, sent=sent)
    assert world.row.sleeping == ()


def test_nothing_was_done_on_a_day_to_come(world: World) -> None:
    ahead = days.instant_text(world.now + timedelta(days=30))
    put(world, sent=ahead)
    assert world.row.sleeping == ()
    message = channel.Message(world.patient, world.row.episode_id, "", "x", world.gp.actor)
    with store.unit_of_work(world.gp) as uow:
        uow.create(channel.communication(uow, message, "phone") | {"sent": ahead})
    assert world.row.last_attempt is None


def test_the_newest_holds_whatever_zone_it_is_written_in(world: World) -> None:
    rule = world.row.flags[0].rule_id
    put(world, sent=(world.now - timedelta(minutes=90)).isoformat().replace("+00:00", "Z"))
    copenhagen = world.now.astimezone(days.COPENHAGEN) - timedelta(hours=2)
    with store.unit_of_work(world.gp) as uow:  # half an hour before, though its text is later
        resumed = handling._handled(world.gp, uow, world.patient, world.row.episode_id, rule, "", handling.Kind.RESUME)
        uow.create(resumed | {"sent": copenhagen.isoformat()})
    assert rule in {item.rule_id for item, _ in world.row.sleeping}
    events = handling.history(handling.communications(world.gp, world.patient), world.row.episode_id)
    assert [event.kind for event in events] == ["snooze", "resume"]


@pytest.mark.parametrize("level", ["²", "9" * 5000])
def test_a_level_that_is_no_number_is_not_known_to_be_the_same(level: str) -> None:
    odd = Snooze(until_day=120, stood=f"medium|100|{level}", sent_ms=2_000)
    assert sleeping([flag()], {"r1": odd}, 2, 110) == {}


def test_messages_stand_newest_first_whatever_zone_they_are_written_in(world: World) -> None:
    hours = {"Først": world.now.astimezone(days.COPENHAGEN) - timedelta(hours=1), "Sidst": world.now}
    for text, sent in hours.items():
        message = channel.Message(world.patient, world.row.episode_id, "", text, world.gp.actor)
        with store.unit_of_work(world.gp) as uow:
            uow.create(channel.communication(uow, message, "message") | {"sent": sent.isoformat()})
    citizen = Context(f"Patient/{world.patient}", Role.CITIZEN, None, world.now, patient=world.patient)
    assert [one.text for one in channel.received(citizen, world.patient)] == ["Sidst", "Først"]
