from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="JobState",
            fields=[
                ("job_id", models.UUIDField(primary_key=True, serialize=False)),
                ("owner", models.CharField(blank=True, max_length=250)),
                ("worker", models.CharField(blank=True, max_length=120)),
                ("beat_ms", models.BigIntegerField(default=0)),
                ("told", models.CharField(blank=True, max_length=300)),
                ("cancelled", models.BooleanField(default=False)),
            ],
        ),
    ]
