"""What is kept of DNS failover: where names are published and how, the managed record sets with their targets, and every change.

A secret is kept encrypted and never shown. Sets, targets and servers are the operators'; what is published and every change are the pilot's.
"""

from datetime import datetime

from django.db import models

from mailplatform.shell.bounds import between
from monitoring.endpoints.models import Endpoint


class DnsZone(models.Model):
    """A DNS zone of the operator's, and the server that takes its updates. (Not a data centre: that is a zone.)"""

    class Way(models.TextChoices):
        RFC2136 = "rfc2136", "RFC 2136 update with TSIG"
        LEXICON = "lexicon", "a hosted provider's API"

    class Algorithm(models.TextChoices):
        SHA256 = "hmac-sha256", "HMAC-SHA256"
        SHA384 = "hmac-sha384", "HMAC-SHA384"
        SHA512 = "hmac-sha512", "HMAC-SHA512"

    name = models.CharField(max_length=255, unique=True, help_text="The zone's name, like example.com.")
    way = models.CharField(max_length=8, choices=Way, default=Way.RFC2136)
    server = models.CharField(max_length=255, blank=True, help_text="Where updates go: the primary server's address.")
    port = models.PositiveIntegerField(default=53, validators=between(1, 65_535))
    key_name = models.CharField(max_length=255, blank=True, help_text="The TSIG key's name, as the server knows it.")
    key_algorithm = models.CharField(max_length=11, choices=Algorithm, default=Algorithm.SHA256)
    secret_encrypted = models.BinaryField(null=True, blank=True, editable=False)
    provider = models.CharField(max_length=60, blank=True, help_text="The hosted provider, as dns-lexicon names it.")
    authoritative = models.TextField(
        blank=True, help_text="Servers that must give the new answer, ADDRESS or ADDRESS:PORT, one a line. Empty: the zone's NS records."
    )
    timeout_ms = models.PositiveIntegerField(default=3000, validators=between(100, 30_000), help_text="How long an update, or a question, may take.")
    simulated = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "DNS zone"

    def __str__(self) -> str:
        return self.name


class RecordSet(models.Model):
    """One name and type, and what it is to point to."""

    class Type(models.TextChoices):
        A = "A", "A"
        AAAA = "AAAA", "AAAA"
        MX = "MX", "MX"

    class Mode(models.TextChoices):
        OFF = "off"
        PROPOSE = "propose"
        AUTOMATIC = "automatic"

    class FailBack(models.TextChoices):
        AT_ONCE = "at_once", "at once"
        AFTER = "after", "after it has been alive for a while"
        BY_HAND = "by_hand", "by hand"

    class Rule(models.TextChoices):
        ALL = "all", "a target lives when all its endpoints do"
        ANY = "any", "a target lives when one of its endpoints does"

    class State(models.TextChoices):
        NEW = "new"  # nobody has asked yet what is published
        AGREED = "agreed"  # what is published is what we know
        CHANGING = "changing"  # pushed, or about to be, and not seen at all servers yet
        FOREIGN = "foreign", "edited by somebody else"
        UNREACHABLE = "unreachable"  # its servers do not answer

    dns_zone = models.ForeignKey(DnsZone, on_delete=models.CASCADE, related_name="record_sets")
    name = models.CharField(max_length=255, help_text="The whole name, like api.example.com.")
    type = models.CharField(max_length=4, choices=Type, default=Type.A)
    ttl_s = models.PositiveIntegerField(
        "TTL", default=30, validators=between(1, 86_400), help_text="Seconds for which others keep an answer: a change needs as long to arrive."
    )
    mode = models.CharField(max_length=9, choices=Mode, default=Mode.PROPOSE)
    rule = models.CharField("health rule", max_length=3, choices=Rule, default=Rule.ALL)
    least_answers = models.PositiveSmallIntegerField(default=1, validators=between(1, 50), help_text="With fewer living targets, the next priority joins.")
    most_answers = models.PositiveSmallIntegerField(default=8, validators=between(1, 50), help_text="Of more living targets, the heaviest are published.")
    fail_back = models.CharField(max_length=7, choices=FailBack, default=FailBack.AFTER)
    fail_back_after_s = models.PositiveIntegerField("fail back after", default=300, validators=between(1, 604_800), help_text="Seconds of being alive.")
    least_between_s = models.PositiveIntegerField(
        "least time between changes", default=30, validators=between(0, 86_400), help_text="Seconds, whatever the endpoints do."
    )
    chosen = models.JSONField(default=list, blank=True, editable=False, help_text="Values that a person switched to; empty: the platform chooses.")
    chosen_by = models.CharField(max_length=200, blank=True, editable=False)
    state = models.CharField(max_length=11, choices=State, default=State.NEW, editable=False)
    published = models.JSONField(default=list, blank=True, editable=False, help_text="What the authoritative servers are known to say.")
    published_ttl_s = models.PositiveIntegerField(default=0, editable=False)
    published_since = models.DateTimeField(null=True, blank=True, editable=False)
    found = models.JSONField(default=dict, blank=True, editable=False, help_text="What each server said when last asked.")
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    wanted = models.JSONField(default=list, blank=True, editable=False)
    why = models.TextField(blank=True, editable=False)
    why_since = models.DateTimeField(null=True, blank=True, editable=False)
    next_step = models.TextField(blank=True, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="The last change of ours.")
    trouble = models.TextField(blank=True, editable=False, help_text="What keeps it from being published, in words.")

    class Meta:
        ordering = ["name", "type"]
        constraints = [models.UniqueConstraint(fields=["name", "type"], name="one_record_set_a_name_and_type")]

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


class RecordTarget(models.Model):
    """One value that a record set may have, and the endpoints that say whether it lives."""

    called_dead_at: datetime | None = None  # not kept: a drill says so, for a while (monitoring.drills.declared)

    record_set = models.ForeignKey(RecordSet, on_delete=models.CASCADE, related_name="targets")
    value = models.CharField(max_length=255, help_text="An address; for MX the preference and the host, like 10 mx1.example.com.")
    endpoints = models.ManyToManyField(Endpoint, blank=True, related_name="targets", help_text="Without any it counts as alive.")
    priority = models.PositiveSmallIntegerField(default=0, help_text="0 is primary, 1 the first backup, and so on.")
    weight = models.PositiveSmallIntegerField(default=1, validators=between(1, 1000), help_text="Of more targets than may be published, the heaviest are.")

    class Meta:
        ordering = ["priority", "-weight", "value"]
        constraints = [models.UniqueConstraint(fields=["record_set", "value"], name="one_target_a_value")]

    def __str__(self) -> str:
        return self.value


class DnsChange(models.Model):
    """One change of a record set, from the intention to its being visible. The intention is committed before anything is sent."""

    class State(models.TextChoices):
        INTENDED = "intended"
        PUSHED = "pushed"  # the server took it
        VISIBLE = "visible"  # all authoritative servers give the new answer
        REFUSED = "refused"  # the server said no, or another edit was in the way
        OVERTAKEN = "overtaken"  # another change came before it was visible

    class Kind(models.TextChoices):
        FIRST = "first", "first publication"
        FAILOVER = "failover"
        FAIL_BACK = "fail_back", "fail back"
        BY_HAND = "by_hand", "switched by hand"
        OVERWRITE = "overwrite", "another's edit overwritten"
        ADOPT = "adopt", "another's edit taken over"
        SETTINGS = "settings", "settings changed"

    record_set = models.ForeignKey(RecordSet, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=9, choices=Kind)
    who = models.CharField(max_length=200, help_text="A person, or the platform.")
    why = models.TextField()
    before = models.JSONField(null=True, help_text="What had to be there; null: anything.")
    after = models.JSONField()
    state = models.CharField(max_length=9, choices=State, default=State.INTENDED)
    at = models.DateTimeField()
    cause_at = models.DateTimeField(null=True, help_text="The verdict that it follows.")
    first_sign_at = models.DateTimeField(null=True, help_text="The first failed knock behind that verdict.")
    tries = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    pushed_at = models.DateTimeField(null=True)
    visible_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        verbose_name = "DNS change"
        indexes = [models.Index(fields=["record_set", "-id"], name="dns_changes_of_set")]

    def __str__(self) -> str:
        return f"{self.record_set}: {self.get_kind_display()}"
