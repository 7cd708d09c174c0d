"""The queue, the history, suppressions, webhooks."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("pools", "0001_first_form"),
        ("shell", "0001_first_form"),
        ("tenants", "0001_first_form"),
    ]

    operations = [
        CreateTogether(
            [
                migrations.CreateModel(
                    name="Attempt",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("engine_id", models.BigIntegerField()),
                        ("ip_id", models.BigIntegerField()),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField()),
                        ("started_at", models.DateTimeField()),
                        ("verdict", models.CharField(help_text="pools.outcomes.Verdict", max_length=12)),
                        ("reason", models.CharField(help_text="pools.outcomes.Reason", max_length=60)),
                        ("fault", models.CharField(help_text="pools.outcomes.Fault", max_length=16)),
                        ("rule", models.CharField(blank=True, max_length=60)),
                        ("phase", models.CharField(help_text="connect, banner, ehlo, starttls, auth, mail, rcpt, data, body", max_length=12)),
                        ("code", models.SmallIntegerField(null=True)),
                        ("enhanced", models.CharField(blank=True, max_length=12)),
                        ("reply", models.TextField(blank=True, help_text="Cleaned of NUL, surrogates and control characters; at most 2,000 characters.")),
                        ("mx_host", models.CharField(blank=True, max_length=253)),
                        ("mx_address", models.GenericIPAddressField(null=True)),
                        ("tls", models.CharField(blank=True, help_text="version, cipher, verified how; empty: none", max_length=120)),
                        ("connection_reused", models.BooleanField(default=False)),
                        ("timings", models.JSONField(default=dict, help_text="Milliseconds by phase.")),
                        ("why", models.JSONField(default=dict, help_text="Why this path: waited_ms, handicap_ms, score, others.")),
                    ],
                ),
                migrations.CreateModel(
                    name="Body",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("mime", models.BinaryField()),
                        ("head_length", models.IntegerField()),
                        ("body_hash", models.BinaryField(help_text="SHA-256 of the body canonicalised as relaxed (RFC 6376 §3.4.4): DKIM's bh=.")),
                        ("needs_8bit", models.BooleanField(default=False)),
                        ("needs_smtputf8", models.BooleanField(default=False)),
                        (
                            "wire_ready",
                            models.BooleanField(
                                db_default=False, default=False, help_text="The body goes out as it is: CR LF line ends only, no line begins with a dot."
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Claimed",
                    fields=[
                        ("id", models.UUIDField(help_text="The delivery's id.", primary_key=True, serialize=False)),
                        ("body_id", models.UUIDField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("stream_id", models.BigIntegerField()),
                        ("domain_id", models.BigIntegerField()),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField(help_text="Empty: not sorted yet.", null=True)),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("tag", models.FloatField(default=0, help_text="Fair queuing's virtual start time.")),
                        ("ready_at", models.DateTimeField()),
                        ("attempts", models.SmallIntegerField(default=0, help_text="Attempts that counted.")),
                        ("tries", models.SmallIntegerField(default=0, help_text="All attempts, reroutes among them: the attempt number.")),
                        ("crashes", models.SmallIntegerField(default=0, help_text="Engines that died with it in their hands.")),
                        ("sticky_ip_id", models.BigIntegerField(help_text="Greylisted there: this IP first.", null=True)),
                        ("avoid_ip_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                        ("recipient", models.TextField()),
                        ("size_bytes", models.IntegerField()),
                        ("fingerprint", models.BigIntegerField(default=0)),
                        ("own_head", models.BinaryField(help_text="Header lines of this delivery alone, before the stored ones.", null=True)),
                        ("expires_at", models.DateTimeField()),
                        ("engine_id", models.BigIntegerField()),
                        ("claimed_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name_plural": "claimed",
                        "indexes": [models.Index(fields=["engine_id"], name="claimed_by_engine")],
                    },
                ),
                migrations.CreateModel(
                    name="Delivery",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("tenant_id", models.BigIntegerField()),
                        ("recipient", models.TextField(help_text="The address as given, without a display name; its domain in lower case and A-labels.")),
                        ("role", models.CharField(default="to", help_text="to, cc or bcc", max_length=3)),
                        (
                            "final",
                            models.CharField(
                                choices=[
                                    ("scheduled", "Scheduled"),
                                    ("queued", "Queued"),
                                    ("sending", "Sending"),
                                    ("deferred", "Deferred"),
                                    ("held", "Held"),
                                    ("delivered", "Delivered"),
                                    ("bounced", "Bounced"),
                                    ("expired", "Expired"),
                                    ("cancelled", "Cancelled"),
                                    ("suppressed", "Suppressed"),
                                ],
                                max_length=12,
                                null=True,
                            ),
                        ),
                        ("reason", models.CharField(blank=True, help_text="pools.outcomes.Reason", max_length=60)),
                        ("reply", models.TextField(blank=True, help_text="The provider's last words, cleaned.")),
                        ("provider_id", models.BigIntegerField(null=True)),
                        ("done_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "verbose_name_plural": "deliveries",
                        "indexes": [models.Index(fields=["recipient", "id"], name="delivery_of_recipient")],
                    },
                ),
                migrations.CreateModel(
                    name="Engine",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("slot", models.PositiveSmallIntegerField()),
                        ("pid", models.IntegerField()),
                        ("started_at", models.DateTimeField()),
                        ("renewed_at", models.DateTimeField(help_text="By the database's clock.")),
                        ("suspected_at", models.DateTimeField(blank=True, null=True)),
                        ("draining", models.BooleanField(default=False)),
                        ("state", models.JSONField(default=dict, help_text="Counters of the moment: connections, in hand, rate, paths.")),
                        ("node", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="engines", to="pools.node")),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("node", "slot"), name="one_engine_a_slot")],
                    },
                ),
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("delivery_id", models.UUIDField(help_text="Or the message's id, when it is about all of them.")),
                        ("tenant_id", models.BigIntegerField()),
                        ("kind", models.CharField(max_length=30)),
                        ("at", models.DateTimeField()),
                        ("data", models.JSONField(default=dict)),
                    ],
                    options={
                        "indexes": [models.Index(fields=["delivery_id"], name="event_of_delivery")],
                    },
                ),
                migrations.CreateModel(
                    name="FairTag",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField()),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("tenant_id", models.BigIntegerField()),
                        ("last_tag", models.FloatField()),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("pool_id", "provider_id", "purpose", "tenant_id"), name="fair_tag_once")],
                    },
                ),
                migrations.CreateModel(
                    name="IdempotencyKey",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("key", models.CharField(max_length=255)),
                        ("request_hash", models.BinaryField()),
                        ("response_status", models.SmallIntegerField()),
                        ("response", models.JSONField()),
                        ("created_at", models.DateTimeField()),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
                    ],
                    options={
                        "indexes": [models.Index(fields=["created_at"], name="idempotency_key_age")],
                        "constraints": [models.UniqueConstraint(fields=("tenant", "key"), name="idempotency_key_once_a_tenant")],
                    },
                ),
                migrations.CreateModel(
                    name="IpLease",
                    fields=[
                        (
                            "ip",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="lease", serialize=False, to="pools.sendingip"
                            ),
                        ),
                        ("granted_at", models.DateTimeField()),
                        ("engine", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="leases", to="delivery.engine")),
                    ],
                ),
                migrations.CreateModel(
                    name="Lane",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("virtual_time", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, size=3)),
                        ("pool", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lanes", to="pools.pool")),
                        ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lanes", to="pools.provider")),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("pool", "provider"), name="lane_once")],
                    },
                ),
                migrations.CreateModel(
                    name="Message",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("tenant_id", models.BigIntegerField()),
                        ("stream_id", models.BigIntegerField()),
                        ("pool_id", models.BigIntegerField()),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("body_id", models.UUIDField()),
                        ("domain_id", models.BigIntegerField(help_text="The sending domain, whose keys sign.")),
                        ("sender", models.TextField(help_text="The From header as given.")),
                        ("subject", models.TextField(blank=True)),
                        ("recipients", models.IntegerField()),
                        ("size_bytes", models.IntegerField()),
                        ("tags", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                        ("metadata", models.JSONField(default=dict)),
                        (
                            "fingerprint",
                            models.BigIntegerField(default=0, help_text="Of the content without what differs by recipient: one campaign, one number."),
                        ),
                        ("submitted_by", models.TextField(blank=True, help_text="The API key's prefix, or where else it came from.")),
                        ("send_at", models.DateTimeField(null=True)),
                        ("expires_at", models.DateTimeField()),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={
                        "indexes": [models.Index(fields=["tenant_id", "id"], name="message_of_tenant")],
                    },
                ),
                migrations.CreateModel(
                    name="Ready",
                    fields=[
                        ("id", models.UUIDField(help_text="The delivery's id.", primary_key=True, serialize=False)),
                        ("body_id", models.UUIDField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("stream_id", models.BigIntegerField()),
                        ("domain_id", models.BigIntegerField()),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField(help_text="Empty: not sorted yet.", null=True)),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("tag", models.FloatField(default=0, help_text="Fair queuing's virtual start time.")),
                        ("ready_at", models.DateTimeField()),
                        ("attempts", models.SmallIntegerField(default=0, help_text="Attempts that counted.")),
                        ("tries", models.SmallIntegerField(default=0, help_text="All attempts, reroutes among them: the attempt number.")),
                        ("crashes", models.SmallIntegerField(default=0, help_text="Engines that died with it in their hands.")),
                        ("sticky_ip_id", models.BigIntegerField(help_text="Greylisted there: this IP first.", null=True)),
                        ("avoid_ip_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                        ("recipient", models.TextField()),
                        ("size_bytes", models.IntegerField()),
                        ("fingerprint", models.BigIntegerField(default=0)),
                        ("own_head", models.BinaryField(help_text="Header lines of this delivery alone, before the stored ones.", null=True)),
                        ("expires_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name_plural": "ready",
                        "indexes": [models.Index(fields=["pool_id", "provider_id", "purpose", "tag"], name="ready_of_lane")],
                    },
                ),
                migrations.CreateModel(
                    name="Suppression",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("address", models.TextField(help_text="In lower case.")),
                        (
                            "reason",
                            models.CharField(
                                choices=[("bounce", "Bounce"), ("complaint", "Complaint"), ("unsubscribe", "Unsubscribe"), ("manual", "Manual")], max_length=12
                            ),
                        ),
                        ("detail", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField()),
                        (
                            "stream",
                            models.ForeignKey(
                                blank=True,
                                help_text="Empty: all of the tenant's mail.",
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="suppressions",
                                to="pools.stream",
                            ),
                        ),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="suppressions", to="tenants.tenant")),
                    ],
                    options={
                        "ordering": ["-id"],
                        "indexes": [models.Index(fields=["tenant", "id"], name="suppression_of_tenant")],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "address", "stream"), name="suppression_once", nulls_distinct=False),
                            models.CheckConstraint(
                                condition=models.Q(("address", django.db.models.functions.text.Lower("address"))), name="suppressed_address_in_lower_case"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Waiting",
                    fields=[
                        ("id", models.UUIDField(help_text="The delivery's id.", primary_key=True, serialize=False)),
                        ("body_id", models.UUIDField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("stream_id", models.BigIntegerField()),
                        ("domain_id", models.BigIntegerField()),
                        ("pool_id", models.BigIntegerField()),
                        ("provider_id", models.BigIntegerField(help_text="Empty: not sorted yet.", null=True)),
                        ("purpose", models.SmallIntegerField(choices=[(0, "transactional"), (1, "notification"), (2, "marketing")])),
                        ("tag", models.FloatField(default=0, help_text="Fair queuing's virtual start time.")),
                        ("ready_at", models.DateTimeField()),
                        ("attempts", models.SmallIntegerField(default=0, help_text="Attempts that counted.")),
                        ("tries", models.SmallIntegerField(default=0, help_text="All attempts, reroutes among them: the attempt number.")),
                        ("crashes", models.SmallIntegerField(default=0, help_text="Engines that died with it in their hands.")),
                        ("sticky_ip_id", models.BigIntegerField(help_text="Greylisted there: this IP first.", null=True)),
                        ("avoid_ip_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                        ("recipient", models.TextField()),
                        ("size_bytes", models.IntegerField()),
                        ("fingerprint", models.BigIntegerField(default=0)),
                        ("own_head", models.BinaryField(help_text="Header lines of this delivery alone, before the stored ones.", null=True)),
                        ("expires_at", models.DateTimeField()),
                        (
                            "why",
                            models.CharField(
                                choices=[
                                    ("sorting", "Sorting"),
                                    ("retry", "Retry"),
                                    ("schedule", "Schedule"),
                                    ("hold", "Hold"),
                                    ("quota", "Quota"),
                                    ("lane", "Lane"),
                                    ("campaign", "Campaign"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("scope", models.CharField(blank=True, help_text="The domain to sort, the lane that is closed, why it is held.", max_length=260)),
                        ("due_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "verbose_name_plural": "waiting",
                        "indexes": [
                            models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="waiting_due"),
                            models.Index(fields=["why", "scope"], name="waiting_why"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MtaStsPolicy",
                    fields=[
                        ("domain", models.CharField(max_length=253, primary_key=True, serialize=False)),
                        ("policy_id", models.CharField(help_text="The id in its TXT record when it was fetched.", max_length=32)),
                        ("mode", models.CharField(blank=True, help_text="enforce, testing or none; empty: it was never had.", max_length=8)),
                        (
                            "mx",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=255), default=list, help_text="Patterns of the hosts that may take its mail.", size=None
                            ),
                        ),
                        ("fetched_at", models.DateTimeField(null=True)),
                        ("expires_at", models.DateTimeField(null=True)),
                        ("tried_at", models.DateTimeField(help_text="The last fetch, whatever came of it.")),
                        (
                            "problem",
                            models.TextField(blank=True, help_text="What came of the last fetch when it was no policy; one that had been had before holds on."),
                        ),
                    ],
                    options={
                        "verbose_name": "MTA-STS policy",
                        "verbose_name_plural": "MTA-STS policies",
                        "ordering": ["domain"],
                    },
                ),
                migrations.CreateModel(
                    name="BrokenTls",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("host", models.CharField(max_length=253)),
                        ("proof", models.CharField(help_text="delivery.smtp.target.TlsMode: what was asked of its TLS.", max_length=12)),
                        ("failure", models.CharField(help_text="delivery.smtp.wire.Failure", max_length=20)),
                        ("detail", models.TextField(blank=True)),
                        ("failures", models.IntegerField(default=1, help_text="In a row.")),
                        ("since", models.DateTimeField()),
                        ("last_at", models.DateTimeField()),
                        ("retry_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name": "broken TLS",
                        "verbose_name_plural": "broken TLS",
                        "ordering": ["host"],
                        "constraints": [models.UniqueConstraint(fields=("host", "proof"), name="broken_tls_once")],
                    },
                ),
                migrations.CreateModel(
                    name="CampaignBlock",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("fingerprint", models.BigIntegerField(help_text="Of the content without what differs by recipient.")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("testing", "testing: a few go along other paths, the rest waits"),
                                    ("ip", "the sending IP: the campaign goes on along others"),
                                    ("content", "the content: the campaign is held"),
                                    ("released", "released by a person: it is sent whatever the provider says"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("round", models.IntegerField(default=1, help_text="How often it has been blocked anew.")),
                        ("canaries", models.SmallIntegerField(default=0, help_text="How many were sent along other paths in this round.")),
                        ("sentence", models.CharField(blank=True, help_text="What the deliveries that wait for it say: their scope.", max_length=260)),
                        (
                            "evidence",
                            models.JSONField(default=dict, help_text="blocked: IPs and replies; canaries: IP, passed, reply, whether others passed there."),
                        ),
                        ("started_at", models.DateTimeField()),
                        ("decided_at", models.DateTimeField(null=True)),
                        ("expires_at", models.DateTimeField()),
                        ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="pools.provider")),
                        ("stream", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="pools.stream")),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant")),
                    ],
                    options={
                        "ordering": ["-started_at"],
                        "constraints": [models.UniqueConstraint(fields=("provider", "tenant", "stream", "fingerprint"), name="campaign_block_once")],
                    },
                ),
                migrations.CreateModel(
                    name="TransactionalPace",
                    fields=[
                        ("tenant_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("spent_until", models.FloatField(help_text="Seconds since 1970 at which the rate will have made good what went first.")),
                        ("let_first", models.IntegerField(help_text="How many of the last request went first.")),
                    ],
                ),
                migrations.CreateModel(
                    name="CameBack",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("delivery_id", models.UUIDField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("kind", models.CharField(help_text="delivery.returns.finding.Kind", max_length=12)),
                        ("hard", models.BooleanField(default=False, help_text="A bounce that says that the mailbox will never take mail.")),
                        ("reason", models.CharField(blank=True, help_text="pools.outcomes.Reason", max_length=60)),
                        ("fault", models.CharField(blank=True, help_text="pools.outcomes.Fault", max_length=16)),
                        ("status", models.CharField(blank=True, help_text="As reported (RFC 3463).", max_length=12)),
                        ("words", models.TextField(blank=True, help_text="The reporter's own words, cleaned.")),
                        (
                            "reporter",
                            models.CharField(blank=True, help_text="Who says so: the reporting server, or the address that it came from.", max_length=253),
                        ),
                        ("token", models.CharField(help_text="What named the delivery: delivery.returns.tokens.Place", max_length=20)),
                        ("note", models.TextField(blank=True, help_text="What did not fit.")),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name_plural": "came back",
                        "ordering": ["-id"],
                        "indexes": [models.Index(fields=["at"], name="came_back_age")],
                        "constraints": [models.UniqueConstraint(fields=("delivery_id", "kind"), name="came_back_once")],
                    },
                ),
                migrations.CreateModel(
                    name="ReturnMinute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("minute", models.DateTimeField()),
                        ("what", models.CharField(max_length=20)),
                        ("count", models.IntegerField()),
                    ],
                    options={
                        "ordering": ["-minute", "what"],
                        "constraints": [models.UniqueConstraint(fields=("minute", "what"), name="return_minute_once")],
                    },
                ),
                migrations.CreateModel(
                    name="SuppressionImport",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "stream",
                            models.ForeignKey(
                                blank=True,
                                help_text="For rows that name none; empty: all mail.",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="pools.stream",
                            ),
                        ),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="suppression_imports", to="tenants.tenant")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("preview", "uploaded, and looked at by a person"),
                                    ("queued", "Queued"),
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("file_name", models.CharField(blank=True, max_length=200)),
                        ("size_bytes", models.BigIntegerField()),
                        ("encoding", models.CharField(max_length=20)),
                        ("layout", models.JSONField(default=dict, help_text="Format, delimiter, which column is what (delivery.suppressions.layout).")),
                        (
                            "reason",
                            models.CharField(
                                choices=[("bounce", "Bounce"), ("complaint", "Complaint"), ("unsubscribe", "Unsubscribe"), ("manual", "Manual")],
                                help_text="For rows that say none.",
                                max_length=12,
                            ),
                        ),
                        ("parts", models.IntegerField(help_text="How many parts the file came in.")),
                        ("lines", models.BigIntegerField(help_text="Lines of the whole file.")),
                        ("lines_done", models.BigIntegerField(default=0)),
                        ("added", models.BigIntegerField(default=0)),
                        ("already_there", models.BigIntegerField(default=0)),
                        ("refused", models.BigIntegerField(default=0)),
                        ("refused_sample", models.JSONField(default=list, help_text="The first refused lines: line, problem, text.")),
                        ("problem", models.TextField(blank=True, help_text="Why it failed.")),
                        ("created_by", models.CharField(max_length=200)),
                        ("created_at", models.DateTimeField()),
                        ("moved_at", models.DateTimeField(help_text="When it last made progress.")),
                        ("finished_at", models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        "ordering": ["-id"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ("preview", "queued", "running"))), fields=("tenant",), name="one_suppression_import_at_a_time"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SuppressionImportPart",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("of", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="left", to="delivery.suppressionimport")),
                        ("number", models.IntegerField()),
                        ("first_line", models.BigIntegerField()),
                        ("lines", models.IntegerField()),
                        ("content", models.TextField()),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("of", "number"), name="import_part_once")],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookEndpoint",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("url", models.TextField()),
                        ("description", models.CharField(blank=True, max_length=200)),
                        (
                            "kinds",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                blank=True,
                                default=list,
                                help_text="delivery.webhooks.kinds; empty: all of them.",
                                size=None,
                            ),
                        ),
                        (
                            "streams",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.BigIntegerField(),
                                blank=True,
                                default=list,
                                help_text="Ids of the tenant's streams; empty: all of them.",
                                size=None,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(choices=[("active", "Active"), ("paused", "Paused"), ("disabled", "Disabled")], default="active", max_length=10),
                        ),
                        ("stopped_why", models.TextField(blank=True, help_text="Why it was disabled.")),
                        ("secret_encrypted", models.BinaryField()),
                        ("old_secret_encrypted", models.BinaryField(help_text="Signs too until then, after a rotation.", null=True)),
                        ("old_secret_until", models.DateTimeField(null=True)),
                        ("failures", models.IntegerField(default=0, help_text="In a row.")),
                        ("failing_since", models.DateTimeField(null=True)),
                        ("retry_at", models.DateTimeField(help_text="Nothing is sent before: it failed several times in a row, or asked for it.", null=True)),
                        ("last_success_at", models.DateTimeField(null=True)),
                        ("last_failure_at", models.DateTimeField(null=True)),
                        ("last_problem", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField()),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="tenants.tenant")),
                    ],
                    options={
                        "ordering": ["tenant", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookEvent",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "webhook_id",
                            models.UUIDField(help_text="Made of source, kind and endpoint: the same event twice is one row, and one webhook-id.", unique=True),
                        ),
                        ("tenant_id", models.BigIntegerField()),
                        ("endpoint_id", models.BigIntegerField()),
                        ("message_id", models.UUIDField(help_text="Its events are sent in order.")),
                        ("delivery_id", models.UUIDField()),
                        ("source_id", models.UUIDField(help_text="The attempt or event that it tells of, or the delivery itself.")),
                        ("kind", models.CharField(help_text="delivery.webhooks.kinds", max_length=40)),
                        ("at", models.DateTimeField(help_text="When it happened.")),
                        (
                            "state",
                            models.CharField(
                                choices=[("pending", "Pending"), ("sent", "Sent"), ("failed", "Failed")], db_default="pending", default="pending", max_length=8
                            ),
                        ),
                        ("due_at", models.DateTimeField(help_text="When to send it next. A sender that has it in hand moves this on: its lease.")),
                        ("tries", models.SmallIntegerField(db_default=0, default=0)),
                        ("give_up_at", models.DateTimeField(help_text="Set by the first try.", null=True)),
                        ("done_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(condition=models.Q(("state", "pending")), fields=["endpoint_id", "due_at"], name="webhook_due"),
                            models.Index(condition=models.Q(("state", "pending")), fields=["endpoint_id", "message_id", "id"], name="webhook_order"),
                            models.Index(condition=models.Q(("state", "failed")), fields=["endpoint_id", "id"], name="webhook_failed"),
                            models.Index(condition=models.Q(("kind", "webhook.test"), ("state", "pending")), fields=["due_at"], name="webhook_tests"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookTry",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("event_id", models.BigIntegerField()),
                        ("tenant_id", models.BigIntegerField()),
                        ("endpoint_id", models.BigIntegerField()),
                        ("at", models.DateTimeField()),
                        ("number", models.SmallIntegerField(help_text="Which try of its event, from 1.")),
                        ("ok", models.BooleanField()),
                        ("status", models.SmallIntegerField(help_text="Empty: there was no answer.", null=True)),
                        ("milliseconds", models.IntegerField()),
                        ("problem", models.TextField(blank=True)),
                        ("answer", models.TextField(blank=True, help_text="The beginning of the answer's body, cleaned.")),
                    ],
                    options={
                        "verbose_name_plural": "webhook tries",
                        "indexes": [
                            models.Index(fields=["endpoint_id", "id"], name="webhook_tries"),
                            models.Index(condition=models.Q(("ok", False)), fields=["endpoint_id", "id"], name="webhook_failed_tries"),
                            models.Index(fields=["event_id"], name="webhook_tries_of_event"),
                        ],
                    },
                ),
            ]
        ),
    ]
