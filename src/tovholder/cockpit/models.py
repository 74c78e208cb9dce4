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


class SavedView(models.Model):
    """A way to look at the list that somebody gave a name: which filters and order, never whom. ``query``: as in an address."""

    organization_id = models.CharField(max_length=64)
    owner = models.CharField(max_length=100)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=300)
    shared = models.BooleanField(default=False)
    made_ms = models.BigIntegerField()

    class Meta:
        db_table = "cockpit_view"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "owner", "name"], name="cockpit_one_view_of_a_name")
        ]
