"""One pair of databases for all specifications, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib.factdb import FactDB


@pytest.fixture(scope="session")
def _shared_db() -> Iterator[FactDB]:
    database = FactDB()
    yield database
    database.close()


@pytest.fixture
def db(_shared_db: FactDB) -> FactDB:
    """Empty fact tables on SQLite and DuckDB."""
    _shared_db.clear()
    return _shared_db
