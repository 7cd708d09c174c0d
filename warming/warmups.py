"""What is kept of warm-ups: each path's, every decision with its evidence, which IPs are warm, and the operators' policy.

Owns: the tables of running warm-ups; `pools_path.warm_per_hour` and `warm_per_day` are this app's too, and change in the same transaction as the
decision that changes them. A warm-up whose provider is the catalogue's `default` is that of the long tail: each small provider's path obeys its caps.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from pools.models import Path, Provider, SendingIP

AT_LEAST, AT_MOST = MinValueValidator, MaxValueValidator
DAY_S = 86_400


def short(name: str) -> str:
    """Gmail, of "Gmail / Google Workspace"."""
    return name.partition(" / ")[0].partition(" (")[0]


class WarmingPolicy(models.Model):
    """The one row that operators edit. A platform without it, as it is before its first start, warms nothing."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    is_on = models.BooleanField(default=True, help_text="Off: nothing starts and nothing is decided; caps stay as they are.")
    starts_itself = models.BooleanField(default=True, help_text="An IP without a past begins to warm when it is put into a pool.")
    new_plan = models.SlugField(max_length=60, default="default", help_text="The plan of new IPs, in its newest enabled version.")
    idle_plan = models.SlugField(max_length=60, default="idle", help_text="The plan of IPs that sent nothing for a while.")
    idle_days = models.PositiveSmallIntegerField(default=30, validators=[AT_LEAST(7), AT_MOST(365)], help_text="Days without mail after which an IP is cold.")
    history_at_least = models.PositiveIntegerField(
        default=10_000, validators=[AT_LEAST(1)], help_text="Who had so many accepted in the last 30 days is warm already."
    )
    slowest = models.FloatField(default=0.25, validators=[AT_LEAST(0.1), AT_MOST(1)], help_text="The slowest pace that a person may choose; 1 is the plan's.")
    fastest = models.FloatField(default=2.0, validators=[AT_LEAST(1), AT_MOST(4)], help_text="The fastest.")
    day_s = models.PositiveIntegerField(
        "a day lasts", default=DAY_S, validators=[AT_LEAST(2), AT_MOST(DAY_S)], help_text="Seconds. In the sandbox alone it may be less than 86,400."
    )
    counted_to = models.DateTimeField(null=True, editable=False, help_text="Up to here the minutes of warming paths were added up.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "warming: policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_warming_policy"),
            models.CheckConstraint(condition=Q(slowest__gt=0, slowest__lte=1, fastest__gte=1), name="paces_around_the_plans"),
            models.CheckConstraint(condition=Q(day_s__gte=2, day_s__lte=DAY_S), name="a_day_is_at_most_a_day"),
        ]

    def __str__(self) -> str:
        return "warming policy"


class IpPast(models.Model):
    """What is known of an IP's past: when it last sent, and whether somebody said that it is warm."""

    ip = models.OneToOneField(SendingIP, on_delete=models.CASCADE, primary_key=True, related_name="past")
    warm_since = models.DateTimeField(null=True, blank=True, help_text="It needs no warm-up; empty: nobody said so.")
    why = models.CharField(max_length=200, blank=True)
    by = models.CharField(max_length=200, blank=True, help_text="A person, or empty: the platform.")
    last_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = "IP's past", "IPs' pasts"

    def __str__(self) -> str:
        return f"past of {self.ip}"


class Warmup(models.Model):
    """One path's way to full volume. `decisions` is the number of its last decision: who decides next must have seen that one."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for its first message"
        WARMING = "warming"
        PAUSED = "paused"
        FINISHED = "finished"
        CANCELLED = "cancelled"

    RUNNING = (State.WAITING, State.WARMING, State.PAUSED)

    path = models.ForeignKey(Path, on_delete=models.CASCADE, related_name="warmups")
    ip = models.ForeignKey(SendingIP, on_delete=models.CASCADE, related_name="warmups")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="warmups")
    plan = models.ForeignKey("warming.WarmupPlan", on_delete=models.PROTECT, related_name="warmups")
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    stage = models.PositiveSmallIntegerField(default=1)
    cap_per_day = models.PositiveIntegerField()
    cap_per_hour = models.PositiveIntegerField()
    pace = models.FloatField(default=1.0)
    why = models.CharField(max_length=200, blank=True, help_text="Why it began.")
    started_at = models.DateTimeField()
    stage_since = models.DateTimeField(help_text="Evidence counts from here.")
    ended_at = models.DateTimeField(null=True, blank=True)
    decisions = models.PositiveIntegerField(default=0)
    judged_at = models.DateTimeField(null=True, blank=True)
    look_again_at = models.DateTimeField(null=True, blank=True)
    verdict = models.TextField(blank=True, help_text="What was found when it was last judged, in words.")
    paused_by = models.CharField(max_length=200, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    carried = models.JSONField(default=dict, blank=True, help_text="What the controller remembers from one look to the next.")
    counted_from = models.DateTimeField(help_text="What minutes before this one told is in the counters for good.")
    seen = models.JSONField(default=dict, blank=True, help_text="What of the minutes since then is in the counters: an engine may add to them yet.")
    day_caps_of = models.PositiveIntegerField(default=0, help_text="In the sandbox: for which of its short days the caps were last written.")
    day_base = models.PositiveIntegerField(default=0, help_text="In the sandbox: what of the long day's cap was reserved when that short day began.")
    attempted = models.BigIntegerField(default=0, help_text="In this stage, as all that follow.")
    delivered = models.BigIntegerField(default=0)
    deferred = models.BigIntegerField(default=0)
    blocked = models.BigIntegerField(default=0)
    bounced = models.BigIntegerField(default=0)
    complaints = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "warm-up"
        constraints = [
            models.UniqueConstraint(fields=["path"], condition=Q(state__in=["waiting", "warming", "paused"]), name="one_warmup_a_path"),
            models.CheckConstraint(condition=Q(stage__gte=1), name="stage_from_1"),
            models.CheckConstraint(condition=Q(pace__gt=0), name="pace_above_0"),
            models.CheckConstraint(condition=Q(cap_per_hour__lte=F("cap_per_day")), name="an_hour_is_part_of_a_day"),
        ]
        indexes = [models.Index(fields=["ip", "provider"], name="warmups_of_an_ip")]

    def __str__(self) -> str:
        return f"warm-up of {self.ip} at {self.provider}"

    @property
    def where(self) -> str:
        """Its provider, as short as people say it; the tail's warm-up is for each small provider."""
        return "Small providers, each" if self.provider.key == "default" else short(self.provider.name)

    @property
    def running(self) -> bool:
        return self.state in self.RUNNING


class WarmupDecision(models.Model):
    """One decision about a warm-up with what it was made of; never changed. The number makes two at once impossible."""

    class Kind(models.TextChoices):
        START = "start"
        BEGIN = "begin", "first message"
        ADVANCE = "advance"
        HOLD = "hold"
        STEP_BACK = "step_back"
        PAUSE = "pause"
        RESUME = "resume"
        FINISH = "finish"
        CANCEL = "cancel"
        PACE = "pace"
        PLAN = "plan"
        UNDO = "undo"

    warmup = models.ForeignKey(Warmup, on_delete=models.CASCADE, related_name="made")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=9, choices=Kind)
    by = models.CharField(max_length=200, blank=True, help_text="A person; empty: the controller.")
    sentence = models.TextField()
    evidence = models.JSONField(default=dict, blank=True)
    stage_before = models.PositiveSmallIntegerField()
    stage_after = models.PositiveSmallIntegerField()
    cap_before = models.PositiveIntegerField(null=True, blank=True, help_text="A day's; empty: full volume.")
    cap_after = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-number"]
        constraints = [models.UniqueConstraint(fields=["warmup", "number"], name="warmup_decision_once")]
        indexes = [models.Index(fields=["-at"], name="warmup_decisions_newest")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.warmup_id} at {self.at:%Y-%m-%d %H:%M}"


class WarmupDay(models.Model):
    """What a path did in one day of its warm-up: the curve on its page. A day counts from the warm-up's beginning."""

    warmup = models.ForeignKey(Warmup, on_delete=models.CASCADE, related_name="days")
    number = models.PositiveIntegerField(help_text="1: the first.")
    stage = models.PositiveSmallIntegerField(default=1, help_text="The last of that day.")
    cap = models.PositiveIntegerField(help_text="A day's, as it was last.")
    attempted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    deferred = models.BigIntegerField(default=0)
    blocked = models.BigIntegerField(default=0)
    bounced = models.BigIntegerField(default=0)
    complaints = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["warmup", "number"]
        constraints = [models.UniqueConstraint(fields=["warmup", "number"], name="warmup_day_once")]

    def __str__(self) -> str:
        return f"day {self.number} of {self.warmup_id}"
