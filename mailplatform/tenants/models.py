"""Who is who: people and their roles, tenants, API keys, sending domains with their DKIM keys and what was seen of them in DNS."""

import secrets

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

DOMAIN = RegexValidator(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$", "A domain name in lower case, like mail.example.com.")


class Tenant(models.Model):
    """A customer of the platform."""

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"  # accepts mail and holds it
        SUSPENDED = "suspended"  # refuses mail

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    weight = models.FloatField(default=1.0, help_text="Share of a lane against other tenants of the same purpose.")
    transactional_rate_per_s = models.FloatField(default=50.0, help_text="Above this, transactional mail orders as notification.")
    daily_cap = models.PositiveIntegerField(null=True, blank=True, help_text="Most deliveries accepted in 24 hours; empty: no cap.")
    bulk_share = models.PositiveSmallIntegerField(
        default=100, db_default=100, help_text="Of its weight, in percent, outside of transactional mail: less while it is slowed."
    )
    bulk_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Most marketing and notification deliveries a minute while it is slowed; empty: it is not."
    )
    is_simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(weight__gt=0), name="tenant_weight_positive"),
            models.CheckConstraint(condition=Q(bulk_share__gte=1, bulk_share__lte=100), name="tenant_bulk_share_1_to_100"),
            models.CheckConstraint(condition=Q(transactional_rate_per_s__gte=0), name="tenant_rate_not_negative"),
        ]

    def __str__(self) -> str:
        return self.title or self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, role=User.Role.ADMINISTRATOR, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The role says what they may do; tenant users see their own tenant and never the admin."""

    class Role(models.TextChoices):
        VIEWER = "viewer"  # sees everything an operator sees, changes nothing
        OPERATOR = "operator"  # steers pools, IPs, queues
        STAFF = "staff"  # sets alerts and who is told
        ADMINISTRATOR = "administrator"  # everything, people included
        TENANT = "tenant"  # their own tenant only

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=15, choices=Role, default=Role.VIEWER)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.CASCADE, related_name="users")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"

    class Meta:
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role="tenant", tenant__isnull=False) | (~Q(role="tenant") & Q(tenant__isnull=True)),
                name="tenant_users_have_a_tenant",
            ),
            models.UniqueConstraint(Lower("email"), name="user_email_any_case"),
        ]

    @property
    def is_staff(self) -> bool:
        """Whether the admin lets this person in at all; what they may change there follows from the role."""
        return self.role != self.Role.TENANT

    def __str__(self) -> str:
        return self.name or self.email


class ApiKey(models.Model):
    """A tenant's key: only a prefix and a hash are kept."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True, help_text="The beginning of the key, shown to recognise it.")
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the key; the key itself is random and long, so no slow hash is needed.")
    scopes = ArrayField(models.CharField(max_length=30), default=list, help_text="messages:send, messages:read, suppressions, domains, webhooks")
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True, help_text="CIDR networks it may be used from; empty: anywhere.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["tenant", "-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


def new_ownership_token() -> str:
    """What only the tenant that claims a domain is told to publish there: 120 random bits, in the letters that DNS keeps as they are."""
    return secrets.token_hex(15)


class SendingDomain(models.Model):
    """A domain that a tenant may put into From."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253, validators=[DOMAIN])
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ownership_token = models.CharField(max_length=40, default=new_ownership_token, editable=False)
    ownership_seen_at = models.DateTimeField(null=True, blank=True, help_text="When its record was last right; empty: never seen by us.")
    return_path_host = models.CharField(
        max_length=253, blank=True, default="", db_default="", help_text="Below the domain, a CNAME for our return path; empty: ours."
    )
    return_path_seen_at = models.DateTimeField(null=True, blank=True, help_text="Since when that name is right; empty: it is not used.")
    rotate_days = models.PositiveSmallIntegerField(default=0, help_text="A new DKIM key after so many days; 0: never by itself.")
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True, db_index=True, help_text="Empty: as soon as possible.")
    verdict = models.JSONField(default=dict, blank=True, help_text="Readiness for the providers' bulk-sender rules, as the last check left it.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="domain_once_a_tenant"),
            models.UniqueConstraint(fields=["name"], condition=Q(verified_at__isnull=False), name="verified_domain_has_one_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class DkimKey(models.Model):
    """A signing key of a sending domain, encrypted at rest; the public half goes into DNS at selector._domainkey.domain."""

    class Algorithm(models.TextChoices):
        RSA = "rsa-sha256"
        ED25519 = "ed25519-sha256"

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=16, choices=Algorithm)
    private_encrypted = models.BinaryField()
    public_record = models.TextField(help_text="The TXT record's value.")
    active = models.BooleanField(default=True, help_text="It signs.")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True, help_text="When its record was last seen right in DNS.")
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Since when it signs no more; neither active nor retired: it waits for its record.")

    class Meta:
        ordering = ["domain", "selector"]
        constraints = [models.UniqueConstraint(fields=["domain", "selector"], name="selector_once_a_domain")]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


class DomainCheck(models.Model):
    """What DNS last said about one thing that a sending domain needs: right, wrong, or could not be asked."""

    class Answer(models.TextChoices):
        RIGHT = "right"
        WRONG = "wrong"
        UNKNOWN = "unknown"  # a timeout, SERVFAIL, a bound of ours: never counted as wrong

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=63, blank=True, help_text="The selector, where it is about one key.")
    answer = models.CharField(max_length=8, choices=Answer)
    sentence = models.TextField()
    expected = models.TextField(blank=True)
    seen = models.JSONField(default=list, help_text="What the DNS said, quoted.")
    detail = models.JSONField(default=dict)
    checked_at = models.DateTimeField()
    since = models.DateTimeField(help_text="Since when the answer is this one, leaving out when it could not be asked.")
    wrong_times = models.PositiveIntegerField(default=0, help_text="How often in a row it was wrong.")

    class Meta:
        ordering = ["domain", "kind", "subject"]
        constraints = [models.UniqueConstraint(fields=["domain", "kind", "subject"], name="check_once_a_domain")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.domain}: {self.answer}"
