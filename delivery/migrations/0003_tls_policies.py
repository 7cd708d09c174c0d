import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_partitions")]

    operations = [
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
                    models.TextField(
                        blank=True, help_text="What came of the last fetch when it was no policy; one that had been had before holds on."
                    ),
                ),
            ],
            options={"verbose_name": "MTA-STS policy", "verbose_name_plural": "MTA-STS policies", "ordering": ["domain"]},
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
    ]
