"""What the KOL package promises, read against the decisions it is built on."""

from __future__ import annotations

import json
import re

import pytest

from tovholder.base import days
from tovholder.packages import get
from tovholder.packages.check import parts
from tovholder.packages.model import SourceKind, Text

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
    row = next((timing for timing in activity.timing if timing.fits(level, grade)), None)
    assert (row.after_months if row else None) == months


def test_our_own_proposals_are_marked_as_such():
    assert set(KOL.defaults()) == {
        f"standard-{name}"
        for name in (
            "niveau", "behovsvurdering", "frist", "opfoelgning", "data", "plan", "henvisning", "indikator", "indhold",
        )
    }  # fmt: skip
    kinds = {source.kind for source in KOL.sources.values()}
    assert {SourceKind.LAW, SourceKind.GUIDELINE, SourceKind.DEFAULT} <= kinds


def test_questionnaires_hold_no_licensed_items():
    """CAT is a trademark: its total only. One question carries its code, and no other speaks of it."""
    text = json.dumps(KOL.forms["kol-aarsstatus"].questionnaire, ensure_ascii=False)
    assert text.count("MCS88137") == 1
    assert not re.search(r"slim|hoste|energi|sover|cough|phlegm|sleep", text, re.IGNORECASE)


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
