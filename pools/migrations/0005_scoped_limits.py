from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pools", "0004_secure_mail_hosts")]

    operations = [
        migrations.CreateModel(
            "ScopedLimit",
            [
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
            options={"constraints": [models.UniqueConstraint(fields=("scope", "key", "provider_id"), name="scoped_limit_once")]},
        ),
    ]
