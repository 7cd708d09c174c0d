"""Block lists and what they list, names of sending IPs, grades that providers give, and how often all of that is asked."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pools", "0007_what_a_path_may_send"),
    ]

    operations = [
        migrations.CreateModel(
            name="DnsblZone",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("zone", models.CharField(help_text="The name that questions end in: zen.spamhaus.org.", max_length=200, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("lists", models.CharField(choices=[("ip", "IP addresses"), ("domain", "domains")], default="ip", max_length=6)),
                (
                    "asked",
                    models.CharField(choices=[("never", "Never"), ("sandbox", "in the sandbox only"), ("always", "Always")], default="never", max_length=7),
                ),
                (
                    "weight",
                    models.CharField(
                        choices=[("info", "shown only"), ("warning", "lowers the score"), ("critical", "takes the IP out")],
                        default="warning",
                        help_text="The most that a listing here does, whatever its codes say.",
                        max_length=8,
                    ),
                ),
                ("meanings", models.JSONField(blank=True, default=dict, help_text='{"127.0.0.2": {"means": "…", "weight": "critical"}}')),
                (
                    "errors",
                    models.JSONField(
                        blank=True, default=dict, help_text='Answers that are no listing: {"127.255.255.254": "…"}; all of 127.255.255.0/24 is none anyhow.'
                    ),
                ),
                ("delisting", models.CharField(blank=True, help_text="Where to ask for removal; {ip} or {domain} stands for what is listed.", max_length=300)),
                ("ask_every_s", models.PositiveIntegerField(default=900, help_text="In live mode, the same question never sooner than this.")),
                ("questions_per_day", models.PositiveIntegerField(blank=True, help_text="What its terms allow; empty: no bound but the policy's.", null=True)),
                ("terms", models.TextField(blank=True, help_text="On which conditions one may ask.")),
                ("source", models.TextField(blank=True, help_text="Where these facts come from.")),
                ("shipped", models.BooleanField(default=False)),
                (
                    "health",
                    models.CharField(
                        choices=[
                            ("unknown", "not asked yet"),
                            ("good", "Good"),
                            ("refuses", "refuses our resolver"),
                            ("silent", "does not answer"),
                            ("empty", "does not list its test point"),
                            ("wildcard", "lists what must not be listed"),
                            ("mass", "lists very many of our IPs at once"),
                        ],
                        default="unknown",
                        max_length=8,
                    ),
                ),
                ("health_why", models.TextField(blank=True)),
                ("health_since", models.DateTimeField(blank=True, null=True)),
                ("answered_at", models.DateTimeField(blank=True, help_text="When it last answered and its test points were right.", null=True)),
                ("questions_on", models.DateField(blank=True, null=True)),
                ("questions_asked", models.PositiveIntegerField(default=0, help_text="On that day.")),
                (
                    "many_allowed",
                    models.CharField(
                        choices=[("info", "shown only"), ("warning", "lowers the score"), ("critical", "takes the IP out")],
                        default="info",
                        help_text="What listings may do while it lists very many of our IPs at once; an operator's word.",
                        max_length=8,
                    ),
                ),
                ("look_wanted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "block list",
                "ordering": ["zone"],
            },
        ),
        migrations.CreateModel(
            name="AddressCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(choices=[("ok", "Ok"), ("failing", "Failing"), ("unknown", "could not be asked")], default="unknown", max_length=8)),
                ("since", models.DateTimeField(help_text="When this state began.")),
                (
                    "found",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=253), blank=True, default=list, help_text="The names that its PTR record gives.", size=None
                    ),
                ),
                ("sentence", models.TextField(blank=True)),
                ("checked_at", models.DateTimeField(help_text="When DNS was last asked.")),
                ("look_wanted_at", models.DateTimeField(blank=True, null=True)),
                ("ip", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="address_check", to="pools.sendingip")),
            ],
            options={
                "ordering": ["ip"],
            },
        ),
        migrations.CreateModel(
            name="ListingPolicy",
            fields=[
                ("mode", models.CharField(help_text="live or sandbox", max_length=7, primary_key=True, serialize=False)),
                ("enabled", models.BooleanField(default=True, help_text="Off: nothing is asked; what is known stays as it is until it is too old.")),
                ("ask_every_s", models.PositiveIntegerField(help_text="Every IP on every list, this often; a list's own bound may make it seldomer.")),
                ("confirm_after_s", models.PositiveIntegerField(help_text="A listing, or its end, counts after a second look this much later.")),
                ("stale_after_s", models.PositiveIntegerField(help_text="A listing whose list has given no answer that counts for so long is cleared.")),
                ("name_every_s", models.PositiveIntegerField(help_text="PTR records and the names that they lead to, this often.")),
                ("questions_per_s", models.PositiveIntegerField(default=20, help_text="Of all lists together.")),
                ("many_share", models.FloatField(default=0.5, help_text="A list that lists this share of our IPs acts on none until an operator says so …")),
                ("many_at_least", models.PositiveIntegerField(default=3, help_text="… if it is at least so many.")),
            ],
            options={
                "verbose_name": "listing policy",
                "verbose_name_plural": "listing policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ask_every_s__gte", 1), ("name_every_s__gte", 1), ("questions_per_s__gte", 1)),
                        name="listings_are_not_asked_endlessly",
                    ),
                    models.CheckConstraint(condition=models.Q(("many_share__gt", 0), ("many_share__lte", 1)), name="many_is_a_share"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Listing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("domain", models.CharField(blank=True, db_default="", max_length=253)),
                ("zone", models.CharField(max_length=200)),
                ("codes", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=15), default=list, size=None)),
                ("means", models.TextField(blank=True, help_text="What the codes mean.")),
                ("reason", models.TextField(blank=True, help_text="What the list says (TXT).")),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "shown only"), ("warning", "lowers the score"), ("critical", "takes the IP out")],
                        help_text="What it does now.",
                        max_length=8,
                    ),
                ),
                (
                    "said",
                    models.CharField(
                        choices=[("info", "shown only"), ("warning", "lowers the score"), ("critical", "takes the IP out")],
                        help_text="What its codes would do, were they believed.",
                        max_length=8,
                    ),
                ),
                ("listed_since", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("cleared_at", models.DateTimeField(blank=True, null=True)),
                ("cleared_why", models.CharField(blank=True, db_default="", max_length=200)),
                ("look_wanted_at", models.DateTimeField(blank=True, null=True)),
                ("ip", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="listings", to="pools.sendingip")),
            ],
            options={
                "ordering": ["-listed_since", "-id"],
                "indexes": [models.Index(fields=["ip", "-listed_since"], name="listings_of_an_ip")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None), ("ip__isnull", False)), fields=("ip", "zone"), name="one_open_listing_an_ip_and_zone"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None), ("ip__isnull", True)), fields=("domain", "zone"), name="one_open_listing_a_domain_and_zone"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("domain", ""), ("ip__isnull", False)),
                            models.Q(("ip__isnull", True), models.Q(("domain", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="listing_of_an_ip_or_a_domain",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderGrade",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(choices=[("snds", "Microsoft SNDS"), ("postmaster", "Google Postmaster Tools")], max_length=12)),
                ("provider", models.CharField(help_text="The provider's key.", max_length=255)),
                ("domain", models.CharField(blank=True, db_default="", max_length=253)),
                ("subject", models.CharField(help_text="The IP or the domain, as text.", max_length=253)),
                ("day", models.DateField()),
                ("grade", models.CharField(choices=[("good", "Good"), ("fair", "Fair"), ("poor", "Poor"), ("bad", "Bad"), ("none", "no grade")], max_length=5)),
                ("said", models.CharField(blank=True, help_text="The provider's own word.", max_length=60)),
                ("figures", models.JSONField(blank=True, default=dict)),
                ("file", models.CharField(max_length=200)),
                ("imported_by", models.CharField(max_length=200)),
                ("imported_at", models.DateTimeField()),
                ("ip", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="grades", to="pools.sendingip")),
            ],
            options={
                "ordering": ["-day", "source", "subject"],
                "constraints": [models.UniqueConstraint(fields=("source", "subject", "day"), name="grade_once_a_day")],
            },
        ),
    ]
