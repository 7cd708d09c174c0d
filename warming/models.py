"""Warm-up plans: how much a new sending IP may send, day by day. Data to run or to read; the controller reads them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from warming.warmups import IpPast as IpPast
from warming.warmups import WarmingPolicy as WarmingPolicy
from warming.warmups import Warmup as Warmup
from warming.warmups import WarmupDay as WarmupDay
from warming.warmups import WarmupDecision as WarmupDecision

_FOR = {
    "ip": "an IP", "ip+provider": "an IP at a provider", "ip_or_domain": "an IP or a domain", "domain": "a domain", "domain+provider": "a domain at a provider",
    "domain+vmta": "a domain on an IP",
}  # fmt: skip
_FROM = {
    "official": "its vendor's own page", "official_example_only": "an example on its vendor's page", "third_party": "somebody else's account",
    "third_party_old": "an old account of somebody else's", "third_party_copy": "a copy of its vendor's table", "suggested": "made for this platform",
    "old_clamp": "an old default",
}  # fmt: skip


class WarmupPlan(models.Model):
    """A named plan in one version. A version that ran is never changed: a change is a new version.

    `daily` is empty for plans whose source gives rules but no daily figures: those are here to be read.
    """

    name = models.SlugField(max_length=60)
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=120)
    unit = models.CharField(max_length=60, default="messages/day")
    scope = models.CharField(max_length=40, default="ip+provider", help_text="What each figure is for: ip, ip+provider, domain …")
    daily = ArrayField(models.PositiveIntegerField(), default=list, blank=True, help_text="Messages on the first, second, … day.")
    facts = models.JSONField(default=dict, blank=True, help_text="The source's own form, its rules and gates.")
    source = models.TextField(blank=True)
    confidence = models.CharField(max_length=40, blank=True)
    is_shipped = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True, help_text="May be chosen for new warm-ups.")

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="plan_version_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="plan_version_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.title} (version {self.version})"

    @property
    def for_words(self) -> str:
        """What each of its figures is for."""
        return _FOR.get(self.scope, self.scope)

    @property
    def from_words(self) -> str:
        """Who says so."""
        return _FROM.get(self.confidence, self.confidence) if self.is_shipped else "one's own"
