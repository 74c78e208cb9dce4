"""SMART on FHIR: which apps and systems there are, what they were given, and what their tokens stand for."""
