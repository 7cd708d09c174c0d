"""Messages, deliveries, attempts (history, partitioned by the day in their id) and the queue (which table a row is in is its state).

History: Message, Body, Delivery, Attempt, Event. Their ids carry time and family (`mailplatform.shell.ids`).
Queue: Ready (claimable now and nothing else), Waiting (due later, and why), Claimed (in an engine's hands). Rows
are only inserted and deleted; all three have the same leading columns, so a move is `INSERT … SELECT`.
None of these tables has foreign keys: thousands of rows a second go through them. SQL of the hot path stands in `delivery/queue/`.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from delivery.webhooks.models import WebhookEndpoint as WebhookEndpoint
from delivery.webhooks.models import WebhookEvent as WebhookEvent
from delivery.webhooks.models import WebhookTry as WebhookTry
from mailplatform.tenants.models import Tenant
from pools.models import Node, Pool, Provider, SendingIP, Stream
from pools.purposes import Purpose


class Message(models.Model):
    """What a tenant submitted."""

    id = models.UUIDField(primary_key=True)
    tenant_id = models.BigIntegerField()
    stream_id = models.BigIntegerField()
    pool_id = models.BigIntegerField()
    purpose = models.SmallIntegerField(choices=Purpose)
    body_id = models.UUIDField()
    domain_id = models.BigIntegerField(help_text="The sending domain, whose keys sign.")
    sender = models.TextField(help_text="The From header as given.")
    subject = models.TextField(blank=True)
    recipients = models.IntegerField()
    size_bytes = models.IntegerField()
    tags = ArrayField(models.TextField(), default=list)
    metadata = models.JSONField(default=dict)
    fingerprint = models.BigIntegerField(default=0, help_text="Of the content without what differs by recipient: one campaign, one number.")
    submitted_by = models.TextField(blank=True, help_text="The API key's prefix, or where else it came from.")
    send_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "id"], name="message_of_tenant")]


class Body(models.Model):
    """One MIME message, stored once however many recipients; `head_length` bytes of header, then CRLF, then the body."""

    id = models.UUIDField(primary_key=True)
    mime = models.BinaryField()
    head_length = models.IntegerField()
    body_hash = models.BinaryField(help_text="SHA-256 of the body canonicalised as relaxed (RFC 6376 §3.4.4): DKIM's bh=.")
    needs_8bit = models.BooleanField(default=False)
    needs_smtputf8 = models.BooleanField(default=False)
    wire_ready = models.BooleanField(db_default=False, default=False, help_text="The body goes out as it is: CR LF line ends only, no line begins with a dot.")


class DeliveryState(models.TextChoices):
    """A delivery's states. Live ones are told from the queue; the table keeps the final ones."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    DEFERRED = "deferred"
    HELD = "held"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


class Delivery(models.Model):
    """One recipient of one message. `final` stays empty while the queue has it."""

    id = models.UUIDField(primary_key=True)
    tenant_id = models.BigIntegerField()
    recipient = models.TextField(help_text="The address as given, without a display name; its domain in lower case and A-labels.")
    role = models.CharField(max_length=3, default="to", help_text="to, cc or bcc")
    final = models.CharField(max_length=12, choices=DeliveryState, null=True)
    reason = models.CharField(max_length=60, blank=True, help_text="pools.outcomes.Reason")
    reply = models.TextField(blank=True, help_text="The provider's last words, cleaned.")
    provider_id = models.BigIntegerField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["recipient", "id"], name="delivery_of_recipient")]


class Attempt(models.Model):
    """One try of one delivery, with the provider's answer. Append only; recording it twice changes nothing."""

    id = models.UUIDField(primary_key=True)
    engine_id = models.BigIntegerField()
    ip_id = models.BigIntegerField()
    pool_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    started_at = models.DateTimeField()
    verdict = models.CharField(max_length=12, help_text="pools.outcomes.Verdict")
    reason = models.CharField(max_length=60, help_text="pools.outcomes.Reason")
    fault = models.CharField(max_length=16, help_text="pools.outcomes.Fault")
    rule = models.CharField(max_length=60, blank=True)
    phase = models.CharField(max_length=12, help_text="connect, banner, ehlo, starttls, auth, mail, rcpt, data, body")
    code = models.SmallIntegerField(null=True)
    enhanced = models.CharField(max_length=12, blank=True)
    reply = models.TextField(blank=True, help_text="Cleaned of NUL, surrogates and control characters; at most 2,000 characters.")
    mx_host = models.CharField(max_length=253, blank=True)
    mx_address = models.GenericIPAddressField(null=True)
    tls = models.CharField(max_length=120, blank=True, help_text="version, cipher, verified how; empty: none")
    connection_reused = models.BooleanField(default=False)
    timings = models.JSONField(default=dict, help_text="Milliseconds by phase.")
    why = models.JSONField(default=dict, help_text="Why this path: waited_ms, handicap_ms, score, others.")


class Event(models.Model):
    """What befell a message or delivery besides its attempts: held, released, cancelled, expired, reroute of a dead engine's claim, complaint …"""

    id = models.UUIDField(primary_key=True)
    delivery_id = models.UUIDField(help_text="Or the message's id, when it is about all of them.")
    tenant_id = models.BigIntegerField()
    kind = models.CharField(max_length=30)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["delivery_id"], name="event_of_delivery")]


class QueueRow(models.Model):
    """What every queue table has, in this order."""

    id = models.UUIDField(primary_key=True, help_text="The delivery's id.")
    body_id = models.UUIDField()
    tenant_id = models.BigIntegerField()
    stream_id = models.BigIntegerField()
    domain_id = models.BigIntegerField()
    pool_id = models.BigIntegerField()
    provider_id = models.BigIntegerField(null=True, help_text="Empty: not sorted yet.")
    purpose = models.SmallIntegerField(choices=Purpose)
    tag = models.FloatField(default=0, help_text="Fair queuing's virtual start time.")
    ready_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0, help_text="Attempts that counted.")
    tries = models.SmallIntegerField(default=0, help_text="All attempts, reroutes among them: the attempt number.")
    crashes = models.SmallIntegerField(default=0, help_text="Engines that died with it in their hands.")
    sticky_ip_id = models.BigIntegerField(null=True, help_text="Greylisted there: this IP first.")
    avoid_ip_ids = ArrayField(models.BigIntegerField(), default=list)
    recipient = models.TextField()
    size_bytes = models.IntegerField()
    fingerprint = models.BigIntegerField(default=0)
    own_head = models.BinaryField(null=True, help_text="Header lines of this delivery alone, before the stored ones.")
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True


class Ready(QueueRow):
    """Claimable now, and nothing else. Its purpose is the one that it orders as: beyond its tenant's rate transactional mail goes as notification."""

    class Meta:
        verbose_name_plural = "ready"
        indexes = [models.Index(fields=["pool_id", "provider_id", "purpose", "tag"], name="ready_of_lane")]


class WaitingFor(models.TextChoices):
    """Why a row waits."""

    SORTING = "sorting"  # its provider is not known yet
    RETRY = "retry"  # deferred; due again at due_at
    SCHEDULE = "schedule"  # the tenant's send_at
    HOLD = "hold"  # a person must decide
    QUOTA = "quota"  # over an allowance
    LANE = "lane"  # its lane is closed
    CAMPAIGN = "campaign"  # its campaign was blocked at its provider: a few of it go along other paths first


class Waiting(QueueRow):
    """Due later, or when somebody or something lets it go."""

    why = models.CharField(max_length=10, choices=WaitingFor)
    scope = models.CharField(max_length=260, blank=True, help_text="The domain to sort, the lane that is closed, why it is held.")
    due_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "waiting"
        indexes = [
            models.Index(fields=["due_at"], name="waiting_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["why", "scope"], name="waiting_why"),
        ]


class Claimed(QueueRow):
    """In an engine's hands."""

    engine_id = models.BigIntegerField()
    claimed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "claimed"
        indexes = [models.Index(fields=["engine_id"], name="claimed_by_engine")]


class Lane(models.Model):
    """(pool, provider), with a lane for each purpose. Its virtual time by purpose is the highest tag claimed there."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="lanes")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="lanes")
    virtual_time = ArrayField(models.FloatField(), size=3, default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "provider"], name="lane_once")]

    def __str__(self) -> str:
        return f"{self.pool} to {self.provider}"


class FairTag(models.Model):
    """The last tag given to a tenant in a lane and purpose."""

    pool_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    purpose = models.SmallIntegerField(choices=Purpose)
    tenant_id = models.BigIntegerField()
    last_tag = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool_id", "provider_id", "purpose", "tenant_id"], name="fair_tag_once")]


class TransactionalPace(models.Model):
    """How far a tenant has used its transactional rate (delivery/queue/pace.py)."""

    tenant_id = models.BigIntegerField(primary_key=True)
    spent_until = models.FloatField(help_text="Seconds since 1970 at which the rate will have made good what went first.")
    let_first = models.IntegerField(help_text="How many of the last request went first.")


class Engine(models.Model):
    """One engine incarnation that lives: its id is the epoch, its row is the fence. Eviction deletes the row."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="engines")
    slot = models.PositiveSmallIntegerField()
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    renewed_at = models.DateTimeField(help_text="By the database's clock.")
    suspected_at = models.DateTimeField(null=True, blank=True)
    draining = models.BooleanField(default=False)
    state = models.JSONField(default=dict, help_text="Counters of the moment: connections, in hand, rate, paths.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "slot"], name="one_engine_a_slot")]

    def __str__(self) -> str:
        return f"{self.node}/{chr(ord('a') + self.slot)}"


class IpLease(models.Model):
    """Which engine owns a sending IP."""

    ip = models.OneToOneField(SendingIP, primary_key=True, on_delete=models.CASCADE, related_name="lease")
    engine = models.ForeignKey(Engine, on_delete=models.CASCADE, related_name="leases")
    granted_at = models.DateTimeField()


class MtaStsPolicy(models.Model):
    """What a recipient domain asks of senders (RFC 8461), as it was last fetched; engines share it and keep it fresh."""

    domain = models.CharField(max_length=253, primary_key=True)
    policy_id = models.CharField(max_length=32, help_text="The id in its TXT record when it was fetched.")
    mode = models.CharField(max_length=8, blank=True, help_text="enforce, testing or none; empty: it was never had.")
    mx = ArrayField(models.CharField(max_length=255), default=list, help_text="Patterns of the hosts that may take its mail.")
    fetched_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(help_text="The last fetch, whatever came of it.")
    problem = models.TextField(blank=True, help_text="What came of the last fetch when it was no policy; one that had been had before holds on.")

    class Meta:
        ordering = ["domain"]
        verbose_name = "MTA-STS policy"
        verbose_name_plural = "MTA-STS policies"

    def __str__(self) -> str:
        return self.domain


class BrokenTls(models.Model):
    """A mail host whose TLS failed: until `retry_at` nobody connects to it for that kind of proof, and nothing goes in the clear."""

    host = models.CharField(max_length=253)
    proof = models.CharField(max_length=12, help_text="delivery.smtp.target.TlsMode: what was asked of its TLS.")
    failure = models.CharField(max_length=20, help_text="delivery.smtp.wire.Failure")
    detail = models.TextField(blank=True)
    failures = models.IntegerField(default=1, help_text="In a row.")
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    retry_at = models.DateTimeField()

    class Meta:
        ordering = ["host"]
        verbose_name = "broken TLS"
        verbose_name_plural = "broken TLS"
        constraints = [models.UniqueConstraint(fields=["host", "proof"], name="broken_tls_once")]

    def __str__(self) -> str:
        return self.host


class BlockState(models.TextChoices):
    """What is known of a blocked campaign, and so what becomes of it at that provider."""

    TESTING = "testing", "testing: a few go along other paths, the rest waits"
    IP = "ip", "the sending IP: the campaign goes on along others"
    CONTENT = "content", "the content: the campaign is held"
    RELEASED = "released", "released by a person: it is sent whatever the provider says"


class CampaignBlock(models.Model):
    """A campaign (tenant, stream, content) that a provider blocked: whether it is the sending IP's fault or the content's. Live until `expires_at`."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="+")
    fingerprint = models.BigIntegerField(help_text="Of the content without what differs by recipient.")
    state = models.CharField(max_length=10, choices=BlockState)
    round = models.IntegerField(default=1, help_text="How often it has been blocked anew.")
    canaries = models.SmallIntegerField(default=0, help_text="How many were sent along other paths in this round.")
    sentence = models.CharField(max_length=260, blank=True, help_text="What the deliveries that wait for it say: their scope.")
    evidence = models.JSONField(default=dict, help_text="blocked: IPs and replies; canaries: IP, passed, reply, whether others passed there.")
    started_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-started_at"]
        constraints = [models.UniqueConstraint(fields=["provider", "tenant", "stream", "fingerprint"], name="campaign_block_once")]

    def __str__(self) -> str:
        return f"{self.tenant}'s campaign at {self.provider}: {self.state}"


class Suppression(models.Model):
    """An address that a tenant must not mail."""

    class Reason(models.TextChoices):
        BOUNCE = "bounce"
        COMPLAINT = "complaint"
        UNSUBSCRIBE = "unsubscribe"
        MANUAL = "manual"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="suppressions")
    stream = models.ForeignKey(
        Stream, null=True, blank=True, on_delete=models.CASCADE, related_name="suppressions", help_text="Empty: all of the tenant's mail."
    )
    address = models.TextField(help_text="In lower case.")
    reason = models.CharField(max_length=12, choices=Reason)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "address", "stream"], nulls_distinct=False, name="suppression_once"),
            models.CheckConstraint(condition=Q(address=Lower("address")), name="suppressed_address_in_lower_case"),
        ]
        indexes = [models.Index(fields=["tenant", "id"], name="suppression_of_tenant")]

    def __str__(self) -> str:
        return self.address


class ImportState(models.TextChoices):
    """Where an import of suppressions stands."""

    PREVIEW = "preview", "uploaded, and looked at by a person"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (ImportState.PREVIEW, ImportState.QUEUED, ImportState.RUNNING)


class SuppressionImport(models.Model):
    """A file of addresses on its way into a tenant's suppressions: one at a time for each tenant. What is left of the file is its parts."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="suppression_imports")
    stream = models.ForeignKey(
        Stream, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text="For rows that name none; empty: all mail."
    )
    state = models.CharField(max_length=10, choices=ImportState)
    file_name = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField()
    encoding = models.CharField(max_length=20)
    layout = models.JSONField(default=dict, help_text="Format, delimiter, which column is what (delivery.suppressions.layout).")
    reason = models.CharField(max_length=12, choices=Suppression.Reason, help_text="For rows that say none.")
    parts = models.IntegerField(help_text="How many parts the file came in.")
    lines = models.BigIntegerField(help_text="Lines of the whole file.")
    lines_done = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    already_there = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    refused_sample = models.JSONField(default=list, help_text="The first refused lines: line, problem, text.")
    problem = models.TextField(blank=True, help_text="Why it failed.")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField(help_text="When it last made progress.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant"], condition=Q(state__in=UNFINISHED), name="one_suppression_import_at_a_time")]

    def __str__(self) -> str:
        return f"{self.tenant}'s import {self.pk}: {self.state}"


class SuppressionImportPart(models.Model):
    """Some whole lines of an import's file, as text; deleted in the transaction that takes them in."""

    of = models.ForeignKey(SuppressionImport, on_delete=models.CASCADE, related_name="left")
    number = models.IntegerField()
    first_line = models.BigIntegerField()
    lines = models.IntegerField()
    content = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"part {self.number} of import {self.of_id}"


class CameBack(models.Model):
    """What came back about a delivery that a provider had taken, once a kind (delivery/returns). Kept as long as a return path is believed, and a while."""

    delivery_id = models.UUIDField()
    tenant_id = models.BigIntegerField()
    kind = models.CharField(max_length=12, help_text="delivery.returns.finding.Kind")
    hard = models.BooleanField(default=False, help_text="A bounce that says that the mailbox will never take mail.")
    reason = models.CharField(max_length=60, blank=True, help_text="pools.outcomes.Reason")
    fault = models.CharField(max_length=16, blank=True, help_text="pools.outcomes.Fault")
    status = models.CharField(max_length=12, blank=True, help_text="As reported (RFC 3463).")
    words = models.TextField(blank=True, help_text="The reporter's own words, cleaned.")
    reporter = models.CharField(max_length=253, blank=True, help_text="Who says so: the reporting server, or the address that it came from.")
    token = models.CharField(max_length=20, help_text="What named the delivery: delivery.returns.tokens.Place")
    note = models.TextField(blank=True, help_text="What did not fit.")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "came back"
        constraints = [models.UniqueConstraint(fields=["delivery_id", "kind"], name="came_back_once")]
        indexes = [models.Index(fields=["at"], name="came_back_age")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.delivery_id}"


class ReturnMinute(models.Model):
    """How much came back in a minute, by what was made of it (delivery.returns.finding.Counted): what was ignored counts too."""

    minute = models.DateTimeField()
    what = models.CharField(max_length=20)
    count = models.IntegerField()

    class Meta:
        ordering = ["-minute", "what"]
        constraints = [models.UniqueConstraint(fields=["minute", "what"], name="return_minute_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.what}"


class IdempotencyKey(models.Model):
    """A tenant's Idempotency-Key, with what was answered; kept 24 hours."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField()
    response_status = models.SmallIntegerField()
    response = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_once_a_tenant")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]
