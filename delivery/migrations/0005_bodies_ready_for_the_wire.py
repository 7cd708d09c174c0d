"""A body that needs no look before it is sent says so: the look costs an engine a tenth of a message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0004_campaign_blocks")]

    operations = [
        migrations.AddField(
            "body",
            "wire_ready",
            models.BooleanField(default=False, help_text="The body goes out as it is: CR LF line ends only, no line begins with a dot.", db_default=False),
        ),
    ]
