"""What slows a tenant: its weight and its rate outside of transactional mail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_domains_in_dns"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="bulk_per_minute",
            field=models.PositiveIntegerField(
                blank=True, help_text="Most marketing and notification deliveries a minute while it is slowed; empty: it is not.", null=True
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="bulk_share",
            field=models.PositiveSmallIntegerField(
                db_default=100, default=100, help_text="Of its weight, in percent, outside of transactional mail: less while it is slowed."
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(condition=models.Q(("bulk_share__gte", 1), ("bulk_share__lte", 100)), name="tenant_bulk_share_1_to_100"),
        ),
    ]
