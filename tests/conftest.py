"""What holds for every test: no test leaves its language behind; TOVHOLDER_TEST_DATABASE=postgresql runs on a real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import pytest_django
from django.conf import settings
from django.db import connection, connections
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from tovholder.access import audit_tables
from tovholder.database import temporary as postgres

pytest_plugins = ["lib.tally", "lib.log_watch", "lib.static_once"]
# A busy machine is no fault of what is tested. Where CI is set, Hypothesis itself makes each run the same as the last.
hypothesis.register_profile(
    "tovholder",
    parent=hypothesis.get_profile(hypothesis.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.load_profile("tovholder")

_SERVER = pytest.StashKey[ExitStack]()
ON_POSTGRESQL = os.environ.get("TOVHOLDER_TEST_DATABASE") == "postgresql"


def pytest_configure(config: pytest.Config) -> None:
    """One server for the run and all its processes, which learn of it by TOVHOLDER_DATABASE_URL."""
    if not ON_POSTGRESQL or hasattr(config, "workerinput"):
        return
    stack = config.stash.setdefault(_SERVER, ExitStack())
    try:
        server = stack.enter_context(postgres.Server.started())
    except postgres.Missing as missing:
        raise pytest.UsageError(str(missing)) from None
    os.environ["TOVHOLDER_DATABASE_URL"] = server.url("tovholder")
    os.environ["TOVHOLDER_POOL_MAX"] = "40"  # a test's threads are more than a server process has
    from tovholder.config import env

    # Django read its settings before any conftest; nothing has connected yet, so it may be told otherwise.
    settings.DATABASES["default"] = env.read().database.django()
    vars(connections).pop("settings", None)
    del connections["default"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The server goes when the tests have gone, also after a failure."""
    if _SERVER in config.stash:
        config.stash[_SERVER].close()


# Begun first, the longest first, so that no process is left alone at the end with one of them (--no-loadscope-reorder).
LONGEST = tuple(
    """
    store/test_durability generative/test_clinic_forms workbench/test_check cli/test_data
    proof/test_matrix proof/test_prober cli/test_export cli/test_backup demo/test_build demo/test_check cli/test_jobs
    proof/test_model cli/test_packages cli/test_package_versions conformance/test_clients cli/test_demo cli/test_trail
    recall/test_rounds plan/test_upgrade proof/test_revocation generative/test_validation_mutations packages/test_check
    store/test_writers web/test_versions_page demo/test_generate appointments/test_together
    web/test_merged_page access/test_doors intake/test_worker generative/test_garbage_bodies
    jobs/test_killed_worker cli/test_refusals generative/test_storm
    generative/test_api_leaks generative/test_api_existence generative/test_rules_grammar workbench/test_simulate
    """.split()  # noqa: SIM905 - read as a list of names
)


def _place(item: pytest.Item) -> int:
    named = "/".join(item.path.with_suffix("").parts[-2:])
    return LONGEST.index(named) if named in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database, each marker tells why; among several processes, long files first."""
    if hasattr(config, "workerinput"):
        items.sort(key=_place)
    for item in items:
        marker = item.get_closest_marker("sqlite" if ON_POSTGRESQL else "postgresql")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"about {marker.name} alone: {marker.args[0]}"))


@pytest.fixture(autouse=True)
def _danish() -> Iterator[None]:
    translation.activate("da")
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Tests that commit empty every table afterwards, the audit trail's too, which the database itself would refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        audit_tables.unprotect(cursor.execute, connection.vendor)
