"""Django's PostgreSQL backend; texts sort by code point everywhere, and prepared statements are kept."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

# A connection keeps this many statements prepared: each rule is one, each kind of search another.
PREPARED = 600


def _varchar(data: dict[str, Any]) -> str:
    length = data.get("max_length")
    return f'varchar({length}) COLLATE "C"' if length else 'varchar COLLATE "C"'


class DatabaseWrapper(base.DatabaseWrapper):
    """Ids, codes and instants compare by code point: as on SQLite, whatever the server's language, and faster."""

    data_types: dict[str, Any] = {  # noqa: RUF012 (Django has it so)
        **base.DatabaseWrapper.data_types,
        "CharField": _varchar,
        "TextField": 'text COLLATE "C"',
    }

    def _configure_connection(self, connection: Any) -> Any:
        connection.prepared_max = PREPARED
        return super()._configure_connection(connection)  # type: ignore[misc] # Django's stubs do not know it
