"""Webhooks in the admin: to look at. Endpoints are changed in the console and by the API, which check addresses and show secrets once."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from delivery.webhooks import models
from mailplatform.shell.look_only import LookOnly


@admin.register(models.WebhookEndpoint)
class WebhookEndpointAdmin(LookOnly):
    list_display = ("url", "tenant", "description", "state", "failing_since", "last_success_at")
    list_filter = ("state",)
    exclude = ("secret_encrypted", "old_secret_encrypted")


@admin.register(models.WebhookEvent)
class WebhookEventAdmin(LookOnly):
    list_display = ("id", "endpoint_id", "kind", "delivery_id", "at", "state", "tries", "due_at")
    ordering = ("-id",)


@admin.register(models.WebhookTry)
class WebhookTryAdmin(LookOnly):
    list_display = ("id", "event_id", "endpoint_id", "at", "ok", "status", "milliseconds", "problem")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.WebhookTry]:
        return super().get_queryset(request).defer("answer")  # type: ignore[no-any-return]
