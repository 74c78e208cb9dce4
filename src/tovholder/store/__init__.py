"""The record: versioned resources, search index, facts, one unit of work, always in an access context."""

from tovholder.store.reading import Page, facts, read, search_all, sees
from tovholder.store.reading import search_page as search
from tovholder.store.rows import Stored
from tovholder.store.unit import UnitOfWork, unit_of_work

__all__ = [
    "Page",
    "Stored",
    "UnitOfWork",
    "facts",
    "read",
    "search",
    "search_all",
    "sees",
    "unit_of_work",
]
