"""What is kept of endpoints: the doors themselves, who knocks at them, the last knock of each, and the verdicts.

A look is updated in place a few times a second; a verdict is a row that stays. Written by vantage points; doors and policy by operators.
"""

from django.db import models
from django.db.models import Q

from mailplatform.shell.bounds import between


class ProbePolicy(models.Model):
    """The one row that operators edit: how often is knocked, and when is believed."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    every_ms = models.PositiveIntegerField("knock every", default=250, validators=between(100, 60_000), help_text="Milliseconds, at each endpoint.")
    timeout_ms = models.PositiveIntegerField(default=1000, validators=between(50, 30_000), help_text="Milliseconds after which a knock has failed.")
    down_after = models.PositiveSmallIntegerField("dead after", default=3, validators=between(1, 100), help_text="Failed knocks in a row.")
    up_after = models.PositiveSmallIntegerField("alive after", default=4, validators=between(1, 1000), help_text="Answered knocks in a row, at least.")
    recover_s = models.PositiveIntegerField(
        "recovery", default=2, validators=between(0, 3600), help_text="Seconds of nothing but answers before it is alive again."
    )
    longest_recover_s = models.PositiveIntegerField(
        "longest recovery", default=300, validators=between(1, 86_400),
        help_text="Seconds: each return within the flap window doubles the recovery, up to this.",
    )
    flap_window_s = models.PositiveIntegerField(
        "flap window", default=600, validators=between(1, 86_400), help_text="Seconds in which a return counts against the next."
    )
    fresh_ms = models.PositiveIntegerField("fresh for", default=2500, validators=between(200, 120_000), help_text="Milliseconds: an older look has no vote.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "endpoints: policy"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_probe_policy")]

    def __str__(self) -> str:
        return "how endpoints are probed"


class Endpoint(models.Model):
    """One door: where it is and what is asked there. Its state is the last verdict's."""

    class Kind(models.TextChoices):
        API = "api", "API"
        SUBMISSION = "submission", "SMTP submission"
        INCOMING = "incoming", "incoming mail"
        DNS = "dns", "DNS server"
        DATABASE = "database", "database"
        TCP = "tcp", "TCP"

    class Tls(models.TextChoices):
        NONE = "none", "no TLS"
        IMPLICIT = "implicit", "TLS from the first byte"
        STARTTLS = "starttls", "STARTTLS"

    class State(models.TextChoices):
        UNKNOWN = "unknown"
        UP = "up", "alive"
        DOWN = "down", "dead"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    host = models.CharField(max_length=255, help_text="An address, a name, or for a database also the folder of its socket. Private addresses are allowed.")
    port = models.PositiveIntegerField(validators=between(1, 65_535))
    tls = models.CharField(max_length=8, choices=Tls, default=Tls.NONE)
    tls_name = models.CharField(
        "TLS name", max_length=255, blank=True, help_text="The name that its certificate must bear. Empty: the certificate is not looked at."
    )
    asked = models.CharField(max_length=255, blank=True, help_text="API: the path, /healthz when empty. DNS server: the name whose SOA is asked for.")
    zone = models.ForeignKey("pools.Zone", null=True, blank=True, on_delete=models.SET_NULL, related_name="endpoints")
    machine = models.ForeignKey(
        "monitoring.Machine", null=True, blank=True, on_delete=models.CASCADE, related_name="endpoints",
        help_text="The only machine whose vantage points knock at it, for a loopback address is another door on each. Empty: all knock.",
    )  # fmt: skip
    enabled = models.BooleanField(default=True)
    seeded = models.BooleanField(default=False, editable=False, help_text="Made by the platform's start, which keeps its place up to date.")
    state = models.CharField(max_length=7, choices=State, default=State.UNKNOWN, editable=False)
    since = models.DateTimeField(null=True, blank=True, editable=False)
    verdicts_count = models.PositiveIntegerField(default=0, editable=False, help_text="A verdict holds only if nobody has spoken another meanwhile.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class VantagePoint(models.Model):
    """A place from which is knocked: a zone's watcher, or a witness elsewhere."""

    class Kind(models.TextChoices):
        WATCHER = "watcher"
        WITNESS = "witness"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    zone = models.ForeignKey("pools.Zone", null=True, blank=True, on_delete=models.CASCADE, related_name="vantage_points")
    at = models.DateTimeField(help_text="Its last sign, by the database's clock.")
    host = models.CharField(max_length=255, blank=True, help_text="The machine's name.")
    pid = models.IntegerField()
    rounds = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class EndpointLook(models.Model):
    """What one vantage point saw of one endpoint last."""

    vantage = models.ForeignKey(VantagePoint, on_delete=models.CASCADE, related_name="looks")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="looks")
    ok = models.BooleanField()
    in_row = models.IntegerField(help_text="So many knocks in a row came to the same.")
    since = models.DateTimeField(help_text="When the first knock of this row ended.")
    latency_ms = models.FloatField(null=True)
    error = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(help_text="The last knock, by the database's clock.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vantage", "endpoint"], name="one_look_a_vantage_point")]

    def __str__(self) -> str:
        return f"{self.vantage} at {self.endpoint}"


class EndpointVerdict(models.Model):
    """Vantage points agreed that an endpoint is dead or alive; with what each of them saw."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="verdicts")
    state = models.CharField(max_length=7, choices=Endpoint.State)
    at = models.DateTimeField()
    first_sign_at = models.DateTimeField(null=True, help_text="The first knock that came to this, of those that voted for it.")
    spoken_by = models.CharField(max_length=80, help_text="The vantage point that counted the votes.")
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["endpoint", "-id"], name="verdicts_of_endpoint")]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.get_state_display()}"
