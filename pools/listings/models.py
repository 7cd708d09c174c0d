"""What others say of our addresses: block lists and what they list, names of sending IPs, grades that providers give.

Owns: the rows. `pools_listing` and `pools_addresscheck` are written by the steward's round alone (`pools.listings.round`) and read by reputation;
`pools_dnsblzone` and `pools_listingpolicy` are the operator's, but for a zone's health; grades come from files that operators import.
"""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q


class Weight(models.TextChoices):
    """What a listing does. The words are those of notices."""

    INFO = "info", "shown only"
    WARNING = "warning", "lowers the score"
    CRITICAL = "critical", "takes the IP out"


class Asked(models.TextChoices):
    """Where a zone is asked. Nothing that is shipped is asked in live mode until an operator says so: lists have terms of use."""

    NEVER = "never"
    SANDBOX = "sandbox", "in the sandbox only"
    ALWAYS = "always"


class Subject(models.TextChoices):
    IP = "ip", "IP addresses"
    DOMAIN = "domain", "domains"


class Health(models.TextChoices):
    """Whether a zone's word counts, by its test points (RFC 5782 §5)."""

    UNKNOWN = "unknown", "not asked yet"
    GOOD = "good"
    REFUSES = "refuses", "refuses our resolver"
    SILENT = "silent", "does not answer"
    EMPTY = "empty", "does not list its test point"
    WILDCARD = "wildcard", "lists what must not be listed"
    MASS = "mass", "lists very many of our IPs at once"


class DnsblZone(models.Model):
    """A block list that can be asked over DNS: shipped, or the operator's own."""

    zone = models.CharField(max_length=200, unique=True, help_text="The name that questions end in: zen.spamhaus.org.")
    title = models.CharField(max_length=120)
    lists = models.CharField(max_length=6, choices=Subject, default=Subject.IP)
    asked = models.CharField(max_length=7, choices=Asked, default=Asked.NEVER)
    weight = models.CharField(max_length=8, choices=Weight, default=Weight.WARNING, help_text="The most that a listing here does, whatever its codes say.")
    meanings = models.JSONField(default=dict, blank=True, help_text='{"127.0.0.2": {"means": "…", "weight": "critical"}}')
    errors = models.JSONField(
        default=dict, blank=True, help_text='Answers that are no listing: {"127.255.255.254": "…"}; all of 127.255.255.0/24 is none anyhow.'
    )
    delisting = models.CharField(max_length=300, blank=True, help_text="Where to ask for removal; {ip} or {domain} stands for what is listed.")
    ask_every_s = models.PositiveIntegerField(default=900, help_text="In live mode, the same question never sooner than this.")
    questions_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="What its terms allow; empty: no bound but the policy's.")
    terms = models.TextField(blank=True, help_text="On which conditions one may ask.")
    source = models.TextField(blank=True, help_text="Where these facts come from.")
    shipped = models.BooleanField(default=False)
    health = models.CharField(max_length=8, choices=Health, default=Health.UNKNOWN)
    health_why = models.TextField(blank=True)
    health_since = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When it last answered and its test points were right.")
    questions_on = models.DateField(null=True, blank=True)
    questions_asked = models.PositiveIntegerField(default=0, help_text="On that day.")
    many_allowed = models.CharField(
        max_length=8, choices=Weight, default=Weight.INFO, help_text="What listings may do while it lists very many of our IPs at once; an operator's word."
    )
    look_wanted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["zone"]
        verbose_name = "block list"

    def __str__(self) -> str:
        return self.zone


class Listing(models.Model):
    """One of our IPs (or sending domains) on one list, from when two looks saw it until two looks did not. Open while `cleared_at` is empty."""

    ip = models.ForeignKey("pools.SendingIP", null=True, blank=True, on_delete=models.CASCADE, related_name="listings")
    domain = models.CharField(max_length=253, blank=True, db_default="")
    zone = models.CharField(max_length=200)
    codes = ArrayField(models.CharField(max_length=15), default=list)
    means = models.TextField(blank=True, help_text="What the codes mean.")
    reason = models.TextField(blank=True, help_text="What the list says (TXT).")
    severity = models.CharField(max_length=8, choices=Weight, help_text="What it does now.")
    said = models.CharField(max_length=8, choices=Weight, help_text="What its codes would do, were they believed.")
    listed_since = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_why = models.CharField(max_length=200, blank=True, db_default="")
    look_wanted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-listed_since", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["ip", "zone"], condition=Q(cleared_at=None, ip__isnull=False), name="one_open_listing_an_ip_and_zone"),
            models.UniqueConstraint(fields=["domain", "zone"], condition=Q(cleared_at=None, ip__isnull=True), name="one_open_listing_a_domain_and_zone"),
            models.CheckConstraint(condition=Q(ip__isnull=False, domain="") | (Q(ip__isnull=True) & ~Q(domain="")), name="listing_of_an_ip_or_a_domain"),
        ]
        indexes = [models.Index(fields=["ip", "-listed_since"], name="listings_of_an_ip")]

    def __str__(self) -> str:
        return f"{self.ip or self.domain} on {self.zone}"


class AddressCheck(models.Model):
    """Whether a sending IP's name leads back to it and is the one that it says in EHLO."""

    class State(models.TextChoices):
        OK = "ok"
        FAILING = "failing"
        UNKNOWN = "unknown", "could not be asked"

    ip = models.OneToOneField("pools.SendingIP", on_delete=models.CASCADE, related_name="address_check")
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN)
    since = models.DateTimeField(help_text="When this state began.")
    found = ArrayField(models.CharField(max_length=253), default=list, blank=True, help_text="The names that its PTR record gives.")
    sentence = models.TextField(blank=True)
    checked_at = models.DateTimeField(help_text="When DNS was last asked.")
    look_wanted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["ip"]

    def __str__(self) -> str:
        return f"the name of {self.ip}"


class ProviderGrade(models.Model):
    """What a provider says of one of our IPs or domains on one day; from a file that an operator imported."""

    class Source(models.TextChoices):
        SNDS = "snds", "Microsoft SNDS"
        POSTMASTER = "postmaster", "Google Postmaster Tools"

    class Grade(models.TextChoices):
        GOOD = "good"
        FAIR = "fair"
        POOR = "poor"
        BAD = "bad"
        NONE = "none", "no grade"

    source = models.CharField(max_length=12, choices=Source)
    provider = models.CharField(max_length=255, help_text="The provider's key.")
    ip = models.ForeignKey("pools.SendingIP", null=True, blank=True, on_delete=models.CASCADE, related_name="grades")
    domain = models.CharField(max_length=253, blank=True, db_default="")
    subject = models.CharField(max_length=253, help_text="The IP or the domain, as text.")
    day = models.DateField()
    grade = models.CharField(max_length=5, choices=Grade)
    said = models.CharField(max_length=60, blank=True, help_text="The provider's own word.")
    figures = models.JSONField(default=dict, blank=True)
    file = models.CharField(max_length=200)
    imported_by = models.CharField(max_length=200)
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["-day", "source", "subject"]
        constraints = [models.UniqueConstraint(fields=["source", "subject", "day"], name="grade_once_a_day")]

    def __str__(self) -> str:
        return f"{self.subject} on {self.day:%Y-%m-%d}: {self.grade}"


class ListingPolicy(models.Model):
    """How often lists and names are asked, and when they are believed: one row for live mode, one for the sandbox."""

    mode = models.CharField(max_length=7, primary_key=True, help_text="live or sandbox")
    enabled = models.BooleanField(default=True, help_text="Off: nothing is asked; what is known stays as it is until it is too old.")
    ask_every_s = models.PositiveIntegerField(help_text="Every IP on every list, this often; a list's own bound may make it seldomer.")
    confirm_after_s = models.PositiveIntegerField(help_text="A listing, or its end, counts after a second look this much later.")
    stale_after_s = models.PositiveIntegerField(help_text="A listing whose list has given no answer that counts for so long is cleared.")
    name_every_s = models.PositiveIntegerField(help_text="PTR records and the names that they lead to, this often.")
    questions_per_s = models.PositiveIntegerField(default=20, help_text="Of all lists together.")
    history_days = models.PositiveSmallIntegerField(
        "history kept", default=365, db_default=365, validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text="Days: listings that are over, and grades. What a list says now stays.",
    )  # fmt: skip
    many_share = models.FloatField(default=0.5, help_text="A list that lists this share of our IPs acts on none until an operator says so …")
    many_at_least = models.PositiveIntegerField(default=3, help_text="… if it is at least so many.")

    class Meta:
        verbose_name = "listing policy"
        verbose_name_plural = "listing policies"
        constraints = [
            models.CheckConstraint(condition=Q(ask_every_s__gte=1, name_every_s__gte=1, questions_per_s__gte=1), name="listings_are_not_asked_endlessly"),
            models.CheckConstraint(condition=Q(many_share__gt=0, many_share__lte=1), name="many_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"in {self.mode} mode"
