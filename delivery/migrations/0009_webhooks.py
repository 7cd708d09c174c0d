"""Keep webhook endpoints, the outbox of what they are to be told, and the log of each try."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0008_suppression_imports"),
        ("tenants", "0002_domains_in_dns"),
    ]

    operations = [
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
                        base_field=models.BigIntegerField(), blank=True, default=list, help_text="Ids of the tenant's streams; empty: all of them.", size=None
                    ),
                ),
                ("state", models.CharField(choices=[("active", "Active"), ("paused", "Paused"), ("disabled", "Disabled")], default="active", max_length=10)),
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
