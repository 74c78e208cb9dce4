"""The one plan of a patient with several packages: what is done together, counted, and where packages disagree."""

from tovholder.plan.merge.query import merged, merged_of

__all__ = ["merged", "merged_of"]
