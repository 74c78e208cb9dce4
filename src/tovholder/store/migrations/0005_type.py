from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0004_rebuild"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="resourcerow",
            index=models.Index(fields=["type", "key"], name="store_resource_type"),
        ),
    ]
