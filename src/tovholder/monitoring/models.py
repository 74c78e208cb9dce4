"""What each episode adds to each figure, and the days figures were recomputed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Contribution(models.Model):
    """One episode in one period of one indicator, with the strata it is counted in."""

    indicator = models.CharField(max_length=64)
    patient_id = models.CharField(max_length=64)
    episode_id = models.CharField(max_length=64)
    period_id = models.CharField(max_length=16)
    in_denominator = models.SmallIntegerField()
    in_numerator = models.SmallIntegerField()
    missing = models.SmallIntegerField()
    phase = models.CharField(max_length=12)
    level = models.SmallIntegerField(null=True)
    organization_id = models.CharField(max_length=64, null=True)
    region = models.CharField(max_length=16, null=True)
    sundhedsraad = models.CharField(max_length=40, null=True)

    class Meta:
        db_table = "monitoring_contribution"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["indicator", "episode_id", "period_id"], name="monitoring_counted_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["indicator", "period_id", "region"], name="monitoring_cells"),
            models.Index(fields=["patient_id"], name="monitoring_patient"),
        ]
