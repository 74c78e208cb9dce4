"""Every form of the clinic's pages: where it is sent, what is meant by it, and what cannot be meant, each with its field.

A form is sent as a browser would send it. ``wrong`` names for each mistake the control on the page the mistake is told at;
``words`` the field whose typed words must come back. What another can do meanwhile stands under ``meanwhile``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import get_resolver

from lib.people import clinic, system
from tovholder import packages, store
from tovholder.access import Role, people
from tovholder.access.people import Persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.cockpit import flags
from tovholder.fhir import systems
from tovholder.plan import queries
from unit.web import world as worlds

LONG = "Ordene bliver ved og ved. " * 400
Sent = dict[str, Any]


def today(after: int = 0) -> str:
    return days.iso(days.day_of(system_clock()) + after)


@dataclass
class Scene:
    """A clinic with a patient whose course has come as far as the form needs."""

    world: worlds.World
    doctor: Client
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def course(self) -> str:
        return self.world.course

    def view(self) -> Any:
        return queries.episode_view(system(system_clock()), self.world.patient, "kol")

    def send(self, path: str, sent: Sent, client: Client | None = None) -> Any:
        """Send what must go well."""
        answer = (client or self.doctor).post(path, sent)
        assert answer.status_code == 302, (path, sent, answer.status_code)
        return answer


# -- how far the course has come -------------------------------------------------------------------------------------------


def _found(scene: Scene) -> None:
    """A diagnosis, and no more."""


def _late(scene: Scene) -> None:
    """Diagnosed long ago, so that a flag waits."""
    flags.run_all(system_clock())
    assert scene.doctor.get(f"{scene.course}opfoelgning").context["flags"]


def _started(scene: Scene) -> None:
    scene.send(f"{scene.course}start", {"offered": today(), "started": today()})


def _assessed(scene: Scene) -> None:
    _started(scene)
    scene.send(f"{scene.course}formular/kol-behovsvurdering", dict.fromkeys(_questions(), "2"))


def _decided(scene: Scene) -> None:
    _assessed(scene)
    scene.send(f"{scene.course}niveau", {"level": "2"})


def _drafted(scene: Scene) -> None:
    _decided(scene)
    scene.send(f"{scene.course}plan/kladde", {})


def _planned(scene: Scene) -> None:
    _drafted(scene)
    scene.send(f"{scene.course}plan/bekraeft", _plan(scene))
    scene.ids["activity"] = next(item.id for item in scene.view().activities if item.status.is_open)


def _paused(scene: Scene) -> None:
    _started(scene)
    scene.send(f"{scene.course}pause", {"reason": "På ferie"})


def _booked(scene: Scene) -> None:
    _planned(scene)
    scene.send(f"{scene.course}aftale", {"kind": "kol-kontrol", "date": today(10), "time": "09:30"})
    held = next(item for item in scene.view().appointments if item.status == "booked")
    scene.ids |= {"appointment": held.id, "shown": held.start.isoformat()}


def _passed(scene: Scene) -> None:
    _planned(scene)
    then = days.noon(days.day_of(system_clock()) - 3)
    kind = {"system": systems.KIND_SYSTEM, "code": "kol-kontrol"}
    about = {"reference": f"Patient/{scene.world.patient}"}
    with store.unit_of_work(system(system_clock())) as uow:
        scene.ids["appointment"] = uow.create(
            {
                "resourceType": "Appointment",
                "status": "booked",
                "serviceType": [{"coding": [kind]}],
                "start": then.isoformat(),
                "end": (then + timedelta(minutes=30)).isoformat(),
                "participant": [{"actor": about, "status": "accepted"}],
            }
        ).id


def _receivable(scene: Scene) -> None:
    _planned(scene)
    with store.unit_of_work(system(system_clock())) as uow:
        scene.ids["receiver"] = uow.create(clinic("Sundhedscenter Nær", kind="prevention")).id


def _referred(scene: Scene) -> None:
    _receivable(scene)
    answer = scene.send(f"{scene.course}henvisning/rehabilitering", _referral(scene))
    scene.ids["referral"] = answer["Location"].rstrip("/").rsplit("/", 1)[1]


def _saved(scene: Scene) -> None:
    scene.send("/klinik/visning", {"name": "Dem vi venter på", "query": "vis=alle"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM cockpit_view")
        scene.ids["view"] = str(cursor.fetchone()[0])


def _blocked(scene: Scene) -> None:
    _started(scene)
    person = worlds.browser("patient")
    scene.send(
        "/minplan/spaerringer",
        {"do": "block", "who": f"Organization/{scene.world.clinic}", "what": "measurements"},
        person,
    )


def _glass(scene: Scene) -> None:
    _blocked(scene)
    scene.send(f"/klinik/patient/{scene.world.patient}/vaerdispring", _WHY)


def _follow(scene: Scene) -> None:
    _glass(scene)
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM access_emergency")
        scene.ids["glass"] = str(cursor.fetchone()[0])
    people.save_persona(Persona("kollega", "Kurt Kollega", "Læge", Role.GP, scene.world.clinic, "kurt", ""))
    scene.doctor = worlds.browser("kollega")  # nobody follows up on themselves


STATES: Mapping[str, Callable[[Scene], None]] = {
    name.removeprefix("_"): made
    for name, made in list(globals().items())
    if name in {
        "_found", "_late", "_started", "_assessed", "_decided", "_drafted", "_planned", "_paused", "_booked", "_passed",
        "_receivable", "_referred", "_saved", "_blocked", "_glass", "_follow",
    }
}  # fmt: skip


# -- what is sent ----------------------------------------------------------------------------------------------------------


_WHY = {"reason": "danger", "text": "Patienten er bevidstløs og skal behandles nu"}


def _questions() -> tuple[str, ...]:
    return tuple(packages.get("kol").level.base.link_ids)


def _plan(scene: Scene) -> Sent:
    chosen = [item.id for item in scene.view().preview]
    return {"goal": "Gå til bageren", "by_patient": "patient", "together": "on", "med": chosen}


def _hidden(scene: Scene, path: str) -> Sent:
    html = unescape(scene.doctor.get(path).content.decode())
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
    return {name: value for name, value in found.items() if name not in ("csrfmiddlewaretoken", "next", "do")}


def _referral(scene: Scene) -> Sent:
    path = f"{scene.course}henvisning/rehabilitering"
    html = unescape(scene.doctor.get(path).content.decode())
    typed = dict(re.findall(r'<input class="form-input"[^>]* name="(f-[^"]+)" value="([^"]*)"', html))
    typed |= dict(re.findall(r'<textarea class="form-input"[^>]* name="(f-[^"]+)"[^>]*>([^<]*)</textarea>', html))
    given = {key: value or "Står i journalen" for key, value in typed.items()} | {"f-formaal": "Genoptræning"}
    return _hidden(scene, path) | given | {"modtager": scene.ids["receiver"], "do": "send"}


def _sheet(scene: Scene) -> Sent:
    """The plan's page as a browser sends it, unchanged but for one step's words."""
    found: Sent = {"do": "gem"}
    for form in scene.doctor.get(f"{scene.course}plan/ret").context["sheet"].all:
        for bound in form:
            value = bound.value()
            if value not in (None, False):
                found[bound.html_name] = value.isoformat() if hasattr(value, "isoformat") else value
    return found | {f"skridt-{scene.ids['activity']}-title": "Kontrol hos Mette"}


def _followed(act: str, **more: str) -> Callable[[Scene], Sent]:
    def sent(scene: Scene) -> Sent:
        page = scene.doctor.get(f"{scene.course}opfoelgning")
        waiting = [flag.rule_id for flag in page.context["flags"]]
        known = _hidden(scene, f"{scene.course}opfoelgning").get("known", "")
        return {"do": act, "known": known} | ({"flag": waiting[0]} if waiting and act != "assign" else {}) | more

    return sent


def _another_follows(scene: Scene) -> None:
    sent = _followed("attempt", by="phone", outcome="no-answer")(scene)
    scene.send(f"{scene.course}opfoelgning", sent, worlds.browser("laege"))


def _moved(scene: Scene) -> None:
    sent = {"appointment": scene.ids["appointment"], "shown": scene.ids["shown"], "date": today(15), "time": "08:00"}
    scene.send(f"{scene.course}aftale/ny-tid", sent, worlds.browser("laege"))


def _ended(scene: Scene) -> None:
    scene.send(f"{scene.course}afslut", {"reason": "completed"}, worlds.browser("laege"))


# -- the forms -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """One form of one page."""

    route: str  # the name its address has
    state: str
    path: Callable[[Scene], str]
    sent: Callable[[Scene], Sent] = lambda scene: {}
    wrong: tuple[tuple[Sent, str], ...] = ()  # what is changed in it → where that is told; "*" anywhere
    words: str = ""
    typed: str = "Vil tale med sin datter først"
    meanwhile: Callable[[Scene], None] | None = None
    name: str = ""
    whose: bool = True  # whether it is about a patient
    repeats: bool = False  # whether sending it again is meant to do it again

    @property
    def id(self) -> str:
        return f"{self.route} {self.name}".strip()


def _on(rest: str) -> Callable[[Scene], str]:
    return lambda scene: scene.course + rest.format(**scene.ids)


def _with(**given: Any) -> Callable[[Scene], Sent]:
    return lambda scene: {key: value(scene) if callable(value) else value for key, value in given.items()}


def _at(key: str) -> Callable[[Scene], str]:
    return lambda scene: scene.ids[key]


def _slips(name: str, control: str) -> tuple[tuple[Sent, str], ...]:
    """A date as a slip of the keyboard writes it."""
    return tuple(({name: told}, control) for told in ("0026-01-01", "2206-01-01", "31/02/2027", "i morgen"))


FORMS: tuple[Form, ...] = (
    Form("view-save", "found", lambda scene: "/klinik/visning", _with(name="Dem vi venter på", query="vis=alle"),
         (({"name": ""}, "visning-name"), ({"name": LONG}, "visning-name")), "name", whose=False),
    Form("view-forget", "saved", lambda scene: f"/klinik/visning/{scene.ids['view']}/fjern", whose=False),
    Form("act-start", "found", _on("start"), _with(offered=today(), started=today()),
         (({"offered": "", "started": ""}, "start-offered"), ({"started": ""}, "start-started"),
          ({"offered": today(1), "started": today(1)}, "start-offered"), ({"started": today(-3)}, "start-offered"),
          *_slips("started", "start-started")), "started", today(), _started),
    Form("act-decline", "found", _on("nej-tak"), _with(reason="Ikke lige nu"),
         (({"reason": ""}, "decline-reason"), ({"reason": "   "}, "decline-reason"), ({"reason": LONG}, "decline-reason")),
         "reason", meanwhile=_started),
    Form("form", "started", _on("formular/kol-behovsvurdering"), lambda scene: dict.fromkeys(_questions(), "2"),
         ((dict.fromkeys(_questions(), ""), f"svar-{_questions()[0]}"), ({_questions()[1]: "9"}, f"svar-{_questions()[1]}"),
          ({_questions()[2]: "mange"}, f"svar-{_questions()[2]}")), meanwhile=_ended, repeats=True),
    Form("act-decide", "assessed", _on("niveau"), _with(level="2"),
         (({"level": ""}, "decide-level_0"), ({"level": "4"}, "decide-level_0"), ({"level": "3"}, "decide-override_reason"),
          ({"level": "3", "override_reason": LONG}, "decide-override_reason")), "override_reason", meanwhile=_ended),
    Form("act-draft", "decided", _on("plan/kladde"), meanwhile=_ended),
    Form("act-confirm", "drafted", _on("plan/bekraeft"), _plan,
         (({"goal": ""}, "confirm-goal"), ({"goal": LONG}, "confirm-goal"), ({"together": ""}, "confirm-together"),
          ({"no_goal_reason": "Vil ikke"}, "confirm-no_goal_reason")), "goal",
         meanwhile=lambda scene: scene.send(f"{scene.course}plan/bekraeft", _plan(scene), worlds.browser("laege"))),
    Form("act-goal", "planned", _on("maal"), _with(text="Gå til købmanden", by_patient="patient", target=today(90)),
         (({"text": ""}, "goal-text"), ({"text": LONG}, "goal-text"), ({"by_patient": ""}, "goal-by_patient_0"),
          ({"by_patient": "naboen"}, "goal-by_patient_0"), ({"target": today(-1)}, "goal-target"),
          *_slips("target", "goal-target")), "text", meanwhile=_ended),
    Form("act-activity", "planned", _on("aktivitet"), _with(activity=_at("activity")),
         (({"activity": ""}, "404"), ({"activity": "findes-ikke"}, "404"), ({"activity": "../Patient/1"}, "404")),
         meanwhile=lambda scene: scene.send(
             f"{scene.course}aktivitet", {"activity": scene.ids["activity"]}, worlds.browser("laege"))),
    Form("act-book", "planned", _on("aftale"), _with(kind="kol-kontrol", date=today(10), time="09:30"),
         (({"kind": ""}, "book-kind"), ({"kind": "klip"}, "book-kind"), ({"date": ""}, "book-date"),
          ({"date": today(-1)}, "book-date"), ({"time": ""}, "book-time"), ({"time": "25:99"}, "book-time"),
          *_slips("date", "book-date")), "time", "07:45", _ended),
    Form("act-appointment", "passed", _on("aftale/udfald"), _with(appointment=_at("appointment"), do="fulfil"),
         (({"appointment": ""}, "404"), ({"appointment": "findes-ikke"}, "404"), ({"do": "glemt"}, "*")),
         meanwhile=lambda scene: scene.send(
             f"{scene.course}aftale/udfald", {"appointment": scene.ids["appointment"], "do": "noshow"},
             worlds.browser("laege"))),
    Form("act-cancel", "booked", _on("aftale/aflys"),
         _with(appointment=_at("appointment"), by="patient", reason="illness", text="Har feber"),
         (({"by": ""}, "cancel-{appointment}-by_0"), ({"reason": ""}, "cancel-{appointment}-reason"),
          ({"reason": "other", "text": ""}, "cancel-{appointment}-text"), ({"reason": "x"}, "cancel-{appointment}-reason"),
          ({"text": LONG}, "cancel-{appointment}-text"), ({"appointment": "findes-ikke"}, "404")), "text",
         meanwhile=lambda scene: scene.send(
             f"{scene.course}aftale/aflys", {"appointment": scene.ids["appointment"], "by": "relative", "reason": "illness"},
             worlds.browser("laege"))),
    Form("act-rebook", "booked", _on("aftale/ny-tid"),
         _with(appointment=_at("appointment"), shown=_at("shown"), date=today(20), time="10.15"),
         (({"date": ""}, "rebook-{appointment}-date"), ({"date": today(-1)}, "rebook-{appointment}-date"),
          ({"time": "kvart over"}, "rebook-{appointment}-time"), ({"appointment": "findes-ikke"}, "404")), "time", "07:45",
         _moved, repeats=True),
    Form("act-pause", "started", _on("pause"), _with(reason="På ferie"),
         (({"reason": ""}, "pause-reason"), ({"reason": LONG}, "pause-reason")), "reason", meanwhile=_ended),
    Form("act-resume", "paused", _on("genoptag")),
    Form("act-reassess", "planned", _on("ny-vurdering"), _with(asked=today(), wish="Har det værre"),
         (({"asked": ""}, "reassess-asked"), ({"asked": today(1)}, "reassess-asked"), ({"wish": LONG}, "reassess-wish"),
          *_slips("asked", "reassess-asked")), "wish", meanwhile=_ended),
    Form("act-end", "planned", _on("afslut"), _with(reason="completed"),
         (({"reason": ""}, "end-reason"), ({"reason": "fordi"}, "end-reason")), meanwhile=_ended),
    Form("follow-up", "planned", _on("opfoelgning"), _followed("attempt", by="phone", outcome="no-answer"),
         (({"outcome": ""}, "*"), ({"outcome": "måske"}, "*"), ({"by": "due"}, "attempt-by"), ({"note": LONG}, "attempt-note"),
          ({"do": "danse"}, "404")), "note", meanwhile=_another_follows, name="attempt"),
    Form("follow-up", "planned", _on("opfoelgning"), _followed("message", text="Ring til os i morgen"),
         (({"text": ""}, "message-text"), ({"text": LONG}, "message-text")), "text", meanwhile=_another_follows,
         name="message"),
    Form("follow-up", "planned", _on("opfoelgning"), _followed("assign", to="", note="Tag den i morgen"),
         (({"to": "Practitioner/findes-ikke"}, "assign-to"), ({"note": LONG}, "assign-note")), "note",
         meanwhile=_another_follows, name="assign"),
    Form("follow-up", "late", _on("opfoelgning"), _followed("snooze", until=today(7), reason="Er på ferie"),
         (({"until": ""}, "snooze-until"), ({"until": today()}, "snooze-until"), ({"until": today(500)}, "snooze-until"),
          ({"reason": ""}, "snooze-reason"), ({"reason": LONG}, "snooze-reason")), "reason", name="snooze", repeats=True),
    Form("medicine", "planned", _on("medicin"),
         _with(change="start", group="lama", name="Tiotropium", reason="Mere åndenød", since=today()),
         (({"change": ""}, "medicin-change_0"), ({"group": ""}, "medicin-group"), ({"name": ""}, "medicin-name"),
          ({"reason": ""}, "medicin-reason"), ({"reason": LONG}, "medicin-reason"), ({"atc": "?!"}, "medicin-atc"),
          ({"atc": "C10AA05"}, "medicin-atc"), ({"since": today(3)}, "medicin-since"),
          ({"followup": today(-3)}, "medicin-followup"), *_slips("since", "medicin-since")), "reason", meanwhile=_ended),
    Form("plan-edit", "planned", _on("plan/ret"), _sheet,
         (({"skridt-{activity}-title": ""}, "skridt-{activity}-skridt-{activity}-title"),
          ({"skridt-{activity}-title": LONG}, "skridt-{activity}-skridt-{activity}-title"),
          ({"skridt-{activity}-due": ""}, "skridt-{activity}-skridt-{activity}-due"),
          ({"skridt-{activity}-out": "on"}, "skridt-{activity}-skridt-{activity}-reason"),
          ({"nyt-skridt-due": today(30)}, "nyt-skridt-nyt-skridt-kind"),
          ({"nyt-maal-text": LONG}, "nyt-maal-nyt-maal-text")), "nyt-maal-text", meanwhile=_ended),
    Form("merged", "planned", lambda scene: f"/klinik/patient/{scene.world.patient}/samlet-plan",
         _with(trin=_at("activity"), date=today(10), time="09:30"),
         (({"date": ""}, "*"), ({"time": "25:99"}, "*"), ({"date": today(-1)}, "*"), ({"trin": "findes-ikke"}, "*"),
          ({"trin": ""}, "*")), meanwhile=_ended),
    Form("refer", "receivable", _on("henvisning/rehabilitering"), _referral,
         (({"modtager": ""}, "modtagere"), ({"modtager": "findes-ikke"}, "modtagere"), ({"f-formaal": ""}, "felt-formaal"),
          ({"f-formaal": LONG}, "felt-formaal"), ({"dag": today(3)}, "dag"), ({"dag": "31/02"}, "dag")), "tekst",
         meanwhile=lambda scene: scene.send(
             f"{scene.course}henvisning/rehabilitering", _referral(scene), worlds.browser("laege"))),
    Form("referral", "referred", _on("henvist/{referral}"), _with(do="accept", dag=today()),
         (({"dag": "31/02"}, "accept-dag"), ({"dag": today(3)}, "accept-dag"), ({"do": "danse"}, "*"), ({"do": ""}, "*")),
         meanwhile=lambda scene: scene.send(
             f"{scene.course}henvist/{scene.ids['referral']}", {"do": "withdraw", "tekst": "Fejl"}, worlds.browser("laege")),
         name="accept"),
    Form("referral", "referred", _on("henvist/{referral}"), _with(do="reject", grund="no-capacity", tekst="Fuldt hold"),
         (({"grund": ""}, "reject-grund"), ({"grund": "fordi"}, "reject-grund"),
          ({"grund": "other", "tekst": ""}, "reject-tekst"), ({"tekst": LONG}, "reject-tekst")), "tekst", name="reject"),
    Form("glass-open", "blocked", lambda scene: f"/klinik/patient/{scene.world.patient}/vaerdispring", lambda scene: _WHY,
         (({"reason": ""}, "vaerdispring-reason_0"), ({"reason": "nysgerrig"}, "vaerdispring-reason_0"),
          ({"text": ""}, "vaerdispring-text"), ({"text": "kort"}, "vaerdispring-text"), ({"text": LONG}, "vaerdispring-text")),
         "text"),
    Form("glass-end", "glass", lambda scene: f"/klinik/patient/{scene.world.patient}/vaerdispring/afslut"),
    Form("glass", "blocked", lambda scene: "/klinik/vaerdispring", lambda scene: _WHY | {"cpr": "6105600000"},
         (({"cpr": ""}, "nummer-cpr"), ({"cpr": "12345"}, "nummer-cpr"), ({"cpr": LONG}, "nummer-cpr"),
          ({"reason": ""}, "nummer-reason_0"), ({"text": "kort"}, "nummer-text")), "text", whose=False, repeats=True),
    Form("glass-follow", "follow", lambda scene: f"/klinik/vaerdispring/{scene.ids['glass']}",
         _with(status="justified", note="Gennemgået"),
         (({"status": ""}, "opfoelgning-status_0"), ({"status": "ok"}, "opfoelgning-status_0"),
          ({"note": LONG}, "opfoelgning-note")), "note", whose=False),
    Form("versions", "outdated", lambda scene: "/klinik/pakker",
         lambda scene: _hidden(scene, "/klinik/pakker")
         | {"pakke": "kol", "do": "keep", "plan": scene.view().plan.id, "reason": "Vent", "look_again": today(60)},
         (({"plan": []}, "*"), ({"do": "danse"}, "*"), ({"reason": ""}, "behold-kol-reason"),
          ({"reason": LONG}, "behold-kol-reason"), ({"look_again": today()}, "behold-kol-look_again"),
          ({"look_again": today(5000)}, "behold-kol-look_again"), *_slips("look_again", "behold-kol-look_again")),
         "reason", whose=False),
)  # fmt: skip

# Addresses that take a POST without being a form somebody fills in; each with why.
NO_FORMS = {
    "cockpit": "a search: nothing is written, and what was searched for is kept nowhere",
    "app-launch": "one button, which writes nothing in the record (tests/unit/web/test_apps.py)",
}

# Tried by tests of their own, which know how such a page comes about; what they lack of the tries made here is theirs.
ELSEWHERE = {
    "recall": "tests/unit/web/test_recall_pages.py",
    "recall-exempt": "tests/unit/web/test_recall_pages.py",
    "recall-round": "tests/unit/web/test_recall_pages.py",
    "handover": "tests/unit/web/test_handover_pages.py",
    "moved": "tests/unit/web/test_handover_pages.py",
    "sharing": "tests/unit/web/test_handover_pages.py",
}


def taking_post() -> set[str]:
    """The names of the clinic's addresses that take a POST, as they answer themselves."""
    names: set[str] = set()
    for entry in get_resolver("tovholder.web.urls").url_patterns:
        path = str(entry.pattern)
        if not path.startswith("klinik/"):
            continue
        filled = re.sub(r"<int:\w+>", "1", re.sub(r"<(?!int)\w+:\w+>", "kol", path))
        if "POST" in Client().put(f"/{filled}").headers.get("Allow", ""):
            names.add(entry.name)
    return names
