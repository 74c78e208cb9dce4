"""FHIR R4 4.0.1: definitions, validation, FHIRPath, views, search parameters. Knows no Django and no package."""
