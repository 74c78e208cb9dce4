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
        indexes: ClassVar = [
            models.Index(fields=["at_ms"], name="audit_at"),
            models.Index(
                fields=["organization_id", "at_ms"],
                condition=models.Q(organization_id__gt=""),
                name="audit_organization",
            ),
            models.Index(fields=["at_ms"], condition=models.Q(purpose="break-glass"), name="audit_glass"),
            models.Index(fields=["at_ms"], condition=models.Q(action="export"), name="audit_export"),
        ]


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


class AuditAnchor(models.Model):
    """What the newest seal was on a day (integer day), and how many events were sealed then; kept elsewhere as well."""

    day = models.BigIntegerField(primary_key=True)
    at_ms = models.BigIntegerField()
    seal = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    events = models.BigIntegerField()


class AuditPruning(models.Model):
    """Up to which seal events were removed because they were old enough; the seals themselves stay.

    events: how many were removed in all. hash: SHA-256 over all the seals whose events are gone. digests: of the last
    of these seals its events' digests, so that its time can still be proven (access/audit_chain.py).
    """

    number = models.BigAutoField(primary_key=True)
    at_ms = models.BigIntegerField()
    seal = models.BigIntegerField()
    last_id = models.BigIntegerField()
    events = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    digests = models.BinaryField()
