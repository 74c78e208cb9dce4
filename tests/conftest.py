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

pytest_plugins = ["lib.tally", "lib.log_watch"]
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is about the other database; each marker tells why."""
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
