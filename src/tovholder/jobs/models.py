"""The log of daily runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class DailyRun(models.Model):
    """One run of one job for one day; ``finished_ms`` is null while it runs or when it died."""

    job = models.CharField(max_length=40)
    day = models.BigIntegerField()
    started_ms = models.BigIntegerField()
    finished_ms = models.BigIntegerField(null=True)
    summary = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "day"], name="jobs_once_a_day")]
