"""What is asked and seen of sending domains in DNS, and the life of their DKIM keys.

Domains that are there get a token each; keys that sign are told from those that were turned off by a person, which are not to come back by themselves.
"""

import secrets

import django.db.models.deletion
import django.db.models.functions
from django.db import migrations, models

import mailplatform.tenants.models


def what_is_there(apps, schema_editor):
    for domain in apps.get_model("tenants", "SendingDomain").objects.filter(ownership_token=""):
        domain.ownership_token = secrets.token_hex(15)
        domain.save(update_fields=["ownership_token"])
    keys = apps.get_model("tenants", "DkimKey").objects
    keys.filter(active=True).update(activated_at=models.F("created_at"))
    keys.filter(active=False).update(retired_at=django.db.models.functions.Now())


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.AddField("sendingdomain", "ownership_token", models.CharField(default="", editable=False, max_length=40)),
        migrations.AddField(
            "sendingdomain",
            "ownership_seen_at",
            models.DateTimeField(blank=True, help_text="When its record was last right; empty: never seen by us.", null=True),
        ),
        migrations.AddField(
            "sendingdomain",
            "return_path_host",
            models.CharField(blank=True, db_default="", default="", help_text="Below the domain, a CNAME for our return path; empty: ours.", max_length=253),
        ),
        migrations.AddField(
            "sendingdomain",
            "return_path_seen_at",
            models.DateTimeField(blank=True, help_text="Since when that name is right; empty: it is not used.", null=True),
        ),
        migrations.AddField(
            "sendingdomain", "rotate_days", models.PositiveSmallIntegerField(default=0, help_text="A new DKIM key after so many days; 0: never by itself.")
        ),
        migrations.AddField("sendingdomain", "checked_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "sendingdomain", "next_check_at", models.DateTimeField(blank=True, db_index=True, help_text="Empty: as soon as possible.", null=True)
        ),
        migrations.AddField(
            "sendingdomain",
            "verdict",
            models.JSONField(blank=True, default=dict, help_text="Readiness for the providers' bulk-sender rules, as the last check left it."),
        ),
        migrations.AddField("dkimkey", "seen_at", models.DateTimeField(blank=True, help_text="When its record was last seen right in DNS.", null=True)),
        migrations.AddField("dkimkey", "activated_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "dkimkey",
            "retired_at",
            models.DateTimeField(blank=True, help_text="Since when it signs no more; neither active nor retired: it waits for its record.", null=True),
        ),
        migrations.AlterField("dkimkey", "active", models.BooleanField(default=True, help_text="It signs.")),
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
        migrations.RunPython(what_is_there, migrations.RunPython.noop),
        migrations.AlterField(
            "sendingdomain", "ownership_token", models.CharField(default=mailplatform.tenants.models.new_ownership_token, editable=False, max_length=40)
        ),
    ]
