"""Owns the steps of the main job over HTTP: from FHIR data to plan, patient, flag and figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.db import connection

from tovholder.access.domain import Role
from tovholder.access.people import Persona, make_token, personas, save_persona
from tovholder.base import days
from tovholder.demo import newcomer
from tovholder.demo.browser import Browser, Failed, Fhir, Page, expect
from tovholder.fhir import systems as s
from tovholder.packages.model import Indicator, Package
from tovholder.plan.domain import Phase
from tovholder.plan.resources import decided_level, read_episode, read_plan
from tovholder.plan.resources.extensions import Json
from tovholder.plan.values import Episode

FLAG = "kol-noshow-unbooked"
WHOLE_COUNTRY = "DK"
GP, STRANGER, ANALYST = "anna", "nabolaege", "analytiker"


@dataclass
class Walk:
    """What the steps hand on to each other."""

    base: str
    now: datetime
    package: Package

    def __post_init__(self) -> None:
        known = {persona.name: persona for persona in personas()}
        self.clinic_id = known[GP].organization_id
        self.today = days.day_of(self.now)
        self.patient_id = self.episode_id = self.appointment_id = ""
        self.system: Fhir = Fhir(self.base)
        self.gp = self.analyst = self.patient = Browser(self.base)
        self.before: tuple[int, int] | None = None

    @property
    def path(self) -> str:
        """The patient's page in the clinic."""
        return f"/klinik/patient/{self.patient_id}/{self.package.id}/"

    @property
    def indicator(self) -> Indicator:
        """The figure that follows the right to a plan."""
        return next(item for item in self.package.indicators if item.right == self.package.plan_right.id)

    def episode(self) -> Episode:
        """The patient's one course in the package as the record has it now."""
        held = self.system.find(f"/EpisodeOfCare?patient={self.patient_id}")
        found = [value for item in held if (value := read_episode(item)).package == self.package.id]
        expect(len(found) == 1, f"one EpisodeOfCare of the patient in {self.package.id}", len(found))
        return found[0]

    def of_course(self, found: list[Json]) -> list[Json]:
        """Those that belong to the course."""
        return [item for item in found if f"EpisodeOfCare/{self.episode_id}" in str(item)]

    def press(self, ending: str, given: dict[str, str] | None = None, having: dict[str, str] | None = None) -> Page:
        """Do one act on the patient's page as the doctor; the page afterwards."""
        page = self.gp.open(self.path)
        expect(page.status == 200, "the patient's page", page.status)
        after = self.gp.send(page, page.form(ending, having), given)
        if after.status != 200:
            raise Failed(f"200 after {ending}", f"{after.status} {after.part('error-summary') or after.text[:200]}")
        return after

    def in_cockpit(self, browser: Browser | None = None) -> tuple[str, list[str]]:
        """What the clinic's list says about the patient, and where its links lead; nothing when not on it."""
        page = (browser or self.gp).open("/klinik/?vis=alle&antal=1000")
        expect(page.status == 200, "the clinic's list", page.status)
        row = page.row_of(self.path)
        return (row.text, row.links) if row else ("", [])

    def figure(self, month: str) -> tuple[int, int] | None:
        """Denominator and numerator of the whole country in a month as the download has it; None when held back."""
        page = self.analyst.open("/monitorering/?maaneder=24")
        expect(page.status == 200, "the page of figures", page.status)
        answer = self.analyst.get(page.link(".csv"))
        expect(answer.status == 200, "the download of figures", answer.status)
        months = {}
        for row in csv.DictReader(io.StringIO(answer.text), delimiter=";"):
            cells = list(row.values())  # month, region code, region, denominator, numerator, …
            if cells[1] == WHOLE_COUNTRY:
                months[cells[0]] = cells
        if not months:
            raise Failed("rows of the whole country in the download", "none")
        if month not in months:
            return 0, 0
        denominator, numerator = months[month][3], months[month][4]
        shown = denominator.isdecimal() and numerator.isdecimal()  # too few to be shown: nothing, or "<5"
        return (int(denominator), int(numerator)) if shown else None


def health(walk: Walk) -> str:
    """The server answers."""
    answer = Browser(walk.base).get("/healthz")
    expect(answer.status == 200 and answer.json.get("status") == "ok", "200 and status ok", answer.says)
    return f"version {answer.json.get('version')}"


def metadata(walk: Walk) -> str:
    """The API says what it does."""
    answer = Fhir(walk.base).get("/metadata")
    expect(answer.status == 200, "200", answer.says)
    kind, version = answer.json.get("resourceType"), answer.json.get("fhirVersion")
    expect((kind, version) == ("CapabilityStatement", "4.0.1"), "a CapabilityStatement of 4.0.1", f"{kind} {version}")
    return f"FHIR {version}, {len(answer.json['rest'][0]['resource'])} resource types"


def token(walk: Walk) -> str:
    """A system gets in with its token, and nobody without."""
    where = f"/Organization/{walk.clinic_id}"
    refused = Fhir(walk.base).get(where)
    expect(refused.status == 401, "401 without a token", refused.says)
    walk.system = Fhir(walk.base, make_token("system", walk.now))
    answer = walk.system.get(where)
    expect(answer.status == 200, "200 with a token", answer.says)
    return str(answer.json.get("name"))


def figures_before(walk: Walk) -> str:
    """The nation's figure before the patient is known."""
    walk.analyst = Browser.of(walk.base, ANALYST)
    month = newcomer.deadline_month(walk.package, walk.today)
    walk.before = walk.figure(month)
    return f"{month}: {_figure(walk.before)}"


def arrives(walk: Walk) -> str:
    """A new patient with a diagnosis arrives; the course is possible, with its clock, in the same moment."""
    answer = walk.system.send("POST", "", newcomer.bundle(walk.clinic_id, walk.today))
    expect(answer.status == 200, "200 for the transaction", answer.says)
    entries = [item["response"] for item in answer.json["entry"]]
    expect(all(item["status"].startswith("201") for item in entries), "201 for both entries", entries)
    walk.patient_id = entries[0]["location"].split("/")[1]
    found = walk.episode()
    walk.episode_id = found.id or ""
    expect(found.phase is Phase.ELIGIBLE, "an eligible course", found.phase)
    stored = walk.system.get(f"/EpisodeOfCare/{walk.episode_id}").json.get("status")
    expect(stored == "planned", "EpisodeOfCare.status planned", stored)
    wanted = newcomer.clock(walk.package, walk.today)
    clock = found.clock
    expect(clock == wanted, f"the clock {wanted}", clock)
    deadline = wanted.deadline_day
    return f"deadline {days.iso(deadline) if deadline else 'unknown'}, counted from {wanted.event}"


def in_the_list(walk: Walk) -> str:
    """The doctor sees the patient with the right next step."""
    walk.gp = Browser.of(walk.base, GP)
    text, links = walk.in_cockpit()
    expect(newcomer.NAME in text, f"{newcomer.NAME} in the clinic's list", text or "no row")
    anchors = sorted({urlsplit(link).fragment for link in links} - {""})
    expect(anchors == ["start"], "the next step to start the course", anchors)
    return "next step: start the course"


def stranger(walk: Walk) -> str:
    """Another clinic's doctor does not find the patient."""
    other = Browser.of(walk.base, STRANGER)
    page = other.open(walk.path)
    expect(page.status == 404, "404 for another clinic's doctor", page.status)
    expect(newcomer.NAME not in page.text, "no name on that page", "the name")
    expect(walk.in_cockpit(other) == ("", []), "no row in the other clinic's list", "a row")
    return "404"


def starts(walk: Walk) -> str:
    """The doctor starts the course."""
    begun = days.iso(walk.today - newcomer.STARTED)
    walk.press("/start", {"offered": begun, "started": begun})
    found = walk.episode()
    expect(found.phase.is_started, "a started course", found.phase)
    return f"started {begun}"


def assesses(walk: Walk) -> str:
    """The needs are assessed, and a level is proposed with its reasons."""
    form = walk.package.level.base.form
    sheet = walk.gp.open(walk.gp.open(walk.path).link(f"/formular/{form}"))
    asked_for = walk.package.level.base.link_ids
    asked = next((one for one in sheet.forms if one.names.issuperset(asked_for)), None)
    if asked is None:
        raise Failed(f"the questions {', '.join(asked_for)} on the form {form}", f"{sheet.status} without them")
    answers = {name: asked.choices[name][1] for name in asked_for}  # the middle one of three
    page = walk.gp.send(sheet, asked, answers)
    expect(page.status == 200, "the patient's page after the assessment", f"{page.status} {page.part('error-summary')}")
    said = page.part("niveau")
    reason = walk.package.level.base.reason.da.partition("{")[0].strip()
    expect("Niveau 2" in said and reason in said, f"level 2 proposed, since “{reason} …”", said[:300] or "nothing")
    proposed = walk.of_course(walk.system.find(f"/RiskAssessment?patient={walk.patient_id}"))
    expect(len(proposed) == 1, "one RiskAssessment in the record", len(proposed))
    return "level 2 proposed with reasons"


def decides(walk: Walk) -> str:
    """The doctor decides level 2."""
    walk.press("/niveau", {"level": "2"})
    found = [decided_level(item) for item in walk.of_course(walk.system.find(_levels(walk)))]
    expect(found == [2], "one decision, level 2", found)
    return "level 2"


def plans(walk: Walk) -> str:
    """A plan is drafted, and confirmed with the patient's goal."""
    walk.press("/plan/kladde")
    care_plans = f"/CarePlan?patient={walk.patient_id}"
    drafts = [read_plan(item).status for item in walk.of_course(walk.system.find(care_plans))]
    expect([str(status) for status in drafts] == ["draft"], "one draft", drafts)
    expect(_contribution(walk) in (None, (1, 0, 0)), "a draft that keeps no right", _contribution(walk))
    walk.press("/plan/bekraeft", {"goal": newcomer.GOAL, "by_patient": "patient", "together": "on"})
    confirmed = [read_plan(item) for item in walk.of_course(walk.system.find(care_plans))]
    days_told = [(str(plan.status), plan.confirmed_day) for plan in confirmed]
    expect(days_told == [("active", walk.today)], "one plan, confirmed today", days_told)
    activities = walk.of_course(walk.system.find(f"/ServiceRequest?patient={walk.patient_id}"))
    expect(bool(activities), "activities in the plan", "none")
    return f"confirmed with a goal and {len(activities)} activities"


def patient_sees(walk: Walk) -> str:
    """The patient logs in and sees goal, level, and who holds the rope."""
    save_persona(Persona("check", newcomer.NAME, "Patient", Role.CITIZEN, "", "", walk.patient_id))
    walk.patient = Browser.of(walk.base, "check")
    page = walk.patient.open("/minplan/")
    clinic = str(walk.system.get(f"/Organization/{walk.clinic_id}").json.get("name"))
    for what, text in (("the goal", newcomer.GOAL), ("the level", "Niveau 2")):
        expect(text in page.text, f"{what} “{text}” on /minplan/", page.text[:300])
    expect(clinic in page.part("holder") or clinic in page.text, f"{clinic} as tovholder", page.part("holder"))
    return f"goal, level 2, {clinic}"


def missed(walk: Walk) -> str:
    """An appointment comes in as booked and turns out to be missed: the flag is raised with its reason."""
    sent = newcomer.appointment(walk.patient_id, walk.clinic_id, walk.now)
    booked = walk.system.send("POST", "/Appointment", sent)
    expect(booked.status == 201, "201", booked.says)
    walk.appointment_id = booked.json["id"]
    changed = booked.json | {"status": "noshow"}
    where = f"/Appointment/{walk.appointment_id}"
    stale = walk.system.send("PUT", where, changed, if_match='W/"99"')
    expect(stale.status == 412, "412 for a version that is not the current one", stale.says)
    answer = walk.system.send("PUT", where, changed, if_match=booked.headers["ETag"])
    expect(answer.status == 200, "200", answer.says)
    rule = walk.package.rule(FLAG)
    text, links = walk.in_cockpit()
    for part in (rule.title.da, *_around_placeholders(rule.reason.da)):
        expect(part in text, f"the flag “{part}” in the clinic's list", text)
    expect(any(link.endswith("#foelg") for link in links), "the next step to book again", links)
    return f"{FLAG}: {rule.title.da}"


def rebooked(walk: Walk) -> str:
    """The clinic books again: the flag is gone, and the patient sees the new time."""
    day = days.date_of(walk.today) + timedelta(days=7)
    day += timedelta(days=(7 - day.weekday()) % 7 if day.weekday() > 4 else 0)
    given = {"date": day.isoformat(), "time": "10:15"}
    walk.press("/aftale/ny-tid", given, {"appointment": walk.appointment_id})
    title = walk.package.rule(FLAG).title.da
    text, _ = walk.in_cockpit()
    expect(newcomer.NAME in text and title not in text, f"no flag “{title}”", text)
    page = walk.patient.open("/minplan/")
    expect("10.15" in page.text or "10:15" in page.text, "the new time on /minplan/", page.text[:300])
    return f"{day.isoformat()} 10:15"


def figures_after(walk: Walk) -> str:
    """The nation's figure has moved by this patient."""
    month = newcomer.deadline_month(walk.package, walk.today)
    expect(_contribution(walk) == (1, 1, 0), "the patient counted once, in time", _contribution(walk))
    after = walk.figure(month)
    if walk.before is None or after is None:
        return f"{month}: too few to be shown, so the patient's own contribution was read from the database"
    moved = (after[0] - walk.before[0], after[1] - walk.before[1])
    expect(moved == (1, 1), "one more in denominator and numerator", f"{_figure(walk.before)}, then {_figure(after)}")
    return f"{month}: {_figure(walk.before)} → {_figure(after)}"


def bad_input(walk: Walk) -> str:
    """What cannot be read or is wrong is refused, and nothing of it is kept."""
    before = _versions()
    for body, path in (
        (b'{"resourceType": "Patient", "name": [', ""),
        (newcomer.bad_bundle(walk.clinic_id), "Bundle.entry[1].resource.gender"),
    ):
        where = "" if path else "/Patient"
        answer = walk.system.send("POST", where, body)
        kind = answer.json.get("resourceType")
        expect((answer.status, kind) == (400, "OperationOutcome"), "400 and an OperationOutcome", answer.says)
        told = [place for issue in answer.json["issue"] for place in issue.get("expression", [])]
        expect(not path or path in told, f"the path {path}", told)
    expect(_versions() == before, "nothing written", f"{_versions() - before} new versions")
    return "400 with what was expected; nothing was written"


def not_by_patients(walk: Walk) -> str:
    """A patient's own token can neither decide a level nor touch a flag."""
    mine = Fhir(walk.base, make_token("check", walk.now))
    told: list[str] = []
    flags = f"/Flag?patient={walk.patient_id}"
    before = walk.system.find(flags)
    (level,) = walk.system.find(_levels(walk))
    lower = level | {"valueCodeableConcept": {"coding": [{"system": s.LEVEL_SYSTEM, "code": "1"}]}}
    for method, where, body in (
        ("PUT", f"/Observation/{level['id']}", lower),
        ("POST", "/Observation", {name: value for name, value in lower.items() if name not in ("id", "meta")}),
        ("POST", "/Flag", newcomer.flag(walk.patient_id)),
    ):
        answer = mine.send(method, where, body)
        # What a role may not write can also be told as not there; what counts is that nothing came of it.
        refused = answer.status == 403 or (method == "PUT" and answer.status == 404)
        expect(refused, f"403 for {method} {where.split('/')[1]} by the patient", answer.says)
        told.append(f"{answer.status} for {method} {where.split('/')[1]}")
    found = [(decided_level(item), item["meta"]["versionId"]) for item in walk.system.find(_levels(walk))]
    expect(found == [(2, "1")], "level 2 in its first version", found)
    expect(walk.system.find(flags) == before, "the same Flags as before", "others")
    return f"{', '.join(told)}; the level stands"


def _levels(walk: Walk) -> str:
    code = f"{s.OBSERVATION_SYSTEM}|tovholder-level"
    return "/Observation?" + urlencode({"patient": walk.patient_id, "code": code})


def _around_placeholders(text: str) -> list[str]:
    """The fixed parts of a text with {placeholders}."""
    return [part.strip() for part in text.replace("}", "{").split("{")[::2] if part.strip(" .")]


def _figure(figure: tuple[int, int] | None) -> str:
    return "held back" if figure is None else f"{figure[1]} of {figure[0]}"


def _contribution(walk: Walk) -> tuple[int, int, int] | None:
    """Denominator, numerator and missing of this patient in the deadline's month: what suppression keeps from pages."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT in_denominator, in_numerator, missing FROM monitoring_contribution"
            " WHERE indicator = %s AND patient_id = %s AND period_id = %s",
            [walk.indicator.id, walk.patient_id, newcomer.deadline_month(walk.package, walk.today)],
        )
        found = cursor.fetchall()
    expect(len(found) <= 1, "at most one contribution", len(found))
    return (found[0][0], found[0][1], found[0][2]) if found else None


def _versions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_version")
        count: int = cursor.fetchone()[0]
    return count


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is said of it, and whether later steps stand on it."""

    title: str
    run: Callable[[Walk], str]
    needed: bool = True


STEPS = (
    Step("the server answers /healthz", health),
    Step("/fhir/metadata tells what the API does", metadata, needed=False),
    Step("a system gets in with a token, nobody without", token),
    Step("/monitorering/ shows the figure before", figures_before),
    Step("a diagnosis by FHIR makes an eligible course with its clock", arrives),
    Step("the doctor sees the patient in /klinik/", in_the_list),
    Step("another clinic's doctor does not", stranger, needed=False),
    Step("the course is started", starts),
    Step("needs assessed, level proposed", assesses),
    Step("the doctor decides the level", decides),
    Step("plan made and confirmed", plans),
    Step("the patient sees it on /minplan/", patient_sees),
    Step("a missed appointment by FHIR raises a flag with its reason", missed),
    Step("booked again, flag gone", rebooked, needed=False),
    Step("/monitorering/ has moved by this patient", figures_after, needed=False),
    Step("bad input is refused whole", bad_input, needed=False),
    Step("a patient decides neither levels nor flags", not_by_patients, needed=False),
)
