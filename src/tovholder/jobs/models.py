"""The log of daily runs, and what is known of a queued job beside the queue's own row."""

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


class JobState(models.Model):
    """Whose a queued job is, which worker has it, its last sign of life, and how far it says it is.

    ``told`` is the job's progress while it runs, and why it failed once it has. A row of its own, so that a sign of
    life does not rewrite the job's arguments.
    """

    job_id = models.UUIDField(primary_key=True)
    owner = models.CharField(max_length=250, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    beat_ms = models.BigIntegerField(default=0)
    told = models.CharField(max_length=300, blank=True)
    cancelled = models.BooleanField(default=False)
