"""Blocked campaigns get a table: which, where, what is known, until when."""

import django.db.models.deletion
from django.db import migrations, models

WHY = [(word, word.title()) for word in ("sorting", "retry", "schedule", "hold", "quota", "lane", "campaign")]
STATES = [
    ("testing", "testing: a few go along other paths, the rest waits"),
    ("ip", "the sending IP: the campaign goes on along others"),
    ("content", "the content: the campaign is held"),
    ("released", "released by a person: it is sent whatever the provider says"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0003_tls_policies"),
        ("pools", "0004_secure_mail_hosts"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="waiting",
            name="why",
            field=models.CharField(choices=WHY, max_length=10),
        ),
        migrations.CreateModel(
            name="CampaignBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.BigIntegerField(help_text="Of the content without what differs by recipient.")),
                ("state", models.CharField(choices=STATES, max_length=10)),
                ("round", models.IntegerField(default=1, help_text="How often it has been blocked anew.")),
                ("canaries", models.SmallIntegerField(default=0, help_text="How many were sent along other paths in this round.")),
                ("sentence", models.CharField(blank=True, help_text="What the deliveries that wait for it say: their scope.", max_length=260)),
                ("evidence", models.JSONField(default=dict, help_text="blocked: IPs and replies; canaries: IP, passed, reply, whether others passed there.")),
                ("started_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                ("provider", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="pools.provider")),
                ("stream", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="pools.stream")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant")),
            ],
            options={
                "ordering": ["-started_at"],
                "constraints": [models.UniqueConstraint(fields=("provider", "tenant", "stream", "fingerprint"), name="campaign_block_once")],
            },
        ),
    ]
