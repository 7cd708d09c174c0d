"""Tenants, their users, keys and sending domains."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import mailplatform.tenants.models
from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        CreateTogether(
            [
                migrations.CreateModel(
                    name="Tenant",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.SlugField(max_length=60, unique=True)),
                        ("title", models.CharField(max_length=120)),
                        (
                            "state",
                            models.CharField(choices=[("active", "Active"), ("paused", "Paused"), ("suspended", "Suspended")], default="active", max_length=12),
                        ),
                        ("weight", models.FloatField(default=1.0, help_text="Share of a lane against other tenants of the same purpose.")),
                        ("transactional_rate_per_s", models.FloatField(default=50.0, help_text="Above this, transactional mail orders as notification.")),
                        ("daily_cap", models.PositiveIntegerField(blank=True, help_text="Most deliveries accepted in 24 hours; empty: no cap.", null=True)),
                        ("is_simulated", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "bulk_per_minute",
                            models.PositiveIntegerField(
                                blank=True, help_text="Most marketing and notification deliveries a minute while it is slowed; empty: it is not.", null=True
                            ),
                        ),
                        (
                            "bulk_share",
                            models.PositiveSmallIntegerField(
                                db_default=100, default=100, help_text="Of its weight, in percent, outside of transactional mail: less while it is slowed."
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("weight__gt", 0)), name="tenant_weight_positive"),
                            models.CheckConstraint(condition=models.Q(("transactional_rate_per_s__gte", 0)), name="tenant_rate_not_negative"),
                            models.CheckConstraint(condition=models.Q(("bulk_share__gte", 1), ("bulk_share__lte", 100)), name="tenant_bulk_share_1_to_100"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SendingDomain",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "name",
                            models.CharField(
                                max_length=253,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9-]{2,63}$",
                                        "A domain name in lower case, like mail.example.com.",
                                    )
                                ],
                            ),
                        ),
                        ("verified_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="domains", to="tenants.tenant")),
                        ("ownership_token", models.CharField(default=mailplatform.tenants.models.new_ownership_token, editable=False, max_length=40)),
                        (
                            "ownership_seen_at",
                            models.DateTimeField(blank=True, help_text="When its record was last right; empty: never seen by us.", null=True),
                        ),
                        (
                            "return_path_host",
                            models.CharField(
                                blank=True, db_default="", default="", help_text="Below the domain, a CNAME for our return path; empty: ours.", max_length=253
                            ),
                        ),
                        ("return_path_seen_at", models.DateTimeField(blank=True, help_text="Since when that name is right; empty: it is not used.", null=True)),
                        ("rotate_days", models.PositiveSmallIntegerField(default=0, help_text="A new DKIM key after so many days; 0: never by itself.")),
                        ("checked_at", models.DateTimeField(blank=True, null=True)),
                        ("next_check_at", models.DateTimeField(blank=True, db_index=True, help_text="Empty: as soon as possible.", null=True)),
                        (
                            "verdict",
                            models.JSONField(blank=True, default=dict, help_text="Readiness for the providers' bulk-sender rules, as the last check left it."),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(fields=("tenant", "name"), name="domain_once_a_tenant"),
                            models.UniqueConstraint(condition=models.Q(("verified_at__isnull", False)), fields=("name",), name="verified_domain_has_one_owner"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ApiKey",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(max_length=80)),
                        ("prefix", models.CharField(help_text="The beginning of the key, shown to recognise it.", max_length=16, unique=True)),
                        (
                            "secret_hash",
                            models.CharField(help_text="SHA-256 of the key; the key itself is random and long, so no slow hash is needed.", max_length=64),
                        ),
                        (
                            "scopes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=30),
                                default=list,
                                help_text="messages:send, messages:read, suppressions, domains, webhooks",
                                size=None,
                            ),
                        ),
                        (
                            "allowed_networks",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=50),
                                blank=True,
                                default=list,
                                help_text="CIDR networks it may be used from; empty: anywhere.",
                                size=None,
                            ),
                        ),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        ("revoked_at", models.DateTimeField(blank=True, null=True)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="api_keys", to="tenants.tenant")),
                    ],
                    options={
                        "ordering": ["tenant", "-created_at"],
                    },
                ),
                migrations.CreateModel(
                    name="User",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("password", models.CharField(max_length=128, verbose_name="password")),
                        ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                        (
                            "is_superuser",
                            models.BooleanField(
                                default=False,
                                help_text="Designates that this user has all permissions without explicitly assigning them.",
                                verbose_name="superuser status",
                            ),
                        ),
                        ("email", models.EmailField(max_length=254, unique=True)),
                        ("name", models.CharField(blank=True, max_length=120)),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("viewer", "Viewer"),
                                    ("operator", "Operator"),
                                    ("staff", "Staff"),
                                    ("administrator", "Administrator"),
                                    ("tenant", "Tenant"),
                                ],
                                default="viewer",
                                max_length=15,
                            ),
                        ),
                        ("is_active", models.BooleanField(default=True)),
                        ("date_joined", models.DateTimeField(auto_now_add=True)),
                        (
                            "groups",
                            models.ManyToManyField(
                                blank=True,
                                help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                                related_name="user_set",
                                related_query_name="user",
                                to="auth.group",
                                verbose_name="groups",
                            ),
                        ),
                        (
                            "user_permissions",
                            models.ManyToManyField(
                                blank=True,
                                help_text="Specific permissions for this user.",
                                related_name="user_set",
                                related_query_name="user",
                                to="auth.permission",
                                verbose_name="user permissions",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="users", to="tenants.tenant"),
                        ),
                    ],
                    options={
                        "ordering": ["email"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("role", "tenant"), ("tenant__isnull", False)),
                                    models.Q(models.Q(("role", "tenant"), _negated=True), ("tenant__isnull", True)),
                                    _connector="OR",
                                ),
                                name="tenant_users_have_a_tenant",
                            ),
                            models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="user_email_any_case"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DkimKey",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("selector", models.CharField(max_length=63)),
                        ("algorithm", models.CharField(choices=[("rsa-sha256", "Rsa"), ("ed25519-sha256", "Ed25519")], max_length=16)),
                        ("private_encrypted", models.BinaryField()),
                        ("public_record", models.TextField(help_text="The TXT record's value.")),
                        ("active", models.BooleanField(default=True, help_text="It signs.")),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("domain", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="dkim_keys", to="tenants.sendingdomain")),
                        ("seen_at", models.DateTimeField(blank=True, help_text="When its record was last seen right in DNS.", null=True)),
                        ("activated_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "retired_at",
                            models.DateTimeField(
                                blank=True, help_text="Since when it signs no more; neither active nor retired: it waits for its record.", null=True
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["domain", "selector"],
                        "constraints": [models.UniqueConstraint(fields=("domain", "selector"), name="selector_once_a_domain")],
                    },
                ),
                migrations.CreateModel(
                    name="DomainCheck",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("kind", models.CharField(max_length=20)),
                        ("subject", models.CharField(blank=True, help_text="The selector, where it is about one key.", max_length=63)),
                        ("answer", models.CharField(choices=[("right", "Right"), ("wrong", "Wrong"), ("unknown", "Unknown")], max_length=8)),
                        ("sentence", models.TextField()),
                        ("expected", models.TextField(blank=True)),
                        ("seen", models.JSONField(default=list, help_text="What the DNS said, quoted.")),
                        ("detail", models.JSONField(default=dict)),
                        ("checked_at", models.DateTimeField()),
                        ("since", models.DateTimeField(help_text="Since when the answer is this one, leaving out when it could not be asked.")),
                        ("wrong_times", models.PositiveIntegerField(default=0, help_text="How often in a row it was wrong.")),
                        ("domain", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="checks", to="tenants.sendingdomain")),
                    ],
                    options={
                        "ordering": ["domain", "kind", "subject"],
                        "constraints": [models.UniqueConstraint(fields=("domain", "kind", "subject"), name="check_once_a_domain")],
                    },
                ),
            ]
        ),
    ]
