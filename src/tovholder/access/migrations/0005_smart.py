"""Apps and systems: clients, their keys, launches, grants and refresh tokens."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """Apps and systems: clients, their keys, launches, grants and refresh tokens."""

    dependencies: ClassVar = [("access", "0004_login")]
    operations: ClassVar = []
