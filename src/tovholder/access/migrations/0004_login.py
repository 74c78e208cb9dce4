"""Identities, sessions and the number that tells when remembered rights are stale."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_USER = settings.AUTH_USER_MODEL
_CASCADE = django.db.models.deletion.CASCADE


class Migration(migrations.Migration):
    """Identities, sessions and the number that tells when remembered rights are stale."""

    dependencies: ClassVar = [("access", "0003_relations")]
    operations: ClassVar = [
        migrations.AddField(
            "user", "person", models.CharField(blank=True, db_default="", db_index=True, max_length=64)
        ),
        migrations.AddField("user", "not_before_ms", models.BigIntegerField(db_default=0)),
        migrations.AddField("assignment", "rights", models.CharField(blank=True, db_default="", max_length=200)),
        migrations.AddField("assignment", "source", models.CharField(blank=True, db_default="", max_length=40)),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(max_length=40)),
                ("subject", models.CharField(max_length=64)),
                ("user", models.ForeignKey(on_delete=_CASCADE, related_name="identities", to=_USER)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_subject")],
            },
        ),
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("user", models.ForeignKey(null=True, on_delete=_CASCADE, to=_USER)),
                ("hat", models.CharField(blank=True, max_length=80)),
                ("issuer", models.CharField(blank=True, max_length=40)),
                ("subject", models.CharField(blank=True, max_length=64)),
                ("sid", models.CharField(blank=True, max_length=64)),
                ("began_ms", models.BigIntegerField()),
                ("seen_ms", models.BigIntegerField()),
                ("authenticated_ms", models.BigIntegerField(default=0)),
                ("data", models.TextField(blank=True)),
            ],
            options={"indexes": [models.Index(fields=["seen_ms"], name="session_seen")]},
        ),
        migrations.CreateModel(
            name="Kept",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("user", models.ForeignKey(on_delete=_CASCADE, to=_USER)),
                ("sealed", models.TextField()),
                ("until_ms", models.BigIntegerField()),
            ],
            options={"indexes": [models.Index(fields=["until_ms"], name="kept_until")]},
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tried_by", "span", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tried_by", models.CharField(max_length=64)),
                ("span", models.BigIntegerField()),
                ("tries", models.IntegerField()),
            ],
            options={"indexes": [models.Index(fields=["span"], name="attempt_span")]},
        ),
    ]
