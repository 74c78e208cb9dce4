"""Identities, sessions and the number that tells when remembered rights are stale."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """Identities, sessions and the number that tells when remembered rights are stale."""

    dependencies: ClassVar = [("access", "0003_relations")]
    operations: ClassVar = []
