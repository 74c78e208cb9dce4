"""The jobs app."""

from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Owns the log of daily runs."""

    name = "tovholder.jobs"
    label = "jobs"
