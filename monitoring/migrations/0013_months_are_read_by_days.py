"""A day's row of each metric and dimension, for charts of months; its values lie in it, as those of the other three tables do."""

import django.contrib.postgres.fields
from django.db import migrations, models

import monitoring.metrics.models

_STORED = "ALTER TABLE monitoring_metricday ALTER subjects SET STORAGE {storage}, ALTER values SET STORAGE {storage}"


def _values(says: str, null: bool = False) -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(base_field=monitoring.metrics.models.RealField(), help_text=says, null=null, size=None)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0012_acknowledgements_are_told")]

    operations = [
        migrations.CreateModel(
            name="MetricDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("metric", models.CharField(max_length=40)),
                ("dimension", models.CharField(max_length=12)),
                ("at", models.DateTimeField(help_text="Its beginning, by the database's clock.")),
                ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("values", _values("A level's average, a count's sum.")),
                ("lows", _values("A level's least.", null=True)),
                ("highs", _values("A level's most.", null=True)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("metric", "dimension", "at"), name="one_row_a_metric_and_day")]},
        ),
        migrations.RunSQL(_STORED.format(storage="MAIN"), _STORED.format(storage="EXTENDED")),
    ]
