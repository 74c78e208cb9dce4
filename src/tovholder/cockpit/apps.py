"""The cockpit app."""

from __future__ import annotations

from django.apps import AppConfig


class CockpitConfig(AppConfig):
    """See the package's docstring."""

    name = "tovholder.cockpit"
    label = "cockpit"
