"""The store app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _apply_schema(**kwargs: object) -> None:
    from tovholder.store import schema

    schema.apply()


class StoreConfig(AppConfig):
    """Owns the record, its search index and the facts."""

    name = "tovholder.store"
    label = "store"

    def ready(self) -> None:
        """Generated tables are made whenever migrations have run, in tests too."""
        post_migrate.connect(_apply_schema, sender=self, dispatch_uid="store.schema")
