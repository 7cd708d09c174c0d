"""Verdicts, drills, DNS failover, metrics, alerts and telling."""

import datetime

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import monitoring.drills.models
import monitoring.metrics.models
from mailplatform.shell.database.together import CreateTogether


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("pools", "0001_first_form"),
    ]

    operations = [
        CreateTogether(
            [
                migrations.CreateModel(
                    name="Drill",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("send_message", "send yourself a message"),
                                    ("kill_engine", "kill an engine"),
                                    ("freeze_node", "freeze a node"),
                                    ("break_ip", "break an IP at Gmail"),
                                    ("black_hole_ip", "black-hole a sending IP"),
                                    ("cut_zone", "cut off a zone"),
                                    ("provider_outage", "provider outage"),
                                    ("dns_failover", "DNS failover"),
                                    ("database_switch", "database switch"),
                                    ("restore_backup", "restore from backup"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("scope", models.CharField(blank=True, max_length=200)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("failed", "Failed"),
                                    ("aborted", "Aborted"),
                                    ("interrupted", "Interrupted"),
                                    ("refused", "Refused"),
                                    ("skipped", "Skipped"),
                                ],
                                default="running",
                                max_length=12,
                            ),
                        ),
                        ("started_by", models.CharField(max_length=200)),
                        ("started_at", models.DateTimeField()),
                        ("ended_at", models.DateTimeField(blank=True, null=True)),
                        ("figures", models.JSONField(default=dict, help_text="found_ms, rerouted_ms, lost, doubled, in_hand …")),
                        ("evidence", models.JSONField(default=dict)),
                        ("beat_at", models.DateTimeField(blank=True, help_text="The last sign of the process that carries it out, where one does.", null=True)),
                        ("ended_by", models.CharField(blank=True, db_default="", default="", help_text="Who aborted, refused or skipped it.", max_length=200)),
                        (
                            "objectives",
                            models.JSONField(
                                db_default=models.Value([], models.JSONField()),
                                default=list,
                                help_text="Each with its limit, what was measured and whether it was met.",
                            ),
                        ),
                        ("planned_for", models.DateTimeField(blank=True, help_text="The schedule's date that it was started for.", null=True)),
                        ("until", models.DateTimeField(blank=True, help_text="When it ends by itself at the latest.", null=True)),
                        (
                            "verdict",
                            models.CharField(
                                blank=True, choices=[("passed", "Passed"), ("missed", "missed its objective")], db_default="", default="", max_length=6
                            ),
                        ),
                        ("why", models.TextField(blank=True, db_default="", default="", help_text="Why it was aborted, refused, skipped or interrupted.")),
                    ],
                    options={
                        "ordering": ["-started_at"],
                        "indexes": [
                            models.Index(fields=["kind", "-id"], name="drills_of_a_kind"),
                            models.Index(condition=models.Q(("state", "running")), fields=["id"], name="drills_running"),
                        ],
                        "constraints": [models.UniqueConstraint(fields=("kind", "planned_for"), name="one_drill_a_date")],
                    },
                ),
                migrations.CreateModel(
                    name="NodeReport",
                    fields=[
                        (
                            "node",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="report", serialize=False, to="pools.node"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("agent_pid", models.IntegerField()),
                        ("cpu_percent", models.FloatField()),
                        ("memory_percent", models.FloatField()),
                        ("load_1m", models.FloatField()),
                        ("sockets", models.IntegerField(default=0)),
                        ("disk_free_bytes", models.BigIntegerField(default=0)),
                        ("cores", models.PositiveSmallIntegerField(db_default=0, default=0, help_text="0: not said yet, as by an agent of an older release.")),
                        ("disk_total_bytes", models.BigIntegerField(db_default=0, default=0)),
                        ("files_limit", models.IntegerField(db_default=0, default=0, help_text="Of that process; 0: not known.")),
                        ("files_open", models.IntegerField(db_default=0, default=0, help_text="By the process of the node that is nearest to its limit.")),
                    ],
                ),
                migrations.CreateModel(
                    name="WatcherBeat",
                    fields=[
                        (
                            "zone",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="beat", serialize=False, to="pools.zone"
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("pid", models.IntegerField()),
                        ("looks", models.BigIntegerField(default=0)),
                        ("longest_gap_ms", models.IntegerField(default=0, help_text="Between two looks, in the last minute.")),
                    ],
                ),
                migrations.CreateModel(
                    name="Verdict",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("engine_id", models.BigIntegerField()),
                        ("slot", models.PositiveSmallIntegerField()),
                        ("kind", models.CharField(choices=[("dead", "Dead"), ("frozen", "Frozen"), ("lapsed", "Lapsed")], max_length=8)),
                        ("judge", models.CharField(help_text="Which agent or watcher said so.", max_length=80)),
                        ("last_sign_at", models.DateTimeField(help_text="The last renewal, by the database's clock.")),
                        ("at", models.DateTimeField(help_text="When it was said, by the database's clock.")),
                        ("given_back", models.IntegerField(default=0)),
                        ("answered_in_journal", models.IntegerField(default=0, help_text="Answers that only the journal knew.")),
                        ("unknowable", models.IntegerField(default=0, help_text="Dot written, no answer journaled: may go twice.")),
                        ("evidence", models.JSONField(default=dict)),
                        ("node", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="verdicts", to="pools.node")),
                    ],
                    options={
                        "ordering": ["-at"],
                    },
                ),
                migrations.CreateModel(
                    name="Machine",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("name", models.CharField(help_text="The host's name.", max_length=255)),
                        ("public_url", models.CharField(blank=True, help_text="Where its web server answers.", max_length=500)),
                        ("joined", models.BooleanField(default=False, help_text="Whether it was added to a platform that ran already.")),
                        ("started_at", models.DateTimeField()),
                        ("nodes", models.ManyToManyField(help_text="Whose engines and agent it runs.", related_name="machines", to="pools.node")),
                        (
                            "zone",
                            models.ForeignKey(
                                help_text="The zone that it was started for; empty: all.",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="machines",
                                to="pools.zone",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "started_at"],
                    },
                ),
                migrations.CreateModel(
                    name="DnsZone",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(help_text="The zone's name, like example.com.", max_length=255, unique=True)),
                        (
                            "way",
                            models.CharField(
                                choices=[("rfc2136", "RFC 2136 update with TSIG"), ("lexicon", "a hosted provider's API")], default="rfc2136", max_length=8
                            ),
                        ),
                        ("server", models.CharField(blank=True, help_text="Where updates go: the primary server's address.", max_length=255)),
                        (
                            "port",
                            models.PositiveIntegerField(
                                default=53, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)]
                            ),
                        ),
                        ("key_name", models.CharField(blank=True, help_text="The TSIG key's name, as the server knows it.", max_length=255)),
                        (
                            "key_algorithm",
                            models.CharField(
                                choices=[("hmac-sha256", "HMAC-SHA256"), ("hmac-sha384", "HMAC-SHA384"), ("hmac-sha512", "HMAC-SHA512")],
                                default="hmac-sha256",
                                max_length=11,
                            ),
                        ),
                        ("secret_encrypted", models.BinaryField(blank=True, null=True)),
                        ("provider", models.CharField(blank=True, help_text="The hosted provider, as dns-lexicon names it.", max_length=60)),
                        (
                            "authoritative",
                            models.TextField(
                                blank=True,
                                help_text="Servers that must give the new answer, ADDRESS or ADDRESS:PORT, one a line. Empty: the zone's NS records.",
                            ),
                        ),
                        (
                            "timeout_ms",
                            models.PositiveIntegerField(
                                default=3000,
                                help_text="How long an update, or a question, may take.",
                                validators=[django.core.validators.MinValueValidator(100), django.core.validators.MaxValueValidator(30000)],
                            ),
                        ),
                        ("simulated", models.BooleanField(default=False, editable=False)),
                    ],
                    options={
                        "verbose_name": "DNS zone",
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="Endpoint",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(max_length=100, unique=True)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("api", "API"),
                                    ("submission", "SMTP submission"),
                                    ("incoming", "incoming mail"),
                                    ("dns", "DNS server"),
                                    ("database", "database"),
                                    ("tcp", "TCP"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "host",
                            models.CharField(
                                help_text="An address, a name, or for a database also the folder of its socket. Private addresses are allowed.", max_length=255
                            ),
                        ),
                        (
                            "port",
                            models.PositiveIntegerField(
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)]
                            ),
                        ),
                        (
                            "tls",
                            models.CharField(
                                choices=[("none", "no TLS"), ("implicit", "TLS from the first byte"), ("starttls", "STARTTLS")], default="none", max_length=8
                            ),
                        ),
                        (
                            "tls_name",
                            models.CharField(
                                blank=True,
                                help_text="The name that its certificate must bear. Empty: the certificate is not looked at.",
                                max_length=255,
                                verbose_name="TLS name",
                            ),
                        ),
                        (
                            "asked",
                            models.CharField(
                                blank=True, help_text="API: the path, /healthz when empty. DNS server: the name whose SOA is asked for.", max_length=255
                            ),
                        ),
                        ("enabled", models.BooleanField(default=True)),
                        (
                            "seeded",
                            models.BooleanField(default=False, editable=False, help_text="Made by the platform's start, which keeps its place up to date."),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[("unknown", "Unknown"), ("up", "alive"), ("down", "dead")], default="unknown", editable=False, max_length=7
                            ),
                        ),
                        ("since", models.DateTimeField(blank=True, editable=False, null=True)),
                        (
                            "verdicts_count",
                            models.PositiveIntegerField(default=0, editable=False, help_text="A verdict holds only if nobody has spoken another meanwhile."),
                        ),
                        (
                            "zone",
                            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="endpoints", to="pools.zone"),
                        ),
                        (
                            "machine",
                            models.ForeignKey(
                                blank=True,
                                help_text="The only machine whose vantage points knock at it, for a loopback address is another door on each. Empty: all knock.",
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="endpoints",
                                to="monitoring.machine",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="ProbePolicy",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        (
                            "every_ms",
                            models.PositiveIntegerField(
                                default=250,
                                help_text="Milliseconds, at each endpoint.",
                                validators=[django.core.validators.MinValueValidator(100), django.core.validators.MaxValueValidator(60000)],
                                verbose_name="knock every",
                            ),
                        ),
                        (
                            "timeout_ms",
                            models.PositiveIntegerField(
                                default=1000,
                                help_text="Milliseconds after which a knock has failed.",
                                validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(30000)],
                            ),
                        ),
                        (
                            "down_after",
                            models.PositiveSmallIntegerField(
                                default=3,
                                help_text="Failed knocks in a row.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)],
                                verbose_name="dead after",
                            ),
                        ),
                        (
                            "up_after",
                            models.PositiveSmallIntegerField(
                                default=4,
                                help_text="Answered knocks in a row, at least.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)],
                                verbose_name="alive after",
                            ),
                        ),
                        (
                            "recover_s",
                            models.PositiveIntegerField(
                                default=2,
                                help_text="Seconds of nothing but answers before it is alive again.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(3600)],
                                verbose_name="recovery",
                            ),
                        ),
                        (
                            "longest_recover_s",
                            models.PositiveIntegerField(
                                default=300,
                                help_text="Seconds: each return within the flap window doubles the recovery, up to this.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="longest recovery",
                            ),
                        ),
                        (
                            "flap_window_s",
                            models.PositiveIntegerField(
                                default=600,
                                help_text="Seconds in which a return counts against the next.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="flap window",
                            ),
                        ),
                        (
                            "fresh_ms",
                            models.PositiveIntegerField(
                                default=2500,
                                help_text="Milliseconds: an older look has no vote.",
                                validators=[django.core.validators.MinValueValidator(200), django.core.validators.MaxValueValidator(120000)],
                                verbose_name="fresh for",
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name": "endpoints: policy",
                        "verbose_name_plural": "endpoints: policy",
                        "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_probe_policy")],
                    },
                ),
                migrations.CreateModel(
                    name="RecordSet",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(help_text="The whole name, like api.example.com.", max_length=255)),
                        ("type", models.CharField(choices=[("A", "A"), ("AAAA", "AAAA"), ("MX", "MX")], default="A", max_length=4)),
                        (
                            "ttl_s",
                            models.PositiveIntegerField(
                                default=30,
                                help_text="Seconds for which others keep an answer: a change needs as long to arrive.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="TTL",
                            ),
                        ),
                        (
                            "mode",
                            models.CharField(choices=[("off", "Off"), ("propose", "Propose"), ("automatic", "Automatic")], default="propose", max_length=9),
                        ),
                        (
                            "rule",
                            models.CharField(
                                choices=[("all", "a target lives when all its endpoints do"), ("any", "a target lives when one of its endpoints does")],
                                default="all",
                                max_length=3,
                                verbose_name="health rule",
                            ),
                        ),
                        (
                            "least_answers",
                            models.PositiveSmallIntegerField(
                                default=1,
                                help_text="With fewer living targets, the next priority joins.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(50)],
                            ),
                        ),
                        (
                            "most_answers",
                            models.PositiveSmallIntegerField(
                                default=8,
                                help_text="Of more living targets, the heaviest are published.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(50)],
                            ),
                        ),
                        (
                            "fail_back",
                            models.CharField(
                                choices=[("at_once", "at once"), ("after", "after it has been alive for a while"), ("by_hand", "by hand")],
                                default="after",
                                max_length=7,
                            ),
                        ),
                        (
                            "fail_back_after_s",
                            models.PositiveIntegerField(
                                default=300,
                                help_text="Seconds of being alive.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(604800)],
                                verbose_name="fail back after",
                            ),
                        ),
                        (
                            "least_between_s",
                            models.PositiveIntegerField(
                                default=30,
                                help_text="Seconds, whatever the endpoints do.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="least time between changes",
                            ),
                        ),
                        (
                            "chosen",
                            models.JSONField(
                                blank=True, default=list, editable=False, help_text="Values that a person switched to; empty: the platform chooses."
                            ),
                        ),
                        ("chosen_by", models.CharField(blank=True, editable=False, max_length=200)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("new", "New"),
                                    ("agreed", "Agreed"),
                                    ("changing", "Changing"),
                                    ("foreign", "edited by somebody else"),
                                    ("unreachable", "Unreachable"),
                                ],
                                default="new",
                                editable=False,
                                max_length=11,
                            ),
                        ),
                        ("published", models.JSONField(blank=True, default=list, editable=False, help_text="What the authoritative servers are known to say.")),
                        ("published_ttl_s", models.PositiveIntegerField(default=0, editable=False)),
                        ("published_since", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("found", models.JSONField(blank=True, default=dict, editable=False, help_text="What each server said when last asked.")),
                        ("asked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("wanted", models.JSONField(blank=True, default=list, editable=False)),
                        ("why", models.TextField(blank=True, editable=False)),
                        ("why_since", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("next_step", models.TextField(blank=True, editable=False)),
                        ("changed_at", models.DateTimeField(blank=True, editable=False, help_text="The last change of ours.", null=True)),
                        ("trouble", models.TextField(blank=True, editable=False, help_text="What keeps it from being published, in words.")),
                        ("dns_zone", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="record_sets", to="monitoring.dnszone")),
                    ],
                    options={
                        "ordering": ["name", "type"],
                        "constraints": [models.UniqueConstraint(fields=("name", "type"), name="one_record_set_a_name_and_type")],
                    },
                ),
                migrations.CreateModel(
                    name="DnsChange",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("first", "first publication"),
                                    ("failover", "Failover"),
                                    ("fail_back", "fail back"),
                                    ("by_hand", "switched by hand"),
                                    ("overwrite", "another's edit overwritten"),
                                    ("adopt", "another's edit taken over"),
                                    ("settings", "settings changed"),
                                ],
                                max_length=9,
                            ),
                        ),
                        ("who", models.CharField(help_text="A person, or the platform.", max_length=200)),
                        ("why", models.TextField()),
                        ("before", models.JSONField(help_text="What had to be there; null: anything.", null=True)),
                        ("after", models.JSONField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("intended", "Intended"),
                                    ("pushed", "Pushed"),
                                    ("visible", "Visible"),
                                    ("refused", "Refused"),
                                    ("overtaken", "Overtaken"),
                                ],
                                default="intended",
                                max_length=9,
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("cause_at", models.DateTimeField(help_text="The verdict that it follows.", null=True)),
                        ("first_sign_at", models.DateTimeField(help_text="The first failed knock behind that verdict.", null=True)),
                        ("tries", models.PositiveIntegerField(default=0)),
                        ("tried_at", models.DateTimeField(null=True)),
                        ("pushed_at", models.DateTimeField(null=True)),
                        ("visible_at", models.DateTimeField(null=True)),
                        ("error", models.TextField(blank=True)),
                        ("evidence", models.JSONField(default=dict)),
                        ("record_set", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="monitoring.recordset")),
                    ],
                    options={
                        "verbose_name": "DNS change",
                        "ordering": ["-id"],
                        "indexes": [models.Index(fields=["record_set", "-id"], name="dns_changes_of_set")],
                    },
                ),
                migrations.CreateModel(
                    name="RecordTarget",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("value", models.CharField(help_text="An address; for MX the preference and the host, like 10 mx1.example.com.", max_length=255)),
                        ("priority", models.PositiveSmallIntegerField(default=0, help_text="0 is primary, 1 the first backup, and so on.")),
                        (
                            "weight",
                            models.PositiveSmallIntegerField(
                                default=1,
                                help_text="Of more targets than may be published, the heaviest are.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)],
                            ),
                        ),
                        (
                            "endpoints",
                            models.ManyToManyField(blank=True, help_text="Without any it counts as alive.", related_name="targets", to="monitoring.endpoint"),
                        ),
                        ("record_set", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="targets", to="monitoring.recordset")),
                    ],
                    options={
                        "ordering": ["priority", "-weight", "value"],
                        "constraints": [models.UniqueConstraint(fields=("record_set", "value"), name="one_target_a_value")],
                    },
                ),
                migrations.CreateModel(
                    name="VantagePoint",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(max_length=80, unique=True)),
                        ("kind", models.CharField(choices=[("watcher", "Watcher"), ("witness", "Witness")], max_length=8)),
                        ("at", models.DateTimeField(help_text="Its last sign, by the database's clock.")),
                        ("host", models.CharField(blank=True, help_text="The machine's name.", max_length=255)),
                        ("pid", models.IntegerField()),
                        ("rounds", models.BigIntegerField(default=0)),
                        (
                            "zone",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="vantage_points", to="pools.zone"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="EndpointLook",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("ok", models.BooleanField()),
                        ("in_row", models.IntegerField(help_text="So many knocks in a row came to the same.")),
                        ("since", models.DateTimeField(help_text="When the first knock of this row ended.")),
                        ("latency_ms", models.FloatField(null=True)),
                        ("error", models.CharField(blank=True, max_length=300)),
                        ("at", models.DateTimeField(help_text="The last knock, by the database's clock.")),
                        ("endpoint", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="monitoring.endpoint")),
                        ("vantage", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="monitoring.vantagepoint")),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("vantage", "endpoint"), name="one_look_a_vantage_point")],
                    },
                ),
                migrations.CreateModel(
                    name="EndpointVerdict",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("state", models.CharField(choices=[("unknown", "Unknown"), ("up", "alive"), ("down", "dead")], max_length=7)),
                        ("at", models.DateTimeField()),
                        ("first_sign_at", models.DateTimeField(help_text="The first knock that came to this, of those that voted for it.", null=True)),
                        ("spoken_by", models.CharField(help_text="The vantage point that counted the votes.", max_length=80)),
                        ("sentence", models.TextField()),
                        ("evidence", models.JSONField(default=dict)),
                        ("endpoint", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="verdicts", to="monitoring.endpoint")),
                    ],
                    options={
                        "ordering": ["-id"],
                        "indexes": [models.Index(fields=["endpoint", "-id"], name="verdicts_of_endpoint")],
                    },
                ),
                migrations.CreateModel(
                    name="AgentBeat",
                    fields=[
                        (
                            "node",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="agent_beat", serialize=False, to="pools.node"
                            ),
                        ),
                        ("at", models.DateTimeField(help_text="By the database's clock.")),
                        ("pid", models.IntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name="DrillPolicy",
                    fields=[
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("send_message", "send yourself a message"),
                                    ("kill_engine", "kill an engine"),
                                    ("freeze_node", "freeze a node"),
                                    ("break_ip", "break an IP at Gmail"),
                                    ("black_hole_ip", "black-hole a sending IP"),
                                    ("cut_zone", "cut off a zone"),
                                    ("provider_outage", "provider outage"),
                                    ("dns_failover", "DNS failover"),
                                    ("database_switch", "database switch"),
                                    ("restore_backup", "restore from backup"),
                                ],
                                editable=False,
                                max_length=20,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("planned", models.BooleanField(default=True, verbose_name="on the schedule")),
                        (
                            "every_days",
                            models.PositiveSmallIntegerField(
                                default=91,
                                help_text="Days between two rehearsals: a quarter is 91.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(400)],
                                verbose_name="every",
                            ),
                        ),
                        (
                            "detect_ms",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Milliseconds from the fault to the platform's verdict.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(600000)],
                                verbose_name="detected within",
                            ),
                        ),
                        (
                            "reroute_ms",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Milliseconds from the verdict to the first attempt elsewhere.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(600000)],
                                verbose_name="rerouted within",
                            ),
                        ),
                        (
                            "recovery_s",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Seconds from the fault until all of its mail was settled or restored.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(86400)],
                                verbose_name="recovery time",
                            ),
                        ),
                        (
                            "point_s",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Seconds: how old the newest thing may be that a restored backup has.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(604800)],
                                verbose_name="recovery point",
                            ),
                        ),
                        (
                            "late_max",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Deliveries that came more than ten seconds later for it.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)],
                                verbose_name="late at most",
                            ),
                        ),
                        (
                            "lost_max",
                            models.PositiveIntegerField(
                                default=0,
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)],
                                verbose_name="lost at most",
                            ),
                        ),
                        (
                            "doubled_max",
                            models.PositiveIntegerField(
                                default=0,
                                help_text="Apart from what had its dot written and no answer.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)],
                                verbose_name="doubled at most",
                            ),
                        ),
                        ("next_at", models.DateTimeField(blank=True, help_text="When it is rehearsed next; empty: when the schedule looks.", null=True)),
                        ("reminded_for", models.DateTimeField(blank=True, editable=False, help_text="The date that a reminder was written for.", null=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name_plural": "drill policies",
                        "ordering": ["kind"],
                    },
                ),
                migrations.CreateModel(
                    name="DrillSchedule",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        ("on", models.BooleanField(default=True, verbose_name="start by themselves")),
                        (
                            "in_live",
                            models.BooleanField(
                                default=False, help_text="Outside the sandbox it needs DRILLS_IN_LIVE as well.", verbose_name="in live mode too"
                            ),
                        ),
                        (
                            "weekdays",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.PositiveSmallIntegerField(
                                    validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)]
                                ),
                                default=monitoring.drills.models._monday_to_thursday,
                                help_text="1 is Monday, 7 is Sunday.",
                                size=None,
                            ),
                        ),
                        (
                            "from_hour",
                            models.PositiveSmallIntegerField(
                                default=9,
                                help_text="Hour of the day, UTC.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(23)],
                                verbose_name="from",
                            ),
                        ),
                        (
                            "until_hour",
                            models.PositiveSmallIntegerField(
                                default=16,
                                help_text="Hour of the day, UTC.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(24)],
                                verbose_name="until",
                            ),
                        ),
                        (
                            "remind_hours",
                            models.PositiveSmallIntegerField(
                                default=24,
                                help_text="Hours before; 0: not.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(336)],
                                verbose_name="remind",
                            ),
                        ),
                        (
                            "overdue_days",
                            models.PositiveSmallIntegerField(
                                default=7,
                                help_text="Days after its date.",
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)],
                                verbose_name="overdue after",
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name": "drills: schedule",
                        "verbose_name_plural": "drills: schedule",
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("id", 1)), name="one_drill_schedule"),
                            models.CheckConstraint(condition=models.Q(("until_hour__gt", models.F("from_hour"))), name="drills_have_an_hour_of_the_day"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Fault",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("freeze_engine", "Freeze Engine"),
                                    ("cut_database", "Cut Database"),
                                    ("black_hole_ip", "Black Hole Ip"),
                                    ("provider_outage", "Provider Outage"),
                                    ("endpoint_dead", "Endpoint Dead"),
                                ],
                                max_length=20,
                            ),
                        ),
                        ("engine_id", models.BigIntegerField(help_text="Which engine; empty: every engine of the node.", null=True)),
                        ("begins_at", models.DateTimeField()),
                        ("until", models.DateTimeField(help_text="When it ends by itself.")),
                        ("obeyed_at", models.DateTimeField(help_text="The database's time just before the act: where the stopwatch starts.", null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("says", models.TextField(db_default="", default="", help_text="Why it ended, when not by its time.")),
                        ("drill", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="faults", to="monitoring.drill")),
                        ("ip", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="faults", to="pools.sendingip")),
                        ("node", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="faults", to="pools.node")),
                    ],
                    options={
                        "ordering": ["-id"],
                        "indexes": [models.Index(condition=models.Q(("ended_at", None)), fields=["until"], name="faults_that_live")],
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("until__gte", models.F("begins_at"))), name="faults_end_after_they_begin"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "until__lte",
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("begins_at"), "+", models.Value(datetime.timedelta(seconds=300))
                                        ),
                                    )
                                ),
                                name="faults_last_five_minutes_at_most",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AlertRule",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(max_length=120, unique=True)),
                        ("metric", models.CharField(help_text="monitoring.metrics.catalog", max_length=40)),
                        ("dimension", models.CharField(default="all", help_text="Each subject of it is judged by itself.", max_length=12)),
                        (
                            "subjects",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=120),
                                blank=True,
                                default=list,
                                help_text="Keys of subjects; empty: each of them.",
                                size=None,
                            ),
                        ),
                        (
                            "comparison",
                            models.CharField(
                                choices=[
                                    ("above", "above a number"),
                                    ("below", "below a number"),
                                    ("times_median", "above so many times its usual"),
                                    ("times_week", "above so many times the same hour a week ago"),
                                    ("no_data", "without data"),
                                ],
                                default="above",
                                max_length=12,
                            ),
                        ),
                        ("threshold", models.FloatField(blank=True, help_text="In the metric's unit, or how many times.", null=True)),
                        ("clear", models.FloatField(blank=True, help_text="Clears on the other side of this; empty: of the threshold.", null=True)),
                        ("at_least", models.FloatField(blank=True, help_text="Compared with its past, it must be this much as well.", null=True)),
                        (
                            "window_s",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="Counts and shares are summed over it; empty: as the metric says.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(86400)],
                            ),
                        ),
                        (
                            "for_s",
                            models.PositiveIntegerField(
                                default=180,
                                help_text="Seconds that it must hold without a break.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(86400)],
                            ),
                        ),
                        (
                            "clear_for_s",
                            models.PositiveIntegerField(
                                default=60,
                                help_text="Seconds that it must be well again.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(86400)],
                            ),
                        ),
                        ("severity", models.IntegerField(choices=[(0, "info"), (1, "warning"), (2, "critical")], default=1)),
                        ("enabled", models.BooleanField(default=True)),
                        (
                            "quiet_from",
                            models.TimeField(
                                blank=True, help_text="UTC. In quiet hours incidents open and nobody is told until they end; critical ones are told.", null=True
                            ),
                        ),
                        ("quiet_until", models.TimeField(blank=True, null=True)),
                        ("runbook", models.TextField(blank=True, help_text="What to do, for whoever is woken.")),
                        ("link", models.CharField(blank=True, help_text="A page of this console, or a runbook elsewhere.", max_length=300)),
                        (
                            "shipped",
                            models.CharField(
                                blank=True, editable=False, help_text="The shipped rule that it came from.", max_length=60, null=True, unique=True
                            ),
                        ),
                        ("changed_by", models.CharField(blank=True, editable=False, max_length=200)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("comparison", "no_data"), ("threshold__isnull", False), _connector="OR"), name="alert_rule_has_a_threshold"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("quiet_from__isnull", True), ("quiet_until__isnull", True)),
                                    models.Q(("quiet_from__isnull", False), ("quiet_until__isnull", False)),
                                    _connector="OR",
                                ),
                                name="quiet_hours_have_both_ends",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Channel",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("name", models.CharField(max_length=80, unique=True)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("email", "mail"),
                                    ("webhook", "signed webhook"),
                                    ("slack", "Slack-compatible"),
                                    ("pagerduty", "PagerDuty-compatible"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "address",
                            models.CharField(
                                blank=True,
                                help_text="Mail addresses, separated by commas, or an address as it may be shown. URLs with a secret in them are kept encrypted.",
                                max_length=300,
                            ),
                        ),
                        ("secret_encrypted", models.BinaryField(blank=True, help_text="The URL, the signing secret or the routing key, as JSON.", null=True)),
                        ("enabled", models.BooleanField(default=True)),
                        ("tells_resolved", models.BooleanField(default=True, verbose_name="tells the end too")),
                        (
                            "weekdays",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.PositiveSmallIntegerField(
                                    validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)]
                                ),
                                blank=True,
                                default=list,
                                help_text="On call on these days, 1 is Monday; empty: every day.",
                                size=None,
                            ),
                        ),
                        ("from_time", models.TimeField(blank=True, help_text="On call from, UTC; empty: all day.", null=True)),
                        ("until_time", models.TimeField(blank=True, help_text="On call until, UTC; may be on the next day.", null=True)),
                        (
                            "per_hour",
                            models.PositiveSmallIntegerField(
                                default=60,
                                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)],
                                verbose_name="at most an hour",
                            ),
                        ),
                        ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("last_told_at", models.DateTimeField(blank=True, editable=False, null=True)),
                        ("last_problem", models.TextField(blank=True, editable=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("from_time__isnull", True), ("until_time__isnull", True)),
                                    models.Q(("from_time__isnull", False), ("until_time__isnull", False)),
                                    _connector="OR",
                                ),
                                name="hours_on_call_have_both_ends",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Incident",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("source", models.CharField(help_text="rule:ID, notice:KIND, platform:WHAT, or group:…", max_length=80)),
                        ("dimension", models.CharField(blank=True, max_length=12)),
                        ("subject", models.CharField(blank=True, help_text="The subject's key, or a notice's scope.", max_length=200)),
                        ("label", models.CharField(blank=True, help_text="The subject in words.", max_length=200)),
                        ("severity", models.IntegerField(choices=[(0, "info"), (1, "warning"), (2, "critical")], default=1)),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "Open"), ("acknowledged", "Acknowledged"), ("resolved", "Resolved")], default="open", max_length=12
                            ),
                        ),
                        ("sentence", models.TextField(help_text="What is wrong, in words, with the figure.")),
                        ("metric", models.CharField(blank=True, max_length=40)),
                        ("value", models.FloatField(blank=True, help_text="The last one.", null=True)),
                        ("worst", models.FloatField(blank=True, null=True)),
                        ("threshold", models.FloatField(blank=True, help_text="As it was when it opened.", null=True)),
                        ("link", models.CharField(blank=True, max_length=300)),
                        ("evidence", models.JSONField(blank=True, default=dict)),
                        ("since", models.DateTimeField(help_text="When it began.")),
                        ("opened_at", models.DateTimeField(help_text="When it had held for the rule's time.")),
                        ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                        ("acknowledged_by", models.CharField(blank=True, max_length=200)),
                        ("resolved_at", models.DateTimeField(blank=True, null=True)),
                        ("resolved_by", models.CharField(blank=True, help_text="Empty: by itself.", max_length=200)),
                        (
                            "parent",
                            models.ForeignKey(
                                blank=True,
                                help_text="It is part of this one, and not told by itself.",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="parts",
                                to="monitoring.incident",
                            ),
                        ),
                        (
                            "rule",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="incidents", to="monitoring.alertrule"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-opened_at"],
                        "indexes": [models.Index(fields=["resolved_at", "-opened_at"], name="incidents_that_are_open")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("resolved_at", None)),
                                fields=("source", "dimension", "subject"),
                                name="one_open_incident_a_source_and_subject",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="IncidentEntry",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("at", models.DateTimeField()),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("opened", "Opened"),
                                    ("worse", "Worse"),
                                    ("grouped", "Grouped"),
                                    ("told", "Told"),
                                    ("not_told", "not told"),
                                    ("escalated", "Escalated"),
                                    ("acknowledged", "Acknowledged"),
                                    ("silenced", "Silenced"),
                                    ("note", "Note"),
                                    ("resolved", "Resolved"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("who", models.CharField(blank=True, help_text="Empty: the platform.", max_length=200)),
                        ("sentence", models.TextField()),
                        ("detail", models.JSONField(blank=True, default=dict)),
                        ("incident", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="monitoring.incident")),
                    ],
                    options={
                        "verbose_name_plural": "incident entries",
                        "ordering": ["at", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="MailRoute",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        ("host", models.CharField(blank=True, help_text="Empty: no mail is sent.", max_length=255)),
                        (
                            "port",
                            models.PositiveIntegerField(
                                default=587, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65535)]
                            ),
                        ),
                        (
                            "security",
                            models.CharField(
                                choices=[("starttls", "STARTTLS, required"), ("tls", "TLS from the first byte"), ("none", "none: a relay on this machine")],
                                default="starttls",
                                max_length=8,
                            ),
                        ),
                        ("user", models.CharField(blank=True, max_length=200)),
                        ("password_encrypted", models.BinaryField(blank=True, null=True)),
                        ("sender", models.EmailField(blank=True, help_text="The From address.", max_length=254)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name": "monitoring: mail route",
                        "verbose_name_plural": "monitoring: mail route",
                        "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_mail_route")],
                    },
                ),
                migrations.CreateModel(
                    name="MetricHour",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("metric", models.CharField(max_length=40)),
                        ("dimension", models.CharField(max_length=12)),
                        ("at", models.DateTimeField(help_text="Its beginning, by the database's clock.")),
                        ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        (
                            "values",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's average, a count's sum.", size=None
                            ),
                        ),
                        (
                            "lows",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's least.", null=True, size=None
                            ),
                        ),
                        (
                            "highs",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's most.", null=True, size=None
                            ),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("metric", "dimension", "at"), name="one_row_a_metric_and_hour")],
                    },
                ),
                migrations.CreateModel(
                    name="MetricMinute",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("metric", models.CharField(max_length=40)),
                        ("dimension", models.CharField(max_length=12)),
                        ("at", models.DateTimeField(help_text="Its beginning, by the database's clock.")),
                        ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        (
                            "values",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's average, a count's sum.", size=None
                            ),
                        ),
                        (
                            "lows",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's least.", null=True, size=None
                            ),
                        ),
                        (
                            "highs",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's most.", null=True, size=None
                            ),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("metric", "dimension", "at"), name="one_row_a_metric_and_minute")],
                    },
                ),
                migrations.CreateModel(
                    name="MetricSubject",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("dimension", models.CharField(max_length=12)),
                        ("key", models.CharField(help_text="The primary key as text where there is a row, else the name.", max_length=120)),
                        ("label", models.CharField(max_length=200)),
                    ],
                    options={
                        "ordering": ["dimension", "label"],
                        "constraints": [models.UniqueConstraint(fields=("dimension", "key"), name="one_metric_subject_a_key")],
                    },
                ),
                migrations.CreateModel(
                    name="MetricTick",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("metric", models.CharField(max_length=40)),
                        ("dimension", models.CharField(max_length=12)),
                        ("at", models.DateTimeField(help_text="Its beginning, by the database's clock.")),
                        ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        (
                            "values",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's average, a count's sum.", size=None
                            ),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("metric", "dimension", "at"), name="one_row_a_metric_and_tick")],
                    },
                ),
                migrations.CreateModel(
                    name="MonitoringPolicy",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                        (
                            "judging",
                            models.BooleanField(
                                default=True, help_text="Off: metrics are collected, no rule is judged, no incident opened.", verbose_name="judge alert rules"
                            ),
                        ),
                        (
                            "telling",
                            models.BooleanField(default=True, help_text="Off: incidents are opened and nobody is told of them.", verbose_name="tell people"),
                        ),
                        (
                            "ticks_hours",
                            models.PositiveSmallIntegerField(
                                default=24,
                                help_text="Hours.",
                                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(168)],
                                verbose_name="keep ten seconds for",
                            ),
                        ),
                        (
                            "minutes_days",
                            models.PositiveSmallIntegerField(
                                default=7,
                                help_text="Days.",
                                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(60)],
                                verbose_name="keep minutes for",
                            ),
                        ),
                        (
                            "hours_days",
                            models.PositiveSmallIntegerField(
                                default=365,
                                help_text="Days.",
                                validators=[django.core.validators.MinValueValidator(30), django.core.validators.MaxValueValidator(1100)],
                                verbose_name="keep hours for",
                            ),
                        ),
                        (
                            "group_from",
                            models.PositiveSmallIntegerField(
                                default=5,
                                help_text="So many subjects of one rule at once are one incident.",
                                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(100)],
                                verbose_name="group from",
                            ),
                        ),
                        ("heartbeat_url_encrypted", models.BinaryField(blank=True, null=True)),
                        (
                            "heartbeat_every_s",
                            models.PositiveIntegerField(
                                default=60,
                                help_text="Seconds between two calls of the heartbeat's URL.",
                                validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(3600)],
                                verbose_name="heartbeat every",
                            ),
                        ),
                        ("heartbeat_at", models.DateTimeField(editable=False, null=True)),
                        ("heartbeat_problem", models.TextField(blank=True, editable=False)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        ("judged_at", models.DateTimeField(editable=False, help_text="The last tick that rules were judged of.", null=True)),
                    ],
                    options={
                        "verbose_name": "monitoring: policy",
                        "verbose_name_plural": "monitoring: policy",
                        "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_monitoring_policy")],
                    },
                ),
                migrations.CreateModel(
                    name="Silence",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("source", models.CharField(blank=True, help_text="As an incident's; empty: any.", max_length=80)),
                        ("dimension", models.CharField(blank=True, help_text="Empty: any.", max_length=12)),
                        ("subject", models.CharField(blank=True, help_text="Empty: any.", max_length=200)),
                        ("since", models.DateTimeField()),
                        ("until", models.DateTimeField()),
                        ("why", models.CharField(blank=True, max_length=300)),
                        ("by", models.CharField(max_length=200)),
                        ("ended_by", models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        "ordering": ["-until"],
                        "constraints": [models.CheckConstraint(condition=models.Q(("until__gt", models.F("since"))), name="silence_has_an_end")],
                    },
                ),
                migrations.CreateModel(
                    name="Telling",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("key", models.CharField(help_text="Of what, to whom, which kind: the same thing is told once.", max_length=200, unique=True)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("opened", "Opened"),
                                    ("escalated", "Escalated"),
                                    ("acknowledged", "Acknowledged"),
                                    ("resolved", "Resolved"),
                                    ("test", "Test"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("subject", models.CharField(max_length=200)),
                        ("text", models.TextField()),
                        ("facts", models.JSONField(blank=True, default=dict, help_text="What a webhook's body is made of.")),
                        (
                            "state",
                            models.CharField(
                                choices=[("waiting", "Waiting"), ("told", "Told"), ("failed", "Failed"), ("dropped", "Dropped")],
                                default="waiting",
                                max_length=8,
                            ),
                        ),
                        ("created_at", models.DateTimeField()),
                        ("due_at", models.DateTimeField()),
                        ("tries", models.PositiveSmallIntegerField(default=0)),
                        ("answer", models.TextField(blank=True, help_text="What the other side said last, or why it was dropped.")),
                        ("told_at", models.DateTimeField(blank=True, null=True)),
                        ("channel", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tellings", to="monitoring.channel")),
                        (
                            "incident",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="tellings", to="monitoring.incident"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-created_at"],
                        "indexes": [models.Index(condition=models.Q(("state", "waiting")), fields=["due_at"], name="tellings_that_are_due")],
                    },
                ),
                migrations.CreateModel(
                    name="TellStep",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        (
                            "severity",
                            models.IntegerField(
                                choices=[(0, "info"), (1, "warning"), (2, "critical")],
                                default=1,
                                help_text="Of this severity or a worse one.",
                                verbose_name="from severity",
                            ),
                        ),
                        (
                            "after_minutes",
                            models.PositiveSmallIntegerField(
                                default=0,
                                help_text="Minutes without an acknowledgement; 0: at once.",
                                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1440)],
                                verbose_name="after",
                            ),
                        ),
                        ("channel", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="monitoring.channel")),
                    ],
                    options={
                        "ordering": ["severity", "after_minutes"],
                        "constraints": [models.UniqueConstraint(fields=("severity", "after_minutes", "channel"), name="one_step_a_channel_and_time")],
                    },
                ),
                migrations.CreateModel(
                    name="AlertStanding",
                    fields=[
                        (
                            "rule",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="standing",
                                serialize=False,
                                to="monitoring.alertrule",
                            ),
                        ),
                        ("state", models.JSONField(default=dict)),
                        ("at", models.DateTimeField()),
                    ],
                ),
                migrations.CreateModel(
                    name="ShippedRule",
                    fields=[
                        ("key", models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ("at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "ordering": ["key"],
                    },
                ),
                migrations.CreateModel(
                    name="MetricDay",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("metric", models.CharField(max_length=40)),
                        ("dimension", models.CharField(max_length=12)),
                        ("at", models.DateTimeField(help_text="Its beginning, by the database's clock.")),
                        ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                        (
                            "values",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's average, a count's sum.", size=None
                            ),
                        ),
                        (
                            "lows",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's least.", null=True, size=None
                            ),
                        ),
                        (
                            "highs",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=monitoring.metrics.models.RealField(), help_text="A level's most.", null=True, size=None
                            ),
                        ),
                    ],
                    options={
                        "constraints": [models.UniqueConstraint(fields=("metric", "dimension", "at"), name="one_row_a_metric_and_day")],
                    },
                ),
            ]
        ),
    ]
