"""Acts beside reading and writing: each leaves one event in the trail, with who, for whom, why, and nothing that identifies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from lib.people import NOW, context
from tovholder.access import Role, audit, audit_acts, audit_event
from tovholder.access.domain import Context, Emergency, Grants
from tovholder.base import days
from tovholder.fhir.validate import validate
from tovholder.store import audit_search

pytestmark = pytest.mark.django_db
DOCTOR = context(Role.GP, "clinic", actor="Practitioner/ida")
CITIZEN = context(Role.CITIZEN, None, patient="p1")
RELATIVE = context(Role.REPRESENTATIVE, None, patient="p1", actor="RelatedPerson/r1")
OPERATOR = context(Role.OPERATOR, None, actor="user:7")
APP = Grants((("read", "Observation", ("",)),), "p1")


def events() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.action, e.outcome, e.actor, e.role, e.purpose, e.client, e.detail, l.patient_id"
            " FROM access_auditevent AS e LEFT JOIN access_auditpatient AS l ON l.event_id = e.id ORDER BY e.id, l.patient_id"
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def one() -> dict[str, Any]:
    (found,) = events()
    return found


def rendered() -> dict[str, Any]:
    (found,) = audit_search.page(OPERATOR, []).entries
    assert [issue for issue in validate(found.resource) if issue.severity in ("error", "fatal")] == []
    return found.resource


ACTS: list[tuple[Callable[[], None], str, str | None, str]] = [
    (lambda: audit_acts.login(CITIZEN, how="oidc"), "login", "p1", "110122"),
    (lambda: audit_acts.logout(CITIZEN, how="idle"), "logout", "p1", "110123"),
    (lambda: audit_acts.login_failed(NOW, "unknown-person", user="abc"), "login-failed", None, "110122"),
    (lambda: audit_acts.role_chosen(DOCTOR), "role", None, "110124"),
    (lambda: audit_acts.refused(DOCTOR, "page:log"), "refused", None, ""),
    (lambda: audit_acts.rights_changed(OPERATOR, "client/7"), "rights", None, "110137"),
    (lambda: audit_acts.glass_opened(DOCTOR, "p1", number=3, reason="danger"), "glass-opened", "p1", "110127"),
    (lambda: audit_acts.glass_ended(DOCTOR, "p1", number=3), "glass-ended", "p1", "110138"),
    (lambda: audit_acts.glass_followed(DOCTOR, "p1", number=3, status="justified"), "glass-followed", "p1", ""),
    (lambda: audit_acts.block_set(CITIZEN, "p1", "Consent/c"), "block-set", "p1", "AuthZ-Consent"),
    (lambda: audit_acts.block_ended(CITIZEN, "p1", "Consent/c"), "block-ended", "p1", "AuthZ-Consent"),
    (lambda: audit_acts.consent_changed(CITIZEN, "p1", "Consent/c"), "consent", "p1", "AuthZ-Consent"),
    (lambda: audit_acts.stated(DOCTOR, "p1", number=4, until=20_000), "stated", "p1", "stated"),
    (
        lambda: audit_acts.stated_checked(DOCTOR, "p1", number=4, organization="x"),
        "stated-checked",
        "p1",
        "stated-checked",
    ),
    (
        lambda: audit_acts.stated_failed(DOCTOR, "p1", number=4, organization="x"),
        "stated-failed",
        "p1",
        "stated-failed",
    ),
    (lambda: audit_acts.token_issued(CITIZEN, client="app"), "token", "p1", "token"),
    (lambda: audit_acts.token_revoked(CITIZEN, client="app", why="user"), "token-revoked", "p1", "token-revoked"),
    (lambda: audit_acts.token_failed(NOW, "invalid_client", client="app"), "token-failed", None, "token"),
]


@pytest.mark.parametrize(("act", "action", "patient", "code"), ACTS, ids=[action for _, action, _, _ in ACTS])
def test_each_act_is_one_event_and_a_valid_audit_event(
    act: Callable[[], None], action: str, patient: str | None, code: str
) -> None:
    act()
    found = one()
    assert (found["action"], found["patient_id"]) == (action, patient)
    failed = action in ("refused", "login-failed", "token-failed")
    assert found["outcome"] == ("refused" if failed else "ok")
    event = rendered()
    assert code in [coding["code"] for coding in event.get("subtype", [])] or not code
    glass = action in ("glass-opened", "glass-ended")
    assert (event["purposeOfEvent"][0]["coding"][0]["code"] == "BTG") is glass


def test_every_act_with_a_helper_is_tried_here() -> None:
    beside = set(audit_event.ACTS) - {
        "read", "vread", "history", "search", "create", "update", "patch", "delete", "import", "export", "operation",
        "aggregate", "pruned",
    }  # fmt: skip
    assert {action for _, action, _, _ in ACTS} == beside


def test_in_a_transaction_the_act_and_its_event_are_undone_together() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        audit_acts.glass_opened(DOCTOR, "p1", number=1, reason="danger")
        raise RuntimeError
    assert events() == []


def test_a_failure_stays_though_the_work_is_undone() -> None:
    with audit.answer() as gathered, pytest.raises(RuntimeError), transaction.atomic():
        audit_acts.login_failed(NOW, "rate")
        raise RuntimeError
    assert [(entry.action, entry.detail) for entry in gathered] == [("login-failed", "rate")]


def write(ctx: Context, *patients: str, action: str = "read", outcome: Any = "ok") -> None:
    with transaction.atomic():
        audit.write([audit.Entry(ctx, action, frozenset(patients), "Observation/o", outcome)])  # type: ignore[arg-type]


def test_only_the_patients_own_looks_are_not_in_their_log() -> None:
    write(CITIZEN, "p1")
    assert events() == []
    write(RELATIVE, "p1")
    write(replace(CITIZEN, grants=APP, client="app-1"), "p1")
    write(CITIZEN, "p1", action="create")
    write(CITIZEN, "p1", outcome="refused")
    write(CITIZEN, "p2")
    assert [(event["role"], event["client"]) for event in events()] == [
        ("representative", ""), ("citizen", "app-1"), ("citizen", ""), ("citizen", ""), ("citizen", ""),
    ]  # fmt: skip


def test_a_representative_acts_in_their_own_name_and_for_whom_is_told() -> None:
    write(RELATIVE, "p1")
    event = rendered()
    user = next(agent for agent in event["agent"] if agent["requestor"])
    assert user["who"] == {"reference": "RelatedPerson/r1"}
    assert user["extension"] == [{"url": audit_event.ON_BEHALF_OF, "valueReference": {"reference": "Patient/p1"}}]
    assert user["purposeOfUse"][0]["coding"][0]["code"] == "PATRQT"
    assert [entry.id for entry in audit_search.page(OPERATOR, [("agent", "RelatedPerson/r1")]).entries] == [event["id"]]


def test_an_app_that_acts_for_somebody_is_an_agent_of_its_own() -> None:
    write(replace(DOCTOR, client="app-1", grants=APP), "p1")
    event = rendered()
    apps = [agent for agent in event["agent"] if agent["type"]["coding"][0]["code"] == "110150"]
    assert [agent["who"]["identifier"]["value"] for agent in apps] == ["app-1"]
    assert [agent["who"] for agent in event["agent"] if agent["requestor"]] == [{"reference": "Practitioner/ida"}]


def broken(patient: str, minutes: int) -> Emergency:
    return Emergency(1, patient, days.millis(NOW + timedelta(minutes=minutes)), "danger")


def test_what_is_done_with_the_glass_broken_has_that_purpose_and_nothing_else_has() -> None:
    ctx = replace(DOCTOR, emergencies=(broken("p1", 60), broken("p2", -1)))
    write(ctx, "p1", "p2", "p3")
    assert sorted((event["patient_id"], event["purpose"]) for event in events()) == [
        ("p1", "break-glass"),
        ("p2", "treatment"),  # its time was over
        ("p3", "treatment"),
    ]
    write(ctx, "p1", action="update")
    assert events()[-1]["purpose"] == "break-glass"


def test_a_page_of_many_reads_with_the_glass_broken_on_one_of_them() -> None:
    ctx = replace(DOCTOR, emergencies=(broken("p1", 60),))
    entries = [audit.Entry(ctx, "read", frozenset({name}), f"Observation/{name}") for name in ("p1", "p2", "p3")]
    with transaction.atomic():
        audit.write(audit.merge(entries))
    assert [(event["patient_id"], event["purpose"]) for event in events()] == [
        ("p1", "break-glass"),
        ("p2", "treatment"),
        ("p3", "treatment"),
    ]
