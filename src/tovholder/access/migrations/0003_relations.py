"""Blocks, break-glass, stated relations, units and representation."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """Blocks, break-glass, stated relations, units and representation."""

    dependencies: ClassVar = [("access", "0002_audit_chain")]
    operations: ClassVar = []
