"""The admin of delivery: history, queue and engines to look at; suppressions to change; DKIM keys to make.

Big tables are never counted and searched by their indexes alone; bodies are not here (reading them is a permission and audited). A DKIM key's
private half is made here, stored encrypted and never shown.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action

from delivery import models
from delivery.queue.blocks import release
from delivery.queue.wake import wake
from delivery.sign.dkim import make_key
from delivery.webhooks import admin as webhooks_admin  # noqa: F401  registers its own
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.permissions import Permission, may
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import DkimKey


class Exact(LookOnly):
    """Found by a whole id or a whole value: `search_fields` would compare in capitals, past every index."""

    show_facets = admin.ShowFacets.NEVER
    search_fields = ("id",)  # only that there is a field to search with
    search_by: tuple[str, ...] = ("id",)
    search_help_text = "A whole id"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q()
        for field in self.search_by:
            if field.endswith("id"):
                wanted |= Q(**{field: _uuid(term)}) if _uuid(term) else Q()
            else:
                wanted |= Q(**{field: term})
        return (queryset.filter(wanted) if wanted else queryset.none()), False


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


class History(Exact):
    """Rows of partitioned tables, newest first by their ids."""

    ordering = ("-id",)


@admin.register(models.Message)
class MessageAdmin(History):
    list_display = ("id", "tenant_id", "sender", "subject", "recipients", "purpose", "created_at")


@admin.register(models.Delivery)
class DeliveryAdmin(History):
    list_display = ("id", "recipient", "role", "final", "reason", "done_at")
    search_by = ("id", "recipient")
    search_help_text = "A whole id or address"


@admin.register(models.Attempt)
class AttemptAdmin(History):
    list_display = ("id", "started_at", "verdict", "reason", "fault", "phase", "code", "mx_host")


@admin.register(models.Event)
class EventAdmin(History):
    list_display = ("delivery_id", "kind", "at")
    search_by = ("delivery_id",)


_QUEUE = ("id", "recipient", "tenant_id", "pool_id", "provider_id", "purpose", "attempts", "ready_at")


class QueueAdmin(Exact):
    list_display: tuple[str, ...] = _QUEUE
    ordering = ("id",)


@admin.register(models.Ready)
class ReadyAdmin(QueueAdmin):
    pass


@admin.register(models.Waiting)
class WaitingAdmin(QueueAdmin):
    list_display = (*_QUEUE, "why", "scope", "due_at")
    list_filter = ("why",)


@admin.register(models.Claimed)
class ClaimedAdmin(QueueAdmin):
    list_display = (*_QUEUE, "engine_id", "claimed_at")


@admin.register(models.Lane)
class LaneAdmin(LookOnly):
    list_display = ("pool", "provider", "virtual_time")
    list_select_related = ("pool", "provider")


@admin.register(models.FairTag)
class FairTagAdmin(LookOnly):
    list_display = ("pool_id", "provider_id", "purpose", "tenant_id", "last_tag")


@admin.register(models.Engine)
class EngineAdmin(LookOnly):
    list_display = ("__str__", "node", "slot", "pid", "started_at", "renewed_at", "suspected_at", "draining")
    list_select_related = ("node",)


@admin.register(models.IpLease)
class IpLeaseAdmin(LookOnly):
    list_display = ("ip", "engine", "granted_at")
    list_select_related = ("ip", "engine__node")


@admin.register(models.IdempotencyKey)
class IdempotencyKeyAdmin(LookOnly):
    list_display = ("key", "tenant", "response_status", "created_at")
    list_select_related = ("tenant",)
    fields = ("tenant", "key", "response_status", "response", "created_at")


@admin.register(models.CampaignBlock)
class CampaignBlockAdmin(LookOnly):
    """Campaigns that providers blocked; a person may send one whatever the provider says."""

    list_display = ("__str__", "state", "round", "canaries", "sentence", "started_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("tenant", "provider")
    actions = ("release",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Permission.STEER)

    @action(description="Release: send it whatever the provider says, for a day", permissions=("release",))
    def release(self, request: HttpRequest, queryset: QuerySet[models.CampaignBlock]) -> None:
        by = str(getattr(request.user, "email", request.user))
        for block in queryset:
            with transaction.atomic(), connection.cursor() as cursor:
                freed = release(cursor.connection.cursor(), block.pk, by)
                record_request(request, "campaign released", f"campaign block {block.pk}", f"Released {block}: {freed} deliveries go into the queue.")
        wake()


class SuppressionForm(forms.ModelForm):
    def clean_address(self) -> str:
        return str(self.cleaned_data["address"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        stream = found.get("stream")
        if stream and stream.tenant_id != getattr(found.get("tenant"), "pk", None):
            self.add_error("stream", "This stream is another tenant's.")
        return found


@admin.register(models.Suppression)
class SuppressionAdmin(ModelAdmin):
    form = SuppressionForm
    paginator = LookOnly.paginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_display = ("address", "tenant", "stream", "reason", "created_at")
    list_filter = ("reason", "tenant")
    list_select_related = ("tenant", "stream")
    search_fields = ("address__exact",)
    search_help_text = "A whole address, in lower case"
    autocomplete_fields = ("tenant", "stream")
    fields = ("tenant", "address", "stream", "reason", "detail")

    def save_model(self, request: HttpRequest, obj: models.Suppression, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = now()
        super().save_model(request, obj, form, change)


@admin.register(models.SuppressionImport)
class SuppressionImportAdmin(LookOnly):
    list_display = ("__str__", "file_name", "state", "lines_done", "lines", "added", "already_there", "refused", "created_by", "created_at")
    list_filter = ("state",)
    list_select_related = ("tenant",)


@admin.register(DkimKey)
class DkimKeyAdmin(ModelAdmin):
    list_display = ("__str__", "algorithm", "active", "created_at")
    list_filter = ("active", "algorithm")
    list_select_related = ("domain",)
    search_fields = ("domain__name", "selector")
    autocomplete_fields = ("domain",)

    def get_fields(self, request: HttpRequest, obj: DkimKey | None = None) -> tuple[str, ...]:
        return ("domain", "selector", "algorithm", "active", "public_record", "created_at") if obj else ("domain", "selector", "algorithm")

    def get_readonly_fields(self, request: HttpRequest, obj: DkimKey | None = None) -> tuple[str, ...]:
        return ("domain", "selector", "algorithm", "public_record", "created_at") if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[DkimKey]:
        return super().get_queryset(request).defer("private_encrypted")

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        assert isinstance(obj, DkimKey)
        if not change:
            private, obj.public_record = make_key(obj.algorithm)
            obj.private_encrypted, obj.active = encrypt(private), False  # it signs once its record was seen (delivery.domains)
        elif obj.active:
            obj.activated_at, obj.retired_at = obj.activated_at or now(), None
        else:
            obj.retired_at = obj.retired_at or now()  # turned off by a person: no look takes it into use again
        super().save_model(request, obj, form, change)


@admin.register(models.MtaStsPolicy)
class MtaStsPolicyAdmin(LookOnly):
    list_display = ("domain", "mode", "policy_id", "fetched_at", "expires_at", "problem")
    list_filter = ("mode",)
    search_fields = ("domain__startswith",)


@admin.register(models.BrokenTls)
class BrokenTlsAdmin(LookOnly):
    list_display = ("host", "proof", "failure", "detail", "failures", "since", "retry_at")
    search_fields = ("host__startswith",)


@admin.register(models.CameBack)
class CameBackAdmin(Exact):
    list_display = ("at", "kind", "hard", "reason", "reporter", "delivery_id", "token", "note")
    list_filter = ("kind",)
    search_by = ("delivery_id",)
    search_help_text = "A whole delivery id"


@admin.register(models.ReturnMinute)
class ReturnMinuteAdmin(LookOnly):
    list_display = ("minute", "what", "count")
