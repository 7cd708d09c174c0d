"""What is kept of reputation: policy, standings, actions, scores, evidence; minutes summed by hour and day."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import pools.reputation.models


class Migration(migrations.Migration):
    dependencies = [
        ("pools", "0010_default_caps_and_the_allowance_clock"),
        ("tenants", "0003_neighbours"),
    ]

    operations = [
        migrations.CreateModel(
            name="PathStanding",
            fields=[
                (
                    "path",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="standing", serialize=False, to="pools.path"
                    ),
                ),
                ("state", models.CharField(default="open", help_text="open, quarantined or probation.", max_length=12)),
                ("since", models.DateTimeField(help_text="When this state, or this step of it, began.")),
                ("step", models.SmallIntegerField(default=0, help_text="Of probation: 0 is the probe, then the policy's steps.")),
                (
                    "entries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), blank=True, default=list, help_text="When it entered quarantine, in the last 24 hours.", size=None
                    ),
                ),
                ("memory", models.JSONField(blank=True, default=dict, help_text="What else the decision remembers (pools.reputation.decide).")),
                (
                    "until",
                    models.DateTimeField(
                        blank=True, help_text="Nothing changes before this: the end of the minimum stay, or the next step at the earliest.", null=True
                    ),
                ),
                (
                    "covering",
                    models.BooleanField(default=False, help_text="It should have left, and stays at a reduced rate because its pool has nothing better."),
                ),
                ("grace_until", models.DateTimeField(blank=True, help_text="A person cancelled: what was done is not done again before this.", null=True)),
                ("score", models.FloatField(default=100.0)),
                ("components", models.JSONField(blank=True, default=dict, help_text="What its score is made of.")),
                ("sentence", models.TextField(blank=True, help_text="Why it stands as it does, in words.")),
                ("version", models.IntegerField(default=0)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-updated_at"],
            },
        ),
        migrations.CreateModel(
            name="PoolReputationPolicy",
            fields=[
                (
                    "pool",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="reputation_policy", serialize=False, to="pools.pool"
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("off", "off: paths are scored, nothing is done or proposed"),
                            ("propose", "propose: actions are written down, a person does them"),
                            ("automatic", "Automatic"),
                        ],
                        default="",
                        max_length=9,
                    ),
                ),
                (
                    "leave_below",
                    models.FloatField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(95)]
                    ),
                ),
                (
                    "return_at",
                    models.FloatField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(100)]
                    ),
                ),
                (
                    "cover_share",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)]
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "pool: reputation policy",
                "verbose_name_plural": "pools: reputation policies",
            },
        ),
        migrations.AddField(
            model_name="path",
            name="state_why",
            field=models.TextField(blank=True, db_default="", default="", help_text="Why reputation took it out or bounds it, in words; empty: it does not."),
        ),
        migrations.AddField(
            model_name="pathminute",
            name="blocked",
            field=models.IntegerField(
                db_default=0, default=0, help_text="Of all: refused for good, or closed, for our address's or its network's sake (block.*)."
            ),
        ),
        migrations.AddField(
            model_name="pathminute",
            name="blocked_named",
            field=models.IntegerField(db_default=0, default=0, help_text="Of these and the next: named our IP or a block list."),
        ),
        migrations.AddField(
            model_name="pathminute",
            name="deferred_reputation",
            field=models.IntegerField(db_default=0, default=0, help_text="Of all: put off, and our address or its reputation named as the cause."),
        ),
        migrations.AddField(
            model_name="pool",
            name="borrow_per_day",
            field=models.PositiveIntegerField(
                blank=True, help_text="What a tenant's own pool may send along borrowed and fallback IPs in a day (UTC); empty: as much as it takes.", null=True
            ),
        ),
        migrations.AddField(
            model_name="pool",
            name="borrowing_closed_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="Reputation's word: since when a day's borrowing is used up.", null=True),
        ),
        migrations.AddField(
            model_name="sendingip",
            name="state_why",
            field=models.TextField(blank=True, db_default="", default="", help_text="Why reputation took it out, in words; empty: it did not."),
        ),
        migrations.CreateModel(
            name="BlockEvidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField()),
                ("ip_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("pool_id", models.BigIntegerField()),
                ("tenant_id", models.BigIntegerField()),
                ("stream_id", models.BigIntegerField()),
                ("fingerprint", models.BigIntegerField(help_text="The campaign's content; 0: not known.")),
                ("blocked", models.IntegerField(default=0, help_text="Refused for good, or closed.")),
                ("deferred", models.IntegerField(default=0, help_text="Put off, and our address or its reputation named as the cause.")),
                ("named", models.IntegerField(default=0, help_text="Of both, how many named our IP or a block list.")),
                ("reason", models.CharField(help_text="Of the sample.", max_length=60)),
                ("rule", models.CharField(blank=True, max_length=60)),
                ("reply", models.CharField(help_text="The minute's first.", max_length=300)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "ip_id", "provider_id", "tenant_id", "stream_id", "fingerprint"), name="block_evidence_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PathDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ip_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("attempted", models.BigIntegerField(default=0)),
                ("delivered", models.BigIntegerField(default=0)),
                ("deferred", models.BigIntegerField(default=0)),
                ("deferred_reputation", models.BigIntegerField(default=0)),
                ("rerouted", models.BigIntegerField(default=0)),
                ("blocked", models.BigIntegerField(default=0)),
                ("blocked_named", models.BigIntegerField(default=0)),
                ("bounced_recipient", models.BigIntegerField(default=0)),
                ("bounced_message", models.BigIntegerField(default=0)),
                ("bounced_infrastructure", models.BigIntegerField(default=0)),
                ("bounced_destination", models.BigIntegerField(default=0)),
                ("complaints", models.BigIntegerField(default=0)),
                ("connects", models.BigIntegerField(default=0)),
                ("connect_failures", models.BigIntegerField(default=0)),
                ("tls_errors", models.BigIntegerField(default=0)),
                ("latency_ms_sum", models.BigIntegerField(default=0)),
                ("day", models.DateField()),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="path_days_by_time")],
                "constraints": [models.UniqueConstraint(fields=("ip_id", "provider_id", "day"), name="path_day_once")],
            },
        ),
        migrations.CreateModel(
            name="PathHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ip_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("attempted", models.BigIntegerField(default=0)),
                ("delivered", models.BigIntegerField(default=0)),
                ("deferred", models.BigIntegerField(default=0)),
                ("deferred_reputation", models.BigIntegerField(default=0)),
                ("rerouted", models.BigIntegerField(default=0)),
                ("blocked", models.BigIntegerField(default=0)),
                ("blocked_named", models.BigIntegerField(default=0)),
                ("bounced_recipient", models.BigIntegerField(default=0)),
                ("bounced_message", models.BigIntegerField(default=0)),
                ("bounced_infrastructure", models.BigIntegerField(default=0)),
                ("bounced_destination", models.BigIntegerField(default=0)),
                ("complaints", models.BigIntegerField(default=0)),
                ("connects", models.BigIntegerField(default=0)),
                ("connect_failures", models.BigIntegerField(default=0)),
                ("tls_errors", models.BigIntegerField(default=0)),
                ("latency_ms_sum", models.BigIntegerField(default=0)),
                ("hour", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["hour"], name="path_hours_by_time")],
                "constraints": [models.UniqueConstraint(fields=("ip_id", "provider_id", "hour"), name="path_hour_once")],
            },
        ),
        migrations.CreateModel(
            name="PoolDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pool_id", models.BigIntegerField()),
                ("ip_id", models.BigIntegerField()),
                ("attempted", models.IntegerField(default=0)),
                ("delivered", models.IntegerField(default=0)),
                ("day", models.DateField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("day", "pool_id", "ip_id"), name="pool_day_once")],
            },
        ),
        migrations.CreateModel(
            name="PoolHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pool_id", models.BigIntegerField()),
                ("ip_id", models.BigIntegerField()),
                ("attempted", models.IntegerField(default=0)),
                ("delivered", models.IntegerField(default=0)),
                ("hour", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("hour", "pool_id", "ip_id"), name="pool_hour_once")],
            },
        ),
        migrations.CreateModel(
            name="PoolMinute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pool_id", models.BigIntegerField()),
                ("ip_id", models.BigIntegerField()),
                ("attempted", models.IntegerField(default=0)),
                ("delivered", models.IntegerField(default=0)),
                ("minute", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("minute", "pool_id", "ip_id"), name="pool_minute_once")],
            },
        ),
        migrations.CreateModel(
            name="ReputationPolicy",
            fields=[
                ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("off", "off: paths are scored, nothing is done or proposed"),
                            ("propose", "propose: actions are written down, a person does them"),
                            ("automatic", "Automatic"),
                        ],
                        default="automatic",
                        max_length=9,
                    ),
                ),
                (
                    "leave_below",
                    models.FloatField(
                        default=50,
                        help_text="A path whose score falls below this leaves.",
                        validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(95)],
                    ),
                ),
                (
                    "return_at",
                    models.FloatField(
                        default=75,
                        help_text="A path on probation gets its next step from this score on.",
                        validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "block_floor",
                    models.PositiveIntegerField(
                        default=8,
                        help_text="Blocks, at least so many within the short window, before blocks count.",
                        validators=[django.core.validators.MinValueValidator(3), django.core.validators.MaxValueValidator(1000)],
                    ),
                ),
                (
                    "sample_floor",
                    models.PositiveIntegerField(
                        default=50,
                        help_text="Attempts, at least so many, before bounces and complaints count in full.",
                        validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(100000)],
                    ),
                ),
                (
                    "short_half_life_s",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="Seconds: of blocks.",
                        validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(86400)],
                        verbose_name="short half-life",
                    ),
                ),
                (
                    "long_half_life_s",
                    models.PositiveIntegerField(
                        default=21600,
                        help_text="Seconds: of bounces and complaints.",
                        validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(2592000)],
                        verbose_name="long half-life",
                    ),
                ),
                (
                    "stay_s",
                    models.PositiveIntegerField(
                        default=1800,
                        help_text="Seconds before the first probe; each entry doubles it.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)],
                        verbose_name="minimum stay",
                    ),
                ),
                (
                    "stay_most_s",
                    models.PositiveIntegerField(
                        default=86400,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7776000)],
                        verbose_name="longest stay",
                    ),
                ),
                (
                    "entries_per_day",
                    models.PositiveSmallIntegerField(
                        default=2,
                        help_text="A path enters quarantine at most so often in 24 hours; a later entry stays for a day.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(24)],
                    ),
                ),
                (
                    "trickle_per_hour",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="What a path may send in an hour while it is probed.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)],
                    ),
                ),
                (
                    "steps",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(
                            validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)]
                        ),
                        default=pools.reputation.models.default_steps,
                        help_text="Percent.",
                        size=None,
                    ),
                ),
                (
                    "step_s",
                    models.PositiveIntegerField(
                        default=1800,
                        help_text="Seconds.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)],
                        verbose_name="least time a step",
                    ),
                ),
                (
                    "step_floor",
                    models.PositiveIntegerField(
                        default=20,
                        help_text="Answers, at least so many in a step, before the next.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)],
                    ),
                ),
                (
                    "large_providers",
                    models.PositiveSmallIntegerField(
                        default=2,
                        help_text="An IP that has left at so many large providers leaves everywhere.",
                        validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(20)],
                    ),
                ),
                (
                    "ip_stay_s",
                    models.PositiveIntegerField(
                        default=3600,
                        help_text="Seconds.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7776000)],
                        verbose_name="an IP's minimum stay",
                    ),
                ),
                (
                    "cover_share",
                    models.PositiveSmallIntegerField(
                        default=25,
                        help_text="What a pool's last paths keep when they should leave and nothing covers them. Percent.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "grace_s",
                    models.PositiveIntegerField(
                        default=3600,
                        help_text="Seconds in which what was cancelled is not done anew.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)],
                        verbose_name="grace after a cancel",
                    ),
                ),
                (
                    "most_out_percent",
                    models.PositiveSmallIntegerField(
                        default=50,
                        help_text="Of all paths to a provider, at most so many leave by themselves; more are proposed.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                    ),
                ),
                (
                    "minutes_kept_days",
                    models.PositiveSmallIntegerField(
                        default=8,
                        help_text="Minutes and block evidence.",
                        validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(90)],
                    ),
                ),
                (
                    "hours_kept_days",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="Hours and scores.",
                        validators=[django.core.validators.MinValueValidator(8), django.core.validators.MaxValueValidator(730)],
                    ),
                ),
                (
                    "days_kept_days",
                    models.PositiveSmallIntegerField(
                        default=730,
                        help_text="Days and actions that are over.",
                        validators=[django.core.validators.MinValueValidator(31), django.core.validators.MaxValueValidator(3650)],
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "reputation: policy",
                "verbose_name_plural": "reputation: policy",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_reputation_policy"),
                    models.CheckConstraint(
                        condition=models.Q(("leave_below__gt", 0), ("leave_below__lt", models.F("return_at")), ("return_at__lte", 100)),
                        name="paths_return_above_leaving",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScoreSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(choices=[("path", "Path"), ("ip", "IP"), ("pool", "Pool"), ("tenant", "Tenant")], max_length=6)),
                ("ip_id", models.BigIntegerField(default=0)),
                ("provider_id", models.BigIntegerField(default=0)),
                ("pool_id", models.BigIntegerField(default=0)),
                ("tenant_id", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField(help_text="The beginning of its five minutes.")),
                ("score", models.FloatField()),
                ("state", models.CharField(blank=True, default="", max_length=12)),
                ("components", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="score_samples_by_time")],
                "constraints": [models.UniqueConstraint(fields=("scope", "ip_id", "provider_id", "pool_id", "tenant_id", "at"), name="score_sample_once")],
            },
        ),
        migrations.CreateModel(
            name="StreamDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream_id", models.BigIntegerField()),
                ("tenant_id", models.BigIntegerField()),
                ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                ("pool_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("attempted", models.BigIntegerField(default=0)),
                ("delivered", models.BigIntegerField(default=0)),
                ("delivered_first_try", models.BigIntegerField(default=0)),
                ("deferred", models.BigIntegerField(default=0)),
                ("bounced", models.BigIntegerField(default=0)),
                ("bounced_other", models.BigIntegerField(default=0)),
                ("complaints", models.BigIntegerField(default=0)),
                ("suppressed", models.BigIntegerField(default=0)),
                ("wait_ms_sum", models.BigIntegerField(default=0)),
                ("day", models.DateField()),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="stream_days_by_time")],
                "constraints": [models.UniqueConstraint(fields=("stream_id", "pool_id", "provider_id", "day"), name="stream_day_once")],
            },
        ),
        migrations.CreateModel(
            name="StreamHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream_id", models.BigIntegerField()),
                ("tenant_id", models.BigIntegerField()),
                ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                ("pool_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("attempted", models.BigIntegerField(default=0)),
                ("delivered", models.BigIntegerField(default=0)),
                ("delivered_first_try", models.BigIntegerField(default=0)),
                ("deferred", models.BigIntegerField(default=0)),
                ("bounced", models.BigIntegerField(default=0)),
                ("bounced_other", models.BigIntegerField(default=0)),
                ("complaints", models.BigIntegerField(default=0)),
                ("suppressed", models.BigIntegerField(default=0)),
                ("wait_ms_sum", models.BigIntegerField(default=0)),
                ("hour", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["hour"], name="stream_hours_by_time")],
                "constraints": [models.UniqueConstraint(fields=("stream_id", "pool_id", "provider_id", "hour"), name="stream_hour_once")],
            },
        ),
        migrations.CreateModel(
            name="Action",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(choices=[("path", "Path"), ("ip", "IP"), ("pool", "Pool"), ("tenant", "Tenant")], max_length=6)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("leave", "path left"),
                            ("probe", "path is probed"),
                            ("step", "probation step"),
                            ("back", "probation failed"),
                            ("return", "path returned"),
                            ("ip_out", "IP left everywhere"),
                            ("ip_back", "IP back on probation"),
                            ("reduce", "kept at a reduced rate"),
                            ("overflow", "pool overflows"),
                            ("rescue", "pool's best paths kept"),
                            ("borrowing_ends", "borrowing used up"),
                            ("borrowing_begins", "borrowing again"),
                            ("noted", "noted, nothing done"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("proposed", "Proposed"), ("done", "in force"), ("cancelled", "Cancelled"), ("over", "Over")], default="done", max_length=9
                    ),
                ),
                ("sentence", models.TextField(help_text="What was done and why, in full.")),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("score", models.FloatField(blank=True, help_text="When it was done.", null=True)),
                ("at", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, help_text="Its expiry: when it is looked at anew, or a proposal lapses.", null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_by", models.CharField(blank=True, help_text="Who cancelled or confirmed it; empty: it was over by itself.", max_length=200)),
                (
                    "ip",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reputation_actions", to="pools.sendingip"
                    ),
                ),
                (
                    "pool",
                    models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reputation_actions", to="pools.pool"),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reputation_actions", to="pools.provider"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reputation_actions", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "verbose_name": "reputation action",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at"], name="reputation_actions_by_time"),
                    models.Index(fields=["ip", "provider", "-at"], name="reputation_actions_of_a_path"),
                    models.Index(condition=models.Q(("pool__isnull", False)), fields=["pool", "-at"], name="reputation_actions_of_a_pool"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("scope", "ip", "provider", "pool", "name"),
                        name="one_open_proposal_of_a_kind",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
