"""What the database itself refuses: changing or removing a row of the audit trail."""

from __future__ import annotations

from collections.abc import Callable

TABLES = ("access_auditevent", "access_auditpatient", "access_auditseal")
Execute = Callable[[str], object]


def protect(execute: Execute, vendor: str) -> None:
    """Make the audit tables append-only, whoever writes to them (an owner of the database can still lift it)."""
    if vendor == "postgresql":
        execute(
            "CREATE OR REPLACE FUNCTION access_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
        )
        for table in TABLES:
            execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION access_append_only()"
            )
        return
    for table in TABLES:
        for act in ("UPDATE", "DELETE"):
            execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )


def unprotect(execute: Execute, vendor: str) -> None:
    """Lift it: for tests that empty every table, and for a migration that must change the tables."""
    for table in TABLES:
        if vendor == "postgresql":
            execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        else:
            execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
            execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
