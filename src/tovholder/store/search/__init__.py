"""Search over the record: parameters into conditions, a way to the resources, pages in order (R4 §3.1.1)."""

from tovholder.store.search.query import parse_query
from tovholder.store.search.run import Page, condition, match_ids, matches, search, search_all, search_types

__all__ = ["Page", "condition", "match_ids", "matches", "parse_query", "search", "search_all", "search_types"]
