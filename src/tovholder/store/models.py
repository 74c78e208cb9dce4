"""The record's own tables: every version of every resource, and what is current; written by raw SQL in write.py."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ResourceRow(models.Model):
    """One resource: where its current version is, whom it is about, and when it happened (``moment``, epoch ms)."""

    key = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=40)
    rid = models.CharField(max_length=64)
    version = models.BigIntegerField()
    seq = models.BigIntegerField()
    patient_id = models.CharField(max_length=64, null=True)
    moment = models.BigIntegerField(null=True)
    updated = models.BigIntegerField()
    deleted = models.BooleanField(default=False)

    class Meta:
        db_table = "store_resource"
        constraints: ClassVar = [models.UniqueConstraint(fields=["type", "rid"], name="store_resource_id")]
        indexes: ClassVar = [
            models.Index(fields=["patient_id", "type", "moment"], name="store_resource_patient"),
            models.Index(fields=["type", "updated", "key"], name="store_resource_updated"),
            models.Index(fields=["type", "key"], name="store_resource_type"),
        ]


class VersionRow(models.Model):
    """One version, whole, as it was accepted; never changed, never removed. ``updated`` is epoch milliseconds."""

    seq = models.BigAutoField(primary_key=True)
    key = models.BigIntegerField()
    version = models.BigIntegerField()
    updated = models.BigIntegerField()
    method = models.CharField(max_length=8)
    body = models.BinaryField()

    class Meta:
        db_table = "store_version"
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "version"], name="store_version_once")]
        indexes: ClassVar = [models.Index(fields=["updated", "seq"], name="store_version_updated")]


class PendingRow(models.Model):
    """A patient whose derivations wait for the end of a bulk load; survives a crash."""

    patient_id = models.CharField(max_length=64, primary_key=True)

    class Meta:
        db_table = "store_pending"


class SchemaRow(models.Model):
    """Which generated table was made from which definition."""

    name = models.CharField(max_length=64, primary_key=True)
    hash = models.CharField(max_length=64)
    stale = models.BooleanField(default=False)

    class Meta:
        db_table = "store_schema"


class RebuildRow(models.Model):
    """The rebuild under way, if there is one: what it started from and how far it has come; survives a crash."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    owner = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    floor = models.BigIntegerField()
    last_key = models.BigIntegerField()

    class Meta:
        db_table = "store_rebuild"
