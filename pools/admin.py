"""The admin of pools: places, pools, providers and rules, paths, routes. Measurements and what engines write are read-only."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.paginator import InfinitePaginator

from mailplatform.shell.audit import record_request
from mailplatform.shell.look_only import LookOnly
from pools import models
from pools.failover import admin as failover_admin  # noqa: F401  registers its own
from pools.forms import ProviderForm, ResponseRuleForm, StaticRouteForm, TlsExceptionForm
from pools.listings import admin as listings_admin  # noqa: F401  registers its own
from pools.neighbours import admin as neighbours_admin  # noqa: F401  registers its own
from pools.providers.load import restore_rule
from pools.reputation import admin as reputation_admin  # noqa: F401  registers its own


@admin.register(models.Zone)
class ZoneAdmin(ModelAdmin):
    list_display = ("name", "title", "state", "state_at", "state_by")
    list_filter = ("state",)
    search_fields = ("name", "title")
    readonly_fields = ("state_why", "state_by", "state_at")  # the page Zones & nodes drains, evacuates, returns


@admin.register(models.Node)
class NodeAdmin(ModelAdmin):
    list_display = ("name", "zone", "state", "engine_slots", "state_at", "state_by")
    list_filter = ("zone", "state")
    search_fields = ("name",)
    list_select_related = ("zone",)
    readonly_fields = ("state_why", "state_by", "state_at")


@admin.register(models.SendingIP)
class SendingIPAdmin(ModelAdmin):
    list_display = ("address", "ehlo_name", "node", "state", "egress", "added_at")
    list_filter = ("state", "node", "egress")
    search_fields = ("address", "ehlo_name")
    list_select_related = ("node",)
    readonly_fields = ("added_at", "state_why")


class PoolMemberInline(TabularInline):
    model = models.PoolMember
    extra = 0
    autocomplete_fields = ("ip",)


@admin.register(models.Pool)
class PoolAdmin(ModelAdmin):
    list_display = ("name", "kind", "grade", "tenant", "fallback", "addresses")
    list_filter = ("kind",)
    search_fields = ("name",)
    list_select_related = ("tenant", "fallback")
    inlines = (PoolMemberInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Pool]:
        return super().get_queryset(request).prefetch_related("ips")

    @display(description="sending IPs")
    def addresses(self, pool: models.Pool) -> str:
        return ", ".join(str(ip) for ip in pool.ips.all())


@admin.register(models.Stream)
class StreamAdmin(ModelAdmin):
    list_display = ("name", "tenant", "purpose", "pool", "is_default", "held_why")
    readonly_fields = ("held_why",)
    list_filter = ("purpose", "tenant")
    search_fields = ("name", "tenant__name")
    list_select_related = ("tenant", "pool")


@admin.register(models.Provider)
class ProviderAdmin(ModelAdmin):
    """Facts come with the platform and are replaced on upgrade; overrides are the operator's and stay."""

    form = ProviderForm
    list_display = ("key", "name", "kind", "is_tail", "overridden")
    list_filter = ("is_tail", "kind")
    search_fields = ("key", "name")
    paginator = InfinitePaginator
    show_full_result_count = False
    readonly_fields = ("facts", "is_tail")

    def get_readonly_fields(self, request: HttpRequest, obj: models.Provider | None = None) -> tuple[str, ...]:
        shipped = obj is not None and (obj.facts.get("shipped") or obj.is_tail)
        return (*self.readonly_fields, "key", "name", "kind", "mx_suffixes", "domains") if shipped else self.readonly_fields

    @display(description="overridden", boolean=True)
    def overridden(self, provider: models.Provider) -> bool:
        return bool(provider.overrides)


@admin.register(models.ResponseRule)
class ResponseRuleAdmin(ModelAdmin):
    """Saving a rule makes it the operator's: upgrades leave it alone until the shipped form is restored."""

    form = ResponseRuleForm
    list_display = ("id", "provider_group", "reason", "disposition", "enabled", "edited", "confidence")
    list_filter = ("enabled", "edited", "disposition", "provider_group", "confidence")
    search_fields = ("id", "pattern", "reason", "note")
    actions = ("restore_shipped",)

    def get_readonly_fields(self, request: HttpRequest, obj: models.ResponseRule | None = None) -> tuple[str, ...]:
        return ("id",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: models.ResponseRule, form: Any, change: bool) -> None:
        obj.edited = obj.edited or not change or _differs(obj)
        super().save_model(request, obj, form, change)

    @action(description="Restore the shipped form", permissions=("change",))
    def restore_shipped(self, request: HttpRequest, queryset: QuerySet[models.ResponseRule]) -> None:
        results = {rule.id: restore_rule(rule) for rule in queryset}
        if restored := [rule_id for rule_id, done in results.items() if done]:
            self.message_user(request, f"Restored as shipped: {', '.join(restored)}.", messages.SUCCESS)
        if own := [rule_id for rule_id, done in results.items() if not done]:
            self.message_user(request, f"Not shipped, left as they are: {', '.join(own)}.", messages.WARNING)


def _differs(rule: models.ResponseRule) -> bool:
    """From what is stored. (A form's changed_data also names JSON that was only written differently.)"""
    stored = models.ResponseRule.objects.filter(pk=rule.pk).first()
    return stored is None or any(getattr(stored, field.name) != getattr(rule, field.name) for field in rule._meta.concrete_fields)


@admin.register(models.DomainProvider)
class DomainProviderAdmin(LookOnly):
    list_display = ("domain", "provider", "sorted_at", "expires_at")
    search_fields = ("domain__startswith",)
    list_select_related = ("provider",)


@admin.register(models.Path)
class PathAdmin(ModelAdmin):
    """Engines make paths and write what they learn; a person pauses and opens them, with the reason."""

    list_display = ("ip", "provider", "state", "score", "suspended_until", "why", "updated_at")
    list_filter = ("state",)
    search_fields = ("ip__address", "provider__key")
    list_select_related = ("ip", "provider")
    paginator = InfinitePaginator
    show_full_result_count = False
    readonly_fields = (
        "ip", "provider", "score", "suspended_until", "learned", "circuit_failures", "open_connections", "share", "probation_per_hour", "warm_per_hour",
        "warm_per_day", "warmed", "updated_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(models.StaticRoute)
class StaticRouteAdmin(ModelAdmin):
    form = StaticRouteForm
    list_display = ("match", "host", "port", "tls", "username", "has_password", "note")
    search_fields = ("match", "host")

    def save_model(self, request: HttpRequest, obj: models.StaticRoute, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.changes_password:  # the audit of models leaves secrets out, so that this would go unsaid
            record_request(request, "route password changed", obj, f"Changed the password of the route of {obj.match}.")

    @display(description="password", boolean=True)
    def has_password(self, route: models.StaticRoute) -> bool:
        return bool(route.password_encrypted)


@admin.register(models.TlsException)
class TlsExceptionAdmin(ModelAdmin):
    form = TlsExceptionForm
    list_display = ("match", "reason", "created_by", "created_at", "expires_at")
    search_fields = ("match", "reason")
    readonly_fields = ("created_by", "created_at")

    def save_model(self, request: HttpRequest, obj: models.TlsException, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = str(getattr(request.user, "email", request.user))
        super().save_model(request, obj, form, change)


@admin.register(models.ScopedLimit)
class ScopedLimitAdmin(LookOnly):
    """Engines learn them from replies; deleting one lifts it within a second."""

    list_display = ("scope", "key", "provider_id", "until", "rule", "why")
    list_filter = ("scope",)
    search_fields = ("key", "rule")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return ModelAdmin.has_delete_permission(self, request, obj)  # type: ignore[no-any-return]


@admin.register(models.AllowanceBucket)
class AllowanceBucketAdmin(LookOnly):
    list_display = ("path", "window_s", "bucket_start", "reserved")
    list_filter = ("window_s",)
    list_select_related = ("path__ip", "path__provider")


@admin.register(models.AllowanceClock)
class AllowanceClockAdmin(LookOnly):
    list_display = ("ahead_s", "mark_s", "boot_id")


@admin.register(models.PathMinute)
class PathMinuteAdmin(LookOnly):
    list_display = ("minute", "ip_id", "provider_id", "attempted", "delivered", "deferred", "rerouted", "bounced_infrastructure", "connect_failures")
    ordering = ("-minute",)


@admin.register(models.TlsMinute)
class TlsMinuteAdmin(LookOnly):
    list_display = ("minute", "provider_id", "reason", "errors")
    ordering = ("-minute",)


@admin.register(models.StreamMinute)
class StreamMinuteAdmin(LookOnly):
    list_display = ("minute", "stream_id", "pool_id", "provider_id", "attempted", "delivered", "deferred", "bounced")
    ordering = ("-minute",)
