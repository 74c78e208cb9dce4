"""Explained decisions: told in parts, they agree with what the record lets through; as values and by the command."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from typer.testing import CliRunner

from lib import two_records as records
from lib.api import Caller
from lib.people import NOW, context, system
from tovholder import store
from tovholder.access import Context, Role, blocks, people
from tovholder.access.domain import Emergency, Grants
from tovholder.access.explain import Explanation, explain
from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.cli import access as command
from tovholder.fhir.definitions import resource_types

pytestmark = pytest.mark.django_db
MINE, THEIRS = records.MINE, records.THEIRS


@pytest.fixture
def caller() -> Caller:
    return records.build()


def actors() -> dict[str, Context]:
    told = {
        name: context(role, organization or None, patient=patient or None)
        for name, (role, organization, patient) in records.OUTSIDERS.items()
    }
    until = days.millis(NOW) + 60_000
    opened = replace(told["stranger"], emergencies=(Emergency(1, THEIRS, until, "acute"),))
    over = replace(told["stranger"], emergencies=(Emergency(1, THEIRS, until - 120_000, "acute"),))
    given = Grants((("read", "Condition", ("",)), ("read", "Observation", ("code=nothing",)), ("read", "Goal", ("",))))
    relative = context(Role.REPRESENTATIVE, None, patient=THEIRS, actor="RelatedPerson/r")
    return told | {
        "broken glass": opened,
        "glass mended": over,
        "app": replace(told["gp"], grants=given),
        "app of one": replace(told["gp"], grants=replace(given, patient=THEIRS)),
        "relative": replace(relative, rights=frozenset({"plan"})),
        "of two units": replace(told["gp"], units=("nowhere", records.THERE)),
        "system": system(),
    }


def reads(ctx: Context, kind: str, who: str) -> bool:
    with suppress(Problem):
        return bool(store.read(ctx, kind, records.rid_of(kind, who)))
    return False


def explained(told: Explanation, kind: str) -> bool:
    (found,) = (one for one in told.types if one.type == kind)
    return "read" in {answer.action for answer in found.allowed}


def kinds() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT type FROM store_resource WHERE patient_id IN (%s, %s)", [MINE, THEIRS])
        return sorted(row[0] for row in cursor.fetchall())


def test_what_is_explained_is_what_is_decided(caller: Caller) -> None:
    asked = 0
    for name, ctx in actors().items():
        for who in (MINE, THEIRS):
            told = explain(ctx, who, kinds())
            for kind in kinds():
                found = explained(told, kind)
                criteria = any(
                    reason.criteria
                    for one in told.types
                    if one.type == kind
                    for a in one.allowed
                    for reason in a.reasons
                ) or any(a.within for one in told.types if one.type == kind for a in one.allowed)
                outside = ctx.grants is not None and ctx.grants.patient not in (None, who)
                seen = reads(ctx, kind, who)
                asked += 1
                if criteria or outside:
                    assert found or not seen, (name, who, kind)  # what it says decides besides
                else:
                    assert seen is found, (name, who, kind)
    assert asked > 400


def test_it_names_the_row_the_relation_and_until_when(caller: Caller) -> None:
    told = explain(actors()["hospital"], MINE, ["CarePlan", "Account"])
    tie = next(tie for tie in told.ties if tie.holds)
    assert tie.kind in ("referral", "care-team", "appointment") and "/" in tie.source
    plan, closed = told.types
    read = next(answer for answer in plan.answers if answer.action == "read")
    assert read.allowed and tie.kind in read.reasons[0].holding and read.reasons[0].row > 0
    assert next(answer for answer in plan.answers if answer.action == "delete").why == "no row of the policy allows it"
    assert closed.allowed == ()
    stranger = explain(actors()["stranger"], MINE)
    assert stranger.ties == () and all(
        answer.why == "no condition holds"
        for one in stranger.types
        for answer in one.answers
        if answer.reasons and not answer.allowed
    )
    assert explain(actors()["partner"], MINE, ["Patient"]).types[0].view is not None
    app = explain(actors()["app"], MINE, ["CarePlan"]).types[0]
    assert {answer.why for answer in app.answers if answer.reasons} == {"the app was not given it"}
    glass = explain(actors()["broken glass"], THEIRS, ["Condition"])
    assert glass.emergencies and glass.types[0].allowed[0].reasons[0].holding == ("break-glass",)


def block(**more: Any) -> blocks.Block:
    return blocks.Block(MINE, f"Organization/{records.HERE}", "Consent/c", **more)


def put(*told: blocks.Block) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM access_block")
        for one in told:
            marks = ", ".join(["%s"] * len(blocks.COLUMNS))
            cursor.execute(
                f"INSERT INTO access_block ({', '.join(blocks.COLUMNS)}) VALUES ({marks})", list(one.values())
            )


def test_it_tells_what_blocks_keep_back(caller: Caller) -> None:
    gp = actors()["gp"]
    put(block())
    told = explain(gp, MINE)
    assert told.blocked and not any(explained(told, kind) for kind in ("Patient", "Condition"))
    assert explained(told, "Organization")
    assert not reads(gp, "Condition", MINE)
    put(block(type="Condition"))
    told = explain(gp, MINE)
    assert not told.blocked and not reads(gp, "Condition", MINE) and reads(gp, "Observation", MINE)
    held = {one.type: one.withheld for one in told.types}
    assert held["Condition"] and not held["Observation"] and not held["Patient"]


def test_the_command_tells_it_in_a_table_and_as_json(caller: Caller) -> None:
    put(block(type="Condition"))
    Caller(Role.GP, records.HERE, name="anna")
    Caller(Role.PARTNER, "physio", name="fys")
    run = CliRunner().invoke
    told = run(command.app, ["explain", "--as", "anna", "--patient", MINE])
    assert told.exit_code == 0, told.output
    for words in ("own-list", "Consent/c", "Condition", "read, search", "Practitioner/p-anna"):
        assert words in told.output, words
    told = run(command.app, ["explain", "--as", "fys", "--patient", MINE, "--type", "Observation", "--json"])
    found = json.loads(told.output)
    shown = "".join(run(command.app, ["explain", "--as", "fys", "--patient", MINE, "--type", "Patient"]).output.split())
    assert "identifier[system=urn:oid:1.2.208.176.1.2]" in shown and "…" not in shown
    assert [one["type"] for one in found["types"]] == ["Observation"] and found["blocked"] is False
    criteria = {reason["criteria"] for answer in found["types"][0]["answers"] for reason in answer["reasons"]}
    assert any("tovholder-level" in text for text in criteria)
    for wrong in (["--as", "nobody"], ["--as", "anna", "--type", "Nonsense"], ["--as", "anna", "--role", "citizen"]):
        refused = run(command.app, ["explain", *wrong, "--patient", MINE])
        assert isinstance(refused.exception, Problem), wrong


def test_of_several_roles_one_is_named(caller: Caller) -> None:
    Caller(Role.GP, records.HERE, name="anna")
    Caller(Role.HOSPITAL, "hospital", name="anna")
    with pytest.raises(Problem) as caught:
        people.context_named("anna", NOW)
    assert "gp" in caught.value.issues[0].expected and "hospital" in caught.value.issues[0].expected
    assert people.context_named("anna", NOW, role="gp").organization == records.HERE


def test_every_type_can_be_explained(caller: Caller) -> None:
    assert len(explain(system(), MINE, sorted(resource_types())).types) == len(resource_types())
