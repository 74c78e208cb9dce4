"""Apps and systems: clients, their keys, launches, grants and refresh tokens."""

from __future__ import annotations

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Apps and systems: clients, their keys, launches, grants and refresh tokens."""

    dependencies: ClassVar = [("access", "0004_login")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="SmartAssertion",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("until_ms", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["until_ms"], name="smart_assertion_until")],
            },
        ),
        migrations.CreateModel(
            name="SmartClient",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("about", models.CharField(blank=True, max_length=300)),
                ("use", models.CharField(max_length=10)),
                ("method", models.CharField(max_length=30)),
                ("roles", models.TextField(default="[]")),
                ("organization_id", models.CharField(blank=True, max_length=64)),
                ("redirects", models.TextField(default="[]")),
                ("launch", models.CharField(blank=True, max_length=500)),
                ("origins", models.TextField(default="[]")),
                ("scopes", models.TextField(blank=True)),
                ("jwks", models.TextField(blank=True)),
                ("jwks_uri", models.CharField(blank=True, max_length=500)),
                ("algorithm", models.CharField(max_length=10)),
                ("preapproved", models.BooleanField(default=False)),
                ("secret", models.CharField(blank=True, max_length=64)),
                ("created_ms", models.BigIntegerField()),
                ("ended_ms", models.BigIntegerField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SmartGrant",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("hat", models.CharField(blank=True, max_length=80)),
                ("session", models.CharField(blank=True, max_length=64)),
                ("scope", models.TextField()),
                ("surroundings", models.TextField()),
                ("nonce", models.CharField(blank=True, max_length=300)),
                ("base", models.CharField(max_length=500)),
                ("authenticated_ms", models.BigIntegerField(default=0)),
                ("created_ms", models.BigIntegerField()),
                ("ended_ms", models.BigIntegerField(null=True)),
                ("ended_why", models.CharField(blank=True, max_length=20)),
                ("client", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.smartclient")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="SmartCode",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("redirect", models.CharField(max_length=500)),
                ("challenge", models.CharField(max_length=64)),
                ("until_ms", models.BigIntegerField()),
                ("used_ms", models.BigIntegerField(null=True)),
                ("grant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.smartgrant")),
            ],
        ),
        migrations.CreateModel(
            name="SmartKey",
            fields=[
                ("kid", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("algorithm", models.CharField(max_length=10)),
                ("public", models.TextField()),
                ("private", models.TextField()),
                ("created_ms", models.BigIntegerField()),
                ("retired_ms", models.BigIntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("retired_ms__isnull", True)),
                        fields=("algorithm",),
                        name="smart_key_signing",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SmartLaunch",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("hat", models.CharField(blank=True, max_length=80)),
                ("session", models.CharField(max_length=64)),
                ("surroundings", models.TextField()),
                ("until_ms", models.BigIntegerField()),
                ("used_ms", models.BigIntegerField(null=True)),
                ("client", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.smartclient")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="SmartRequest",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("asked", models.TextField()),
                ("base", models.CharField(max_length=500)),
                ("hat", models.CharField(blank=True, max_length=80)),
                ("patient_id", models.CharField(blank=True, max_length=64)),
                ("until_ms", models.BigIntegerField()),
                ("answered_ms", models.BigIntegerField(null=True)),
                ("client", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.smartclient")),
                (
                    "user",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SmartToken",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=10)),
                ("scope", models.TextField()),
                ("created_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
                ("used_ms", models.BigIntegerField(null=True)),
                ("grant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.smartgrant")),
            ],
        ),
        migrations.AddIndex(
            model_name="smartgrant",
            index=models.Index(fields=["user", "ended_ms"], name="smart_grant_user"),
        ),
        migrations.AddIndex(
            model_name="smartcode",
            index=models.Index(fields=["until_ms"], name="smart_code_until"),
        ),
        migrations.AddIndex(
            model_name="smartlaunch",
            index=models.Index(fields=["until_ms"], name="smart_launch_until"),
        ),
        migrations.AddIndex(
            model_name="smartrequest",
            index=models.Index(fields=["until_ms"], name="smart_request_until"),
        ),
        migrations.AddIndex(
            model_name="smarttoken",
            index=models.Index(fields=["until_ms"], name="smart_token_until"),
        ),
    ]
