"""What the database itself refuses: changing the audit trail, or removing what is not old enough to be removed."""

from __future__ import annotations

from collections.abc import Callable

FIRST = ("access_auditevent", "access_auditpatient", "access_auditseal")
# Rows of these may be removed once a pruning says up to which number, each by the column that holds it.
PRUNED = {"access_auditevent": "id", "access_auditpatient": "event_id"}
TABLES = (*FIRST, "access_auditanchor", "access_auditpruning")
LEAST_YEARS = 10
_LEAST_MS = LEAST_YEARS * 365 * 86_400_000  # by the database's own clock; our own reckoning by the calendar is stricter
Execute = Callable[[str], object]

_UP_TO = "(SELECT COALESCE(MAX(last_id), 0) FROM access_auditpruning)"
_OLD_ENOUGH = (
    "EXISTS (SELECT 1 FROM access_auditseal AS s WHERE s.number = NEW.seal AND s.last_id = NEW.last_id AND s.at_ms < {} -"
    f" {_LEAST_MS})"
)
_REFUSED = "the audit trail is append-only"
_TOO_NEW = f"the audit trail is kept for {LEAST_YEARS} years"


def protect_first(execute: Execute, vendor: str) -> None:
    """As migration 0002 does: nothing is ever changed or removed."""
    if vendor == "postgresql":
        execute(_postgresql_function("access_append_only", f"RAISE EXCEPTION '{_REFUSED}'"))
    for table in FIRST:
        _refuse(execute, vendor, table)


def protect(execute: Execute, vendor: str) -> None:
    """Make the tables append-only but for pruning, whoever writes to them (an owner of the database can still lift it)."""
    unprotect(execute, vendor)
    if vendor == "postgresql":
        execute(_postgresql_function("access_append_only", f"RAISE EXCEPTION '{_REFUSED}'"))
        execute(
            _postgresql_function(
                "access_pruned_only",
                f"IF CAST(to_jsonb(OLD) ->> TG_ARGV[0] AS bigint) > {_UP_TO} THEN RAISE EXCEPTION '{_REFUSED}'; END IF;"
                " RETURN OLD",
            )
        )
        now = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
        execute(
            _postgresql_function(
                "access_prunes_old",
                f"IF NOT {_OLD_ENOUGH.format(now)} THEN RAISE EXCEPTION '{_TOO_NEW}'; END IF; RETURN NEW",
            )
        )
        execute(
            "CREATE TRIGGER access_auditpruning_old BEFORE INSERT ON access_auditpruning"
            " FOR EACH ROW EXECUTE FUNCTION access_prunes_old()"
        )
        for table, column in PRUNED.items():
            execute(
                f"CREATE TRIGGER {table}_pruned_only BEFORE DELETE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION access_pruned_only('{column}')"
            )
    else:
        now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
        execute(
            "CREATE TRIGGER access_auditpruning_old BEFORE INSERT ON access_auditpruning"
            f" WHEN NOT {_OLD_ENOUGH.format(now)} BEGIN SELECT RAISE(ABORT, '{_TOO_NEW}'); END"
        )
        for table, column in PRUNED.items():
            execute(
                f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN OLD.{column} > {_UP_TO}"
                f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
            )
    for table in TABLES:
        _refuse(execute, vendor, table, but_pruned=table in PRUNED)


def _refuse(execute: Execute, vendor: str, table: str, *, but_pruned: bool = False) -> None:
    if vendor == "postgresql":
        acts = "UPDATE OR TRUNCATE" if but_pruned else "UPDATE OR DELETE OR TRUNCATE"
        execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {acts} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION access_append_only()"
        )
        return
    for act in ("UPDATE",) if but_pruned else ("UPDATE", "DELETE"):
        execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def _postgresql_function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"


def unprotect(execute: Execute, vendor: str) -> None:
    """Lift it: for tests that empty every table, and for a migration that must change the tables."""
    triggers = [("access_auditpruning_old", "access_auditpruning")]
    for table in TABLES:
        names = ("append_only", "pruned_only") if vendor == "postgresql" else ("no_update", "no_delete")
        triggers += [(f"{table}_{name}", table) for name in names]
    for trigger, table in triggers:
        execute(f"DROP TRIGGER IF EXISTS {trigger}" + (f" ON {table}" if vendor == "postgresql" else ""))
