"""What the audit trail needs beside its events: anchors and pruning."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """What the audit trail needs beside its events: anchors and pruning."""

    dependencies: ClassVar = [("access", "0005_smart")]
    operations: ClassVar = []
