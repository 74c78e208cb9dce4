"""Tables of why somebody may see a patient."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Relation(models.Model):
    """Why an organisation may see a patient; projected from the record by store, never written by hand."""

    patient_id = models.CharField(max_length=64)
    organization_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=100)
    from_day = models.BigIntegerField(default=0)
    to_day = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "patient_id"], name="relation_org_patient"),
            models.Index(fields=["source"], name="relation_source"),
            models.Index(fields=["patient_id"], name="relation_patient"),
        ]
