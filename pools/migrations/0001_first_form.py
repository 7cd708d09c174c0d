"""Nodes, sending IPs, pools, providers, paths; reputation, listings, neighbours, failover."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import pools.reputation.models
from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_first_form"),
    ]

    operations = [
        CreateTogether(
            [
                migrations.CreateModel(
                    name="Provider",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "key",
                            models.CharField(help_text="google, microsoft_consumer, …; mx:host for a domain that matches none.", max_length=255, unique=True),
                        ),
                        ("name", models.CharField(max_length=120)),
                        ("kind", models.CharField(default="mailbox", max_length=30)),
                        ("is_tail", models.BooleanField(default=False, help_text="Found by sorting, not shipped; uses the default profile.")),
                        (
                            "mx_suffixes",
                            django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=253), blank=True, default=list, size=None),
                        ),
                        (
                            "domains",
                            django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=253), blank=True, default=list, size=None),
                        ),
                        ("facts", models.JSONField(blank=True, default=dict)),
                        ("overrides", models.JSONField(blank=True, default=dict)),
                    ],
                    options={
                        "ordering": ["is_tail", "name"],
                    },
                ),
                migrations.CreateModel(
                    name="ResponseRule",
                    fields=[
                        ("id", models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ("provider_group", models.CharField(blank=True, help_text="google, microsoft, …; empty: every provider.", max_length=40)),
                        ("position", models.IntegerField(help_text="Rules are tried in this order, a provider's own first.")),
                        ("pattern", models.TextField()),
                        ("reason", models.CharField(max_length=60)),
                        ("disposition", models.CharField(help_text="retry, bounce or suppress", max_length=10)),
                        ("temporary_5xx", models.BooleanField(default=False)),
                        ("action", models.JSONField(blank=True, default=dict)),
                        ("samples", models.JSONField(blank=True, default=list, help_text="Replies that this rule and no earlier one must match.")),
                        ("source", models.TextField(blank=True)),
                        ("confidence", models.CharField(blank=True, max_length=40)),
                        ("note", models.TextField(blank=True)),
                        ("enabled", models.BooleanField(default=True)),
                        ("edited", models.BooleanField(default=False, help_text="An operator changed it: upgrades leave it alone.")),
                    ],
                    options={
                        "ordering": ["position"],
                    },
                ),
                migrations.CreateModel(
                    name="Zone",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=40, unique=True)),
                        ("title", models.CharField(blank=True, max_length=100)),
                        (
                            "state",
                            models.CharField(
                                choices=[("active", "Active"), ("drained", "Drained"), ("evacuated", "Evacuated")], default="active", max_length=10
                            ),
                        ),
                        ("state_at", models.DateTimeField(blank=True, help_text="Since when it is in this state; empty: from its beginning.", null=True)),
                        ("state_by", models.CharField(blank=True, db_default="", default="", help_text="Who did.", max_length=200)),
                        ("state_why", models.TextField(blank=True, db_default="", default="", help_text="Why somebody took it out, in their words.")),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="Node",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=40, unique=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[("active", "Active"), ("drained", "Drained"), ("evacuated", "Evacuated")], default="active", max_length=10
                            ),
                        ),
                        ("engine_slots", models.PositiveSmallIntegerField(default=1, help_text="How many engines its agent keeps running.")),
                        ("zone", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="nodes", to="pools.zone")),
                        ("state_at", models.DateTimeField(blank=True, help_text="Since when it is in this state; empty: from its beginning.", null=True)),
                        ("state_by", models.CharField(blank=True, db_default="", default="", help_text="Who did.", max_length=200)),
                        ("state_why", models.TextField(blank=True, db_default="", default="", help_text="Why somebody took it out, in their words.")),
                    ],
                    options={
                        "ordering": ["zone", "name"],
                    },
                ),
                migrations.CreateModel(
                    name="PathMinute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("ip_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField()),
                        ("minute", models.DateTimeField()),
                        ("attempted", models.IntegerField(default=0)),
                        ("delivered", models.IntegerField(default=0)),
                        ("deferred", models.IntegerField(default=0)),
                        ("rerouted", models.IntegerField(default=0)),
                        ("bounced_recipient", models.IntegerField(default=0)),
                        ("bounced_message", models.IntegerField(default=0)),
                        ("bounced_infrastructure", models.IntegerField(default=0)),
                        ("bounced_destination", models.IntegerField(default=0)),
                        ("complaints", models.IntegerField(default=0)),
                        ("connects", models.IntegerField(default=0)),
                        ("connect_failures", models.IntegerField(default=0)),
                        ("tls_errors", models.IntegerField(default=0)),
                        ("latency_ms_sum", models.BigIntegerField(default=0, help_text="Of the attempts that got an answer: MAIL to final reply.")),
                        (
                            "blocked",
                            models.IntegerField(
                                db_default=0, default=0, help_text="Of all: refused for good, or closed, for our address's or its network's sake (block.*)."
                            ),
                        ),
                        ("blocked_named", models.IntegerField(db_default=0, default=0, help_text="Of these and the next: named our IP or a block list.")),
                        (
                            "deferred_reputation",
                            models.IntegerField(db_default=0, default=0, help_text="Of all: put off, and our address or its reputation named as the cause."),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("minute", "ip_id", "provider_id"), name="path_minute_once")],
                    },
                ),
                migrations.CreateModel(
                    name="DomainProvider",
                    fields=[
                        ("domain", models.CharField(max_length=253, primary_key=True, serialize=False)),
                        ("hosts", models.JSONField(default=list, help_text="[[preference, host], …] in order of preference (RFC 5321 §5.1).")),
                        ("sorted_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="sorted_domains", to="pools.provider")),
                        (
                            "secure",
                            models.BooleanField(
                                db_default=False, default=False, help_text="A trusted resolver found the MX records signed: DANE may be asked."
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="SendingIP",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("address", models.GenericIPAddressField(unique=True)),
                        (
                            "ehlo_name",
                            models.CharField(
                                help_text="Its PTR record and the name it says in EHLO.",
                                max_length=253,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9-]{2,63}$",
                                        "A domain name in lower case, like mail.example.com.",
                                    )
                                ],
                            ),
                        ),
                        ("egress", models.CharField(choices=[("bind", "local bind"), ("socks5", "SOCKS5 proxy")], default="bind", max_length=8)),
                        ("proxy", models.CharField(blank=True, help_text="host:port of the SOCKS5 proxy.", max_length=120)),
                        (
                            "state",
                            models.CharField(
                                choices=[("active", "Active"), ("paused", "Paused"), ("quarantined", "Quarantined")], default="active", max_length=12
                            ),
                        ),
                        ("added_at", models.DateTimeField(auto_now_add=True)),
                        ("node", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="ips", to="pools.node")),
                        (
                            "warm_default_per_day",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="The same over rolling 24 hours. A new IP has it from its first moment, so that nothing goes uncapped before it warms.",
                                null=True,
                            ),
                        ),
                        (
                            "warm_default_per_hour",
                            models.PositiveIntegerField(
                                blank=True, help_text="Of its paths that warming has said nothing of yet: the cap over a rolling hour; empty: none.", null=True
                            ),
                        ),
                        (
                            "state_why",
                            models.TextField(blank=True, db_default="", default="", help_text="Why reputation took it out, in words; empty: it did not."),
                        ),
                    ],
                    options={
                        "verbose_name": "sending IP",
                        "ordering": ["address"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("egress", "bind"), models.Q(("proxy", ""), _negated=True), _connector="OR"), name="socks5_needs_a_proxy"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Path",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "Open"), ("paused", "Paused"), ("quarantined", "Quarantined"), ("probation", "Probation")],
                                default="open",
                                max_length=12,
                            ),
                        ),
                        ("score", models.FloatField(default=100.0)),
                        ("suspended_until", models.DateTimeField(blank=True, null=True)),
                        ("why", models.TextField(blank=True, help_text="The evidence for what limits it now.")),
                        (
                            "learned",
                            models.JSONField(
                                blank=True, default=dict, help_text="connections, per_minute, per_connection: learned limits below the profile's."
                            ),
                        ),
                        ("circuit_failures", models.PositiveIntegerField(default=0)),
                        ("open_connections", models.PositiveIntegerField(default=0)),
                        ("told_by", models.BigIntegerField(blank=True, editable=False, help_text="The engine that told so, perhaps long gone.", null=True)),
                        ("updated_at", models.DateTimeField()),
                        ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="paths", to="pools.provider")),
                        ("ip", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="paths", to="pools.sendingip")),
                        (
                            "lifted_at",
                            models.DateTimeField(
                                blank=True, help_text="When an operator last lifted what was learned; its engine forgets within a second.", null=True
                            ),
                        ),
                        (
                            "binds",
                            models.CharField(blank=True, db_default="", help_text="Which limit holds its mail back now (pools.binds.Limit).", max_length=12),
                        ),
                        ("binds_until", models.DateTimeField(blank=True, null=True)),
                        (
                            "limits_now",
                            models.JSONField(blank=True, db_default={}, default=dict, help_text="Use and limit of what is counted (pools.binds.LimitsNow)."),
                        ),
                        (
                            "probation_per_hour",
                            models.PositiveIntegerField(blank=True, help_text="Reputation's cap over a rolling hour; empty: none.", null=True),
                        ),
                        (
                            "share",
                            models.PositiveSmallIntegerField(
                                db_default=100, default=100, help_text="Reputation's word: of its connections and rates, in percent."
                            ),
                        ),
                        (
                            "warm_per_day",
                            models.PositiveIntegerField(blank=True, help_text="Warming's cap over rolling 24 hours; empty: it does not warm.", null=True),
                        ),
                        ("warm_per_hour", models.PositiveIntegerField(blank=True, help_text="Warming's cap over a rolling hour; empty: none.", null=True)),
                        (
                            "warmed",
                            models.BooleanField(
                                db_default=False, default=False, help_text="Warming's word: it has warmed here, and its IP's default caps do not bind it."
                            ),
                        ),
                        (
                            "state_why",
                            models.TextField(
                                blank=True, db_default="", default="", help_text="Why reputation took it out or bounds it, in words; empty: it does not."
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("ip", "provider"), name="path_once"),
                            models.CheckConstraint(condition=models.Q(("score__gte", 0), ("score__lte", 100)), name="score_0_to_100"),
                            models.CheckConstraint(condition=models.Q(("share__lte", 100)), name="share_0_to_100"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="StaticRoute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("match", models.CharField(max_length=260, unique=True)),
                        ("host", models.CharField(max_length=253)),
                        ("port", models.PositiveIntegerField(default=25)),
                        (
                            "tls",
                            models.CharField(choices=[("none", "None"), ("required", "Required"), ("verified", "Verified")], default="required", max_length=10),
                        ),
                        ("username", models.CharField(blank=True, max_length=200)),
                        ("password_encrypted", models.BinaryField(blank=True, default=b"")),
                        ("note", models.TextField(blank=True)),
                    ],
                    options={
                        "ordering": ["match"],
                        "constraints": [models.CheckConstraint(condition=models.Q(("port__gte", 1), ("port__lte", 65535)), name="route_port_1_to_65535")],
                    },
                ),
                migrations.CreateModel(
                    name="StreamMinute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("stream_id", models.BigIntegerField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField()),
                        ("minute", models.DateTimeField()),
                        ("attempted", models.IntegerField(default=0)),
                        ("delivered", models.IntegerField(default=0)),
                        ("delivered_first_try", models.IntegerField(default=0)),
                        ("deferred", models.IntegerField(default=0)),
                        ("bounced", models.IntegerField(default=0, help_text="By the recipient's or the message's fault: the tenant's.")),
                        ("bounced_other", models.IntegerField(default=0)),
                        ("complaints", models.IntegerField(default=0)),
                        ("wait_ms_sum", models.BigIntegerField(default=0, help_text="Accepted by us to accepted by the provider, summed over the delivered.")),
                        (
                            "suppressed",
                            models.IntegerField(
                                db_default=0, default=0, help_text="Never tried: on the tenant's suppression list. In rows of provider 0 alone."
                            ),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("minute", "stream_id", "pool_id", "provider_id"), name="stream_minute_once")],
                    },
                ),
                migrations.CreateModel(
                    name="TlsException",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("match", models.CharField(help_text="A domain, or provider:key. Never everything.", max_length=260, unique=True)),
                        ("reason", models.TextField()),
                        ("created_by", models.CharField(max_length=200)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        "ordering": ["match"],
                        "constraints": [models.CheckConstraint(condition=models.Q(("match", "*"), _negated=True), name="tls_exception_names_a_destination")],
                    },
                ),
                migrations.CreateModel(
                    name="AllowanceBucket",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("window_s", models.IntegerField(choices=[(3600, "rolling hour"), (86400, "rolling 24 hours")])),
                        ("bucket_start", models.DateTimeField()),
                        ("reserved", models.PositiveIntegerField(default=0)),
                        ("path", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="allowance_buckets", to="pools.path")),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("path", "window_s", "bucket_start"), name="allowance_bucket_once")],
                    },
                ),
                migrations.CreateModel(
                    name="ScopedLimit",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "scope",
                            models.CharField(
                                choices=[
                                    ("ip", "sending IP, at every provider"),
                                    ("netblock", "Netblock"),
                                    ("signing_domain", "Signing Domain"),
                                    ("tenant", "Tenant"),
                                ],
                                max_length=14,
                            ),
                        ),
                        ("key", models.CharField(help_text="The IP's, tenant's or sending domain's number, or the network.", max_length=60)),
                        ("provider_id", models.BigIntegerField(help_text="0: every provider.")),
                        ("learned", models.JSONField(default=dict, help_text="As a path's (pools.learned).")),
                        ("why", models.TextField(blank=True, help_text="The reply that it was learned from.")),
                        ("rule", models.CharField(blank=True, max_length=60)),
                        ("until", models.DateTimeField(help_text="When nothing of it holds any more; a squeeze comes back in steps until then.")),
                        ("updated_at", models.DateTimeField()),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("scope", "key", "provider_id"), name="scoped_limit_once")],
                    },
                ),
                migrations.CreateModel(
                    name="DnsblZone",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("zone", models.CharField(help_text="The name that questions end in: zen.spamhaus.org.", max_length=200, unique=True)),
                        ("title", models.CharField(max_length=120)),
                        ("lists", models.CharField(choices=[("ip", "IP addresses"), ("domain", "domains")], default="ip", max_length=6)),
                        (
                            "asked",
                            models.CharField(
                                choices=[("never", "Never"), ("sandbox", "in the sandbox only"), ("always", "Always")], default="never", max_length=7
                            ),
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
                                blank=True,
                                default=dict,
                                help_text='Answers that are no listing: {"127.255.255.254": "…"}; all of 127.255.255.0/24 is none anyhow.',
                            ),
                        ),
                        (
                            "delisting",
                            models.CharField(blank=True, help_text="Where to ask for removal; {ip} or {domain} stands for what is listed.", max_length=300),
                        ),
                        ("ask_every_s", models.PositiveIntegerField(default=900, help_text="In live mode, the same question never sooner than this.")),
                        (
                            "questions_per_day",
                            models.PositiveIntegerField(blank=True, help_text="What its terms allow; empty: no bound but the policy's.", null=True),
                        ),
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
                        (
                            "state",
                            models.CharField(
                                choices=[("ok", "Ok"), ("failing", "Failing"), ("unknown", "could not be asked")], default="unknown", max_length=8
                            ),
                        ),
                        ("since", models.DateTimeField(help_text="When this state began.")),
                        (
                            "found",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=253),
                                blank=True,
                                default=list,
                                help_text="The names that its PTR record gives.",
                                size=None,
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
                        (
                            "stale_after_s",
                            models.PositiveIntegerField(help_text="A listing whose list has given no answer that counts for so long is cleared."),
                        ),
                        ("name_every_s", models.PositiveIntegerField(help_text="PTR records and the names that they lead to, this often.")),
                        ("questions_per_s", models.PositiveIntegerField(default=20, help_text="Of all lists together.")),
                        (
                            "many_share",
                            models.FloatField(default=0.5, help_text="A list that lists this share of our IPs acts on none until an operator says so …"),
                        ),
                        ("many_at_least", models.PositiveIntegerField(default=3, help_text="… if it is at least so many.")),
                        (
                            "history_days",
                            models.PositiveSmallIntegerField(
                                db_default=365,
                                default=365,
                                help_text="Days: listings that are over, and grades. What a list says now stays.",
                                validators=[django.core.validators.MinValueValidator(7), django.core.validators.MaxValueValidator(3650)],
                                verbose_name="history kept",
                            ),
                        ),
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
                        (
                            "ip",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="listings", to="pools.sendingip"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-listed_since", "-id"],
                        "indexes": [models.Index(fields=["ip", "-listed_since"], name="listings_of_an_ip")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("cleared_at", None), ("ip__isnull", False)), fields=("ip", "zone"), name="one_open_listing_an_ip_and_zone"
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("cleared_at", None), ("ip__isnull", True)),
                                fields=("domain", "zone"),
                                name="one_open_listing_a_domain_and_zone",
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
                        (
                            "grade",
                            models.CharField(
                                choices=[("good", "Good"), ("fair", "Fair"), ("poor", "Poor"), ("bad", "Bad"), ("none", "no grade")], max_length=5
                            ),
                        ),
                        ("said", models.CharField(blank=True, help_text="The provider's own word.", max_length=60)),
                        ("figures", models.JSONField(blank=True, default=dict)),
                        ("file", models.CharField(max_length=200)),
                        ("imported_by", models.CharField(max_length=200)),
                        ("imported_at", models.DateTimeField()),
                        (
                            "ip",
                            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="grades", to="pools.sendingip"),
                        ),
                    ],
                    options={
                        "ordering": ["-day", "source", "subject"],
                        "constraints": [models.UniqueConstraint(fields=("source", "subject", "day"), name="grade_once_a_day")],
                    },
                ),
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
                            models.CharField(
                                choices=[("good", "Good"), ("warned", "Warned"), ("slowed", "Slowed"), ("held", "Held")], default="good", max_length=6
                            ),
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
                                default=2,
                                help_text="Percent of attempts refused for good by the recipient's or the message's fault.",
                                verbose_name="bounces: warn at",
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
                                default=50000,
                                help_text="A cap that would grow beyond this is lifted.",
                                validators=[django.core.validators.MinValueValidator(1)],
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
                    name="StandingAction",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("stream_id", models.BigIntegerField(default=0, help_text="The stream that is held; 0: all of the tenant's.")),
                        ("kind", models.CharField(choices=[("warn", "Warn"), ("slow", "Slow"), ("hold", "Hold")], max_length=4)),
                        (
                            "state",
                            models.CharField(choices=[("proposed", "Proposed"), ("active", "Active"), ("ended", "Ended")], default="active", max_length=8),
                        ),
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
                                base_field=models.DateTimeField(),
                                blank=True,
                                default=list,
                                help_text="When it entered quarantine, in the last 24 hours.",
                                size=None,
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
                            models.BooleanField(
                                default=False, help_text="It should have left, and stays at a reduced rate because its pool has nothing better."
                            ),
                        ),
                        (
                            "grace_until",
                            models.DateTimeField(blank=True, help_text="A person cancelled: what was done is not done again before this.", null=True),
                        ),
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
                            models.UniqueConstraint(
                                fields=("minute", "ip_id", "provider_id", "tenant_id", "stream_id", "fingerprint"), name="block_evidence_once"
                            )
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
                        (
                            "bounced_from",
                            models.FloatField(
                                default=0.02,
                                help_text="Share of unknown recipients from which points are lost.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(0.9)],
                            ),
                        ),
                        (
                            "bounced_full",
                            models.FloatField(
                                default=0.06,
                                help_text="Share of unknown recipients at which all are.",
                                validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(1)],
                            ),
                        ),
                        (
                            "complained_from",
                            models.FloatField(
                                default=0.001,
                                help_text="Share of complaints from which points are lost.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(0.9)],
                            ),
                        ),
                        (
                            "complained_full",
                            models.FloatField(
                                default=0.005,
                                help_text="Share of complaints at which all are.",
                                validators=[django.core.validators.MinValueValidator(0.0001), django.core.validators.MaxValueValidator(1)],
                            ),
                        ),
                        (
                            "fast_answers",
                            models.FloatField(
                                default=25,
                                help_text="Of what has just broken: after so many half is forgotten.",
                                validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(1000)],
                                verbose_name="half-life in answers",
                            ),
                        ),
                        (
                            "forget_s",
                            models.PositiveIntegerField(
                                default=604800,
                                help_text="Seconds open; then a stay is short again.",
                                validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(31536000)],
                                verbose_name="relapses forgotten after",
                            ),
                        ),
                        (
                            "ip_within_s",
                            models.PositiveIntegerField(
                                default=3600,
                                help_text="Seconds: of each other they must have lost it.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)],
                                verbose_name="large providers within",
                            ),
                        ),
                        (
                            "patience_s",
                            models.PositiveIntegerField(
                                default=86400,
                                help_text="Seconds at a step; then four clean answers are enough for the next.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7776000)],
                            ),
                        ),
                        (
                            "refused_from",
                            models.FloatField(
                                default=0.02,
                                help_text="Share refused beyond other IPs': from here points go.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(0.9)],
                            ),
                        ),
                        (
                            "refused_full",
                            models.FloatField(
                                default=0.5,
                                help_text="Share refused beyond other IPs': here all are gone.",
                                validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(1)],
                            ),
                        ),
                        (
                            "step_clean",
                            models.FloatField(
                                default=0.03,
                                help_text="Not more, and the next step comes.",
                                validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(0.5)],
                            ),
                        ),
                        (
                            "step_failed",
                            models.FloatField(
                                default=0.3,
                                help_text="Share of a step's answers refused: above, it failed.",
                                validators=[django.core.validators.MinValueValidator(0.05), django.core.validators.MaxValueValidator(0.9)],
                            ),
                        ),
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
                        "constraints": [
                            models.UniqueConstraint(fields=("scope", "ip_id", "provider_id", "pool_id", "tenant_id", "at"), name="score_sample_once")
                        ],
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
                    name="NodeReturn",
                    fields=[
                        (
                            "node",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="came_back", serialize=False, to="pools.node"
                            ),
                        ),
                        ("lost_at", models.DateTimeField(help_text="When it was last given up, by the database's clock.")),
                        ("losses", models.PositiveIntegerField(default=1, help_text="How often within the flap window, this time included.")),
                        ("takes_s", models.PositiveIntegerField(default=0, help_text="How long its return takes; 0: it comes back at once.")),
                        ("back_at", models.DateTimeField(blank=True, help_text="When an engine of it was first heard again.", null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="FailoverPolicy",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        (
                            "suspect_ms",
                            models.PositiveIntegerField(
                                default=350,
                                help_text="Milliseconds of silence: its paths leave the auction until it is heard.",
                                validators=[django.core.validators.MinValueValidator(200), django.core.validators.MaxValueValidator(5000)],
                                verbose_name="suspected after",
                            ),
                        ),
                        (
                            "give_up_ms",
                            models.PositiveIntegerField(
                                default=720,
                                help_text="Milliseconds of an engine's silence, seen by a watcher, when its node's agent is silent too.",
                                validators=[django.core.validators.MinValueValidator(700), django.core.validators.MaxValueValidator(30000)],
                                verbose_name="given up after",
                            ),
                        ),
                        (
                            "agent_away_ms",
                            models.PositiveIntegerField(
                                default=600,
                                help_text="Milliseconds of a node agent's silence: until then its engines are left to it, for it can read their journals.",
                                validators=[django.core.validators.MinValueValidator(400), django.core.validators.MaxValueValidator(30000)],
                                verbose_name="agent away after",
                            ),
                        ),
                        (
                            "left_to_agent_s",
                            models.PositiveIntegerField(
                                default=5,
                                help_text="Seconds: an agent that is heard, but does not act, is not waited for longer.",
                                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(120)],
                                verbose_name="left to the agent for",
                            ),
                        ),
                        (
                            "returns_by_steps",
                            models.BooleanField(
                                default=True,
                                help_text="A node that was given up gets a growing share of its connections and rates. Off: all at once.",
                                verbose_name="return by steps",
                            ),
                        ),
                        (
                            "return_s",
                            models.PositiveIntegerField(
                                default=30,
                                help_text="Seconds until it has all of them again.",
                                validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(3600)],
                                verbose_name="return takes",
                            ),
                        ),
                        (
                            "longest_return_s",
                            models.PositiveIntegerField(
                                default=600,
                                help_text="Seconds: each loss within the flap window doubles the time, up to this.",
                                validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="longest return",
                            ),
                        ),
                        (
                            "flap_window_s",
                            models.PositiveIntegerField(
                                default=3600,
                                help_text="Seconds in which a loss counts against the next return.",
                                validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="flap window",
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name": "failover: policy",
                        "verbose_name_plural": "failover: policy",
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("id", 1)), name="one_failover_policy"),
                            models.CheckConstraint(condition=models.Q(("give_up_ms__gte", 700)), name="nobody_is_given_up_before_the_lease_ends"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TlsMinute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("minute", models.DateTimeField()),
                        ("provider_id", models.BigIntegerField()),
                        ("reason", models.CharField(help_text="pools.outcomes.Reason", max_length=60)),
                        ("errors", models.IntegerField(default=0)),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("minute", "provider_id", "reason"), name="tls_minute_once")],
                    },
                ),
                migrations.CreateModel(
                    name="Pool",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=60, unique=True)),
                        (
                            "kind",
                            models.CharField(choices=[("shared", "Shared"), ("dedicated", "Dedicated"), ("hybrid", "Hybrid")], default="shared", max_length=10),
                        ),
                        (
                            "fallback",
                            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="covers", to="pools.pool"),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="pools", to="tenants.tenant"),
                        ),
                        (
                            "grade",
                            models.CharField(
                                blank=True,
                                choices=[("new", "new tenants"), ("good", "tenants in good standing"), ("poor", "tenants that were slowed or held")],
                                db_default="",
                                default="",
                                help_text="Whose streams a shared pool is for; empty: nobody moves to or from it.",
                                max_length=4,
                            ),
                        ),
                        (
                            "borrow_per_day",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="What a tenant's own pool may send along borrowed and fallback IPs in a day (UTC); empty: as much as it takes.",
                                null=True,
                            ),
                        ),
                        (
                            "borrowing_closed_at",
                            models.DateTimeField(
                                blank=True, editable=False, help_text="Reputation's word: since when a day's borrowing is used up.", null=True
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("kind", "shared"), ("tenant__isnull", True)),
                                    models.Q(models.Q(("kind", "shared"), _negated=True), ("tenant__isnull", False)),
                                    _connector="OR",
                                ),
                                name="only_shared_pools_have_no_tenant",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("fallback__isnull", True), models.Q(("fallback", models.F("id")), _negated=True), _connector="OR"),
                                name="pool_is_not_its_own_fallback",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PoolMember",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("own", models.BooleanField(default=True)),
                        ("pool", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="members", to="pools.pool")),
                        ("ip", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="pools.sendingip")),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("pool", "ip"), name="ip_once_a_pool")],
                    },
                ),
                migrations.CreateModel(
                    name="Stream",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=60)),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("is_default", models.BooleanField(default=False, help_text="Used when a message names no stream.")),
                        ("pool", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="streams", to="pools.pool")),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="streams", to="tenants.tenant")),
                        (
                            "one_click_unsubscribe",
                            models.BooleanField(
                                blank=True,
                                help_text="Whether its mail carries List-Unsubscribe links (RFC 8058); empty: marketing does, other mail does not.",
                                null=True,
                            ),
                        ),
                        (
                            "held_why",
                            models.CharField(
                                blank=True,
                                db_default="",
                                default="",
                                help_text="Its mail is accepted and held, because of this; empty: it goes (pools.neighbours).",
                                max_length=260,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["tenant", "purpose", "name"],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "name"), name="stream_once_a_tenant"),
                            models.UniqueConstraint(condition=models.Q(("is_default", True)), fields=("tenant",), name="one_default_stream"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PoolMove",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "state",
                            models.CharField(
                                choices=[("proposed", "Proposed"), ("made", "Made"), ("undone", "Undone"), ("declined", "Declined")], max_length=8
                            ),
                        ),
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
                        "constraints": [
                            models.UniqueConstraint(condition=models.Q(("state", "proposed")), fields=("stream",), name="one_proposed_move_a_stream")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PoolReputationPolicy",
                    fields=[
                        (
                            "pool",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="reputation_policy",
                                serialize=False,
                                to="pools.pool",
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
                                choices=[("proposed", "Proposed"), ("done", "in force"), ("cancelled", "Cancelled"), ("over", "Over")],
                                default="done",
                                max_length=9,
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
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reputation_actions", to="pools.pool"
                            ),
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
        ),
        migrations.AddField(
            model_name="Pool",
            name="ips",
            field=models.ManyToManyField(related_name="pools", through="pools.PoolMember", to="pools.sendingip"),
        ),
    ]
