"""What mail goes through: zones, nodes, sending IPs, pools, streams, providers, paths, and what happened on them.

Configuration has foreign keys; what the engine writes by the thousand (path and stream minutes) has none, so that history never
blocks a change. Money-like counters are only ever added to.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from mailplatform.tenants.models import DOMAIN, Tenant
from pools.failover.models import FailoverPolicy as FailoverPolicy
from pools.failover.models import NodeReturn as NodeReturn
from pools.listings.models import AddressCheck as AddressCheck
from pools.listings.models import DnsblZone as DnsblZone
from pools.listings.models import Listing as Listing
from pools.listings.models import ListingPolicy as ListingPolicy
from pools.listings.models import ProviderGrade as ProviderGrade
from pools.neighbours.models import CappedHour as CappedHour
from pools.neighbours.models import NeighboursPolicy as NeighboursPolicy
from pools.neighbours.models import NeighboursProgress as NeighboursProgress
from pools.neighbours.models import NewcomerCap as NewcomerCap
from pools.neighbours.models import PoolMove as PoolMove
from pools.neighbours.models import SlowedPace as SlowedPace
from pools.neighbours.models import StandingAction as StandingAction
from pools.neighbours.models import StandingWindow as StandingWindow
from pools.neighbours.models import TenantStanding as TenantStanding
from pools.purposes import Purpose
from pools.reputation.models import Action as Action
from pools.reputation.models import BlockEvidence as BlockEvidence
from pools.reputation.models import PathDay as PathDay
from pools.reputation.models import PathHour as PathHour
from pools.reputation.models import PathStanding as PathStanding
from pools.reputation.models import PoolDay as PoolDay
from pools.reputation.models import PoolHour as PoolHour
from pools.reputation.models import PoolMinute as PoolMinute
from pools.reputation.models import PoolReputationPolicy as PoolReputationPolicy
from pools.reputation.models import ReputationPolicy as ReputationPolicy
from pools.reputation.models import ScoreSample as ScoreSample
from pools.reputation.models import StreamDay as StreamDay
from pools.reputation.models import StreamHour as StreamHour


class PlaceState(models.TextChoices):
    """How a zone or a node stands, by an operator's word. Only what is active, in an active zone, claims mail."""

    ACTIVE = "active"
    DRAINED = "drained"  # finishes what it has in hand, and takes nothing more
    EVACUATED = "evacuated"  # handed back at once what it had in hand


class Zone(models.Model):
    """An independent failure domain."""

    State = PlaceState

    name = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    state_why = models.TextField(blank=True, default="", db_default="", help_text="Why somebody took it out, in their words.")
    state_by = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="Who did.")
    state_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is in this state; empty: from its beginning.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """A server in a zone that opens SMTP connections to the world."""

    State = PlaceState

    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="nodes")
    name = models.SlugField(max_length=40, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    state_why = models.TextField(blank=True, default="", db_default="", help_text="Why somebody took it out, in their words.")
    state_by = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="Who did.")
    state_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is in this state; empty: from its beginning.")
    engine_slots = models.PositiveSmallIntegerField(default=1, help_text="How many engines its agent keeps running.")

    class Meta:
        ordering = ["zone", "name"]

    def __str__(self) -> str:
        return self.name


class SendingIP(models.Model):
    """One source address on one node."""

    class Egress(models.TextChoices):
        BIND = "bind", "local bind"
        SOCKS5 = "socks5", "SOCKS5 proxy"

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        QUARANTINED = "quarantined"

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="ips")
    address = models.GenericIPAddressField(unique=True)
    ehlo_name = models.CharField(max_length=253, validators=[DOMAIN], help_text="Its PTR record and the name it says in EHLO.")
    egress = models.CharField(max_length=8, choices=Egress, default=Egress.BIND)
    proxy = models.CharField(max_length=120, blank=True, help_text="host:port of the SOCKS5 proxy.")
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    state_why = models.TextField(blank=True, default="", db_default="", help_text="Why reputation took it out, in words; empty: it did not.")
    added_at = models.DateTimeField(auto_now_add=True)
    warm_default_per_hour = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of its paths that warming has said nothing of yet: the cap over a rolling hour; empty: none."
    )
    warm_default_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="The same over rolling 24 hours. A new IP has it from its first moment, so that nothing goes uncapped before it warms."
    )

    class Meta:
        ordering = ["address"]
        verbose_name = "sending IP"
        constraints = [models.CheckConstraint(condition=Q(egress="bind") | ~Q(proxy=""), name="socks5_needs_a_proxy")]

    def __str__(self) -> str:
        return str(self.address)


class Pool(models.Model):
    """Sending IPs that serve the same streams."""

    class Kind(models.TextChoices):
        SHARED = "shared"
        DEDICATED = "dedicated"
        HYBRID = "hybrid"

    class Grade(models.TextChoices):
        NEW = "new", "new tenants"
        GOOD = "good", "tenants in good standing"
        POOR = "poor", "tenants that were slowed or held"

    name = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SHARED)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="pools")
    fallback = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="covers")
    grade = models.CharField(
        max_length=4, choices=Grade, blank=True, default="", db_default="", help_text="Whose streams a shared pool is for; empty: nobody moves to or from it."
    )
    ips = models.ManyToManyField(SendingIP, through="PoolMember", related_name="pools")
    borrow_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="What a tenant's own pool may send along borrowed and fallback IPs in a day (UTC); empty: as much as it takes."
    )
    borrowing_closed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Reputation's word: since when a day's borrowing is used up.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="shared", tenant__isnull=True) | (~Q(kind="shared") & Q(tenant__isnull=False)),
                name="only_shared_pools_have_no_tenant",
            ),
            models.CheckConstraint(condition=Q(fallback__isnull=True) | ~Q(fallback=F("id")), name="pool_is_not_its_own_fallback"),
        ]

    def __str__(self) -> str:
        return self.name


class PoolMember(models.Model):
    """A sending IP's place in a pool; in a hybrid pool `own` says whether it is the tenant's or borrowed cover."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    ip = models.ForeignKey(SendingIP, on_delete=models.CASCADE, related_name="memberships")
    own = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "ip"], name="ip_once_a_pool")]

    def __str__(self) -> str:
        return f"{self.ip} in {self.pool}"


class Stream(models.Model):
    """A tenant's mail of one purpose; points at a pool."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="streams")
    name = models.SlugField(max_length=60)
    purpose = models.SmallIntegerField(choices=Purpose)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="streams")
    is_default = models.BooleanField(default=False, help_text="Used when a message names no stream.")
    one_click_unsubscribe = models.BooleanField(
        null=True, blank=True, help_text="Whether its mail carries List-Unsubscribe links (RFC 8058); empty: marketing does, other mail does not."
    )

    held_why = models.CharField(
        max_length=260, blank=True, default="", db_default="", help_text="Its mail is accepted and held, because of this; empty: it goes (pools.neighbours)."
    )

    class Meta:
        ordering = ["tenant", "purpose", "name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="stream_once_a_tenant"),
            models.UniqueConstraint(fields=["tenant"], condition=Q(is_default=True), name="one_default_stream"),
        ]

    def __str__(self) -> str:
        return self.name


class Provider(models.Model):
    """A mailbox provider, or the MX set of a domain that belongs to none (`profile` empty: the long tail's).

    `facts` come from the shipped data and are replaced on upgrade; `overrides` are the operator's and are kept.
    """

    key = models.CharField(max_length=255, unique=True, help_text="google, microsoft_consumer, …; mx:host for a domain that matches none.")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=30, default="mailbox")
    is_tail = models.BooleanField(default=False, help_text="Found by sorting, not shipped; uses the default profile.")
    mx_suffixes = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    overrides = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["is_tail", "name"]

    def __str__(self) -> str:
        return self.name


class ResponseRule(models.Model):
    """What a provider's reply means and what it does to the path. Shipped rules are replaced on upgrade unless `edited`."""

    id = models.CharField(max_length=60, primary_key=True)
    provider_group = models.CharField(max_length=40, blank=True, help_text="google, microsoft, …; empty: every provider.")
    position = models.IntegerField(help_text="Rules are tried in this order, a provider's own first.")
    pattern = models.TextField()
    reason = models.CharField(max_length=60)
    disposition = models.CharField(max_length=10, help_text="retry, bounce or suppress")
    temporary_5xx = models.BooleanField(default=False)
    action = models.JSONField(default=dict, blank=True)
    samples = models.JSONField(default=list, blank=True, help_text="Replies that this rule and no earlier one must match.")
    source = models.TextField(blank=True)
    confidence = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    edited = models.BooleanField(default=False, help_text="An operator changed it: upgrades leave it alone.")

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.id


class DomainProvider(models.Model):
    """Which provider a recipient domain's MX rolls up to, and its MX hosts; engines keep it fresh."""

    domain = models.CharField(max_length=253, primary_key=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="sorted_domains")
    hosts = models.JSONField(default=list, help_text="[[preference, host], …] in order of preference (RFC 5321 §5.1).")
    secure = models.BooleanField(default=False, db_default=False, help_text="A trusted resolver found the MX records signed: DANE may be asked.")
    sorted_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.domain


class Path(models.Model):
    """(sending IP, provider): a way out for a message. The unit of reputation, limits, allowance, back-off and routing."""

    class State(models.TextChoices):
        OPEN = "open"
        PAUSED = "paused"
        QUARANTINED = "quarantined"
        PROBATION = "probation"

    ip = models.ForeignKey(SendingIP, on_delete=models.CASCADE, related_name="paths")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="paths")
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    state_why = models.TextField(blank=True, default="", db_default="", help_text="Why reputation took it out or bounds it, in words; empty: it does not.")
    score = models.FloatField(default=100.0)
    suspended_until = models.DateTimeField(null=True, blank=True)
    why = models.TextField(blank=True, help_text="The evidence for what limits it now.")
    learned = models.JSONField(default=dict, blank=True, help_text="connections, per_minute, per_connection: learned limits below the profile's.")
    circuit_failures = models.PositiveIntegerField(default=0)
    open_connections = models.PositiveIntegerField(default=0)
    told_by = models.BigIntegerField(null=True, blank=True, editable=False, help_text="The engine that told so, perhaps long gone.")
    lifted_at = models.DateTimeField(null=True, blank=True, help_text="When an operator last lifted what was learned; its engine forgets within a second.")
    binds = models.CharField(max_length=12, blank=True, db_default="", help_text="Which limit holds its mail back now (pools.binds.Limit).")
    binds_until = models.DateTimeField(null=True, blank=True)
    limits_now = models.JSONField(blank=True, default=dict, db_default={}, help_text="Use and limit of what is counted (pools.binds.LimitsNow).")
    share = models.PositiveSmallIntegerField(default=100, db_default=100, help_text="Reputation's word: of its connections and rates, in percent.")
    probation_per_hour = models.PositiveIntegerField(null=True, blank=True, help_text="Reputation's cap over a rolling hour; empty: none.")
    warm_per_hour = models.PositiveIntegerField(null=True, blank=True, help_text="Warming's cap over a rolling hour; empty: none.")
    warm_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="Warming's cap over rolling 24 hours; empty: it does not warm.")
    warmed = models.BooleanField(default=False, db_default=False, help_text="Warming's word: it has warmed here, and its IP's default caps do not bind it.")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ip", "provider"], name="path_once"),
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=100), name="score_0_to_100"),
            models.CheckConstraint(condition=Q(share__lte=100), name="share_0_to_100"),
        ]

    def __str__(self) -> str:
        return f"{self.ip} to {self.provider}"


class ScopedLimit(models.Model):
    """What a response rule said of more than one path: an IP everywhere, a netblock, a signing domain, a tenant. Deleting it lifts it."""

    class Scope(models.TextChoices):
        IP = "ip", "sending IP, at every provider"
        NETBLOCK = "netblock"
        SIGNING_DOMAIN = "signing_domain"
        TENANT = "tenant"

    scope = models.CharField(max_length=14, choices=Scope)
    key = models.CharField(max_length=60, help_text="The IP's, tenant's or sending domain's number, or the network.")
    provider_id = models.BigIntegerField(help_text="0: every provider.")
    learned = models.JSONField(default=dict, help_text="As a path's (pools.learned).")
    why = models.TextField(blank=True, help_text="The reply that it was learned from.")
    rule = models.CharField(max_length=60, blank=True)
    until = models.DateTimeField(help_text="When nothing of it holds any more; a squeeze comes back in steps until then.")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key", "provider_id"], name="scoped_limit_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key} at {self.provider_id or 'every provider'}"


class AllowanceBucket(models.Model):
    """What a path has reserved of its cap in one bucket (30 s of an hour's, 15 min of a day's); credit is reserved before it is spent."""

    class Window(models.IntegerChoices):
        HOUR = 3600, "rolling hour"
        DAY = 86400, "rolling 24 hours"

    path = models.ForeignKey(Path, on_delete=models.CASCADE, related_name="allowance_buckets")
    window_s = models.IntegerField(choices=Window)
    bucket_start = models.DateTimeField()
    reserved = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["path", "window_s", "bucket_start"], name="allowance_bucket_once")]

    def __str__(self) -> str:
        return f"{self.path_id} {self.bucket_start:%H:%M:%S}"


class AllowanceClock(models.Model):
    """One row: how far the database's clock has run ahead of living machines' clocks; windows of allowances count without that (pools.allowances)."""

    ahead_s = models.FloatField(default=0.0, help_text="Seconds that are taken off the database's clock.")
    mark_s = models.FloatField(default=0.0, help_text="The windows' time when an engine last looked, in seconds.")
    boot_id = models.CharField(max_length=60, blank=True, help_text="Which start of which machine it looked from.")
    before_s = models.FloatField(default=0.0, help_text="Its boot-time clock just before it asked.")
    after_s = models.FloatField(default=0.0, help_text="… and just after.")
    wall_s = models.FloatField(default=0.0, help_text="Its wall clock.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_allowance_clock")]

    def __str__(self) -> str:
        return f"{self.ahead_s:+.3f} s"


class PathMinute(models.Model):
    """What happened on a path in a minute. Written in the engine's batches, only added to."""

    ip_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    minute = models.DateTimeField()
    attempted = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    deferred = models.IntegerField(default=0)
    rerouted = models.IntegerField(default=0)
    bounced_recipient = models.IntegerField(default=0)
    bounced_message = models.IntegerField(default=0)
    bounced_infrastructure = models.IntegerField(default=0)
    bounced_destination = models.IntegerField(default=0)
    blocked = models.IntegerField(default=0, db_default=0, help_text="Of all: refused for good, or closed, for our address's or its network's sake (block.*).")
    blocked_named = models.IntegerField(default=0, db_default=0, help_text="Of these and the next: named our IP or a block list.")
    deferred_reputation = models.IntegerField(default=0, db_default=0, help_text="Of all: put off, and our address or its reputation named as the cause.")
    complaints = models.IntegerField(default=0)
    connects = models.IntegerField(default=0)
    connect_failures = models.IntegerField(default=0)
    tls_errors = models.IntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0, help_text="Of the attempts that got an answer: MAIL to final reply.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "ip_id", "provider_id"], name="path_minute_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.ip_id}/{self.provider_id}"


class StreamMinute(models.Model):
    """What became of a stream's deliveries in a minute, by pool and provider: the flow that the overview draws."""

    stream_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    purpose = models.SmallIntegerField(choices=Purpose)
    pool_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    minute = models.DateTimeField()
    attempted = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    delivered_first_try = models.IntegerField(default=0)
    deferred = models.IntegerField(default=0)
    bounced = models.IntegerField(default=0, help_text="By the recipient's or the message's fault: the tenant's.")
    bounced_other = models.IntegerField(default=0)
    complaints = models.IntegerField(default=0)
    suppressed = models.IntegerField(default=0, db_default=0, help_text="Never tried: on the tenant's suppression list. In rows of provider 0 alone.")
    wait_ms_sum = models.BigIntegerField(default=0, help_text="Accepted by us to accepted by the provider, summed over the delivered.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "stream_id", "pool_id", "provider_id"], name="stream_minute_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.stream_id}"


class TlsMinute(models.Model):
    """Attempts that ended with the TLS of a provider's hosts, by what was wrong. Written in the engine's batches, only where there are such."""

    minute = models.DateTimeField()
    provider_id = models.BigIntegerField()
    reason = models.CharField(max_length=60, help_text="pools.outcomes.Reason")
    errors = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "provider_id", "reason"], name="tls_minute_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.provider_id} {self.reason}"


class StaticRoute(models.Model):
    """An operator's word on where mail goes, like a transport map: a domain, a provider (`provider:google`) or everything (`*`)."""

    class Tls(models.TextChoices):
        NONE = "none"
        REQUIRED = "required"
        VERIFIED = "verified"

    match = models.CharField(max_length=260, unique=True)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=25)
    tls = models.CharField(max_length=10, choices=Tls, default=Tls.REQUIRED)
    username = models.CharField(max_length=200, blank=True)
    password_encrypted = models.BinaryField(blank=True, default=b"")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["match"]
        constraints = [models.CheckConstraint(condition=Q(port__gte=1, port__lte=65535), name="route_port_1_to_65535")]

    def __str__(self) -> str:
        return f"{self.match} by {self.host}:{self.port}"


class TlsException(models.Model):
    """An operator's audited permission to deliver to one named destination without TLS."""

    match = models.CharField(max_length=260, unique=True, help_text="A domain, or provider:key. Never everything.")
    reason = models.TextField()
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["match"]
        constraints = [models.CheckConstraint(condition=~Q(match="*"), name="tls_exception_names_a_destination")]

    def __str__(self) -> str:
        return self.match
