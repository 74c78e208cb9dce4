"""Tables of apps and systems: clients, our signing keys, launches, requests under way, grants and what came of them.

Secrets, codes and tokens stand here as keyed hashes alone. Moments are epoch milliseconds.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from tovholder.access.models.people import User


class SmartClient(models.Model):
    """An app or a system that is registered; lists are JSON texts."""

    id = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=100)
    about = models.CharField(max_length=300, blank=True)
    use = models.CharField(max_length=10)
    method = models.CharField(max_length=30)
    roles = models.TextField(default="[]")
    organization_id = models.CharField(max_length=64, blank=True)
    redirects = models.TextField(default="[]")
    launch = models.CharField(max_length=500, blank=True)
    origins = models.TextField(default="[]")
    scopes = models.TextField(blank=True)
    jwks = models.TextField(blank=True)
    jwks_uri = models.CharField(max_length=500, blank=True)
    algorithm = models.CharField(max_length=10)
    preapproved = models.BooleanField(default=False)
    secret = models.CharField(max_length=64, blank=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # whom a system acts as
    created_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)


class SmartKey(models.Model):
    """One of our signing keys; the private part is encrypted under the server's secret key."""

    kid = models.CharField(max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=10)
    public = models.TextField()
    private = models.TextField()
    created_ms = models.BigIntegerField()
    retired_ms = models.BigIntegerField(null=True)  # signs no more from then on, and is published a little longer

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["algorithm"], condition=models.Q(retired_ms__isnull=True), name="smart_key_signing"
            )
        ]


class SmartLaunch(models.Model):
    """An app opened from one of our pages: what the opaque launch parameter stands for, and for whom it was made."""

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(SmartClient, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hat = models.CharField(max_length=80, blank=True)
    session = models.CharField(max_length=64)
    surroundings = models.TextField()
    until_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="smart_launch_until")]


class SmartRequest(models.Model):
    """An authorization request a person is answering."""

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(SmartClient, on_delete=models.CASCADE)
    asked = models.TextField()
    base = models.CharField(max_length=500)
    # Who has chosen this patient for it; another who opens the page chooses anew.
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True)
    hat = models.CharField(max_length=80, blank=True)
    patient_id = models.CharField(max_length=64, blank=True)
    until_ms = models.BigIntegerField()
    answered_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="smart_request_until")]


class SmartGrant(models.Model):
    """What a client was given by a person (or, a system, by being registered): all its codes and tokens hang on it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(SmartClient, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hat = models.CharField(max_length=80, blank=True)
    session = models.CharField(max_length=64, blank=True)  # of online_access: it ends with this session
    scope = models.TextField()
    surroundings = models.TextField()
    nonce = models.CharField(max_length=300, blank=True)
    base = models.CharField(max_length=500)
    authenticated_ms = models.BigIntegerField(default=0)
    created_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)
    ended_why = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "ended_ms"], name="smart_grant_user")]


class SmartCode(models.Model):
    """An authorization code: for one exchange, soon, by the client and to the address it was given for."""

    digest = models.CharField(max_length=64, primary_key=True)
    grant = models.ForeignKey(SmartGrant, on_delete=models.CASCADE)
    redirect = models.CharField(max_length=500)
    challenge = models.CharField(max_length=64)
    until_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="smart_code_until")]


class SmartToken(models.Model):
    """An access token or a refresh token. A refresh token that was used is kept until it would have ended: who comes
    with it again has stolen it, or was stolen from.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    grant = models.ForeignKey(SmartGrant, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10)
    scope = models.TextField()
    created_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="smart_token_until")]


class SmartAssertion(models.Model):
    """What has come once and may not come again (access/once.py): a client's assertion, a provider's logout token."""

    digest = models.CharField(max_length=64, primary_key=True)  # over who made it and its jti
    until_ms = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until_ms"], name="smart_assertion_until")]
