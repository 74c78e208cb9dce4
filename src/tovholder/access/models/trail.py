"""Tables of the audit trail."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class AuditEvent(models.Model):
    """One act on the record; append-only, without foreign keys so that it outlives what it speaks of."""

    at_ms = models.BigIntegerField()  # epoch milliseconds
    action = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20)
    actor = models.CharField(max_length=100)
    role = models.CharField(max_length=20)
    organization_id = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(max_length=40)
    client = models.CharField(max_length=100, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["at_ms"], name="audit_at")]


class AuditPatient(models.Model):
    """Which patients an audit event touched."""

    pk = models.CompositePrimaryKey("event_id", "patient_id")
    event_id = models.BigIntegerField()
    patient_id = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient_id", "event_id"], name="audit_patient")]


class AuditSeal(models.Model):
    """A link of the chain: what the events after ``after_id``, up to ``last_id``, were when they were sealed.

    hash: SHA-256 over the hash before and every event (access/audit_chain.py). marks: per event eight bytes, so that
    a broken seal tells which event it is.
    """

    number = models.BigAutoField(primary_key=True)
    at_ms = models.BigIntegerField()
    after_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    events = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    marks = models.BinaryField()
