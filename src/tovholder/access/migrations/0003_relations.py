"""Blocks, break-glass, stated relations, units and representation."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Blocks, break-glass, stated relations, units and representation."""

    dependencies = [("access", "0002_audit_chain")]

    operations = [
        migrations.CreateModel(
            name="Block",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("patient_id", models.CharField(max_length=64)),
                ("actor", models.CharField(max_length=100)),
                ("source", models.CharField(max_length=100)),
                ("from_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
                ("narrow", models.BooleanField()),
                ("data_from", models.BigIntegerField(null=True)),
                ("data_until", models.BigIntegerField(null=True)),
                ("type", models.CharField(blank=True, max_length=40)),
                ("kind", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["patient_id", "actor"], name="block_patient"),
                    models.Index(fields=["actor"], name="block_actor"),
                    models.Index(fields=["source"], name="block_source"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Emergency",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("patient_id", models.CharField(max_length=64)),
                ("person", models.CharField(max_length=100)),
                ("actor", models.CharField(max_length=100)),
                ("role", models.CharField(max_length=20)),
                ("organization_id", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=40)),
                ("text", models.TextField()),
                ("opened_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
                ("ended_ms", models.BigIntegerField(null=True)),
                ("status", models.CharField(default="open", max_length=20)),
                ("note", models.TextField(blank=True)),
                ("followed_by", models.CharField(blank=True, max_length=100)),
                ("followed_ms", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["person", "until_ms"], name="emergency_person"),
                    models.Index(fields=["patient_id", "opened_ms"], name="emergency_patient"),
                    models.Index(fields=["organization_id", "opened_ms"], name="emergency_org"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Relative",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("related_id", models.CharField(max_length=64)),
                ("patient_id", models.CharField(max_length=64)),
                ("person", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=20)),
                ("source", models.CharField(max_length=100)),
                ("from_day", models.BigIntegerField(default=0)),
                ("to_day", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["person"], name="relative_person"),
                    models.Index(fields=["related_id"], name="relative_related"),
                    models.Index(fields=["patient_id"], name="relative_patient"),
                    models.Index(fields=["source"], name="relative_source"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Representation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("related_id", models.CharField(max_length=64)),
                ("patient_id", models.CharField(max_length=64)),
                ("areas", models.CharField(blank=True, max_length=200)),
                ("denied", models.BooleanField(default=False)),
                ("source", models.CharField(max_length=100)),
                ("from_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["related_id"], name="representation_related"),
                    models.Index(fields=["patient_id"], name="representation_patient"),
                    models.Index(fields=["source"], name="representation_source"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Stated",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("patient_id", models.CharField(max_length=64)),
                ("organization_id", models.CharField(max_length=64)),
                ("actor", models.CharField(max_length=100)),
                ("person", models.CharField(max_length=100)),
                ("reason", models.CharField(max_length=40)),
                ("text", models.TextField(blank=True)),
                ("stated_ms", models.BigIntegerField()),
                ("to_day", models.BigIntegerField()),
                ("check_day", models.BigIntegerField()),
                ("status", models.CharField(default="open", max_length=20)),
                ("evidence", models.CharField(blank=True, max_length=100)),
                ("settled_ms", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["patient_id", "organization_id"], name="stated_patient"),
                    models.Index(fields=["organization_id", "stated_ms"], name="stated_org"),
                    models.Index(fields=["status", "check_day"], name="stated_due"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Unit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.CharField(max_length=64)),
                ("part_of", models.CharField(max_length=64)),
                ("source", models.CharField(max_length=100)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization_id"], name="unit_organization"),
                    models.Index(fields=["part_of"], name="unit_part_of"),
                    models.Index(fields=["source"], name="unit_source"),
                ],
            },
        ),
    ]
