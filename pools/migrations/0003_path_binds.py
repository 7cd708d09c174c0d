from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pools", "0002_path_lifted_at")]

    operations = [
        migrations.AddField(
            "path", "binds", models.CharField(blank=True, db_default="", help_text="Which limit holds its mail back now (pools.binds.Limit).", max_length=12)
        ),
        migrations.AddField("path", "binds_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "path",
            "limits_now",
            models.JSONField(blank=True, db_default={}, default=dict, help_text="Use and limit of what is counted (pools.binds.LimitsNow)."),
        ),
    ]
