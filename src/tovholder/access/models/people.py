"""Tables of users, what they may be, and their bearer tokens."""

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
    # Of a citizen: the keyed hash of the CPR number (access/persons.py), empty for others.
    person = models.CharField(max_length=64, blank=True, db_index=True, db_default="")
    # Sessions and tokens begun before this moment (epoch milliseconds) have ended: logged out everywhere.
    not_before_ms = models.BigIntegerField(db_default=0)

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
    rights = models.CharField(max_length=200, blank=True, db_default="")  # beside the role's, with blanks between
    source = models.CharField(max_length=40, blank=True, db_default="")  # the login provider; empty: an operator


class AccessToken(models.Model):
    """A bearer token; only its SHA-256 is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
