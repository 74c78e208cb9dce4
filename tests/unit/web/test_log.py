"""Who has seen my plan, and the clinic's log: what stands in them, in which words, for whom, and how much they cost."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from tovholder import store
from tovholder.access import Role, audit, audit_acts, audit_event
from tovholder.access.domain import Context, Emergency, Grants, system_context
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.store import audit_log
from tovholder.web import log_wording
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make()


def words(response: Any) -> str:
    """What a page says, without its tags."""
    assert response.status_code == 200, response.content.decode()[:500]
    html = re.sub(r"<(svg|script).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def log(who: str = "patient", query: str = "") -> str:
    return words(worlds.browser(who).get(f"/{'minplan' if who == 'patient' else 'klinik'}/log{query}"))


def ctx(world: worlds.World, role: Role = Role.GP, **changes: Any) -> Context:
    told: dict[str, Any] = {
        "actor": f"Practitioner/{world.doctor}",
        "organization": world.clinic,
        "now": system_clock(),
    }
    return Context(role=role, **(told | changes))


def write(
    by: Context, *patients: str, action: str = "read", detail: str = "CarePlan/x Observation/y", outcome: Any = "ok"
) -> None:
    with transaction.atomic():
        audit.write([audit.Entry(by, action, frozenset(patients), detail, outcome)])  # type: ignore[arg-type]


class TestThePatients:
    def test_nobody_has_looked_yet(self, world: worlds.World) -> None:
        assert "Ingen andre har set din plan endnu" in log()

    def test_a_look_is_a_plain_sentence_with_who_where_what_and_why(self, world: worlds.World) -> None:
        write(ctx(world), world.patient)
        told = log()
        assert "Læge Mette Prøvelæge, Lægerne Prøvestræde, så din plan og dine målinger." in told
        assert "Formål: behandling" in told
        assert "CarePlan" not in told and "Observation" not in told

    def test_what_one_did_in_one_go_is_one_line_that_unfolds(self, world: worlds.World) -> None:
        begun = system_clock().astimezone(days.COPENHAGEN).replace(hour=12, minute=0) - timedelta(days=1)
        for minute, detail in ((0, "CarePlan/a"), (10, "Goal/b"), (25, "CarePlan/a"), (90, "Appointment/c")):
            write(ctx(world, now=begun + timedelta(minutes=minute)), world.patient, detail=detail)
        told = log()
        assert (
            "så din plan og dine mål. Formål: behandling Vis alle 3 opslag 12.25 Din plan 12.10 Dine mål 12.00 Din plan"
            in told
        )
        assert "13.30 Læge Mette Prøvelæge, Lægerne Prøvestræde, så dine aftaler." in told

    def test_the_pages_themselves_leave_such_lines(self, world: worlds.World) -> None:
        worlds.browser("laege").get(world.course)
        told = log()
        assert "Læge Mette Prøvelæge, Lægerne Prøvestræde, så din plan, dine mål, dine målinger og mere." in told

    def test_who_was_refused_is_told_and_that_they_saw_nothing(self, world: worlds.World) -> None:
        worlds.browser("anden").get(world.course)
        told = log()
        assert "Læge En Anden, Lægerne Andetsteds, bad om at se noget om dig, men blev afvist." in told
        assert "De fik ikke noget at se." in told
        assert "En Anden, Lægerne Andetsteds, så" not in told

    def test_break_glass_is_marked_with_its_reason(self, world: worlds.World) -> None:
        other = ctx(world, actor="Practitioner/anden", organization=world.other_clinic)
        audit_acts.glass_opened(other, world.patient, number=1, reason="danger")
        until = days.millis(other.now + timedelta(hours=1))
        write(replace(other, emergencies=(Emergency(1, world.patient, until, "danger"),)), world.patient)
        told = log()
        assert "brugte værdispring: åbnede for det, du har spærret." in told
        assert told.count("Grunden var: patienten kan ikke kontaktes eller give samtykke, og der er akut fare.") == 2
        assert "så din plan" not in log(query="?vis=refused") and "så din plan" in log(query="?vis=glass")

    def test_a_relation_they_told_of_themselves_is_marked_until_it_is_checked(self, world: worlds.World) -> None:
        other = ctx(world, Role.PARTNER, actor="Practitioner/anden", organization=world.other_clinic)
        at = other.now - timedelta(hours=5)
        audit_acts.stated(other.at(at), world.patient, number=1, until=other.today + 10)
        write(other.at(at + timedelta(minutes=1)), world.patient)
        system = system_context(at + timedelta(hours=2), "post-check")
        audit_acts.stated_checked(system, world.patient, number=1, organization=world.other_clinic)
        write(other.at(at + timedelta(hours=3)), world.patient, detail="Goal/g")
        told = log()
        assert "oplyste, at de behandler dig, og fik adgang med det samme." in told
        assert "Vi har kontrolleret, at Lægerne Andetsteds behandler dig. Det passer." in told
        assert told.count("De oplyste selv, at de behandler dig.") == 1

    def test_a_representative_stands_in_their_own_name_and_as_acting_for_the_patient(self, world: worlds.World) -> None:
        with store.unit_of_work(system_context(system_clock(), "test")) as uow:
            relative = uow.create(
                {
                    "resourceType": "RelatedPerson",
                    "patient": {"reference": f"Patient/{world.patient}"},
                    "name": [{"family": "Datter", "given": ["Dorte"]}],
                }
            ).id
        write(
            ctx(
                world, Role.REPRESENTATIVE, actor=f"RelatedPerson/{relative}", organization=None, patient=world.patient
            ),
            world.patient,
        )
        told = log()
        assert "Dorte Datter så din plan og dine målinger." in told and "På dine vegne" in told

    def test_an_app_of_the_patients_own_is_marked_and_their_own_looks_are_not_there(self, world: worlds.World) -> None:
        own = ctx(world, Role.CITIZEN, actor=f"Patient/{world.patient}", organization=None, patient=world.patient)
        write(own, world.patient)
        assert "Ingen andre har set din plan endnu" in log()
        app = replace(own, client="kropsapp", grants=Grants((), world.patient))
        write(app, world.patient)
        assert "Appen kropsapp, som du selv har valgt, så din plan og dine målinger." in log()

    def test_own_acts_and_what_was_reckoned_are_there_when_asked_for(self, world: worlds.World) -> None:
        assert "Tovholder selv" not in log() and "Tovholder selv skrev noget nyt" in log(query="?vis=automatic")
        assert "Du loggede ind." in log(query="?vis=own")

    def test_an_event_about_several_tells_nothing_of_what_was_the_others(self, world: worlds.World) -> None:
        write(ctx(world), world.patient, "somebody-else", action="import", detail="Goal/secret Condition/theirs")
        told = log()
        assert "sendte oplysninger om dig hertil." in told and "diagnoser" not in told

    def test_a_copy_of_everybody_stands_in_it(self, world: worlds.World, tmp_path: Any) -> None:
        store.export.write(
            system_context(system_clock(), "export"),
            store.export.Selection(types=("Condition",)),
            tmp_path / "e",
            name="test",
        )
        assert "fik udleveret en kopi, som dine diagnoser er med i." in log()
        assert "fik udleveret" in log(query="?vis=copied") and "fik udleveret" not in log(query="?vis=seen")

    def test_filters_by_period_place_and_kind_and_an_empty_answer_says_what_to_do(self, world: worlds.World) -> None:
        now = system_clock()
        write(ctx(world, now=now - timedelta(days=40)), world.patient, detail="Goal/g")
        write(ctx(world, actor="Practitioner/anden", organization=world.other_clinic), world.patient, detail="Flag/f")
        today = days.iso(days.day_of(now))
        assert "dine mål." not in log(query=f"?fra={today}") and "påmindelser" in log(query=f"?fra={today}")
        assert "dine mål." in log(query=f"?sted={world.clinic}")
        assert "påmindelser" not in log(query=f"?sted={world.clinic}")
        assert "Der er ikke noget, der passer til det, du har valgt" in log(query="?vis=written")
        assert worlds.browser("patient").get("/minplan/log?vis=nonsense").status_code == 400
        assert worlds.browser("patient").get("/minplan/log?fra=i-gaar").status_code == 400
        assert worlds.browser("patient").get("/minplan/log?side=nonsense").status_code == 400

    def test_pages_follow_each_other_without_a_gap_and_no_day_is_cut(
        self, world: worlds.World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit_log, "PAGE", 5)
        monkeypatch.setattr(audit_log.Wish, "__init__", _with_most(audit_log.Wish.__init__, 5))
        now = system_clock()
        for number in range(12):
            write(
                ctx(world, now=now - timedelta(days=number // 2 + 1, hours=number % 2)), world.patient, detail="Goal/g"
            )
        browser, url, seen, sizes = worlds.browser("patient"), "/minplan/log", 0, []
        while url:
            page = browser.get(url).context["log"]
            looks = [max(1, len(visit.looks)) for day in page.days for visit in day.visits]
            sizes.append(sum(looks))
            seen += sum(looks)
            url = page.older
        assert seen == 12 and max(sizes) <= 5 and len(sizes) >= 3

    def test_nobody_else_gets_it(self, world: worlds.World) -> None:
        for path in ("/minplan/log", "/minplan/log.csv", "/minplan/log.json"):
            assert worlds.browser("laege").get(path).status_code == 403


def _with_most(original: Any, most: int) -> Any:
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **({"most": most} | kwargs if len(args) < 7 else kwargs))

    return made


class TestFiles:
    def body(self, response: Any) -> bytes:
        assert response.status_code == 200
        return b"".join(response.streaming_content)

    def test_the_whole_log_as_a_spreadsheet_and_as_data(
        self, world: worlds.World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tovholder.web.views.log.FILE_ROWS", 3)
        for number in range(10):
            write(ctx(world, now=system_clock() - timedelta(hours=number)), world.patient)
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM access_auditpatient WHERE patient_id = %s", [world.patient])
            expected = cursor.fetchone()[0] + 1  # and the login to fetch it
        told = self.body(worlds.browser("patient").get("/minplan/log.csv")).decode()
        rows = list(csv.reader(io.StringIO(told.removeprefix("\ufeff")), delimiter=";"))
        assert rows[0][:2] == ["Tidspunkt", "Hvem"] and len(rows) - 1 == expected
        data = json.loads(self.body(worlds.browser("patient").get("/minplan/log.json")))
        assert len(data) == expected + 1 and len({row["number"] for row in data}) == len(data)
        assert data[-1].keys() == {
            "at", "who", "role", "organization", "told", "purpose", "remarks", "app", "onBehalfOf", "patients", "number",
        }  # fmt: skip
        assert self.body(worlds.browser("patient").get("/minplan/log.json?vis=refused")) == b"[]\n"

    def test_a_name_that_a_spreadsheet_would_run_is_made_harmless(self, world: worlds.World) -> None:
        with store.unit_of_work(system_context(system_clock(), "test")) as uow:
            bad = uow.create({"resourceType": "Organization", "name": '=HYPERLINK("http://x")'}).id
        write(ctx(world, organization=bad), world.patient)
        told = self.body(worlds.browser("patient").get("/minplan/log.csv?vis=seen")).decode()
        assert ";\"'=HYPERLINK" in told

    def test_the_clinics_as_a_spreadsheet(self, world: worlds.World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tovholder.web.views.log.FILE_ROWS", 3)
        for number in range(10):
            write(ctx(world, now=system_clock() - timedelta(hours=number)), world.patient, detail=f"CarePlan/{number}")
        told = self.body(worlds.browser("laege").get("/klinik/log.csv?vis=seen")).decode()
        assert told.count("Mette Prøvelæge så planen.") == 10 and told.count("Prøve Prøvesen") >= 10


class TestTheClinics:
    def test_what_our_people_did_and_on_whom(self, world: worlds.World) -> None:
        write(ctx(world), world.patient)
        write(ctx(world, actor="Practitioner/anden", organization=world.other_clinic), world.patient, detail="Goal/g")
        told = log("laege")
        assert "Mette Prøvelæge så planen og målinger. Patienter: Prøve Prøvesen" in told
        assert "Andetsteds" not in told

    def test_who_from_outside_broke_the_glass_on_our_patients(self, world: worlds.World) -> None:
        other = ctx(world, Role.HOSPITAL, actor="Practitioner/hanne", organization=world.other_clinic)
        audit_acts.glass_opened(other, world.patient, number=1, reason="danger")
        audit_acts.glass_opened(other, "not-ours", number=2, reason="danger")
        told = log("laege")
        assert "Ansat på hospital Hanne Hospital, Lægerne Andetsteds, brugte værdispring." in told
        assert told.count("brugte værdispring.") == 1
        assert "brugte værdispring." not in log("laege", "?vis=seen")

    def test_patients_no_longer_ours_are_not_named(self, world: worlds.World) -> None:
        with store.unit_of_work(system_context(system_clock(), "test")) as uow:
            gone = uow.create({"resourceType": "Patient", "name": [{"family": "Flyttet", "given": ["Fie"]}]}).id
        write(ctx(world), gone)
        told = log("laege")
        assert "en patient, I ikke har adgang til" in told and "Flyttet" not in told

    def test_many_at_once_are_counted(self, world: worlds.World) -> None:
        write(ctx(world), *(f"p{number}" for number in range(25)), action="search", detail="cockpit")
        assert "25 patienter" in log("laege")

    def test_by_colleague_and_period(self, world: worlds.World) -> None:
        write(ctx(world, now=system_clock() - timedelta(days=50)), world.patient, detail="Goal/g")
        write(ctx(world, actor="Practitioner/vikar"), world.patient, detail="Flag/f")
        assert "så mål." not in log("laege")  # thirty days unless asked
        since = days.iso(days.day_of(system_clock()) - 60)
        assert "så mål." in log("laege", f"?fra={since}")
        told = log("laege", f"?fra={since}&hvem=Practitioner/{world.doctor}")
        assert "så mål." in told and "påmindelser" not in told

    def test_who_reads_it_stands_in_the_patients_log(self, world: worlds.World) -> None:
        write(ctx(world), world.patient)
        log("laege")
        assert "loggen over, hvem der har set din plan" in log()


class TestWords:
    def test_every_act_role_and_kind_has_its_words(self) -> None:
        reads = set(audit_log.SEEN)
        assert set(log_wording.ACTS) | reads == set(audit_event.ACTS)
        assert set(log_wording.ROLES) == set(audit_event.ROLES)
        assert set(log_wording.KINDS) == set(audit_log.Kind.__args__)  # type: ignore[attr-defined]
        assert set(log_wording.CLINIC_KINDS) <= set(log_wording.KINDS)
        assert set(log_wording.PURPOSES) == set(audit_event.PURPOSES)

    def test_every_act_can_be_told_to_both_in_both_languages(self, world: worlds.World) -> None:
        for action in audit_event.ACTS:
            write(
                ctx(world),
                world.patient,
                action=action,
                detail="CarePlan/x" if action != "export" else "x $export?_type=Goal",
            )
        for language in ("da", "en"):
            for who, query in (("patient", "?vis=all"), ("laege", "")):
                browser = worlds.browser(who)
                browser.cookies["django_language"] = language
                told = words(browser.get(f"/{'minplan' if who == 'patient' else 'klinik'}/log{query}"))
                assert "%(" not in told and "Mette Prøvelæge" in told
                assert (" så " in told) is (language == "da"), told
        translation.activate("da")


def fill(world: worlds.World, events: int, patient: str) -> None:
    """Many events about one patient, by some people of fifty places, over ten years: past our code, for there are many."""
    now = days.millis(system_clock())
    step = 10 * 365 * 86_400_000 // events
    rows = (
        (now - (events - n) * step, "read", "ok", f"Practitioner/{n % 7}", "gp",
         world.clinic if n % 50 == 0 else f"place{n % 50}", "treatment", "", "", "CarePlan/a Observation/b")
        for n in range(events)
    )  # fmt: skip
    marks = ", ".join(["%s"] * len(audit.COLUMNS))
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM access_auditevent")
        first = cursor.fetchone()[0]
        cursor.executemany(f"INSERT INTO access_auditevent ({', '.join(audit.COLUMNS)}) VALUES ({marks})", rows)
        cursor.execute(
            "INSERT INTO access_auditpatient (event_id, patient_id) SELECT id, %s FROM access_auditevent WHERE id > %s",
            [patient, first],
        )
        cursor.execute("ANALYZE")


def statements(who: str, path: str) -> int:
    browser = worlds.browser(who)
    with CaptureQueriesContext(connection) as caught:
        assert browser.get(path).status_code == 200
    return len(caught)


@pytest.mark.parametrize(("who", "path"), [("patient", "/minplan/log"), ("laege", "/klinik/log")])
def test_a_page_asks_as_many_statements_whatever_stands_in_it(world: worlds.World, who: str, path: str) -> None:
    def many(number: int) -> None:
        for n in range(number):
            with store.unit_of_work(system_context(system_clock(), "test")) as uow:
                doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": f"Nummer{n}"}]}).id
                place = uow.create({"resourceType": "Organization", "name": f"Sted {n}"}).id
            write(ctx(world, actor=f"Practitioner/{doctor}", organization=place), world.patient)
            write(ctx(world, actor=f"Practitioner/{doctor}"), world.patient)

    many(2)
    before = statements(who, path)
    many(20)
    assert statements(who, path) <= before


def test_a_large_trail_is_read_by_its_indexes(world: worlds.World) -> None:
    """Not by time, which machines differ in: by what the database says it does."""
    fill(world, 3000, "somebody")
    fill(world, 50, world.patient)
    if connection.vendor != "sqlite":
        pytest.skip("the plan is asked of SQLite; PostgreSQL chooses by its own statistics")
    caught: list[tuple[str, Any]] = []

    def spy(sql: str, params: Any = ()) -> Any:
        caught.append((sql, params))
        return original(sql, params)

    original = audit_log.database.rows
    patch = pytest.MonkeyPatch()
    patch.setattr(audit_log.database, "rows", spy)
    try:
        citizen = ctx(world, Role.CITIZEN, actor=f"Patient/{world.patient}", organization=None, patient=world.patient)
        assert len(audit_log.of_patient(citizen, audit_log.Wish()).rows) >= 50
        audit_log.of_clinic(ctx(world), audit_log.Wish("all"))
    finally:
        patch.undo()
    for sql, params in caught:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            plan = [row[3] for row in cursor.fetchall()]
        # The indexes of break-glass and of exports hold nothing else: they may be read from end to end.
        whole = [step for step in plan if step.startswith(("SCAN e", "SCAN l", "SCAN access_"))]
        assert all(step.endswith(("INDEX audit_glass", "INDEX audit_export")) for step in whole), (sql, plan)
