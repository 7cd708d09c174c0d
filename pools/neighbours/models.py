"""What is kept of neighbours: the operators' policy, each tenant's standing and what was done about it, moves between shared pools, new tenants' caps.

Written by the steward's round and by operators. The counters (windows, capped hours, paces) have no foreign keys, like all counters.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from mailplatform.tenants.models import Tenant

AT_LEAST = MinValueValidator
AT_MOST = MaxValueValidator


class Mode(models.TextChoices):
    OFF = "off"
    PROPOSE = "propose"
    AUTOMATIC = "automatic"


class Level(models.TextChoices):
    """Of a tenant's standing, the best first."""

    GOOD = "good"
    WARNED = "warned"
    SLOWED = "slowed"
    HELD = "held"


class NeighboursPolicy(models.Model):
    """The one row that operators edit. A platform without it, as it is before its first start, asks nothing of its tenants."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    mode = models.CharField(max_length=9, choices=Mode, default=Mode.AUTOMATIC, help_text="Whether tenants are warned, slowed and held by themselves.")
    bounce_warn = models.FloatField("bounces: warn at", default=2, help_text="Percent of attempts refused for good by the recipient's or the message's fault.")
    bounce_slow = models.FloatField("bounces: slow at", default=5, help_text="Percent.")
    bounce_hold = models.FloatField("bounces: hold at", default=10, help_text="Percent.")
    bounce_floor = models.PositiveIntegerField(default=100, validators=[AT_LEAST(20), AT_MOST(100_000)], help_text="Fewer ended deliveries say nothing.")
    complaint_warn = models.FloatField("complaints: warn at", default=0.1, help_text="Percent of what was delivered to providers that report complaints.")
    complaint_slow = models.FloatField("complaints: slow at", default=0.3, help_text="Percent.")
    complaint_hold = models.FloatField("complaints: hold at", default=0.5, help_text="Percent.")
    complaint_floor = models.PositiveIntegerField(default=500, validators=[AT_LEAST(50), AT_MOST(1_000_000)], help_text="Fewer deliveries say nothing.")
    suppressed_warn = models.FloatField(
        "suppressed: warn at", default=20, validators=[AT_LEAST(1), AT_MOST(100)], help_text="Percent of the submitted: to addresses on its own list."
    )
    stay_minutes = models.PositiveIntegerField("minimum stay", default=60, validators=[AT_MOST(10_080)], help_text="Minutes before a level is eased.")
    expires_hours = models.PositiveIntegerField(
        default=72, validators=[AT_LEAST(1), AT_MOST(720)], help_text="Hours after which warnings and slowing end by themselves. A hold ends by a person."
    )
    slow_share = models.PositiveSmallIntegerField(
        default=10, validators=[AT_LEAST(1), AT_MOST(90)], help_text="What a slowed tenant keeps of rate and weight, in percent, outside of transactional mail."
    )
    slow_least_per_minute = models.PositiveIntegerField(default=30, validators=[AT_LEAST(1), AT_MOST(100_000)], help_text="The slowest that slowing gets.")
    moves = models.CharField("moves between shared pools", max_length=9, choices=Mode, default=Mode.OFF)
    move_stay_days = models.PositiveSmallIntegerField(default=7, validators=[AT_LEAST(1), AT_MOST(365)], help_text="Least days between two moves of a stream.")
    good_after_days = models.PositiveSmallIntegerField(
        default=14, validators=[AT_LEAST(1), AT_MOST(365)], help_text="A tenant so old, in good standing all that time, is new no more."
    )
    caps_newcomers = models.BooleanField("cap new tenants", default=True)
    first_day_cap = models.PositiveIntegerField(default=1_000, validators=[AT_LEAST(1)], help_text="Deliveries in a new tenant's first 24 hours.")
    growth_percent = models.PositiveIntegerField(
        default=100, validators=[AT_LEAST(10), AT_MOST(1_000)], help_text="By how much each clean day raises the cap; 100 doubles it."
    )
    lifted_above = models.PositiveIntegerField(default=50_000, validators=[AT_LEAST(1)], help_text="A cap that would grow beyond this is lifted.")
    asks_alignment = models.BooleanField(
        "marketing needs SPF, DKIM and DMARC", default=True, help_text="On shared pools marketing is taken only from domains that pass all three."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "neighbours: policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_neighbours_policy"),
            models.CheckConstraint(
                condition=Q(bounce_warn__gt=0, bounce_warn__lte=F("bounce_slow"), bounce_slow__lte=F("bounce_hold"), bounce_hold__lte=100),
                name="bounce_thresholds_rise",
            ),
            models.CheckConstraint(
                condition=Q(complaint_warn__gt=0, complaint_warn__lte=F("complaint_slow"), complaint_slow__lte=F("complaint_hold"), complaint_hold__lte=100),
                name="complaint_thresholds_rise",
            ),
        ]

    def __str__(self) -> str:
        return "Neighbours: policy"


class TenantStanding(models.Model):
    """How a tenant stands now. A tenant without a row is in good standing."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="standing")
    level = models.CharField(max_length=6, choices=Level, default=Level.GOOD)
    since = models.DateTimeField(help_text="Since when it has this level.")
    good_since = models.DateTimeField(null=True, blank=True, help_text="Since when nothing was held against it; empty: something is.")
    sentence = models.TextField(blank=True, help_text="Why, in words.")
    figures = models.JSONField(default=dict, blank=True, help_text="What it was judged by: rates, bounds and samples by stream.")
    judged_at = models.DateTimeField()

    class Meta:
        ordering = ["tenant"]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.level}"


class StandingAction(models.Model):
    """Something that was done, or is proposed, about a tenant: warned, slowed, or a stream held."""

    class Kind(models.TextChoices):
        WARN = "warn"
        SLOW = "slow"
        HOLD = "hold"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        ACTIVE = "active"
        ENDED = "ended"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="standing_actions")
    stream_id = models.BigIntegerField(default=0, help_text="The stream that is held; 0: all of the tenant's.")
    kind = models.CharField(max_length=4, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)
    by = models.CharField(max_length=200, blank=True, help_text="The person who did it; empty: it was done by itself.")
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: a person ends it.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True, help_text="The person who ended it; empty: it ended by itself.")
    ended_because = models.TextField(blank=True)

    class Meta:
        ordering = ["-begun_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "stream_id"], condition=~Q(state="ended"), name="one_standing_action_a_kind")]
        indexes = [models.Index(fields=["tenant", "-begun_at"], name="standing_action_of_tenant")]

    def __str__(self) -> str:
        return self.sentence


class StandingWindow(models.Model):
    """A stream's decayed sums at one provider. `since_…` are whole sums since the level last changed: what easing is decided by."""

    stream_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    at = models.DateTimeField(help_text="What the sums are decayed to.")
    fast_ended = models.FloatField(default=0, db_default=0)
    fast_bounced = models.FloatField(default=0, db_default=0)
    long_ended = models.FloatField(default=0, db_default=0)
    long_bounced = models.FloatField(default=0, db_default=0)
    delivered = models.FloatField(default=0, db_default=0)
    complaints = models.FloatField(default=0, db_default=0)
    submitted = models.FloatField(default=0, db_default=0)
    suppressed = models.FloatField(default=0, db_default=0)
    per_minute = models.FloatField(default=0, db_default=0, help_text="Attempts a minute, over the last day.")
    fresh_from = models.DateTimeField(null=True, help_text="Minutes before this one count for nothing: a person forgave them.")
    since_from = models.DateTimeField(null=True)
    since_ended = models.FloatField(default=0, db_default=0)
    since_bounced = models.FloatField(default=0, db_default=0)
    since_delivered = models.FloatField(default=0, db_default=0)
    since_complaints = models.FloatField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "provider_id"], name="standing_window_once")]
        indexes = [models.Index(fields=["tenant_id"], name="standing_window_of_tenant")]

    def __str__(self) -> str:
        return f"{self.stream_id}/{self.provider_id}"


class NeighboursProgress(models.Model):
    """How far the round has added minutes to the windows; the row's lock lets one add at a time."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    folded_to = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.folded_to:%H:%M}"


class PoolMove(models.Model):
    """A stream's move from one shared pool to another: proposed, made, taken back or declined."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        MADE = "made"
        UNDONE = "undone"
        DECLINED = "declined"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="pool_moves")
    stream = models.ForeignKey("pools.Stream", on_delete=models.CASCADE, related_name="moves")
    from_pool = models.ForeignKey("pools.Pool", on_delete=models.CASCADE, related_name="moves_away")
    to_pool = models.ForeignKey("pools.Pool", on_delete=models.CASCADE, related_name="moves_here")
    state = models.CharField(max_length=8, choices=State)
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)
    proposed_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was made, taken back or declined.")
    by = models.CharField(max_length=200, blank=True, help_text="The person who decided; empty: it was done by itself.")

    class Meta:
        ordering = ["-proposed_at"]
        constraints = [models.UniqueConstraint(fields=["stream"], condition=Q(state="proposed"), name="one_proposed_move_a_stream")]

    def __str__(self) -> str:
        return self.sentence


class NewcomerCap(models.Model):
    """A new tenant's daily cap and how it grows. What submission obeys is the tenant's own `daily_cap`; an operator who sets that takes this over."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="newcomer")
    cap = models.PositiveIntegerField(help_text="What was last written to the tenant.")
    clean_days = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(help_text="Since when it has this cap.")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=200, blank=True, help_text="Empty: by itself.")

    class Meta:
        ordering = ["tenant"]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.cap}"


class CappedHour(models.Model):
    """What a capped tenant has had accepted in an hour; written in the transaction that accepts it."""

    tenant_id = models.BigIntegerField()
    hour = models.DateTimeField()
    accepted = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "hour"], name="capped_hour_once")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.hour:%H:%M}"


class SlowedPace(models.Model):
    """Until when a slowed tenant's rate is spent: what comes next waits its turn behind that (the generic cell rate algorithm)."""

    tenant_id = models.BigIntegerField(primary_key=True)
    spent_until = models.FloatField(default=0, db_default=0, help_text="Unix seconds.")

    def __str__(self) -> str:
        return str(self.tenant_id)
