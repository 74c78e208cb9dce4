"""A fictitious Danish population as FHIR R4, seeded and dated by an argument: the same config gives the same bytes.

It stands for a pilot that has run for fourteen months before the anchor day (see histories.py), by the numbers that are
known of the Danish population, its clinics and KOL; what is only our own guess says so where it is written.
"""

from tovholder.demo.synth.config import SynthConfig
from tovholder.demo.synth.generate import generate, write_ndjson

__all__ = ["SynthConfig", "generate", "write_ndjson"]
