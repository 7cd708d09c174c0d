"""Keep how far a tenant has used its transactional rate."""

from django.db import migrations, models

# Updated with every transactional submission: room on the page lets that be a HOT update.
ROOMY = "ALTER TABLE delivery_transactionalpace SET (fillfactor = 50)"


class Migration(migrations.Migration):
    dependencies = [('delivery', '0005_bodies_ready_for_the_wire')]

    operations = [
        migrations.CreateModel(
            name='TransactionalPace',
            fields=[
                ('tenant_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('spent_until', models.FloatField(help_text='Seconds since 1970 at which the rate will have made good what went first.')),
                ('let_first', models.IntegerField(help_text='How many of the last request went first.')),
            ],
        ),
        migrations.RunSQL(ROOMY, migrations.RunSQL.noop),
    ]
