"""What the watchers and agents saw: node reports, watcher beats, verdicts, drills."""

from django.db import models

from monitoring.alerts.models import AlertRule as AlertRule
from monitoring.alerts.models import AlertStanding as AlertStanding
from monitoring.alerts.models import Incident as Incident
from monitoring.alerts.models import IncidentEntry as IncidentEntry
from monitoring.alerts.models import ShippedRule as ShippedRule
from monitoring.alerts.models import Silence as Silence
from monitoring.dns.models import DnsChange as DnsChange
from monitoring.dns.models import DnsZone as DnsZone
from monitoring.dns.models import RecordSet as RecordSet
from monitoring.dns.models import RecordTarget as RecordTarget
from monitoring.drills.models import Drill as Drill
from monitoring.drills.models import DrillPolicy as DrillPolicy
from monitoring.drills.models import DrillSchedule as DrillSchedule
from monitoring.drills.models import Fault as Fault
from monitoring.endpoints.models import Endpoint as Endpoint
from monitoring.endpoints.models import EndpointLook as EndpointLook
from monitoring.endpoints.models import EndpointVerdict as EndpointVerdict
from monitoring.endpoints.models import ProbePolicy as ProbePolicy
from monitoring.endpoints.models import VantagePoint as VantagePoint
from monitoring.metrics.models import MetricDay as MetricDay
from monitoring.metrics.models import MetricHour as MetricHour
from monitoring.metrics.models import MetricMinute as MetricMinute
from monitoring.metrics.models import MetricSubject as MetricSubject
from monitoring.metrics.models import MetricTick as MetricTick
from monitoring.metrics.models import MonitoringPolicy as MonitoringPolicy
from monitoring.telling.models import Channel as Channel
from monitoring.telling.models import MailRoute as MailRoute
from monitoring.telling.models import Telling as Telling
from monitoring.telling.models import TellStep as TellStep
from monitoring.zones.models import Machine as Machine
from pools.models import Node, Zone


class NodeReport(models.Model):
    """A node agent's last word on its node."""

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="report")
    at = models.DateTimeField()
    agent_pid = models.IntegerField()
    cpu_percent = models.FloatField()
    memory_percent = models.FloatField()
    load_1m = models.FloatField()
    sockets = models.IntegerField(default=0)
    disk_free_bytes = models.BigIntegerField(default=0)
    disk_total_bytes = models.BigIntegerField(default=0, db_default=0)
    cores = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="0: not said yet, as by an agent of an older release.")
    files_open = models.IntegerField(default=0, db_default=0, help_text="By the process of the node that is nearest to its limit.")
    files_limit = models.IntegerField(default=0, db_default=0, help_text="Of that process; 0: not known.")

    def __str__(self) -> str:
        return str(self.node)


class AgentBeat(models.Model):
    """A node agent's last sign of life, several times a second: a row of its own, so that it costs next to nothing."""

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="agent_beat")
    at = models.DateTimeField(help_text="By the database's clock.")
    pid = models.IntegerField()

    def __str__(self) -> str:
        return str(self.node)


class WatcherBeat(models.Model):
    """A zone watcher's last look."""

    zone = models.OneToOneField(Zone, primary_key=True, on_delete=models.CASCADE, related_name="beat")
    at = models.DateTimeField()
    pid = models.IntegerField()
    looks = models.BigIntegerField(default=0)
    longest_gap_ms = models.IntegerField(default=0, help_text="Between two looks, in the last minute.")

    def __str__(self) -> str:
        return str(self.zone)


class Verdict(models.Model):
    """An engine found dead or frozen: one row with its evidence and what was given back."""

    class Kind(models.TextChoices):
        DEAD = "dead"  # its process or its session is gone
        FROZEN = "frozen"  # its process is there and its lease has lapsed
        LAPSED = "lapsed"  # its node is out of reach and its lease has lapsed

    engine_id = models.BigIntegerField()
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="verdicts")
    slot = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    judge = models.CharField(max_length=80, help_text="Which agent or watcher said so.")
    last_sign_at = models.DateTimeField(help_text="The last renewal, by the database's clock.")
    at = models.DateTimeField(help_text="When it was said, by the database's clock.")
    given_back = models.IntegerField(default=0)
    answered_in_journal = models.IntegerField(default=0, help_text="Answers that only the journal knew.")
    unknowable = models.IntegerField(default=0, help_text="Dot written, no answer journaled: may go twice.")
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"engine {self.engine_id} {self.kind}"
