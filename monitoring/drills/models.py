"""What is kept of drills: each run with its figures and verdict, the faults that are injected for it, what is asked of each kind, and when.

A run stays as it ended; a fault ends by itself whatever becomes of its run. Objectives and schedule are operators', dates the steward's, figures the agents'.
"""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from mailplatform.shell.bounds import between


def _monday_to_thursday() -> list[int]:
    return [1, 2, 3, 4]


class DrillKind(models.TextChoices):
    """What is rehearsed. The first three stand on the overview as well; a message to oneself breaks nothing."""

    SEND_MESSAGE = "send_message", "send yourself a message"
    KILL_ENGINE = "kill_engine", "kill an engine"
    FREEZE_NODE = "freeze_node", "freeze a node"
    BREAK_IP = "break_ip", "break an IP at Gmail"
    BLACK_HOLE_IP = "black_hole_ip", "black-hole a sending IP"
    CUT_ZONE = "cut_zone", "cut off a zone"
    PROVIDER_OUTAGE = "provider_outage", "provider outage"
    DNS_FAILOVER = "dns_failover", "DNS failover"
    DATABASE_SWITCH = "database_switch", "database switch"
    RESTORE_BACKUP = "restore_backup", "restore from backup"


class Drill(models.Model):
    """A rehearsed disaster with measured detection, rerouting and loss."""

    Kind = DrillKind

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"  # it did not come to its end
        ABORTED = "aborted"  # by a person
        INTERRUPTED = "interrupted"  # who carried it out died
        REFUSED = "refused"  # never begun
        SKIPPED = "skipped"  # planned, and left out by a person

    class Verdict(models.TextChoices):
        PASSED = "passed"
        MISSED = "missed", "missed its objective"

    kind = models.CharField(max_length=20, choices=DrillKind)
    scope = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    started_by = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="When it ends by itself at the latest.")
    beat_at = models.DateTimeField(null=True, blank=True, help_text="The last sign of the process that carries it out, where one does.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="Who aborted, refused or skipped it.")
    why = models.TextField(blank=True, default="", db_default="", help_text="Why it was aborted, refused, skipped or interrupted.")
    planned_for = models.DateTimeField(null=True, blank=True, help_text="The schedule's date that it was started for.")
    verdict = models.CharField(max_length=6, choices=Verdict, blank=True, default="", db_default="")
    objectives = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), help_text="Each with its limit, what was measured and whether it was met."
    )
    figures = models.JSONField(default=dict, help_text="found_ms, rerouted_ms, lost, doubled, in_hand …")
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["kind", "-id"], name="drills_of_a_kind"),
            models.Index(fields=["id"], name="drills_running", condition=Q(state="running")),
        ]
        constraints = [models.UniqueConstraint(fields=["kind", "planned_for"], name="one_drill_a_date")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.started_at:%Y-%m-%d %H:%M}"


class Fault(models.Model):
    """Something that agents or engines break on purpose, until a moment that they keep by their own clocks."""

    class Kind(models.TextChoices):
        FREEZE_ENGINE = "freeze_engine"
        CUT_DATABASE = "cut_database"
        BLACK_HOLE_IP = "black_hole_ip"
        PROVIDER_OUTAGE = "provider_outage"  # carried out by the simulated internet
        ENDPOINT_DEAD = "endpoint_dead"  # declared, not broken

    drill = models.ForeignKey(Drill, null=True, on_delete=models.CASCADE, related_name="faults")
    kind = models.CharField(max_length=20, choices=Kind)
    node = models.ForeignKey("pools.Node", null=True, on_delete=models.CASCADE, related_name="faults")
    engine_id = models.BigIntegerField(null=True, help_text="Which engine; empty: every engine of the node.")
    ip = models.ForeignKey("pools.SendingIP", null=True, on_delete=models.CASCADE, related_name="faults")
    begins_at = models.DateTimeField()
    until = models.DateTimeField(help_text="When it ends by itself.")
    obeyed_at = models.DateTimeField(null=True, help_text="The database's time just before the act: where the stopwatch starts.")
    ended_at = models.DateTimeField(null=True)
    says = models.TextField(default="", db_default="", help_text="Why it ended, when not by its time.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["until"], name="faults_that_live", condition=Q(ended_at=None))]
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("begins_at")), name="faults_end_after_they_begin"),
            models.CheckConstraint(condition=Q(until__lte=F("begins_at") + timedelta(minutes=5)), name="faults_last_five_minutes_at_most"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} until {self.until:%Y-%m-%d %H:%M:%S}"


class DrillPolicy(models.Model):
    """What is asked of one kind, and how often it is rehearsed. An objective that is empty is not asked."""

    kind = models.CharField(max_length=20, choices=DrillKind, primary_key=True, editable=False)
    planned = models.BooleanField("on the schedule", default=True)
    every_days = models.PositiveSmallIntegerField("every", default=91, validators=between(1, 400), help_text="Days between two rehearsals: a quarter is 91.")
    detect_ms = models.PositiveIntegerField(
        "detected within", null=True, blank=True, validators=between(50, 600_000), help_text="Milliseconds from the fault to the platform's verdict."
    )
    reroute_ms = models.PositiveIntegerField(
        "rerouted within", null=True, blank=True, validators=between(10, 600_000), help_text="Milliseconds from the verdict to the first attempt elsewhere."
    )
    recovery_s = models.PositiveIntegerField(
        "recovery time", null=True, blank=True, validators=between(1, 86_400),
        help_text="Seconds from the fault until all of its mail was settled or restored.",
    )
    point_s = models.PositiveIntegerField(
        "recovery point", null=True, blank=True, validators=between(1, 604_800),
        help_text="Seconds: how old the newest thing may be that a restored backup has.",
    )
    late_max = models.PositiveIntegerField(
        "late at most", null=True, blank=True, validators=between(0, 1_000_000), help_text="Deliveries that came more than ten seconds later for it."
    )
    lost_max = models.PositiveIntegerField("lost at most", default=0, validators=between(0, 1_000_000))
    doubled_max = models.PositiveIntegerField(
        "doubled at most", default=0, validators=between(0, 1_000_000), help_text="Apart from what had its dot written and no answer."
    )
    next_at = models.DateTimeField(null=True, blank=True, help_text="When it is rehearsed next; empty: when the schedule looks.")
    reminded_for = models.DateTimeField(null=True, blank=True, editable=False, help_text="The date that a reminder was written for.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind"]
        verbose_name_plural = "drill policies"

    def __str__(self) -> str:
        return str(self.get_kind_display())


class DrillSchedule(models.Model):
    """The one row that operators edit: whether drills start by themselves, on which days, between which hours."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    on = models.BooleanField("start by themselves", default=True)
    in_live = models.BooleanField("in live mode too", default=False, help_text="Outside the sandbox it needs DRILLS_IN_LIVE as well.")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=between(1, 7)), default=_monday_to_thursday, help_text="1 is Monday, 7 is Sunday."
    )
    from_hour = models.PositiveSmallIntegerField("from", default=9, validators=between(0, 23), help_text="Hour of the day, UTC.")
    until_hour = models.PositiveSmallIntegerField("until", default=16, validators=between(1, 24), help_text="Hour of the day, UTC.")
    remind_hours = models.PositiveSmallIntegerField("remind", default=24, validators=between(0, 336), help_text="Hours before; 0: not.")
    overdue_days = models.PositiveSmallIntegerField("overdue after", default=7, validators=between(1, 90), help_text="Days after its date.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "drills: schedule"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_drill_schedule"),
            models.CheckConstraint(condition=Q(until_hour__gt=F("from_hour")), name="drills_have_an_hour_of_the_day"),
        ]

    def __str__(self) -> str:
        return "when drills start by themselves"
