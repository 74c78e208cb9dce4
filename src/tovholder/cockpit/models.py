"""Flags as rows: the open ones by clinic, the history of each; the FHIR Flag is the record, this is its index."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class FlagRow(models.Model):
    """One flag, from the day it was raised until it cleared itself. ``values_json``: the rule row its reason is told from."""

    rule_id = models.CharField(max_length=64)
    rule_version = models.IntegerField()
    package = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64)
    episode_id = models.CharField(max_length=64)
    severity = models.CharField(max_length=10)
    since_day = models.BigIntegerField(null=True)
    values_json = models.TextField()
    flag_id = models.CharField(max_length=64)
    raised_ms = models.BigIntegerField()
    cleared_ms = models.BigIntegerField(null=True)

    class Meta:
        db_table = "cockpit_flag"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule_id", "patient_id", "episode_id"],
                condition=models.Q(cleared_ms__isnull=True),
                name="cockpit_one_open_flag",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["patient_id", "cleared_ms"], name="cockpit_flag_patient")]
