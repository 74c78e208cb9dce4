"""The record: versioned resources, search index, facts, one unit of work, always in an access context."""

from tovholder.store.commits import share, write_audit
from tovholder.store.history import History, Period, Version, history, of_patient
from tovholder.store.reading import facts, sees
from tovholder.store.ready import ready
from tovholder.store.rows import Stored
from tovholder.store.search.run import Page, match_ids, search, search_all
from tovholder.store.unit import UnitOfWork, unit_of_work
from tovholder.store.versions import read

__all__ = [
    "History",
    "Page",
    "Period",
    "Stored",
    "UnitOfWork",
    "Version",
    "facts",
    "history",
    "match_ids",
    "of_patient",
    "read",
    "ready",
    "search",
    "search_all",
    "sees",
    "share",
    "unit_of_work",
    "write_audit",
]
