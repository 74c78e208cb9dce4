"""Owns the steps of the walk that go on with the same patient: two more illnesses, one merged plan, and back pain."""

from __future__ import annotations

import re
from copy import copy

from tovholder import packages
from tovholder.base import days
from tovholder.demo import newcomer
from tovholder.demo.browser import Failed, expect
from tovholder.demo.journey import Step, Walk, assesses, decides, plans, starts
from tovholder.fhir import systems as s
from tovholder.plan.domain import Phase
from tovholder.plan.resources import condition_resource
from tovholder.plan.values import Code

BESIDE = {"t2d": Code(s.ICPC2, "T90", "Type 2-diabetes"), "hjerte": Code(s.ICPC2, "K74", "Angina pectoris")}
BACK = Code(s.ICPC2, "L84", "Rygsyndrom uden smerteudstråling")
LASTED = 120  # days the back has hurt: longer than the package's 12 weeks
RED_FLAGS = "lrs-roede-flag"
_FEWER = re.compile(r"(\d+) i stedet for (\d+)")


def _beside(walk: Walk, package: str) -> Walk:
    """The same walk in another of the patient's packages."""
    other = copy(walk)
    other.package = packages.get(package)
    other.episode_id = other.episode().id or ""
    return other


def _diagnose(walk: Walk, code: Code, ago: int) -> None:
    told = condition_resource(patient_id=walk.patient_id, codes=[code], recorded_day=walk.today - ago)
    answer = walk.system.send("POST", "/Condition", told)
    expect(answer.status == 201, f"201 for the diagnosis {code.code}", answer.says)


def two_more(walk: Walk) -> str:
    """Diabetes and heart disease come in as diagnoses; each makes a course of its own with its clock."""
    for code in BESIDE.values():
        _diagnose(walk, code, newcomer.RECORDED)
    for name in BESIDE:
        other = _beside(walk, name)
        found = other.episode()
        expect(found.phase is Phase.ELIGIBLE, f"an eligible course in {name}", found.phase)
        wanted = newcomer.clock(other.package, walk.today)
        expect(found.clock == wanted, f"the clock {wanted}", found.clock)
    return "three courses, each with its clock"


def diabetes(walk: Walk) -> str:
    """From start to confirmed plan in the diabetes package, on the same pages."""
    return _whole_course(walk, "t2d")


def heart(walk: Walk) -> str:
    """The same in the heart package."""
    return _whole_course(walk, "hjerte")


def _whole_course(walk: Walk, package: str) -> str:
    other = _beside(walk, package)
    for step in (starts, assesses, decides):
        step(other)
    return plans(other)


def one_plan(walk: Walk) -> str:
    """The three plans are told as one, with fewer visits than one by one; nothing is lost on the way."""
    page = walk.gp.open(f"/klinik/patient/{walk.patient_id}/samlet-plan")
    expect(page.status == 200, "the merged plan", page.status)
    counts = [(int(after), int(before)) for after, before in _FEWER.findall(page.text)]
    if not counts:
        raise Failed("fewer visits or tests than one by one", page.text[:300])
    expect(all(after < before for after, before in counts), "fewer than before", counts)
    for name in ("kol", *BESIDE):
        title = packages.get(name).titles.da
        expect(title in page.text, f"{title} in the merged plan", page.text[:300])
    return ", ".join(f"{after} instead of {before}" for after, before in counts)


def back_pain(walk: Walk) -> str:
    """Back pain that has lasted: possible once someone confirms it, and a red flag stands in the way of a level."""
    _diagnose(walk, BACK, LASTED)
    other = _beside(walk, "lrs")
    begun = days.iso(walk.today)
    other.press("/start", {"offered": begun, "started": begun, "confirmed": "on"})
    expect(other.episode().phase.is_started, "a started course", other.episode().phase)
    form = other.package.forms[RED_FLAGS]
    asked_for = next(score for score in form.scoring.scores if score.id == "i-alt").link_ids
    sheet = walk.gp.open(f"{other.path}formular/{RED_FLAGS}")
    asked = next((one for one in sheet.forms if one.names.issuperset(asked_for)), None)
    if asked is None:
        raise Failed("the checklist of red flags", f"{sheet.status} without it")
    answers = {name: "true" if name == asked_for[0] else "false" for name in asked_for}
    page = walk.gp.send(sheet, asked, answers)
    expect(page.status == 200, "the patient's page after the checklist", f"{page.status} {page.part('error-summary')}")
    assessment = walk.gp.open(f"{other.path}formular/{other.package.level.base.form}")
    needs = other.package.level.base.link_ids
    sheet_form = next((one for one in assessment.forms if one.names.issuperset(needs)), None)
    if sheet_form is None:
        raise Failed("the needs assessment", f"{assessment.status} without it")
    walk.gp.send(assessment, sheet_form, {name: sheet_form.choices[name][0] for name in needs})
    held = other.of_course(walk.system.find(f"/RiskAssessment?patient={walk.patient_id}"))
    levels = [one for one in held if "qualitativeRisk" in str(one.get("prediction"))]
    expect(
        bool(held) and not levels, "an assessment without a proposed level", f"{len(held)} with {len(levels)} levels"
    )
    return "the red flag blocks the level"


MORE = (
    Step("diabetes and heart disease make courses beside it", two_more),
    Step("the diabetes course from start to plan", diabetes),
    Step("the heart course from start to plan", heart),
    Step("three plans are one, with fewer visits", one_plan, needed=False),
    Step("back pain with a red flag gets no level", back_pain, needed=False),
)
