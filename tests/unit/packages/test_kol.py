"""What the KOL package promises, read against the decisions it is built on."""

from __future__ import annotations

import json
import re

import pytest

from tovholder.base import days
from tovholder.forms.domain import is_enabled
from tovholder.packages import get
from tovholder.packages.check import parts
from tovholder.packages.conditions import Facts, Known, grade_of, guideline_in_force
from tovholder.packages.model import SourceKind, Text
from tovholder.packages.questionnaires import items

KOL = get("kol")


def test_inclusion_codes():
    sks, icpc = "urn:oid:1.2.208.176.2.4.12", "urn:oid:1.2.208.176.2.31"
    included = ["DJ44", "DJ440", "DJ441", "DJ448", "DJ448A", "DJ448B", "DJ448C", "DJ449"]
    assert all(KOL.inclusion.matches(sks, code) for code in included)
    assert KOL.inclusion.matches(icpc, "R95")
    assert KOL.inclusion.matches("http://hl7.org/fhir/sid/icpc-2", "R95")
    assert KOL.inclusion.matches("1.2.208.176.2.31", "R95")
    for system, code in ((icpc, "R96"), (icpc, "R950"), (sks, "DJ45"), (sks, "R95"), (icpc, "DJ44"), ("x", "R95")):
        assert not KOL.inclusion.matches(system, code)


def test_rights():
    plan, prevention = KOL.rights
    assert (plan.event, plan.days, plan.stopped_by) == ("diagnosis", 30, "plan-confirmed")
    assert plan.legacy_before is not None
    assert days.day_of(plan.legacy_before) == KOL.valid_from
    assert (prevention.event, prevention.days, prevention.receiver_kinds) == ("referral", 21, ("prevention",))


def test_compliance_flags_are_for_levels_2_and_3_and_deadlines_for_all():
    for rule in KOL.rules:
        raised = [level for level in (None, 1, 2, 3) if rule.applies_at(level)]
        assert raised == ([None, 1, 2, 3] if rule.kind == "deadline" else [2, 3]), rule.id


@pytest.mark.parametrize(
    ("level", "grade", "months"),
    [
        (1, "A", None),
        (1, "B", None),
        (2, "B", None),
        (1, "E", 6),
        (2, "C", 6),
        (3, "A", 6),
        (2, None, 6),
        (1, None, None),
    ],
)
def test_control_intervals(level: int, grade: str | None, months: int | None):
    activity = next(item for item in KOL.plan.activities if item.id == "halvaarskontrol")
    row = next((timing for timing in activity.timing if timing.fits(level, grade) and timing.when is None), None)
    assert (row.after_months if row else None) == months


def test_our_own_proposals_are_marked_as_such():
    assert set(KOL.defaults()) == {
        f"standard-{name}"
        for name in (
            "niveau", "behovsvurdering", "frist", "opfoelgning", "data", "plan", "henvisning", "indikator", "indhold",
            "alarm", "aendring",
        )
    } | {"vaccination", "handleplan", "medicin-opfoelgning"}  # fmt: skip
    kinds = {source.kind for source in KOL.sources.values()}
    assert {SourceKind.LAW, SourceKind.GUIDELINE, SourceKind.DEFAULT} <= kinds


def test_questionnaires_hold_no_licensed_items():
    """CAT is a trademark: its total only. One question carries its code, and no other speaks of it."""
    text = json.dumps(KOL.forms["kol-aarsstatus"].questionnaire, ensure_ascii=False)
    assert text.count("MCS88137") == 1
    assert not re.search(r"slim|hoste|energi|sover|cough|phlegm|sleep", text, re.IGNORECASE)


def test_gold_is_a_parameter_with_three_guidelines():
    """The same patient in the three versions: two exacerbations and few symptoms; one exacerbation, many symptoms."""
    grade = KOL.level.grade
    assert grade is not None

    def group(guideline: str, **inputs: int) -> str | None:
        package = KOL.with_parameters({"gold_guideline": guideline})
        known = Facts(inputs={name: Known(milli=value * 1000) for name, value in inputs.items()})
        return grade_of(guideline_in_force(grade, package.parameters), known)[0]

    few = {"mrc": 2, "cat": 9, "copd_admissions": 0}
    many = {"mrc": 2, "cat": 10, "copd_admissions": 0}
    told = {
        guideline: (
            group(guideline, **few, exacerbations=0),
            group(guideline, **many, exacerbations=1),
            group(guideline, **few, exacerbations=2),
            group(guideline, **many, exacerbations=2),
            group(guideline, **few),  # nobody knows the exacerbations: unknown, not none
        )
        for guideline in ("abcd", "abe2023", "abe2026")
    }
    assert told == {
        "abcd": ("A", "B", "C", "D", None),
        "abe2023": ("A", "B", "E", "E", None),
        "abe2026": ("A", "E", "E", "E", None),
    }
    with pytest.raises(KeyError):
        KOL.with_parameters({"gold": "abcd"})


def test_the_annual_status_asks_what_the_guideline_and_the_clinics_phrase_do():
    asked = {code["code"] for item in items(KOL.forms["kol-aarsstatus"].questionnaire) for code in item.get("code", ())}
    assert {
        "MCS88015", "MCS88016", "MCS88017", "MCS88023", "MCS88159", "MCS88021", "MCS88137", "MCS88022", "MCS88011",
        "MCS88005", "MCS88009", "MCS88024", "MCS88145", "NPU03804", "NPU03794", "NPU27281", "MCS88142", "MCS88144",
        "MCS88053", "MCS88058", "NPU27280", "kol-influenza", "kol-pneumokok", "kol-handleplan", "kol-alarm",
    } <= asked  # fmt: skip
    links = {item["linkId"] for item in items(KOL.forms["kol-aarsstatus"].questionnaire)}
    assert {"dxa", "dxa-hjaelp", "naeste-kontrol", "rehabilitering", "anden-sygdom", "medicin-gennemgaaet"} <= links


def test_dxa_is_hinted_at_for_smokers_and_low_lung_function():
    hint = next(item for item in items(KOL.forms["kol-aarsstatus"].questionnaire) if item["linkId"] == "dxa-hjaelp")
    smokes = {"rygning": ({"code": "dagligt"},)}
    assert is_enabled(hint, smokes)
    assert is_enabled(hint, {"rygning": ({"code": "aldrig"},), "fev1-procent": (49.9,)})
    assert not is_enabled(hint, {"rygning": ({"code": "ophoert"},), "fev1-procent": (50.0,)})
    assert not is_enabled(hint, {})


def test_inhaler_technique_belongs_to_every_visit():
    visits = [item for item in KOL.plan.activities if item.kind in ("kol-kontrol", "kol-aarsstatus")]
    assert len(visits) == 3
    assert all("MCS88142" in {code.code for code in item.tests} for item in visits)
    for form in ("kol-aarsstatus", "kol-kontrol"):
        codes = {code["code"] for item in items(KOL.forms[form].questionnaire) for code in item.get("code", ())}
        assert {"MCS88142", "kol-alarm"} <= codes


def test_what_is_shared_and_what_is_aimed_at():
    shared = {item.id: item.shared for item in KOL.plan.activities if item.shared}
    assert shared == {
        "aarsstatus": "aarsstatus",
        "halvaarskontrol": "kontrol",
        "efter-indlaeggelse": "kontrol",
        "influenza": "vaccination-influenza",
        "pneumokok": "vaccination-pneumokok",
        "afklarende-samtale": "afklarende-samtale",
        "rehabilitering": "fysisk-traening",
        "rygestop": "rygestop",
    }
    aims = {goal.id: goal.target for goal in KOL.plan.goals if goal.target}
    assert {name: (aim.input, aim.at_least, aim.at_most) for name, aim in aims.items()} == {
        "forvaerring": ("exacerbations", None, 0),
        "tage-paa": ("bmi", 20, None),
    }


def test_the_package_names_medicines_and_never_what_to_prescribe():
    groups = {code: held.id for held in KOL.plan.medicines for code in held.atc}
    found = {code: next(held.id for held in KOL.plan.medicines if held.covers(code)) for code in ("R03BB04", "R03AK07")}
    assert found == {"R03BB04": "lama", "R03AK07": "med-steroid"}
    assert not any(held.covers("C09AA02") for held in KOL.plan.medicines)
    assert groups["N07BA"] == "nikotin"
    assert all(held.start_days > 0 and held.look_for for held in KOL.plan.medicines)


def test_the_action_plan_says_what_to_do_every_day_the_same_day_and_now():
    guide = next(item for item in KOL.content if item.kind == "guide")
    assert [part.urgency for part in guide.parts] == ["daily", "soon", "now"]
    for part in guide.parts:
        assert part.signs and part.actions
    assert "112" in guide.parts[2].actions[0].da
    assert "112" in guide.parts[2].actions[0].en
    words = [text.da for part in guide.parts for text in (*part.signs, *part.actions)]
    assert max(len(sentence.split()) for text in words for sentence in re.split(r"[.:?] ", text)) <= 18


def test_every_text_is_told_in_both_languages():
    seen = 0
    for where, entry in parts(KOL):
        if isinstance(entry, Text) and not entry.da.startswith("GOLD "):
            seen += 1
            assert entry.da != entry.en or len(entry.da) < 20, where  # "MRC" is MRC
    assert seen > 150


def test_content_is_hidden_the_day_after_it_expires():
    item = KOL.content[0]
    last = days.day_of(item.valid_until)
    assert item.shown(last)
    assert not item.shown(last + 1)


def test_names_of_kinds():
    assert KOL.kind_title("kol-kontrol", "da") == "KOL-kontrol"
    assert KOL.kind_title("kol-kontrol", "en") == "COPD check-up"
    assert KOL.kind_title("noget-andet", "da") == "noget-andet"
