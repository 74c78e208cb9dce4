"""The FHIR R4 REST API: one file per interaction, errors as OperationOutcome, no rule of its own."""
