"""Streams say whether their mail carries unsubscribe links, and their minutes count what was suppressed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pools", "0005_scoped_limits")]

    operations = [
        migrations.AddField(
            "stream",
            "one_click_unsubscribe",
            models.BooleanField(
                blank=True, null=True, help_text="Whether its mail carries List-Unsubscribe links (RFC 8058); empty: marketing does, other mail does not."
            ),
        ),
        migrations.AddField(
            "streamminute",
            "suppressed",
            models.IntegerField(db_default=0, default=0, help_text="Never tried: on the tenant's suppression list. In rows of provider 0 alone."),
        ),
    ]
