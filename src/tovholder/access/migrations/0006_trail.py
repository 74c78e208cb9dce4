"""Anchors and prunings of the audit trail, and ways into it: an organisation's acts, break-glass, exports."""

from typing import ClassVar

from django.db import migrations, models

from tovholder.access import audit_tables


def protect(apps, schema_editor):
    audit_tables.protect(schema_editor.execute, schema_editor.connection.vendor)


class Migration(migrations.Migration):
    """Tables of anchors and prunings; partial indexes, so that a read of the record pays for one of them at most."""

    dependencies: ClassVar = [("access", "0005_smart")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                ("day", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at_ms", models.BigIntegerField()),
                ("seal", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("events", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="AuditPruning",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("at_ms", models.BigIntegerField()),
                ("seal", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("digests", models.BinaryField()),
            ],
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                fields=["organization_id", "at_ms"],
                condition=models.Q(("organization_id__gt", "")),
                name="audit_organization",
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["at_ms"], condition=models.Q(("purpose", "break-glass")), name="audit_glass"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["at_ms"], condition=models.Q(("action", "export")), name="audit_export"),
        ),
        migrations.RunPython(protect, migrations.RunPython.noop),
    ]
