"""What a path may send by reputation's and warming's word."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pools", "0006_unsubscribe_links_and_suppressed_minutes")]

    operations = [
        migrations.AddField(
            model_name="path",
            name="probation_per_hour",
            field=models.PositiveIntegerField(blank=True, help_text="Reputation's cap over a rolling hour; empty: none.", null=True),
        ),
        migrations.AddField(
            model_name="path",
            name="share",
            field=models.PositiveSmallIntegerField(db_default=100, default=100, help_text="Reputation's word: of its connections and rates, in percent."),
        ),
        migrations.AddField(
            model_name="path",
            name="warm_per_day",
            field=models.PositiveIntegerField(blank=True, help_text="Warming's cap over rolling 24 hours; empty: it does not warm.", null=True),
        ),
        migrations.AddField(
            model_name="path",
            name="warm_per_hour",
            field=models.PositiveIntegerField(blank=True, help_text="Warming's cap over a rolling hour; empty: none.", null=True),
        ),
        migrations.AddConstraint(
            model_name="path",
            constraint=models.CheckConstraint(condition=models.Q(("share__lte", 100)), name="share_0_to_100"),
        ),
    ]
