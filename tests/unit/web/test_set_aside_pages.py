"""Pages when a package has a hole: told in words to clinic and operator, its plans only read, and no page fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from lib import versions
from lib.versions import OLD
from tovholder import packages, store
from tovholder.access import Role
from tovholder.access.domain import Context, system_context
from tovholder.access.people import Persona, save_persona
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import flags
from tovholder.packages import installed
from tovholder.packages.installed import Installed
from tovholder.plan import actions, links, resources
from unit.web import world as worlds

pytestmark = pytest.mark.django_db
NEEDS = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
PAGES = (
    "/klinik/", "/klinik/i-dag", "/klinik/pakker", "/klinik/indkaldelser", "/klinik/afvigelser", "/klinik/kontroller",
    "/klinik/datakvalitet", "/klinik/patient/{0}/", "/klinik/patient/{0}/tidslinje", "/klinik/patient/{0}/maalinger",
    "/klinik/patient/{0}/samlet-plan", "/klinik/patient/{0}/overdragelse", "/klinik/patient/{0}/deling",
    "/klinik/patient/{0}/kol/", "/klinik/patient/{0}/kol/plan/ret", "/klinik/patient/{0}/kol/plan/historie",
    "/klinik/patient/{0}/kol/medicin",
)  # fmt: skip


def forget() -> None:
    """What a process keeps of the packages it began with."""
    for kept in (links.kinds, links.measured_codes, flags._reading_any_of):
        kept.cache_clear()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[worlds.World, Path]]:
    """A clinic with a plan of the installation's own COPD 8.0.0."""
    with versions.old_in_force(tmp_path) as own:
        forget()
        made = worlds.make()
        save_persona(Persona("drift", "Dagny Drift", "Drift", Role.OPERATOR, "", "dagny", ""))
        ctx = doctor(made)
        (course,) = store.search_all(system(), "EpisodeOfCare", [("patient", f"Patient/{made.patient}")])
        who = {"patient_id": made.patient, "episode_id": course.id}
        actions.start_episode(ctx, **who)
        actions.record_needs_assessment(ctx, **who, answers=NEEDS)
        actions.decide_level(ctx, **who, level=1)
        actions.make_plan(ctx, **who)
        actions.confirm_plan(ctx, **who, goals=[actions.GoalDraft("Gå til bageren")])
        yield made, own
        monkeypatch.undo()
    forget()


def system() -> Context:
    return system_context(system_clock(), "test")


def doctor(made: worlds.World) -> Context:
    return Context(f"Practitioner/{made.doctor}", Role.GP, organization=made.clinic, now=system_clock())


def plan(made: worlds.World) -> dict[str, Any]:
    (held,) = store.search_all(system(), "CarePlan", [("patient", f"Patient/{made.patient}")])
    return dict(held.resource)


def opened(made: worlds.World) -> dict[str, int]:
    browser = worlds.browser("laege")
    return {page: browser.get(page.format(made.patient)).status_code for page in PAGES}


def test_the_last_good_version_is_in_force_and_the_plan_is_only_read(world: tuple[worlds.World, Path]) -> None:
    made, own = world
    (own / f"kol-{OLD}" / "level.toml").unlink()
    packages.install(Installed(folder=own))
    forget()
    assert packages.get("kol").version != OLD
    clinic = worlds.browser("laege").get("/klinik/pakker").content.decode()
    assert f"version {OLD} har fejl og er sat til side" in clinic and "level.toml" not in clinic
    operator = worlds.browser("drift").get("/drift/apps").content.decode()
    assert f"kol-{OLD}/level.toml" in operator and "the file is missing" in operator
    assert "sat til side" not in worlds.browser("patient").get("/minplan/").content.decode()
    found = opened(made)
    assert all(status < 500 for status in found.values()), found
    before = plan(made)
    with pytest.raises(Problem) as told, store.unit_of_work(doctor(made), patients=[made.patient]) as uow:
        uow.update({**before, "title": "En anden plan"})
    assert told.value.category is Category.RULE and "set aside" in str(told.value.issues[0])
    with pytest.raises(Problem) as told:
        actions.revise_plan(doctor(made), patient_id=made.patient, episode_id=_course(before))
    assert plan(made) == before


def _course(held: dict[str, Any]) -> str:
    return resources.read_plan(held).episode_id


def test_with_no_version_left_the_course_stands_on_the_patients_pages_as_the_record_has_it(
    world: tuple[worlds.World, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, own = world
    shutil.copytree(installed.BUILTIN, tmp_path / "builtin")
    (tmp_path / "builtin" / "kol" / "plan.toml").write_text("[[[", "utf-8")
    (own / f"kol-{OLD}" / "plan.toml").write_bytes(b"\xff")
    monkeypatch.setattr(installed, "BUILTIN", tmp_path / "builtin")
    monkeypatch.setattr(installed, "EARLIER", tmp_path / "none")
    packages.install(Installed(folder=own))
    forget()
    assert set(packages.builtin()) == {"hjerte", "lrs", "t2d"}
    found = opened(made)
    assert all(status < 500 for status in found.values()), found
    assert found["/klinik/patient/{0}/"] == found["/klinik/patient/{0}/tidslinje"] == found["/klinik/"] == 200
    page = worlds.browser("laege").get(f"/klinik/patient/{made.patient}/").content.decode()
    steps = [
        item.resource["code"]["text"]
        for item in store.search_all(system(), "ServiceRequest", [("patient", f"Patient/{made.patient}")])
    ]
    assert steps
    assert "Pakken kan ikke bruges lige nu" in page
    assert all(step in unescape(page) for step in steps)
    patient = worlds.browser("patient").get("/minplan/").content.decode()
    assert "Planen gælder stadig" in patient
    assert all(step in unescape(patient) for step in steps)
    with pytest.raises(Problem):
        actions.revise_plan(doctor(made), patient_id=made.patient, episode_id=_course(plan(made)))
    assert flags.run_all(system_clock())[0] >= 0  # the daily run goes on with the others
