"""Tables of the access context: users, assignments, tokens, relations, audit trail."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager["User"]):
    """Makes users."""

    def get_by_natural_key(self, username: str | None) -> User:
        """A user by login name."""
        return self.get(username=username)


class User(AbstractBaseUser):
    """A person or system that can log in; what it may do stands in its assignments."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=150, unique=True)
    display_name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]
    objects = UserManager()


class Assignment(models.Model):
    """One role a user has, in one organisation, for a time. Days are integer days; an open end is null."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="assignments")
    role = models.CharField(max_length=20)
    organization_id = models.CharField(max_length=64, blank=True)
    practitioner_id = models.CharField(max_length=64, blank=True)
    patient_id = models.CharField(max_length=64, blank=True)
    title = models.CharField(max_length=200, blank=True)
    from_day = models.BigIntegerField(default=0)
    to_day = models.BigIntegerField(null=True, blank=True)


class AccessToken(models.Model):
    """A bearer token; only its SHA-256 is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()


class Relation(models.Model):
    """Why an organisation may see a patient; projected from the record by store, never written by hand."""

    patient_id = models.CharField(max_length=64)
    organization_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=100)
    from_day = models.BigIntegerField(default=0)
    to_day = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "patient_id"], name="relation_org_patient"),
            models.Index(fields=["source"], name="relation_source"),
            models.Index(fields=["patient_id"], name="relation_patient"),
        ]


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
