"""The platform's clock (mailplatform.shell.clock), notices, the audit trail, clusters' beats."""

from django.db import migrations, models

from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION platform_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
              SELECT clock_timestamp() + coalesce(nullif(current_setting('mailplatform.clock_shift', true), ''), '0')::interval
            $$
            """,
            "DROP FUNCTION platform_now()",
        ),
        CreateTogether(
            [
                migrations.CreateModel(
                    name="Notice",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("kind", models.CharField(max_length=60)),
                        ("scope", models.CharField(blank=True, max_length=200)),
                        ("severity", models.IntegerField(choices=[(0, "info"), (1, "warning"), (2, "critical")], default=1)),
                        ("sentence", models.TextField(help_text="What happened and what to do, in words.")),
                        ("evidence", models.JSONField(blank=True, default=dict)),
                        ("link", models.CharField(blank=True, max_length=300)),
                        ("created_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField(blank=True, null=True)),
                        ("cleared_at", models.DateTimeField(blank=True, null=True)),
                        ("cleared_by", models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        "ordering": ["-severity", "-created_at"],
                        "constraints": [
                            models.UniqueConstraint(condition=models.Q(("cleared_at", None)), fields=("kind", "scope"), name="one_open_notice_a_scope")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AuditEntry",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("at", models.DateTimeField()),
                        ("actor_id", models.BigIntegerField(help_text="The user, if it was one; kept when the account is gone.", null=True)),
                        ("actor", models.CharField(max_length=200)),
                        ("action", models.CharField(max_length=60)),
                        ("target", models.CharField(max_length=200)),
                        ("sentence", models.TextField()),
                        ("address", models.GenericIPAddressField(blank=True, null=True)),
                        ("detail", models.JSONField(blank=True, default=dict)),
                    ],
                    options={
                        "verbose_name_plural": "audit entries",
                        "ordering": ["-id"],
                        "indexes": [
                            models.Index(fields=["target", "-id"], name="audit_of_target"),
                            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ClusterBeat",
                    fields=[
                        ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                        ("at", models.DateTimeField(help_text="By the database's clock.")),
                        ("host", models.CharField(blank=True, max_length=255)),
                        ("pid", models.IntegerField()),
                        ("workers", models.PositiveSmallIntegerField(help_text="That live.")),
                        ("reborn", models.PositiveIntegerField(help_text="Processes started again since it began, those that had done their share too.")),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
            ]
        ),
    ]
