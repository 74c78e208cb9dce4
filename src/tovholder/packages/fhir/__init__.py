"""A package as FHIR R4 and back: PlanDefinition, ActivityDefinition, Questionnaire, ValueSet, Library, Group; no Django."""

from tovholder.packages.fhir import naming
from tovholder.packages.fhir.export import bundle, code_systems, resources
from tovholder.packages.fhir.reading import Definition, Step, read

__all__ = ["Definition", "Step", "bundle", "code_systems", "naming", "read", "resources"]
