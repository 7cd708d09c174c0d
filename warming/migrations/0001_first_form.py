"""Plans and warm-ups."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("pools", "0001_first_form"),
    ]

    operations = [
        CreateTogether(
            [
                migrations.CreateModel(
                    name="WarmupPlan",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=60)),
                        ("version", models.PositiveIntegerField(default=1)),
                        ("title", models.CharField(max_length=120)),
                        ("unit", models.CharField(default="messages/day", max_length=60)),
                        ("scope", models.CharField(default="ip+provider", help_text="What each figure is for: ip, ip+provider, domain …", max_length=40)),
                        (
                            "daily",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.PositiveIntegerField(), blank=True, default=list, help_text="Messages on the first, second, … day.", size=None
                            ),
                        ),
                        ("facts", models.JSONField(blank=True, default=dict, help_text="The source's own form, its rules and gates.")),
                        ("source", models.TextField(blank=True)),
                        ("confidence", models.CharField(blank=True, max_length=40)),
                        ("is_shipped", models.BooleanField(default=False)),
                        ("is_enabled", models.BooleanField(default=True, help_text="May be chosen for new warm-ups.")),
                    ],
                    options={
                        "ordering": ["name", "-version"],
                        "constraints": [
                            models.UniqueConstraint(fields=("name", "version"), name="plan_version_once"),
                            models.CheckConstraint(condition=models.Q(("version__gte", 1)), name="plan_version_from_1"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="IpPast",
                    fields=[
                        (
                            "ip",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="past", serialize=False, to="pools.sendingip"
                            ),
                        ),
                        ("warm_since", models.DateTimeField(blank=True, help_text="It needs no warm-up; empty: nobody said so.", null=True)),
                        ("why", models.CharField(blank=True, max_length=200)),
                        ("by", models.CharField(blank=True, help_text="A person, or empty: the platform.", max_length=200)),
                        ("last_sent_at", models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        "verbose_name": "IP's past",
                        "verbose_name_plural": "IPs' pasts",
                    },
                ),
                migrations.CreateModel(
                    name="WarmingPolicy",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        ("is_on", models.BooleanField(default=True, help_text="Off: nothing starts and nothing is decided; caps stay as they are.")),
                        ("starts_itself", models.BooleanField(default=True, help_text="An IP without a past begins to warm when it is put into a pool.")),
                        ("new_plan", models.SlugField(default="default", help_text="The plan of new IPs, in its newest enabled version.", max_length=60)),
                        ("idle_plan", models.SlugField(default="idle", help_text="The plan of IPs that sent nothing for a while.", max_length=60)),
                        (
                            "idle_days",
                            models.PositiveSmallIntegerField(
                                default=30,
                                help_text="Days without mail after which an IP is cold.",
                                validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(365)],
                            ),
                        ),
                        (
                            "history_at_least",
                            models.PositiveIntegerField(
                                default=10000,
                                help_text="Who had so many accepted in the last 30 days is warm already.",
                                validators=[django.core.validators.MinValueValidator(1)],
                            ),
                        ),
                        (
                            "slowest",
                            models.FloatField(
                                default=0.25,
                                help_text="The slowest pace that a person may choose; 1 is the plan's.",
                                validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(1)],
                            ),
                        ),
                        (
                            "fastest",
                            models.FloatField(
                                default=2.0,
                                help_text="The fastest.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(4)],
                            ),
                        ),
                        (
                            "day_s",
                            models.PositiveIntegerField(
                                default=86400,
                                help_text="Seconds. In the sandbox alone it may be less than 86,400.",
                                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="a day lasts",
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        ("counted_to", models.DateTimeField(editable=False, help_text="Up to here the minutes of warming paths were added up.", null=True)),
                    ],
                    options={
                        "verbose_name": "warming: policy",
                        "verbose_name_plural": "warming: policy",
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("id", 1)), name="one_warming_policy"),
                            models.CheckConstraint(
                                condition=models.Q(("fastest__gte", 1), ("slowest__gt", 0), ("slowest__lte", 1)), name="paces_around_the_plans"
                            ),
                            models.CheckConstraint(condition=models.Q(("day_s__gte", 2), ("day_s__lte", 86400)), name="a_day_is_at_most_a_day"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Warmup",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "waiting for its first message"),
                                    ("warming", "Warming"),
                                    ("paused", "Paused"),
                                    ("finished", "Finished"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="waiting",
                                max_length=9,
                            ),
                        ),
                        ("stage", models.PositiveSmallIntegerField(default=1)),
                        ("cap_per_day", models.PositiveIntegerField()),
                        ("cap_per_hour", models.PositiveIntegerField()),
                        ("pace", models.FloatField(default=1.0)),
                        ("why", models.CharField(blank=True, help_text="Why it began.", max_length=200)),
                        ("started_at", models.DateTimeField()),
                        ("stage_since", models.DateTimeField(help_text="Evidence counts from here.")),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("decisions", models.PositiveIntegerField(default=0)),
                        ("judged_at", models.DateTimeField(blank=True, null=True)),
                        ("look_again_at", models.DateTimeField(blank=True, null=True)),
                        ("verdict", models.TextField(blank=True, help_text="What was found when it was last judged, in words.")),
                        ("paused_by", models.CharField(blank=True, max_length=200)),
                        ("paused_until", models.DateTimeField(blank=True, null=True)),
                        ("carried", models.JSONField(blank=True, default=dict, help_text="What the controller remembers from one look to the next.")),
                        ("attempted", models.BigIntegerField(default=0, help_text="In this stage, as all that follow.")),
                        ("delivered", models.BigIntegerField(default=0)),
                        ("deferred", models.BigIntegerField(default=0)),
                        ("blocked", models.BigIntegerField(default=0)),
                        ("bounced", models.BigIntegerField(default=0)),
                        ("complaints", models.BigIntegerField(default=0)),
                        ("ip", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="warmups", to="pools.sendingip")),
                        ("path", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="warmups", to="pools.path")),
                        ("plan", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="warmups", to="warming.warmupplan")),
                        ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="warmups", to="pools.provider")),
                        ("counted_from", models.DateTimeField(help_text="What minutes before this one told is in the counters for good.")),
                        (
                            "day_caps_of",
                            models.PositiveIntegerField(default=0, help_text="In the sandbox: for which of its short days the caps were last written."),
                        ),
                        (
                            "seen",
                            models.JSONField(
                                blank=True, default=dict, help_text="What of the minutes since then is in the counters: an engine may add to them yet."
                            ),
                        ),
                        (
                            "day_base",
                            models.PositiveIntegerField(
                                default=0, help_text="In the sandbox: what of the long day's cap was reserved when that short day began."
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "warm-up",
                        "indexes": [models.Index(fields=["ip", "provider"], name="warmups_of_an_ip")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["waiting", "warming", "paused"])), fields=("path",), name="one_warmup_a_path"
                            ),
                            models.CheckConstraint(condition=models.Q(("stage__gte", 1)), name="stage_from_1"),
                            models.CheckConstraint(condition=models.Q(("pace__gt", 0)), name="pace_above_0"),
                            models.CheckConstraint(condition=models.Q(("cap_per_hour__lte", models.F("cap_per_day"))), name="an_hour_is_part_of_a_day"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WarmupDecision",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("number", models.PositiveIntegerField()),
                        ("at", models.DateTimeField()),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("start", "Start"),
                                    ("begin", "first message"),
                                    ("advance", "Advance"),
                                    ("hold", "Hold"),
                                    ("step_back", "Step Back"),
                                    ("pause", "Pause"),
                                    ("resume", "Resume"),
                                    ("finish", "Finish"),
                                    ("cancel", "Cancel"),
                                    ("pace", "Pace"),
                                    ("plan", "Plan"),
                                    ("undo", "Undo"),
                                ],
                                max_length=9,
                            ),
                        ),
                        ("by", models.CharField(blank=True, help_text="A person; empty: the controller.", max_length=200)),
                        ("sentence", models.TextField()),
                        ("evidence", models.JSONField(blank=True, default=dict)),
                        ("stage_before", models.PositiveSmallIntegerField()),
                        ("stage_after", models.PositiveSmallIntegerField()),
                        ("cap_before", models.PositiveIntegerField(blank=True, help_text="A day's; empty: full volume.", null=True)),
                        ("cap_after", models.PositiveIntegerField(blank=True, null=True)),
                        ("warmup", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="made", to="warming.warmup")),
                    ],
                    options={
                        "ordering": ["-at", "-number"],
                        "indexes": [models.Index(fields=["-at"], name="warmup_decisions_newest")],
                        "constraints": [models.UniqueConstraint(fields=("warmup", "number"), name="warmup_decision_once")],
                    },
                ),
                migrations.CreateModel(
                    name="WarmupDay",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("number", models.PositiveIntegerField(help_text="1: the first.")),
                        ("stage", models.PositiveSmallIntegerField(default=1, help_text="The last of that day.")),
                        ("cap", models.PositiveIntegerField(help_text="A day's, as it was last.")),
                        ("attempted", models.BigIntegerField(default=0)),
                        ("delivered", models.BigIntegerField(default=0)),
                        ("deferred", models.BigIntegerField(default=0)),
                        ("blocked", models.BigIntegerField(default=0)),
                        ("bounced", models.BigIntegerField(default=0)),
                        ("complaints", models.BigIntegerField(default=0)),
                        ("warmup", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="days", to="warming.warmup")),
                    ],
                    options={
                        "ordering": ["warmup", "number"],
                        "constraints": [models.UniqueConstraint(fields=("warmup", "number"), name="warmup_day_once")],
                    },
                ),
            ]
        ),
    ]
