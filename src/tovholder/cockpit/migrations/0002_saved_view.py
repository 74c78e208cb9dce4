from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cockpit", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.CharField(max_length=64)),
                ("owner", models.CharField(max_length=100)),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(max_length=300)),
                ("shared", models.BooleanField(default=False)),
                ("made_ms", models.BigIntegerField()),
            ],
            options={
                "db_table": "cockpit_view",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "owner", "name"), name="cockpit_one_view_of_a_name"
                    )
                ],
            },
        ),
    ]
