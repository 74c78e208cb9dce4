"""The audit trail can be sealed and only grows; which patients an event touched is kept in the order of events."""

from django.db import migrations, models

from tovholder.access import audit_tables


def remake(apps, schema_editor):
    sqlite = schema_editor.connection.vendor == "sqlite"
    schema_editor.execute("ALTER TABLE access_auditpatient RENAME TO access_auditpatient_old")
    # The row is its own index on SQLite: without rowid one tree fewer to write for each read of a patient.
    collation = "" if sqlite else ' COLLATE "C"'
    schema_editor.execute(
        f"CREATE TABLE access_auditpatient (event_id BIGINT NOT NULL, patient_id VARCHAR(64){collation} NOT NULL,"
        f" PRIMARY KEY (event_id, patient_id)){' WITHOUT ROWID' if sqlite else ''}"
    )
    schema_editor.execute(
        "INSERT INTO access_auditpatient (event_id, patient_id)"
        " SELECT DISTINCT event_id, patient_id FROM access_auditpatient_old"
    )
    schema_editor.execute("DROP TABLE access_auditpatient_old")
    schema_editor.execute("CREATE INDEX audit_patient ON access_auditpatient (patient_id, event_id)")


def protect(apps, schema_editor):
    audit_tables.protect_first(schema_editor.execute, schema_editor.connection.vendor)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(name="AuditPatient"),
                migrations.CreateModel(
                    name="AuditPatient",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "event_id", "patient_id", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("event_id", models.BigIntegerField()),
                        ("patient_id", models.CharField(max_length=64)),
                    ],
                    options={"indexes": [models.Index(fields=["patient_id", "event_id"], name="audit_patient")]},
                ),
            ],
            database_operations=[migrations.RunPython(remake)],
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["at_ms"], name="audit_at"),
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("at_ms", models.BigIntegerField()),
                ("after_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("marks", models.BinaryField()),
            ],
        ),
        migrations.RunPython(protect),
    ]
