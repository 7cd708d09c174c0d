"""The admin of who is who: tenants, people, API keys, sending domains.

A new API key is shown once, on the page that answers its making, and is never stored. A superuser is an administrator and nobody
else: whoever is given another role loses it with the role. (DKIM keys are made by delivery: `delivery.admin`.)
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm

from mailplatform.shell.audit import record_request
from mailplatform.shell.look_only import LookOnly
from mailplatform.tenants import keys
from mailplatform.tenants.forms import ApiKeyForm, PersonChangeForm, PersonCreationForm
from mailplatform.tenants.models import ApiKey, DomainCheck, SendingDomain, Tenant, User

if admin.site.is_registered(Group):
    admin.site.unregister(Group)  # roles say what people may do (mailplatform.tenants.roles)


class DomainInline(TabularInline):
    model = SendingDomain
    extra = 0
    fields = ("name", "verified_at", "created_at")
    readonly_fields = ("created_at",)
    show_change_link = True


@admin.register(Tenant)
class TenantAdmin(ModelAdmin):
    list_display = ("name", "title", "state", "weight", "transactional_rate_per_s", "daily_cap", "is_simulated")
    list_filter = ("state", "is_simulated")
    search_fields = ("name", "title")
    readonly_fields = ("created_at", "bulk_share", "bulk_per_minute")  # the last two are its standing's (pools.neighbours)
    inlines = (DomainInline,)


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, ModelAdmin):
    form = PersonChangeForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "role", "tenant", "is_active", "last_login")
    list_filter = ("role", "is_active")
    list_select_related = ("tenant",)
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    autocomplete_fields = ("tenant",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("What they may do", {"fields": ("role", "tenant", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "role", "tenant", "usable_password", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_superuser = obj.role == User.Role.ADMINISTRATOR
        super().save_model(request, obj, form, change)


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    form = ApiKeyForm
    list_display = ("prefix_shown", "name", "tenant", "state", "last_used_at", "expires_at", "created_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("=prefix", "name")
    autocomplete_fields = ("tenant",)
    readonly_fields = ("prefix", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @display(description="key", ordering="prefix")
    def prefix_shown(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="state", label={"works": "success", "revoked": "danger", "expired": "warning"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= keys.now() else "works"

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "tenant") if obj else ()

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        given = ("tenant", "name", "scopes", "allowed_networks", "expires_at")
        return (*given, *self.readonly_fields) if obj else given

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            obj.prefix, plain = keys.new_plain_key()
            obj.secret_hash = keys.hash_of(plain)
            request.plain_key = plain  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)
        keys.forget_cached()

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """The page that shows the key, in the answer itself: it goes into no session, message or log."""
        context = {**self.admin_site.each_context(request), "title": "The new key", "key": obj, "plain": request.plain_key, "opts": self.opts}  # type: ignore[attr-defined]
        return TemplateResponse(request, "tenants/new_key.html", context, headers={"Cache-Control": "no-store"})

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False  # revoked instead: messages keep the prefix of who sent them

    @action(description="Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.filter(revoked_at=None):
            keys.revoke(key)
            record_request(request, "api key revoked", f"api key {key.prefix}", f"Revoked the key {key.name} ({key.prefix}…) of {key.tenant}.")
        self.message_user(request, f"Revoked; they stop working within {keys.CACHE_S:.0f} s.")


@admin.register(SendingDomain)
class SendingDomainAdmin(ModelAdmin):
    list_display = ("name", "tenant", "verified_at", "checked_at", "created_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name",)
    autocomplete_fields = ("tenant",)
    readonly_fields = ("created_at", "ownership_token", "ownership_seen_at", "return_path_seen_at", "checked_at", "next_check_at", "verdict")


@admin.register(DomainCheck)
class DomainCheckAdmin(LookOnly):
    list_display = ("domain", "kind", "subject", "answer", "sentence", "since", "checked_at")
    list_filter = ("answer", "kind")
    list_select_related = ("domain",)
    search_fields = ("domain__name",)
