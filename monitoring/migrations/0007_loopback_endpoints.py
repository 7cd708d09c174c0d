"""An endpoint may be one machine's own: a loopback address is another door on each."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0006_drills_and_faults'),
    ]

    operations = [
        migrations.AddField(
            model_name='endpoint',
            name='machine',
            field=models.ForeignKey(blank=True,
                help_text='The only machine whose vantage points knock at it, for a loopback address is another door on each. Empty: all knock.',
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name='endpoints', to='monitoring.machine'),
        ),
    ]
