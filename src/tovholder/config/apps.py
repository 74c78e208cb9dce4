"""Binds the ports when Django is ready."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Last app in the list: everything it wires is loaded by then."""

    name = "tovholder.config"
    label = "wiring"

    def ready(self) -> None:
        """Bind guards and derivations (config/wiring.py)."""
        from tovholder.config import wiring

        wiring.bind()
