from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0002_moment"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="versionrow",
            index=models.Index(fields=["updated", "seq"], name="store_version_updated"),
        ),
    ]
