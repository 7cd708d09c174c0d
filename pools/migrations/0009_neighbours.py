"""What keeps tenants on shared pools from hurting each other."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pools", "0008_what_lists_say"),
        ("tenants", "0003_neighbours"),
    ]

    operations = [
        migrations.CreateModel(
            name="NeighboursProgress",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("folded_to", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="NewcomerCap",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="newcomer", serialize=False, to="tenants.tenant"
                    ),
                ),
                ("cap", models.PositiveIntegerField(help_text="What was last written to the tenant.")),
                ("clean_days", models.PositiveSmallIntegerField(default=0)),
                ("since", models.DateTimeField(help_text="Since when it has this cap.")),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, help_text="Empty: by itself.", max_length=200)),
            ],
            options={
                "ordering": ["tenant"],
            },
        ),
        migrations.CreateModel(
            name="SlowedPace",
            fields=[
                ("tenant_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("spent_until", models.FloatField(db_default=0, default=0, help_text="Unix seconds.")),
            ],
        ),
        migrations.CreateModel(
            name="TenantStanding",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="standing", serialize=False, to="tenants.tenant"
                    ),
                ),
                (
                    "level",
                    models.CharField(choices=[("good", "Good"), ("warned", "Warned"), ("slowed", "Slowed"), ("held", "Held")], default="good", max_length=6),
                ),
                ("since", models.DateTimeField(help_text="Since when it has this level.")),
                ("good_since", models.DateTimeField(blank=True, help_text="Since when nothing was held against it; empty: something is.", null=True)),
                ("sentence", models.TextField(blank=True, help_text="Why, in words.")),
                ("figures", models.JSONField(blank=True, default=dict, help_text="What it was judged by: rates, bounds and samples by stream.")),
                ("judged_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["tenant"],
            },
        ),
        migrations.AddField(
            model_name="pool",
            name="grade",
            field=models.CharField(
                blank=True,
                choices=[("new", "new tenants"), ("good", "tenants in good standing"), ("poor", "tenants that were slowed or held")],
                db_default="",
                default="",
                help_text="Whose streams a shared pool is for; empty: nobody moves to or from it.",
                max_length=4,
            ),
        ),
        migrations.AddField(
            model_name="stream",
            name="held_why",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its mail is accepted and held, because of this; empty: it goes (pools.neighbours).",
                max_length=260,
            ),
        ),
        migrations.CreateModel(
            name="CappedHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tenant_id", models.BigIntegerField()),
                ("hour", models.DateTimeField()),
                ("accepted", models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant_id", "hour"), name="capped_hour_once")],
            },
        ),
        migrations.CreateModel(
            name="NeighboursPolicy",
            fields=[
                ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[("off", "Off"), ("propose", "Propose"), ("automatic", "Automatic")],
                        default="automatic",
                        help_text="Whether tenants are warned, slowed and held by themselves.",
                        max_length=9,
                    ),
                ),
                (
                    "bounce_warn",
                    models.FloatField(
                        default=2, help_text="Percent of attempts refused for good by the recipient's or the message's fault.", verbose_name="bounces: warn at"
                    ),
                ),
                ("bounce_slow", models.FloatField(default=5, help_text="Percent.", verbose_name="bounces: slow at")),
                ("bounce_hold", models.FloatField(default=10, help_text="Percent.", verbose_name="bounces: hold at")),
                (
                    "bounce_floor",
                    models.PositiveIntegerField(
                        default=100,
                        help_text="Fewer ended deliveries say nothing.",
                        validators=[django.core.validators.MinValueValidator(20), django.core.validators.MaxValueValidator(100000)],
                    ),
                ),
                (
                    "complaint_warn",
                    models.FloatField(
                        default=0.1, help_text="Percent of what was delivered to providers that report complaints.", verbose_name="complaints: warn at"
                    ),
                ),
                ("complaint_slow", models.FloatField(default=0.3, help_text="Percent.", verbose_name="complaints: slow at")),
                ("complaint_hold", models.FloatField(default=0.5, help_text="Percent.", verbose_name="complaints: hold at")),
                (
                    "complaint_floor",
                    models.PositiveIntegerField(
                        default=500,
                        help_text="Fewer deliveries say nothing.",
                        validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(1000000)],
                    ),
                ),
                (
                    "suppressed_warn",
                    models.FloatField(
                        default=20,
                        help_text="Percent of the submitted: to addresses on its own list.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                        verbose_name="suppressed: warn at",
                    ),
                ),
                (
                    "stay_minutes",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="Minutes before a level is eased.",
                        validators=[django.core.validators.MaxValueValidator(10080)],
                        verbose_name="minimum stay",
                    ),
                ),
                (
                    "expires_hours",
                    models.PositiveIntegerField(
                        default=72,
                        help_text="Hours after which warnings and slowing end by themselves. A hold ends by a person.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)],
                    ),
                ),
                (
                    "slow_share",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="What a slowed tenant keeps of rate and weight, in percent, outside of transactional mail.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)],
                    ),
                ),
                (
                    "slow_least_per_minute",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="The slowest that slowing gets.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)],
                    ),
                ),
                (
                    "moves",
                    models.CharField(
                        choices=[("off", "Off"), ("propose", "Propose"), ("automatic", "Automatic")],
                        default="off",
                        max_length=9,
                        verbose_name="moves between shared pools",
                    ),
                ),
                (
                    "move_stay_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="Least days between two moves of a stream.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                (
                    "good_after_days",
                    models.PositiveSmallIntegerField(
                        default=14,
                        help_text="A tenant so old, in good standing all that time, is new no more.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                ("caps_newcomers", models.BooleanField(default=True, verbose_name="cap new tenants")),
                (
                    "first_day_cap",
                    models.PositiveIntegerField(
                        default=1000, help_text="Deliveries in a new tenant's first 24 hours.", validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                (
                    "growth_percent",
                    models.PositiveIntegerField(
                        default=100,
                        help_text="By how much each clean day raises the cap; 100 doubles it.",
                        validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(1000)],
                    ),
                ),
                (
                    "lifted_above",
                    models.PositiveIntegerField(
                        default=50000, help_text="A cap that would grow beyond this is lifted.", validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                (
                    "asks_alignment",
                    models.BooleanField(
                        default=True,
                        help_text="On shared pools marketing is taken only from domains that pass all three.",
                        verbose_name="marketing needs SPF, DKIM and DMARC",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "neighbours: policy",
                "verbose_name_plural": "neighbours: policy",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_neighbours_policy"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bounce_hold__lte", 100),
                            ("bounce_slow__lte", models.F("bounce_hold")),
                            ("bounce_warn__gt", 0),
                            ("bounce_warn__lte", models.F("bounce_slow")),
                        ),
                        name="bounce_thresholds_rise",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("complaint_hold__lte", 100),
                            ("complaint_slow__lte", models.F("complaint_hold")),
                            ("complaint_warn__gt", 0),
                            ("complaint_warn__lte", models.F("complaint_slow")),
                        ),
                        name="complaint_thresholds_rise",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StandingWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream_id", models.BigIntegerField()),
                ("provider_id", models.BigIntegerField()),
                ("tenant_id", models.BigIntegerField()),
                ("at", models.DateTimeField(help_text="What the sums are decayed to.")),
                ("fast_ended", models.FloatField(db_default=0, default=0)),
                ("fast_bounced", models.FloatField(db_default=0, default=0)),
                ("long_ended", models.FloatField(db_default=0, default=0)),
                ("long_bounced", models.FloatField(db_default=0, default=0)),
                ("delivered", models.FloatField(db_default=0, default=0)),
                ("complaints", models.FloatField(db_default=0, default=0)),
                ("submitted", models.FloatField(db_default=0, default=0)),
                ("suppressed", models.FloatField(db_default=0, default=0)),
                ("per_minute", models.FloatField(db_default=0, default=0, help_text="Attempts a minute, over the last day.")),
                ("fresh_from", models.DateTimeField(help_text="Minutes before this one count for nothing: a person forgave them.", null=True)),
                ("since_from", models.DateTimeField(null=True)),
                ("since_ended", models.FloatField(db_default=0, default=0)),
                ("since_bounced", models.FloatField(db_default=0, default=0)),
                ("since_delivered", models.FloatField(db_default=0, default=0)),
                ("since_complaints", models.FloatField(db_default=0, default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id"], name="standing_window_of_tenant")],
                "constraints": [models.UniqueConstraint(fields=("stream_id", "provider_id"), name="standing_window_once")],
            },
        ),
        migrations.CreateModel(
            name="PoolMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(choices=[("proposed", "Proposed"), ("made", "Made"), ("undone", "Undone"), ("declined", "Declined")], max_length=8)),
                ("sentence", models.TextField()),
                ("evidence", models.JSONField(default=dict)),
                ("proposed_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, help_text="When it was made, taken back or declined.", null=True)),
                ("by", models.CharField(blank=True, help_text="The person who decided; empty: it was done by itself.", max_length=200)),
                ("from_pool", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="moves_away", to="pools.pool")),
                ("stream", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="moves", to="pools.stream")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="pool_moves", to="tenants.tenant")),
                ("to_pool", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="moves_here", to="pools.pool")),
            ],
            options={
                "ordering": ["-proposed_at"],
                "constraints": [models.UniqueConstraint(condition=models.Q(("state", "proposed")), fields=("stream",), name="one_proposed_move_a_stream")],
            },
        ),
        migrations.CreateModel(
            name="StandingAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream_id", models.BigIntegerField(default=0, help_text="The stream that is held; 0: all of the tenant's.")),
                ("kind", models.CharField(choices=[("warn", "Warn"), ("slow", "Slow"), ("hold", "Hold")], max_length=4)),
                ("state", models.CharField(choices=[("proposed", "Proposed"), ("active", "Active"), ("ended", "Ended")], default="active", max_length=8)),
                ("sentence", models.TextField()),
                ("evidence", models.JSONField(default=dict)),
                ("by", models.CharField(blank=True, help_text="The person who did it; empty: it was done by itself.", max_length=200)),
                ("begun_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty: a person ends it.", null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_by", models.CharField(blank=True, help_text="The person who ended it; empty: it ended by itself.", max_length=200)),
                ("ended_because", models.TextField(blank=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="standing_actions", to="tenants.tenant")),
            ],
            options={
                "ordering": ["-begun_at"],
                "indexes": [models.Index(fields=["tenant", "-begun_at"], name="standing_action_of_tenant")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "ended"), _negated=True), fields=("tenant", "kind", "stream_id"), name="one_standing_action_a_kind"
                    )
                ],
            },
        ),
    ]
