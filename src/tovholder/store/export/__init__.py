"""Export of the record as NDJSON files: what is chosen, how it is written, and the jobs that clients ask for."""

from tovholder.store.export.jobs import Export, cancel, find, open_file, start, sweep
from tovholder.store.export.selection import Selection, check
from tovholder.store.export.writing import Manifest, write

__all__ = ["Export", "Manifest", "Selection", "cancel", "check", "find", "open_file", "start", "sweep", "write"]
