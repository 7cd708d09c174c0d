"""Files of suppressed addresses are taken in part by part, one file at a time for each tenant; lists of suppressions are read by tenant."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

REASONS = [(word, word.title()) for word in ("bounce", "complaint", "unsubscribe", "manual")]
STATES = [
    ("preview", "uploaded, and looked at by a person"),
    ("queued", "Queued"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0007_what_came_back"),
        ("pools", "0006_unsubscribe_links_and_suppressed_minutes"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SuppressionImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "stream",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="pools.stream",
                        help_text="For rows that name none; empty: all mail.",
                    ),
                ),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="suppression_imports", to="tenants.tenant")),
                ("state", models.CharField(choices=STATES, max_length=10)),
                ("file_name", models.CharField(blank=True, max_length=200)),
                ("size_bytes", models.BigIntegerField()),
                ("encoding", models.CharField(max_length=20)),
                ("layout", models.JSONField(default=dict, help_text="Format, delimiter, which column is what (delivery.suppressions.layout).")),
                ("reason", models.CharField(choices=REASONS, help_text="For rows that say none.", max_length=12)),
                ("parts", models.IntegerField(help_text="How many parts the file came in.")),
                ("lines", models.BigIntegerField(help_text="Lines of the whole file.")),
                ("lines_done", models.BigIntegerField(default=0)),
                ("added", models.BigIntegerField(default=0)),
                ("already_there", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0)),
                ("refused_sample", models.JSONField(default=list, help_text="The first refused lines: line, problem, text.")),
                ("problem", models.TextField(blank=True, help_text="Why it failed.")),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField(help_text="When it last made progress.")),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="SuppressionImportPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("of", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="left", to="delivery.suppressionimport")),
                ("number", models.IntegerField()),
                ("first_line", models.BigIntegerField()),
                ("lines", models.IntegerField()),
                ("content", models.TextField()),
            ],
        ),
        migrations.AddConstraint(
            "suppressionimport",
            models.UniqueConstraint(
                fields=("tenant",), condition=Q(state__in=("preview", "queued", "running")), name="one_suppression_import_at_a_time"
            ),
        ),
        migrations.AddConstraint("suppressionimportpart", models.UniqueConstraint(fields=("of", "number"), name="import_part_once")),
        migrations.AddIndex("suppression", models.Index(fields=["tenant", "id"], name="suppression_of_tenant")),
    ]
