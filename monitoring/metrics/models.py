"""What metrics are kept in: subjects, and for each metric and dimension one row a tick, a minute, an hour and a day, with a value for each subject.

One row holds all subjects of a metric in arrays, in the order of `subjects`: thousands of values a tick are some sixty rows. A subject without a value
is not in it.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from mailplatform.shell.bounds import between


class RealField(models.FloatField):
    """Four bytes: six digits are enough for a chart."""

    def db_type(self, connection: object) -> str:
        return "real"


class MetricSubject(models.Model):
    """Whom values are told of: a provider, an IP, a node, … Kept when the row that it names is gone, so that the past keeps its names."""

    dimension = models.CharField(max_length=12)
    key = models.CharField(max_length=120, help_text="The primary key as text where there is a row, else the name.")
    label = models.CharField(max_length=200)

    class Meta:
        ordering = ["dimension", "label"]
        constraints = [models.UniqueConstraint(fields=["dimension", "key"], name="one_metric_subject_a_key")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.label}"


class _Values(models.Model):
    metric = models.CharField(max_length=40)
    dimension = models.CharField(max_length=12)
    at = models.DateTimeField(help_text="Its beginning, by the database's clock.")
    subjects = ArrayField(models.IntegerField())
    values = ArrayField(RealField(), help_text="A level's average, a count's sum.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.metric} by {self.dimension} at {self.at:%Y-%m-%d %H:%M:%S}"


class _RolledUp(_Values):
    lows = ArrayField(RealField(), null=True, help_text="A level's least.")
    highs = ArrayField(RealField(), null=True, help_text="A level's most.")

    class Meta:
        abstract = True


class MetricTick(_Values):
    """Ten seconds."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "dimension", "at"], name="one_row_a_metric_and_tick")]


class MetricMinute(_RolledUp):
    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "dimension", "at"], name="one_row_a_metric_and_minute")]


class MetricHour(_RolledUp):
    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "dimension", "at"], name="one_row_a_metric_and_hour")]


class MetricDay(_RolledUp):
    """Of UTC. Charts of months read it: a year's hours of one metric lie on some nine thousand pages, its days on 365."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["metric", "dimension", "at"], name="one_row_a_metric_and_day")]


class MonitoringPolicy(models.Model):
    """The one row that operators edit: how long metrics are kept, and whether anything is judged and told."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    judging = models.BooleanField("judge alert rules", default=True, help_text="Off: metrics are collected, no rule is judged, no incident opened.")
    telling = models.BooleanField("tell people", default=True, help_text="Off: incidents are opened and nobody is told of them.")
    ticks_hours = models.PositiveSmallIntegerField("keep ten seconds for", default=24, validators=between(2, 168), help_text="Hours.")
    minutes_days = models.PositiveSmallIntegerField("keep minutes for", default=7, validators=between(2, 60), help_text="Days.")
    hours_days = models.PositiveSmallIntegerField("keep hours for", default=365, validators=between(30, 1_100), help_text="Days.")
    group_from = models.PositiveSmallIntegerField(
        "group from", default=5, validators=between(2, 100), help_text="So many subjects of one rule at once are one incident."
    )
    judged_at = models.DateTimeField(null=True, editable=False, help_text="The last tick that rules were judged of.")
    heartbeat_url_encrypted = models.BinaryField(null=True, blank=True, editable=False)
    heartbeat_every_s = models.PositiveIntegerField(
        "heartbeat every", default=60, validators=between(10, 3600), help_text="Seconds between two calls of the heartbeat's URL."
    )
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    heartbeat_problem = models.TextField(blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "monitoring: policy"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_monitoring_policy")]

    def __str__(self) -> str:
        return "what monitoring keeps and does"
