"""Tables of logging in: who a login provider knows, sessions, counted attempts, and the number of rights changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tovholder.access.models.people import User


class Identity(models.Model):
    """Whom a login provider calls by this subject; the subject is known as a keyed hash alone."""

    issuer = models.CharField(max_length=40)
    subject = models.CharField(max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_subject")]


class Generation(models.Model):
    """One row: a number that becomes another whenever somebody's rights change (access/generation.py)."""

    id = models.SmallIntegerField(primary_key=True)
    number = models.BigIntegerField()


class Session(models.Model):
    """A browser's session, by a hash of its cookie. Moments are epoch milliseconds; nobody is logged in without a user."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True)
    hat = models.CharField(max_length=80, blank=True)
    issuer = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=64, blank=True)  # keyed hash of what the issuer calls the user
    sid = models.CharField(max_length=64, blank=True)  # keyed hash of the issuer's own session
    began_ms = models.BigIntegerField()
    seen_ms = models.BigIntegerField()
    authenticated_ms = models.BigIntegerField(default=0)
    data = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["seen_ms"], name="session_seen")]


class Kept(models.Model):
    """What somebody had typed when their session ended: encrypted under a key that only their browser has."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    sealed = models.TextField()
    until_ms = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="kept_until")]


class Attempt(models.Model):
    """How often something was tried in a window of time, by whom as a keyed hash (access/limits.py)."""

    pk = models.CompositePrimaryKey("tried_by", "span")
    tried_by = models.CharField(max_length=64)
    span = models.BigIntegerField()
    tries = models.IntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["span"], name="attempt_span")]
