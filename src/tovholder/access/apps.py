"""The access app."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Owns users, assignments, relations and the audit trail."""

    name = "tovholder.access"
    label = "access"
