"""What is kept of reputation: the operators' policy, how each path in trouble stands, every action, the history of scores, the evidence behind them.

Configuration and actions have foreign keys; counters and evidence, written by the thousand, have none. Who writes: operators (policies), the steward's
round (standings, actions, samples), the engine in its batches (evidence, pool minutes), the job `roll_up` (hours and days, and all forgetting).
"""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from mailplatform.tenants.models import Tenant
from pools.purposes import Purpose
from pools.reputation.thresholds import checked

AT_LEAST = MinValueValidator
AT_MOST = MaxValueValidator
SCORE = (AT_LEAST(0), AT_MOST(100))


class Mode(models.TextChoices):
    OFF = "off", "off: paths are scored, nothing is done or proposed"
    PROPOSE = "propose", "propose: actions are written down, a person does them"
    AUTOMATIC = "automatic"


def default_steps() -> list[int]:
    return [5, 25, 50, 100]


class ReputationPolicy(models.Model):
    """The one row that operators edit. A platform without it does nothing by itself."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    mode = models.CharField(max_length=9, choices=Mode, default=Mode.AUTOMATIC)
    leave_below = models.FloatField(default=50, validators=[AT_LEAST(5), AT_MOST(95)], help_text="A path whose score falls below this leaves.")
    return_at = models.FloatField(default=75, validators=[AT_LEAST(10), AT_MOST(100)], help_text="A path on probation gets its next step from this score on.")
    block_floor = models.PositiveIntegerField(
        default=8, validators=[AT_LEAST(3), AT_MOST(1_000)], help_text="Blocks, at least so many within the short window, before blocks count."
    )
    sample_floor = models.PositiveIntegerField(
        default=50, validators=[AT_LEAST(10), AT_MOST(100_000)], help_text="Attempts, at least so many, before bounces and complaints count in full."
    )
    short_half_life_s = models.PositiveIntegerField("short half-life", default=300, validators=[AT_LEAST(5), AT_MOST(86_400)], help_text="Seconds: of blocks.")
    long_half_life_s = models.PositiveIntegerField(
        "long half-life", default=21_600, validators=[AT_LEAST(60), AT_MOST(30 * 86_400)], help_text="Seconds: of bounces and complaints."
    )
    stay_s = models.PositiveIntegerField(
        "minimum stay", default=1_800, validators=[AT_LEAST(1), AT_MOST(30 * 86_400)], help_text="Seconds before the first probe; each entry doubles it."
    )
    stay_most_s = models.PositiveIntegerField("longest stay", default=86_400, validators=[AT_LEAST(1), AT_MOST(90 * 86_400)])
    entries_per_day = models.PositiveSmallIntegerField(
        default=2, validators=[AT_LEAST(1), AT_MOST(24)], help_text="A path enters quarantine at most so often in 24 hours; a later entry stays for a day."
    )
    trickle_per_hour = models.PositiveIntegerField(
        default=30, validators=[AT_LEAST(1), AT_MOST(100_000)], help_text="What a path may send in an hour while it is probed."
    )
    steps = ArrayField(
        models.PositiveSmallIntegerField(validators=[AT_LEAST(1), AT_MOST(100)]), default=default_steps, help_text="Percent."
    )
    step_s = models.PositiveIntegerField("least time a step", default=1_800, validators=[AT_LEAST(1), AT_MOST(30 * 86_400)], help_text="Seconds.")
    step_floor = models.PositiveIntegerField(
        default=20, validators=[AT_LEAST(1), AT_MOST(100_000)], help_text="Answers, at least so many in a step, before the next."
    )
    large_providers = models.PositiveSmallIntegerField(
        default=2, validators=[AT_LEAST(2), AT_MOST(20)], help_text="An IP that has left at so many large providers leaves everywhere."
    )
    ip_within_s = models.PositiveIntegerField(
        "large providers within", default=3_600, validators=[AT_LEAST(1), AT_MOST(30 * 86_400)], help_text="Seconds: of each other they must have lost it."
    )
    ip_stay_s = models.PositiveIntegerField("an IP's minimum stay", default=3_600, validators=[AT_LEAST(1), AT_MOST(90 * 86_400)], help_text="Seconds.")
    patience_s = models.PositiveIntegerField(
        default=86_400, validators=[AT_LEAST(1), AT_MOST(90 * 86_400)], help_text="Seconds at a step; then four clean answers are enough for the next."
    )
    forget_s = models.PositiveIntegerField(
        "relapses forgotten after", default=7 * 86_400, validators=[AT_LEAST(60), AT_MOST(365 * 86_400)], help_text="Seconds open; then a stay is short again."
    )
    fast_answers = models.FloatField(
        "half-life in answers", default=25, validators=[AT_LEAST(5), AT_MOST(1_000)], help_text="Of what has just broken: after so many half is forgotten."
    )
    refused_from = models.FloatField(default=0.02, validators=[AT_LEAST(0), AT_MOST(0.9)], help_text="Share refused beyond other IPs': from here points go.")
    refused_full = models.FloatField(default=0.5, validators=[AT_LEAST(0.01), AT_MOST(1)], help_text="Share refused beyond other IPs': here all are gone.")
    bounced_from = models.FloatField(default=0.02, validators=[AT_LEAST(0), AT_MOST(0.9)], help_text="Share of unknown recipients from which points are lost.")
    bounced_full = models.FloatField(default=0.06, validators=[AT_LEAST(0.01), AT_MOST(1)], help_text="Share of unknown recipients at which all are.")
    complained_from = models.FloatField(default=0.001, validators=[AT_LEAST(0), AT_MOST(0.9)], help_text="Share of complaints from which points are lost.")
    complained_full = models.FloatField(default=0.005, validators=[AT_LEAST(0.0001), AT_MOST(1)], help_text="Share of complaints at which all are.")
    step_failed = models.FloatField(default=0.3, validators=[AT_LEAST(0.05), AT_MOST(0.9)], help_text="Share of a step's answers refused: above, it failed.")
    step_clean = models.FloatField(default=0.03, validators=[AT_LEAST(0.01), AT_MOST(0.5)], help_text="Not more, and the next step comes.")
    cover_share = models.PositiveSmallIntegerField(
        default=25, validators=[AT_LEAST(1), AT_MOST(100)], help_text="What a pool's last paths keep when they should leave and nothing covers them. Percent."
    )
    grace_s = models.PositiveIntegerField(
        "grace after a cancel", default=3_600, validators=[AT_LEAST(1), AT_MOST(30 * 86_400)], help_text="Seconds in which what was cancelled is not done anew."
    )
    most_out_percent = models.PositiveSmallIntegerField(
        default=50, validators=[AT_LEAST(1), AT_MOST(100)], help_text="Of all paths to a provider, at most so many leave by themselves; more are proposed."
    )
    minutes_kept_days = models.PositiveSmallIntegerField(default=8, validators=[AT_LEAST(2), AT_MOST(90)], help_text="Minutes and block evidence.")
    hours_kept_days = models.PositiveSmallIntegerField(default=90, validators=[AT_LEAST(8), AT_MOST(730)], help_text="Hours and scores.")
    days_kept_days = models.PositiveSmallIntegerField(default=730, validators=[AT_LEAST(31), AT_MOST(3650)], help_text="Days and actions that are over.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "reputation: policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_reputation_policy"),
            models.CheckConstraint(condition=Q(leave_below__gt=0, leave_below__lt=F("return_at"), return_at__lte=100), name="paths_return_above_leaving"),
        ]

    def __str__(self) -> str:
        return "Reputation: policy"

    def clean(self) -> None:
        """As the core checks it: what cannot be is told by its name."""
        from pools.reputation.policy import of_row

        if wrong := checked(of_row(self)):
            raise ValidationError(wrong)


class PoolReputationPolicy(models.Model):
    """Where a pool differs from the platform's policy; empty fields do not. Of a path that several pools use the most careful one's word holds."""

    pool = models.OneToOneField("pools.Pool", primary_key=True, on_delete=models.CASCADE, related_name="reputation_policy")
    mode = models.CharField(max_length=9, choices=Mode, blank=True, default="")
    leave_below = models.FloatField(null=True, blank=True, validators=[AT_LEAST(5), AT_MOST(95)])
    return_at = models.FloatField(null=True, blank=True, validators=[AT_LEAST(10), AT_MOST(100)])
    cover_share = models.PositiveSmallIntegerField(null=True, blank=True, validators=[AT_LEAST(1), AT_MOST(100)])
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "pool: reputation policy"
        verbose_name_plural = "pools: reputation policies"

    def __str__(self) -> str:
        return f"{self.pool}: reputation policy"


class PathStanding(models.Model):
    """How a path that is or was in trouble stands: what the next decision must remember. A path without a row is open and always was.

    `state` repeats the path's as reputation wrote it; where the two differ, a person has spoken since. `version` guards every change: a decision that was
    made of an older one changes nothing. `score` and `components` are the last that were worth a write; pages show these as *why 43*.
    """

    path = models.OneToOneField("pools.Path", primary_key=True, on_delete=models.CASCADE, related_name="standing")
    state = models.CharField(max_length=12, default="open", help_text="open, quarantined or probation.")
    since = models.DateTimeField(help_text="When this state, or this step of it, began.")
    step = models.SmallIntegerField(default=0, help_text="Of probation: 0 is the probe, then the policy's steps.")
    entries = ArrayField(models.DateTimeField(), default=list, blank=True, help_text="When it entered quarantine, in the last 24 hours.")
    memory = models.JSONField(default=dict, blank=True, help_text="What else the decision remembers (pools.reputation.decide).")
    until = models.DateTimeField(null=True, blank=True, help_text="Nothing changes before this: the end of the minimum stay, or the next step at the earliest.")
    covering = models.BooleanField(default=False, help_text="It should have left, and stays at a reduced rate because its pool has nothing better.")
    grace_until = models.DateTimeField(null=True, blank=True, help_text="A person cancelled: what was done is not done again before this.")
    score = models.FloatField(default=100.0)
    components = models.JSONField(default=dict, blank=True, help_text="What its score is made of.")
    sentence = models.TextField(blank=True, help_text="Why it stands as it does, in words.")
    version = models.IntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return f"{self.path}: {self.state}"


class Action(models.Model):
    """Something that reputation did by itself, or proposes: with its reason, its evidence, its end, and who cancelled it.

    `evidence` has `replies` ([{reply, campaign, tenant, count, minute}]), `components` (of the score) and `before`/`after` (what was changed, for cancelling).
    """

    class Scope(models.TextChoices):
        PATH = "path"
        IP = "ip", "IP"
        POOL = "pool"
        TENANT = "tenant"

    class Name(models.TextChoices):
        LEAVE = "leave", "path left"
        PROBE = "probe", "path is probed"
        STEP = "step", "probation step"
        BACK = "back", "probation failed"
        RETURN = "return", "path returned"
        IP_OUT = "ip_out", "IP left everywhere"
        IP_BACK = "ip_back", "IP back on probation"
        REDUCE = "reduce", "kept at a reduced rate"
        OVERFLOW = "overflow", "pool overflows"
        RESCUE = "rescue", "pool's best paths kept"
        BORROWING_ENDS = "borrowing_ends", "borrowing used up"
        BORROWING_BEGINS = "borrowing_begins", "borrowing again"
        NOTED = "noted", "noted, nothing done"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        DONE = "done", "in force"
        CANCELLED = "cancelled"
        OVER = "over"

    scope = models.CharField(max_length=6, choices=Scope)
    ip = models.ForeignKey("pools.SendingIP", null=True, blank=True, on_delete=models.CASCADE, related_name="reputation_actions")
    provider = models.ForeignKey("pools.Provider", null=True, blank=True, on_delete=models.CASCADE, related_name="reputation_actions")
    pool = models.ForeignKey("pools.Pool", null=True, blank=True, on_delete=models.CASCADE, related_name="reputation_actions")
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.CASCADE, related_name="reputation_actions")
    name = models.CharField(max_length=20, choices=Name)
    state = models.CharField(max_length=9, choices=State, default=State.DONE)
    sentence = models.TextField(help_text="What was done and why, in full.")
    evidence = models.JSONField(default=dict, blank=True)
    score = models.FloatField(null=True, blank=True, help_text="When it was done.")
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="Its expiry: when it is looked at anew, or a proposal lapses.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True, help_text="Who cancelled or confirmed it; empty: it was over by itself.")

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = "reputation action"
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "ip", "provider", "pool", "name"], condition=Q(state="proposed"), nulls_distinct=False, name="one_open_proposal_of_a_kind"
            ),
        ]
        indexes = [
            models.Index(fields=["-at"], name="reputation_actions_by_time"),
            models.Index(fields=["ip", "provider", "-at"], name="reputation_actions_of_a_path"),
            models.Index(fields=["pool", "-at"], name="reputation_actions_of_a_pool", condition=Q(pool__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence[:80]}"


class ScoreSample(models.Model):
    """One score as it was: of a path each five minutes in which it changed by 2, and hourly while there is traffic; of others hourly.

    Ids that a scope does not use are 0: a path has ip_id and provider_id, an IP ip_id, a pool pool_id, a tenant tenant_id.
    """

    scope = models.CharField(max_length=6, choices=Action.Scope)
    ip_id = models.BigIntegerField(default=0)
    provider_id = models.BigIntegerField(default=0)
    pool_id = models.BigIntegerField(default=0)
    tenant_id = models.BigIntegerField(default=0)
    at = models.DateTimeField(help_text="The beginning of its five minutes.")
    score = models.FloatField()
    state = models.CharField(max_length=12, blank=True, default="")
    components = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "ip_id", "provider_id", "pool_id", "tenant_id", "at"], name="score_sample_once"),
        ]
        indexes = [models.Index(fields=["at"], name="score_samples_by_time")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.scope} {self.score:.0f}"


class BlockEvidence(models.Model):
    """Who was refused for our address's sake in a minute, by path and campaign, with one of the replies. Written in the engine's batches, only added to."""

    minute = models.DateTimeField()
    ip_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    pool_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    stream_id = models.BigIntegerField()
    fingerprint = models.BigIntegerField(help_text="The campaign's content; 0: not known.")
    blocked = models.IntegerField(default=0, help_text="Refused for good, or closed.")
    deferred = models.IntegerField(default=0, help_text="Put off, and our address or its reputation named as the cause.")
    named = models.IntegerField(default=0, help_text="Of both, how many named our IP or a block list.")
    reason = models.CharField(max_length=60, help_text="Of the sample.")
    rule = models.CharField(max_length=60, blank=True)
    reply = models.CharField(max_length=300, help_text="The minute's first.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "ip_id", "provider_id", "tenant_id", "stream_id", "fingerprint"], name="block_evidence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.ip_id}/{self.provider_id}: {self.blocked}"


class PoolCounters(models.Model):
    """How much of a pool's mail went along which sending IP: members' shares, overflow, borrowing."""

    pool_id = models.BigIntegerField()
    ip_id = models.BigIntegerField()
    attempted = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)

    class Meta:
        abstract = True


class PoolMinute(PoolCounters):
    """In a minute. Written in the engine's batches."""

    minute = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "pool_id", "ip_id"], name="pool_minute_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.pool_id}/{self.ip_id}"


class PoolHour(PoolCounters):
    """In an hour."""

    hour = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "pool_id", "ip_id"], name="pool_hour_once")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.pool_id}/{self.ip_id}"


class PoolDay(PoolCounters):
    """In a day (UTC)."""

    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "pool_id", "ip_id"], name="pool_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.pool_id}/{self.ip_id}"


class PathCounters(models.Model):
    """What happened on a path: the sums of its minutes' columns, by the same names."""

    ip_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    attempted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    deferred = models.BigIntegerField(default=0)
    deferred_reputation = models.BigIntegerField(default=0)
    rerouted = models.BigIntegerField(default=0)
    blocked = models.BigIntegerField(default=0)
    blocked_named = models.BigIntegerField(default=0)
    bounced_recipient = models.BigIntegerField(default=0)
    bounced_message = models.BigIntegerField(default=0)
    bounced_infrastructure = models.BigIntegerField(default=0)
    bounced_destination = models.BigIntegerField(default=0)
    complaints = models.BigIntegerField(default=0)
    connects = models.BigIntegerField(default=0)
    connect_failures = models.BigIntegerField(default=0)
    tls_errors = models.BigIntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class PathHour(PathCounters):
    """In an hour, summed from its minutes as often as they change."""

    hour = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ip_id", "provider_id", "hour"], name="path_hour_once")]
        indexes = [models.Index(fields=["hour"], name="path_hours_by_time")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.ip_id}/{self.provider_id}"


class PathDay(PathCounters):
    """In a day (UTC), summed from its hours."""

    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ip_id", "provider_id", "day"], name="path_day_once")]
        indexes = [models.Index(fields=["day"], name="path_days_by_time")]

    def __str__(self) -> str:
        return f"{self.day} {self.ip_id}/{self.provider_id}"


class StreamCounters(models.Model):
    """What became of a stream's deliveries, by pool and provider: the sums of its minutes' columns, by the same names."""

    stream_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    purpose = models.SmallIntegerField(choices=Purpose)
    pool_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    attempted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    delivered_first_try = models.BigIntegerField(default=0)
    deferred = models.BigIntegerField(default=0)
    bounced = models.BigIntegerField(default=0)
    bounced_other = models.BigIntegerField(default=0)
    complaints = models.BigIntegerField(default=0)
    suppressed = models.BigIntegerField(default=0)
    wait_ms_sum = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class StreamHour(StreamCounters):
    """In an hour."""

    hour = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "pool_id", "provider_id", "hour"], name="stream_hour_once")]
        indexes = [models.Index(fields=["hour"], name="stream_hours_by_time")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.stream_id}"


class StreamDay(StreamCounters):
    """In a day (UTC)."""

    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "pool_id", "provider_id", "day"], name="stream_day_once")]
        indexes = [models.Index(fields=["day"], name="stream_days_by_time")]

    def __str__(self) -> str:
        return f"{self.day} {self.stream_id}"
