"""A default cap of an IP's new paths, and how far the database's clock ran ahead of the machines'."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("pools", "0009_neighbours"),
    ]

    operations = [
        migrations.AddField(
            model_name="path",
            name="warmed",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Warming's word: it has warmed here, and its IP's default caps do not bind it.",
            ),
        ),
        migrations.AddField(
            model_name="sendingip",
            name="warm_default_per_day",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="The same over rolling 24 hours. A new IP has it from its first moment, so that nothing goes uncapped before it warms.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="sendingip",
            name="warm_default_per_hour",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Of its paths that warming has said nothing of yet: the cap over a rolling hour; empty: none.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="AllowanceClock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ahead_s", models.FloatField(default=0.0, help_text="Seconds that are taken off the database's clock.")),
                ("mark_s", models.FloatField(default=0.0, help_text="The windows' time when an engine last looked, in seconds.")),
                ("boot_id", models.CharField(blank=True, help_text="Which start of which machine it looked from.", max_length=60)),
                ("before_s", models.FloatField(default=0.0, help_text="Its boot-time clock just before it asked.")),
                ("after_s", models.FloatField(default=0.0, help_text="… and just after.")),
                ("wall_s", models.FloatField(default=0.0, help_text="Its wall clock.")),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_allowance_clock")],
            },
        ),
    ]
